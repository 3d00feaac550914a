"""What calls of the SDK return has a type: users, their editors and mypy know what they hold."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np
import pytest

import hyperdatasets

UNTYPED = {
    # Metadata, parameters and environment are JSON of the user's own.
    "Dataset.metadata", "DatasetVersion.get_metadata", "Experiment.parameters", "Experiment.environment",
    "Experiment.compare", "Task.parameters", "Task.environment", "Task.compare", "ImageAnnotation.metadata",
    "FrameGroup.meta", "FrameGroup.metadata", "SingleFrame.meta", "SingleFrame.metadata",
    # The plain form of frames and data views, as JSON and YAML have it.
    "DataView.get_queries", "DataView.spec", "DataView.to_dict", "ImageAnnotation.geometry",
    "FrameGroup.annotations", "FrameGroup.get_annotations", "SingleFrame.annotations", "SingleFrame.get_annotations",
    # The response to any message of the protos.
    "MetadataClient.send", "MetadataClient.stream",
}  # fmt: skip
OF_EXTRAS = {"FrameDataset": object, "FrameStream": object}  # imported for type checkers only: they need PyTorch
SPECIAL = {"__iter__", "__getitem__", "__len__", "__enter__"}


def calls() -> list[tuple[str, Callable[..., Any]]]:
    """Public methods and properties of exported classes, and exported functions."""
    found: list[tuple[str, Any]] = []
    for exported in hyperdatasets._MODULES:
        value = getattr(hyperdatasets, exported)
        members = inspect.getmembers(value) if inspect.isclass(value) else [("", value)]
        found += [
            (f"{exported}.{name}".rstrip("."), each) for name, each in members if name[:1] != "_" or name in SPECIAL
        ]
    return [(name, each) for name, value in found if inspect.isfunction(each := _function(value)) and _ours(each)]


def _function(value: Any) -> Any:
    return value.fget if isinstance(value, property) else getattr(value, "__func__", value)


def _ours(function: Callable[..., Any]) -> bool:
    return function.__module__.startswith("hyperdatasets")


def has_any(hint: Any) -> bool:
    parts = get_args(hint)
    if get_origin(hint) is np.ndarray:
        parts = parts[1:]  # of the shape an array's type says nothing
    return hint is Any or any(map(has_any, parts))


@pytest.mark.parametrize(("name", "call"), [each for each in calls() if each[0] not in UNTYPED])
def test_what_is_returned_has_a_type(name: str, call: Callable[..., Any]) -> None:
    hints = get_type_hints(call, localns=OF_EXTRAS)
    assert "return" in hints, name
    assert not has_any(hints["return"]), f"{name} returns {hints['return']}"


def test_the_exceptions_are_there() -> None:
    assert dict(calls()).keys() >= UNTYPED


def test_any_is_found_in_all_depths() -> None:
    assert has_any(dict[str, tuple[int, list[Any]]])
    assert has_any(int | Any)
    assert not has_any(dict[str, int] | None)
