"""What readers of annotation formats yield: one file with what is known of it; and the frame that it becomes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hyperdatasets.core.errors import InvalidFrame
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.normalise import MAX_ANNOTATIONS, normalise, normalise_annotation, normalise_annotations
from hyperdatasets.core.plain import meta_object
from hyperdatasets.formats import agreement
from hyperdatasets.formats.agreement import Agreement
from hyperdatasets.formats.counting import captions_in, held_of
from hyperdatasets.formats.ledger import Kind, Ledger
from hyperdatasets.formats.media import Media

INVALID = "annotations that are not valid"
FURTHER_SPLITS = "further splits of files that are said to be in several splits"
BY_FOLDER = "its folder"


class Item(NamedTuple):
    """An annotation as it was read.

    Attributes:
        plain: in its plain form, unchecked.
        kind: what it counts as.
        place: where it was read, for messages: `instances.json, annotation 12`.
        from_folder: its label is the name of a folder.
    """

    plain: dict[str, Any]
    kind: Kind
    place: str
    from_folder: bool = False

    @property
    def attributes(self) -> int:
        """How many attributes it has."""
        meta = self.plain.get("meta") or {}
        return len(meta) if isinstance(meta, dict) else 1


class MaskFile(NamedTuple):
    """A mask picture; `path` is relative to the folder."""

    id: str
    path: str


@dataclass(slots=True)
class Entry:
    """A file of the folder, or a part of one, with its annotations.

    Attributes:
        path: relative, with `/`.
        fragment: of a part of a file, what names it in the URI: `char=0,120`; empty for a whole file.
        items: annotations.
        meta: metadata of the frame.
        split: the split it belongs to; becomes `meta.split`.
        split_by: what says so, for messages.
        other_splits: further splits that are said, with what says them.
        masks: mask pictures beside it.
        id, context_id, timestamp: as in a frame.
        stated: width and height that the annotations were made for, where the format says so.
        shares: coordinates are shares of the picture's sides, from 0 to 1, not pixels.
        frame: set instead of all of this where the format holds whole frames in their plain form.
        place: where it is described, for messages; empty = its path.
        rows, cells: how many rows of tables describe it, and how many values these have besides names of files.
        kept: kind -> how many of it its frame has; None until the frame is made.
    """

    path: str
    fragment: str = ""
    items: list[Item] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)
    split: str = ""
    masks: list[MaskFile] = field(default_factory=list)
    id: str = ""
    context_id: str = ""
    timestamp: int | None = None
    stated: tuple[int, int] | None = None
    shares: bool = False
    frame: dict[str, Any] | None = None
    place: str = ""
    rows: int = 0
    cells: int = 0
    kept: dict[Kind, int] | None = None
    split_by: str = BY_FOLDER
    other_splits: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        return self.place or self.path

    def held(self) -> dict[Kind, int]:
        """Kind -> how many it has that are not lost yet, the frame included."""
        if self.kept is not None:
            return {kind: count for kind, count in self.kept.items() if count}
        if self.frame is not None:
            return held_of(self.frame)
        held: dict[Kind, int] = {"frames": 1}
        for item in self.items:
            _count(held, item.kind)
            _count(held, "attributes", item.attributes)
        _count(held, "masks", len(self.masks))
        _count_meta(held, self.meta)
        _count(held, "splits", bool(self.split) + len(self.other_splits))
        _count_tables(held, self)
        return held

    def add_split(self, split: str, by: str = BY_FOLDER) -> None:
        """One more place says the split, or nothing where it is empty; the first that says one counts."""
        if split and not self.split:
            self.split, self.split_by = split, by
        elif split not in {"", self.split}:
            self.other_splits.setdefault(split, by)

    def prefer_split(self, split: str, by: str) -> None:
        """One more place says the split, and counts more than those before it."""
        before = {self.split: self.split_by} | self.other_splits
        self.split, self.split_by = split, by
        self.other_splits = {other: said for other, said in before.items() if other not in {"", split}}


class Made(NamedTuple):
    """A frame in its plain form, and what of it was kept, by kind."""

    frame: dict[str, Any]
    kept: dict[Kind, int]


def to_frame(
    entry: Entry, media: Media, *, uri_of: Callable[[str], str], ledger: Ledger, agreement_rules: Agreement
) -> Made:
    """The plain frame of a file; what cannot be kept is written into the ledger, what is kept into `entry.kept`.

    Args:
        uri_of: relative path -> URI.
    """
    source: dict[str, Any] = {"id": "default", "uri": uri_of(entry.path), **media.to_plain()}
    if entry.fragment:
        source["uri"] += f"#{entry.fragment}"
    if entry.masks:
        source["masks"] = [{"id": mask.id, "uri": uri_of(mask.path)} for mask in entry.masks]
    kept: dict[Kind, int] = {"frames": 1}
    items, annotations = _normal(agreement.placed(entry, media, agreement_rules, ledger), source, ledger)
    for item in items:
        kept[item.kind] = kept.get(item.kind, 0) + 1
        if "meta" in item.plain:
            _count(kept, "attributes", len(item.plain["meta"]))
    frame: dict[str, Any] = {"sources": [source], "annotations": annotations}
    _count(kept, "masks", len(entry.masks))
    _count_tables(kept, entry)
    _add_meta(frame, entry, kept, ledger)
    own = {"id": entry.id, "context_id": entry.context_id, "timestamp": entry.timestamp}
    frame |= {name: value for name, value in own.items() if value not in {"", None}}
    entry.kept = kept
    return Made(frame, kept)


def _add_meta(frame: dict[str, Any], entry: Entry, kept: dict[Kind, int], ledger: Ledger) -> None:
    meta: dict[str, Any] = {}
    for name, value in entry.meta.items():
        try:
            meta |= meta_object({name: value}, "meta")
        except InvalidFrame as error:
            lost: dict[Kind, int] = {}
            _count_meta(lost, {name: value})
            for kind, count in lost.items():
                ledger.lose(kind, entry.where, "metadata that cannot be kept", error.message, count=count)
    _count_meta(kept, meta)
    if entry.split:
        meta["split"] = entry.split
        _count(kept, "splits")
        _tell_splits(entry, ledger)
    if meta:
        frame["meta"] = meta


def _tell_splits(entry: Entry, ledger: Ledger) -> None:
    for split, by in entry.other_splits.items():
        told = f"{split} by {by}; {entry.split} by {entry.split_by} is taken"
        ledger.lose("splits", entry.path, FURTHER_SPLITS, told)


def normal_frame(made: Made) -> Frame:
    """The frame in its normal form; its annotations are in theirs.

    Raises:
        InvalidFrame: it cannot be one.
    """
    frame = normalise({name: value for name, value in made.frame.items() if name != "annotations"})[0]
    if made.frame["annotations"]:
        frame["annotations"] = made.frame["annotations"]
    return frame


def _normal(
    items: Sequence[Item], source: dict[str, Any], ledger: Ledger
) -> tuple[Sequence[Item], list[dict[str, Any]]]:
    """The annotations that may be kept, and these in their normal form; all else is written into the ledger."""
    try:
        annotations, warnings = normalise_annotations([item.plain for item in items], [source])
    except InvalidFrame:
        items = list(_each_valid(items, source, ledger))
        annotations, warnings = normalise_annotations([item.plain for item in items], [source])
    for warning in warnings:
        place, _, text = warning.partition(".geometry: ")
        item = items[int(place.removeprefix("annotations[").rstrip("]"))]
        ledger.notice(item.kind, item.place, "annotations that look wrong", f"{_named(item.plain)}: {text}")
    return items, annotations


def _each_valid(items: Sequence[Item], source: dict[str, Any], ledger: Ledger) -> Iterator[Item]:
    ids: set[str] = set()
    count = 0
    for item in items:
        try:
            plain, _ = normalise_annotation(item.plain, [source])
        except InvalidFrame as error:
            ledger.lose(item.kind, item.place, INVALID, f"{_named(item.plain)}: {error.message}")
            continue
        count += 1
        if count > MAX_ANNOTATIONS:
            ledger.lose(item.kind, item.place, f"more than {MAX_ANNOTATIONS} annotations of one frame")
        elif plain["id"] and plain["id"] in ids:
            ledger.notice(item.kind, item.place, "ids that occur twice in a frame; the later one gets another id")
            yield item._replace(plain={key: value for key, value in item.plain.items() if key != "id"})
        else:
            ids.add(plain["id"])
            yield item


def _count(kept: dict[Kind, int], kind: Kind, count: int = 1) -> None:
    if count:
        kept[kind] = kept.get(kind, 0) + count


def _count_meta(kept: dict[Kind, int], meta: Mapping[str, Any]) -> None:
    _count(kept, "captions", captions_in(meta))
    _count(kept, "attributes", len(meta) - ("captions" in meta))


def _count_tables(kept: dict[Kind, int], entry: Entry) -> None:
    _count(kept, "table rows", entry.rows)
    _count(kept, "table cells", entry.cells)


def _named(annotation: Any) -> str:
    labels = annotation.get("labels") if isinstance(annotation, dict) else annotation
    shown = ", ".join(map(str, labels)) if isinstance(labels, list) else str(labels)
    return f"`{shown[:60]}`"
