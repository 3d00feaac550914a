"""What all writers of annotation formats share: frames that are to be written, and where files go."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, BinaryIO, NamedTuple, Protocol

from hyperdatasets.core.frames import Frame
from hyperdatasets.formats.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Subject:
    """What is exported.

    Attributes:
        name, description: for people; they enter files that have a place for them.
        labels: label -> number of its class; a label below 0, or that is not listed, has no class.
        mask_labels: what the colours of masks mean, as in a version's metadata.
        identifier: `view@sha256:…` of a published view; else empty.
        published: its date in ISO form; else empty.
    """

    name: str
    labels: Mapping[str, int]
    description: str = ""
    mask_labels: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    identifier: str = ""
    published: str = ""


class Placed(NamedTuple):
    """A frame that is to be written.

    Attributes:
        frame: normalised.
        names: source id, or `source id/mask id` -> path of the file in the export, with `/`; unique.
        split: the part it belongs to; empty = none.
        key: what it is known by where a frame comes several times, each time with some of its ROIs; else None.
        starts: source id -> where it starts in the file that its name means, in characters, if it is a part of it.
    """

    frame: Frame
    names: Mapping[str, str]
    split: str = ""
    key: Hashable = None
    starts: Mapping[str, int] = MappingProxyType({})


class Output(Protocol):
    """Where the files of an export go; nothing is ever overwritten."""

    def main(self, name: str) -> BinaryIO:
        """The one file of a format that is a single file; `name` is used where the target is a folder.

        The output closes it.
        """

    def file(self, path: str) -> BinaryIO:
        """A new file in the folder, at a relative path; its folders are made. The writer closes it.

        There may be any number of them, also while none is closed: the output keeps only some of them open.
        """

    def waiting(self) -> BinaryIO:
        """A file for what comes later in the export, to be read again. It goes away when the writer closes it."""


class Writer(Protocol):
    """Takes frames one by one, so that an export of any size needs little memory."""

    def add(self, placed: Placed) -> None:
        """Writes a frame; what the format cannot hold goes into the ledger."""

    def finish(self) -> None:
        """Writes what comes at the end. Called once."""


@dataclass(frozen=True, slots=True)
class WrittenFormat:
    """A format that can be written.

    Attributes:
        name: as `--format` takes it; title: for people.
        pictures: folder for pictures in an export, as the format has it; empty = the top.
        single: it is one file, which may be a stream; else it needs a folder.
        start: begins an export.
        file_for_each_split: a split is a file of its own, so frames are only divided where that is asked for.
        whole: its records are whole frames, whose URIs name the files that come along.
        divides: its writer divides frames by their split, in files or by a field of each.
        holds_rois_apart: frames may come several times, each time with one of their ROIs.
    """

    name: str
    title: str
    pictures: str
    single: bool
    start: Callable[[Output, Subject, Ledger], Writer]
    file_for_each_split: bool = False
    holds_rois_apart: bool = False
    divides: bool = True
    whole: bool = False


def classes(labels: Mapping[str, int]) -> list[str]:
    """Labels that have a class, in the order of their numbers; of labels that share a number the first by bytes."""
    named: dict[int, str] = {}
    for label in sorted(labels, key=str.encode):
        if labels[label] >= 0:
            named.setdefault(labels[label], label)
    return [named[number] for number in sorted(named)]


def file_safe(name: str) -> str:
    """A text as the name of one file or folder."""
    return "".join("_" if char in '/\\:*?"<>|' or ord(char) < 32 else char for char in name).strip(". ") or "_"
