"""Things named on the command line, by name or id: datasets, versions, views, experiments.

The beginning of an id is enough, if only one id begins so.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Annotated, Protocol, TypeVar

import typer

import hyperdatasets as hd
from hyperdatasets.core.errors import InvalidArgument, NotFound

_NAMED = "Name or id; default: the newest draft, or else the newest."
Dataset = Annotated[str, typer.Argument(help="`project/name` or id of the dataset.")]
Version = Annotated[str, typer.Option(help=_NAMED)]
VersionArgument = Annotated[str, typer.Argument(help=_NAMED)]

_BEGINNING = re.compile(r"[0-9a-f]{4,15}")  # of an id, which has sixteen digits
_LISTED = 5  # candidates that an error names


class _Handle(Protocol):
    @property
    def id(self) -> str: ...

    @property
    def name(self) -> str: ...


Handle = TypeVar("Handle", bound=_Handle)


def given_dataset(text: str) -> hd.Dataset:
    return _given("dataset", text, hd.Dataset.get, lambda: hd.Dataset.list(include_archived=True))


def given_version(dataset: str, version: str) -> hd.DatasetVersion:
    owner = given_dataset(dataset).id
    return _given(
        "version", version, lambda name: hd.DatasetVersion.get_version(dataset_id=owner, version_name=name),
        lambda: hd.DatasetVersion.get_versions(dataset_id=owner),
    )  # fmt: skip


def given_view(text: str) -> hd.DataView:
    return _given(
        "view", text, lambda name: hd.DataView.get(name=name), lambda: hd.DataView.list(include_archived=True)
    )


def given_experiment(text: str) -> hd.Experiment:
    return _given("experiment", text, hd.Experiment.get, lambda: hd.Experiment.list(include_archived=True))


def beginning(kind: str, text: str, known: Iterable[tuple[str, str]]) -> str:
    """The only id that begins with the text; empty if there is none, or if the text cannot begin an id.

    Args:
        known: ids and the names that people know them by.

    Raises:
        InvalidArgument: several begin so; it names them.
    """
    found = [(id_, name) for id_, name in known if id_.startswith(text)] if _BEGINNING.fullmatch(text) else []
    if len(found) > 1:
        listed = ", ".join(f"{id_} ({name})" if name else id_ for id_, name in found[:_LISTED])
        more = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        raise InvalidArgument(f"several {kind}s have an id that begins with `{text}`: {listed}{more}; give more of it")
    return found[0][0] if found else ""


def _given(kind: str, text: str, get: Callable[[str], Handle], listed: Callable[[], Iterable[Handle]]) -> Handle:
    """The thing of this name or id, or else the only one whose id begins with the text."""
    try:
        return get(text)
    except NotFound:
        if not _BEGINNING.fullmatch(text):
            raise
        whole = beginning(kind, text, ((each.id, each.name) for each in listed()))
        if not whole:
            raise
    return get(whole)
