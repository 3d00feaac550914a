"""Versioned, queryable metadata for federated learning: a query is the full representation of an experiment's data.

The names below are loaded when they are first used, so that servers and tools load only what they need.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hyperdatasets.grpc_lines import silence
from hyperdatasets.version import __version__

if TYPE_CHECKING:
    from hyperdatasets.client.annotations import ImageAnnotation
    from hyperdatasets.client.dataset import Dataset
    from hyperdatasets.client.dataview import DataView
    from hyperdatasets.client.experiment import Experiment
    from hyperdatasets.client.frames import SingleFrame
    from hyperdatasets.client.groups import FrameGroup
    from hyperdatasets.client.importing import import_frames
    from hyperdatasets.client.local_view import IterationOrder
    from hyperdatasets.client.metadata import MetadataClient, connect
    from hyperdatasets.client.node import NodeClient
    from hyperdatasets.client.registering import register
    from hyperdatasets.client.task import Task
    from hyperdatasets.client.version import DatasetVersion

_MODULES = {
    "DataView": "dataview",
    "Dataset": "dataset",
    "DatasetVersion": "version",
    "Experiment": "experiment",
    "FrameGroup": "groups",
    "ImageAnnotation": "annotations",
    "IterationOrder": "local_view",
    "MetadataClient": "metadata",
    "NodeClient": "node",
    "SingleFrame": "frames",
    "Task": "task",
    "connect": "metadata",
    "import_frames": "importing",
    "register": "registering",
}

__all__ = [
    "DataView",
    "Dataset",
    "DatasetVersion",
    "Experiment",
    "FrameGroup",
    "ImageAnnotation",
    "IterationOrder",
    "MetadataClient",
    "NodeClient",
    "SingleFrame",
    "Task",
    "__version__",
    "connect",
    "import_frames",
    "register",
]


silence()  # before any module here imports gRPC


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"hyperdatasets.client.{module}"), name)
