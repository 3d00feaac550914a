"""Plain files: each is a frame, with a sidecar (`scan.png.json` or `scan.json` beside `scan.png`) or without."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hyperdatasets.formats import json_keys
from hyperdatasets.formats.counting import KIND_OF_SHAPE
from hyperdatasets.formats.csv_rows import naming_media
from hyperdatasets.formats.entry import Entry, Item
from hyperdatasets.formats.folder import Folder, Unreadable, decoded, split_of, suffix
from hyperdatasets.formats.json_lines import exact
from hyperdatasets.formats.ledger import Kind, Ledger
from hyperdatasets.formats.reading import Evidence, Format, Reading
from hyperdatasets.formats.rows import kept
from hyperdatasets.formats.suffixes import ANNOTATIONS

LIKELY = "looks like annotations, but no known format fits; not made a frame"
BROKEN = "a sidecar that cannot be read"
TABLE = (
    "a table that names files, in no layout that is read; not made a frame. A `metadata.csv` with a column `file_name` "
    "is read as metadata"
)
UNKNOWN = "keys that a sidecar does not have; it has labels, annotations, meta"
UNKNOWN_OF_ANNOTATION = "keys that an annotation does not have; its own values belong into `meta`"
SAME_ID = "ids of annotations that occur twice; the later one gets another id"
LIKE_CONLL = "named like CoNLL, but too few of its lines are; a plain text now, and `option format=conll` reads it"
SHARED = "one sidecar for several files; each has its annotations"
_CONLL = re.compile(r"\.(conll\w*|iob2?|bio|bioes)$|(^|/)eng\.(train|test[ab])$", re.IGNORECASE)
_KEYS = frozenset({"id", "labels", "confidence", "origin", "geometry", "sources", "meta"})


def _recognise(_folder: Folder) -> Evidence | None:
    return None  # it is taken where nothing else fits


def _read(reading: Reading) -> Iterator[Entry]:
    folder, ledger = reading.folder, reading.ledger
    likely = set(folder.with_suffix(*ANNOTATIONS))
    sidecars = _sidecars(folder, likely)
    used = set(sidecars.values())
    _tell_shared(sidecars, ledger)
    for path in sorted(likely - used - reading.unread.keys()):
        ledger.lose("annotation files", path, LIKELY)
    tables = set(naming_media(folder)) - used
    for path in sorted(tables - reading.unread.keys()):
        ledger.lose("annotation files", path, TABLE)
    apart = likely | tables | folder.packed_annotations
    data = [path for path in folder.files if path not in apart]
    reading.expected = len(data)
    for path in data:
        if _CONLL.search(path):
            ledger.notice("frames", path, LIKE_CONLL)
        yield _entry(folder, path, sidecars.get(path, ""), ledger)
    reading.used |= used
    reading.rest(set(folder.files))


def _sidecars(folder: Folder, likely: set[str]) -> dict[str, str]:
    """Path -> its sidecar."""
    beside = {path[: -len(".json")] + ".json": path for path in likely if suffix(path) == ".json"}
    found: dict[str, str] = {}
    for path in folder.files:
        if path in likely:
            continue
        candidates = (f"{path}.json", f"{path[: len(path) - len(suffix(path))]}.json")
        if side := next((beside[each] for each in candidates if each in beside), ""):
            found[path] = side
    return found


def _tell_shared(sidecars: Mapping[str, str], ledger: Ledger) -> None:
    of: dict[str, list[str]] = {}
    for path, side in sidecars.items():
        of.setdefault(side, []).append(path)
    for side, paths in of.items():
        if len(paths) > 1:
            ledger.notice("frames", side, SHARED, ", ".join(paths), count=len(paths))


def _entry(folder: Folder, path: str, sidecar: str, ledger: Ledger) -> Entry:
    entry = Entry(path, split=split_of(path))
    if not sidecar:
        return entry
    try:
        text = decoded(folder.read(sidecar)).encode()
        plain = exact(text)
    except (Unreadable, ValueError) as error:
        ledger.unreadable(sidecar, BROKEN, str(error))
        return entry
    if not isinstance(plain, dict):
        ledger.unreadable(sidecar, BROKEN, f"expected an object with labels, annotations, meta, got {plain!r:.60}")
        return entry
    json_keys.tell(json_keys.lost_values(text, plain), sidecar, ledger)
    for key, value in plain.items():
        _add(entry, key, value, sidecar, ledger)
    return entry


def _add(entry: Entry, key: str, value: Any, sidecar: str, ledger: Ledger) -> None:
    if key not in {"labels", "annotations", "meta"}:
        ledger.lose("attributes", sidecar, UNKNOWN, f"`{key[:60]}`")
    elif value is None or value in ([], {}):
        return
    elif key == "labels":
        entry.items.append(Item({"labels": value}, "labels", sidecar))
    elif key == "annotations":
        _add_annotations(entry, value, sidecar, ledger)
    elif isinstance(value, dict):
        _add_meta(entry, value, sidecar, ledger)
    else:
        ledger.lose("attributes", sidecar, "metadata of a sidecar that is no object", f"{value!r:.60}")


def _add_annotations(entry: Entry, value: Any, sidecar: str, ledger: Ledger) -> None:
    if not isinstance(value, list):
        ledger.lose("labels", sidecar, "annotations of a sidecar that are no list", f"{value!r:.60}")
        return
    seen: set[str] = set()
    for number, each in enumerate(value):
        place = f"{sidecar}, annotation {number}"
        if isinstance(each, dict):
            entry.items.append(Item(_known(each, seen, place, ledger), _kind(each), place))
        else:
            ledger.lose("labels", place, "annotations of a sidecar that are no objects", f"{each!r:.60}")


def _known(annotation: dict[str, Any], seen: set[str], place: str, ledger: Ledger) -> dict[str, Any]:
    """The annotation without keys that there are not, and without an id that another one of the file has."""
    for key in sorted(annotation.keys() - _KEYS):
        ledger.lose("attributes", place, UNKNOWN_OF_ANNOTATION, f"`{key[:60]}`")
    found = {key: value for key, value in annotation.items() if key in _KEYS}
    if isinstance(name := found.get("id"), str) and name:
        if name in seen:
            ledger.notice(_kind(annotation), place, SAME_ID, f"`{name[:60]}`")
            del found["id"]
        seen.add(name)
    return found


def _add_meta(entry: Entry, value: dict[str, Any], sidecar: str, ledger: Ledger) -> None:
    entry.meta |= kept(value, sidecar, ledger)
    if isinstance(split := entry.meta.get("split"), str) and split:
        del entry.meta["split"]
        entry.prefer_split(split, sidecar)


def _kind(annotation: Mapping[str, Any]) -> Kind:
    geometry = annotation.get("geometry")
    shape = next(iter(geometry), "") if isinstance(geometry, dict) else ""
    return KIND_OF_SHAPE.get(shape, "labels")


FORMAT = Format("files", "plain files", _recognise, _read)
