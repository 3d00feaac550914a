"""The version of a dataset that commands are given."""

from __future__ import annotations

from typing import Annotated

import typer

import hyperdatasets as hd

_NAMED = "Name or id; default: the newest draft, or else the newest."
Dataset = Annotated[str, typer.Argument(help="`project/name` or id of the dataset.")]
Version = Annotated[str, typer.Option(help=_NAMED)]
VersionArgument = Annotated[str, typer.Argument(help=_NAMED)]


def given_version(dataset: str, version: str) -> hd.DatasetVersion:
    return hd.DatasetVersion.get_version(dataset_name=dataset, version_name=version)
