"""What another tool's format cannot say of an annotation, carried under a key of our own, and put back on reading.

A seal over what the format itself says tells whether somebody changed that since: then the format is right.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import orjson

from hyperdatasets.core.errors import InvalidFrame
from hyperdatasets.core.frames import SHAPES, Annotation, Frame, Source
from hyperdatasets.core.normalise import default_id, made_id, normalise_annotation
from hyperdatasets.formats.counting import kind_of
from hyperdatasets.formats.entry import Entry, Item
from hyperdatasets.formats.folder import split_of
from hyperdatasets.formats.json_text import is_number
from hyperdatasets.formats.ledger import Kind, Ledger
from hyperdatasets.formats.media.model import MEASURED

OWN = "hyperdatasets"
CHANGED = "annotations that were changed after their export; what the format itself says is taken"
OTHER_LABEL = "further labels of a ROI that was given another label after its export"
UNREADABLE = "data under `hyperdatasets` that cannot be read"
_FIELDS = ("id", "labels", "confidence", "origin", "geometry", "sources")
_UNSAYABLE = ("id", "confidence", "origin", "sources")  # no format has these: a change elsewhere leaves them valid
_UNNAMED_SOURCES = (["default"], None)


def _is_a(kind: type, value: Any) -> bool:
    return isinstance(value, kind)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


_Check = Callable[[Any], bool]
_IS_TEXT, _IS_LIST, _IS_OBJECT = (partial(_is_a, kind) for kind in (str, list, dict))
_OF_ANNOTATION: Mapping[str, _Check] = {
    "id": _IS_TEXT, "labels": _are_texts, "confidence": is_number, "origin": _IS_TEXT, "geometry": _IS_OBJECT,
    "sources": _are_texts, "meta": _IS_OBJECT, "gone": _are_texts,
}  # fmt: skip
_OF_FRAME: Mapping[str, _Check] = {
    "id": _IS_TEXT, "context_id": _IS_TEXT, "timestamp": lambda value: type(value) is int, "meta": _IS_OBJECT,
    "gone": _are_texts, "split": _IS_TEXT, "masks": _IS_LIST, "annotations": _IS_LIST,
}  # fmt: skip


def seal_of(said: Any) -> str:
    """Eight hex digits over parsed JSON; empty if it holds what no export writes, such as numbers past 64 bits."""
    try:
        content = orjson.dumps(said, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return ""
    return hashlib.sha256(content).hexdigest()[:8]


def without_default_id(annotation: Annotation, made: dict[str, int] | None) -> dict[str, Any]:
    """The annotation without its id, if import gives it the same id anyway.

    Args:
        made: how often each id was made in the frame; None where a frame comes in parts, and ids are always kept.
    """
    plain = {key: value for key, value in annotation.items() if key != "id"}
    if plain.get("sources") not in _UNNAMED_SOURCES:
        del plain["sources"]  # the only source; import names it `default`
    if made is not None:
        counts = dict(made)
        if made_id(orjson.dumps(plain, option=orjson.OPT_SORT_KEYS), counts) == annotation["id"]:
            made.update(counts)
            return plain
    return {"id": annotation["id"], **plain}


def carried(whole: Mapping[str, Any], said: Mapping[str, Any], seal: str) -> dict[str, Any]:
    """What `restored` needs to make `whole` of `said`, which is what the reader takes from the format's own fields."""
    normal = _normal(said)
    own = {name: whole[name] for name in _FIELDS if name in whole and not _same(whole[name], normal.get(name))}
    meta, known = whole.get("meta", {}), normal.get("meta", {})
    if more := {name: value for name, value in meta.items() if name not in known or not _same(value, known[name])}:
        own["meta"] = more
    if gone := [name for name in known if name not in meta]:
        own["gone"] = gone
    return own | ({"seal": seal} if own else {})


def restored(
    said: dict[str, Any], own: Any, seal: str, *, kind: Kind, place: str, ledger: Ledger, once_a_label: bool = False
) -> dict[str, Any]:
    """Inverse of `carried`.

    Args:
        once_a_label: the format holds a ROI of several labels once for each of them.
    """
    if own is None:
        return said
    own = _readable(own, _OF_ANNOTATION, place, ledger)
    meta, more = said.get("meta", {}), own.get("meta", {})
    if not own:
        return said
    if seal and own.get("seal") == seal:
        gone = own.get("gone", ())
        kept = {name: value for name, value in meta.items() if name not in gone}
        return _with_meta(said | {name: own[name] for name in _FIELDS if name in own}, kept | more)
    ledger.notice(kind, place, CHANGED)
    if not once_a_label:
        said = said | {"labels": _further_labels(said["labels"], own.get("labels", []), place, ledger)}
    return _with_meta({name: own[name] for name in _UNSAYABLE if name in own} | said, more | meta)


def _further_labels(said: list[str], own: list[str], place: str, ledger: Ledger) -> list[str]:
    """The labels of a ROI that was changed: all that it had, unless the one that the format shows is another now."""
    if said == own[:1]:
        return own
    if missing := [label for label in own[1:] if label not in said]:
        ledger.lose("labels", place, OTHER_LABEL, ", ".join(missing)[:100], count=len(missing))
    return said


def own_of_frame(own: Any, place: str, ledger: Ledger) -> dict[str, Any]:
    """What was read under `OWN` of a frame, less what is not as our writers write it, which the ledger names."""
    return _readable({} if own is None else own, _OF_FRAME, place, ledger)


def frame_fields(frame: Frame, names: Mapping[str, str], apart: Sequence[Annotation]) -> dict[str, Any]:
    """What formats have no place for of a frame with one source: a part of its `OWN` data."""
    own: dict[str, Any] = {key: frame[key] for key in ("context_id", "timestamp") if key in frame}
    if frame["id"] != default_id({**frame, "site": ""}):
        own["id"] = frame["id"]
    source = frame["sources"][0]
    if masks := source.get("masks"):
        own["masks"] = [{"id": mask["id"], "path": names[f"{source['id']}/{mask['id']}"]} for mask in masks]
    if apart:
        own["annotations"] = [without_default_id(each, None) for each in apart]
    return own


def split_apart(path: str, split: Any) -> dict[str, str]:
    """A part of `OWN` data: the split of a frame, empty for none, where the folder of its file is called otherwise."""
    own = split if isinstance(split, str) else ""
    return {"split": own} if split_of(path) not in {"", own} else {}


def lose_source_fields(source: Source, frame_id: str, ledger: Ledger) -> None:
    """Writes into the ledger what no format can hold of a file."""
    if count := len(source.get("meta", {}).keys() - MEASURED):
        ledger.lose("attributes", frame_id, "metadata of files, left out", count=count)
    if "timestamp" in source:
        ledger.lose("attributes", frame_id, "times of files, left out")


def item_of(annotation: Any, place: str) -> Item:
    """An annotation in our plain form, unchecked, as an item."""
    geometry = annotation.get("geometry") if isinstance(annotation, dict) else None
    known = isinstance(geometry, dict) and not geometry.keys().isdisjoint(SHAPES)
    kind = kind_of(cast("Annotation", annotation)) if known else "labels"
    return Item(annotation if isinstance(annotation, dict) else {"labels": annotation}, kind, place)


def add_frame_fields(entry: Entry, own: Mapping[str, Any], place: str) -> None:
    """Inverse of `frame_fields`, less the masks, whose files the reader finds; `own` comes from `own_of_frame`."""
    entry.id = own.get("id") or entry.id
    entry.context_id = own.get("context_id") or entry.context_id
    entry.timestamp = own.get("timestamp", entry.timestamp)
    entry.meta |= own.get("meta", {})
    entry.items += [item_of(each, place) for each in own.get("annotations", ())]


def _readable(own: Any, checks: Mapping[str, _Check], place: str, ledger: Ledger) -> dict[str, Any]:
    if not isinstance(own, Mapping):
        ledger.lose("attributes", place, UNREADABLE, f"{own!r:.60}")
        return {}
    wrong = {name for name, is_right in checks.items() if name in own and not is_right(own[name])}
    for name in sorted(wrong):
        ledger.lose("attributes", place, UNREADABLE, f"`{name}`: {own[name]!r:.60}")
    return {name: value for name, value in own.items() if name not in wrong}


def _normal(said: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return normalise_annotation(said, [{"id": "default", "uri": "file:x"}])[0]
    except InvalidFrame:
        return {}


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON text: 1, 1.0 and true are three values."""
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)


def _with_meta(plain: dict[str, Any], meta: dict[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in plain.items() if name != "meta"}
    return plain | ({"meta": meta} if meta else {})
