"""Rows of tables that describe files, as Hugging Face writes them: label, captions, objects, anything else."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from hyperdatasets.core.errors import InvalidFrame
from hyperdatasets.core.plain import MAX_META_DEPTH, meta_object
from hyperdatasets.formats.entry import Entry, Item
from hyperdatasets.formats.folder import SPLITS
from hyperdatasets.formats.ledger import Ledger

Names = Mapping[str, Sequence[str]]
"""Column -> the names of its numbers; `objects.category` for a list within objects."""
NUMBERS = "labels that are numbers, kept as text: no list of names is known"
NO_NAME = "labels below 0 or NaN, which mean that there is none"
NO_CAPTIONS = "captions that are no texts"
UNEVEN = "objects whose lists differ in length"
NO_OBJECTS = "objects that are neither lists nor objects"
NO_META = "metadata that cannot be kept"
LABELS, CAPTIONS, OBJECTS, SPLIT = ("label", "labels"), ("text", "caption", "captions"), "objects", "split"
_CATEGORIES = ("category", "categories", *LABELS)
_BOXES = ("bbox", "bboxes", "box")


class Row(NamedTuple):
    """Values of a row by column; None = absent."""

    place: str
    values: Mapping[str, Any]


def describe(entry: Entry, row: Row, ledger: Ledger, names: Names | None = None) -> None:
    """Adds what a row says to its file."""
    names = names or {}
    entry.rows += 1
    entry.cells += sum(value is not None for value in row.values.values())
    for column, value in row.values.items():
        if value is None:
            continue
        if column in LABELS:
            _add_labels(entry, row.place, _labels(value, names.get(column, ()), row.place, ledger))
        elif column in CAPTIONS and (texts := _texts(value)) is not None:
            entry.meta.setdefault("captions", []).extend(texts)
        elif column == "captions":
            ledger.lose("captions", row.place, NO_CAPTIONS, f"{value!r:.60}")
        elif column == OBJECTS:
            entry.items += _objects(value, row.place, names, ledger)
        elif column == SPLIT and isinstance(value, str) and value:
            entry.prefer_split(SPLITS.get(value.lower(), value), row.place)
        else:
            entry.meta |= kept({column: value}, row.place, ledger)


def kept(values: Mapping[str, Any], place: str, ledger: Ledger) -> dict[str, Any]:
    """Values as metadata, without those that are absent; what cannot be kept is written into the ledger."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        try:
            if value is not None:
                found |= meta_object({name: plain_value(value)}, "meta")
        except InvalidFrame as error:
            ledger.lose("attributes", place, NO_META, f"{name}: {error.message}")
    return found


def plain_value(value: Any, depth: int = 0) -> Any:
    """Dates and times in ISO form, decimal numbers as text; in lists and objects, too."""
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return str(value)
    if depth > MAX_META_DEPTH:  # is refused as metadata
        return value
    if isinstance(value, list | tuple):
        return [plain_value(each, depth + 1) for each in value]
    if isinstance(value, dict):
        return {name: plain_value(each, depth + 1) for name, each in value.items()}
    return value


def _add_labels(entry: Entry, place: str, labels: list[Any]) -> None:
    if labels:
        entry.items.append(Item({"labels": labels}, "labels", place))


def _labels(value: Any, names: Sequence[str], place: str, ledger: Ledger) -> list[Any]:
    return [
        label
        for each in (value if isinstance(value, list | tuple) else [value])
        if each is not None and (label := _label(each, names, place, ledger)) is not None
    ]


def _label(value: Any, names: Sequence[str], place: str, ledger: Ledger) -> Any:
    """The name of a class; what is neither text nor a number comes back as it is, and is refused as a label later."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    if not value >= 0:
        ledger.lose("labels", place, NO_NAME, str(value))
        return None
    if value < len(names) and value == int(value):
        return names[int(value)]
    ledger.notice("labels", place, NUMBERS, str(value))
    return str(value)


def _texts(value: Any) -> list[str] | None:
    texts = value if isinstance(value, list | tuple) else [value]
    return list(texts) if all(isinstance(text, str) for text in texts) else None


def _objects(value: Any, place: str, names: Names, ledger: Ledger) -> Iterator[Item]:
    for number, each in enumerate(_apart(value, place, ledger)):
        where = f"{place}, object {number}"
        shape = next((name for name in _BOXES if each.get(name) is not None), "")
        labels: list[Any] = []
        for name in _CATEGORIES:
            if each.get(name) is not None:
                labels += _labels(each[name], names.get(f"{OBJECTS}.{name}", ()), where, ledger)
        plain: dict[str, Any] = {"labels": labels}
        if shape:
            plain["geometry"] = {"box": each[shape]}
        others = {name: part for name, part in each.items() if name not in _CATEGORIES and name != shape}
        if meta := kept(others, where, ledger):
            plain["meta"] = meta
        yield Item(plain, "boxes" if shape else "labels", where)


def _apart(value: Any, place: str, ledger: Ledger) -> Iterable[dict[str, Any]]:
    """Objects one by one, from a list of them or from an object of lists of the same length."""
    if isinstance(value, list | tuple):
        bad = sum(not isinstance(each, dict) for each in value)
        if bad:
            ledger.lose("boxes", place, NO_OBJECTS, count=bad)
        return [each for each in value if isinstance(each, dict)]
    lists = {name: part for name, part in value.items() if part is not None} if isinstance(value, dict) else {}
    if not isinstance(value, dict) or not all(isinstance(part, list | tuple) for part in lists.values()):
        ledger.lose("boxes", place, NO_OBJECTS, f"{value!r:.60}")
        return []
    lengths = {name: len(part) for name, part in lists.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name}: {length}" for name, length in lengths.items())
        ledger.lose("boxes", place, UNEVEN, told, count=max(lengths.values()))
        return []
    return [dict(zip(lists, parts, strict=True)) for parts in zip(*lists.values(), strict=True)]
