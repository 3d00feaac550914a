"""Tracks of a video in CVAT's XML: a shape for each frame, on the pictures of the frames."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from operator import itemgetter
from xml.etree.ElementTree import Element

from hyperdatasets.core.wording import counted
from hyperdatasets.formats.cvat_annotation import Given, Spec, item_of_shape
from hyperdatasets.formats.cvat_shapes import KINDS
from hyperdatasets.formats.described import Described, split_of_subset
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.folder import parent, split_of, stem
from hyperdatasets.formats.joining import join
from hyperdatasets.formats.ledger import Ledger

_FRAME = re.compile(r"frame_(\d{1,18})", re.IGNORECASE | re.ASCII)
_LAST_NUMBER = re.compile(r"(\d{1,18})\D*$", re.ASCII)
_NUMBER = re.compile(r"\d{1,18}", re.ASCII)
NO_PICTURE = "shapes on frames of a video that are no pictures in the folder"
NO_FRAME = "shapes of a track without the number of their frame"
COMPUTED = (
    "shapes between two shapes of a track, which CVAT computes; not read. Export from CVAT, which writes each of them"
)
NO_END = "tracks that do not end: CVAT shows their last shape on all later frames, here it is on its own frame only"
BY_ORDER = "pictures taken as the frames of a video by their order, since there are as many"
BY_NUMBER = "pictures taken as the frames of a video by the last number in their names"


def add_tracks(path: str, meta: Element | None, tracks: Sequence[Element], spec: Spec, described: Described) -> None:
    """Puts the visible shapes of all tracks on the pictures of their frames."""
    wanted = {int(number) for track in tracks for shape in track if (number := _frame_of(shape))}
    pictures = _pictures(path, described.data, _task(meta, "size"), wanted, described.reading.ledger)
    frames = _frames(meta, wanted)
    in_task = sorted(number for number in pictures if number in frames)
    subsets: dict[str, set[str]] = {pictures[number]: set() for number in in_task}
    for index, track in enumerate(tracks):
        place = f"{path}, track {track.get('id', index)}"
        given = Given(spec, track.get("label", ""), _of_track(track))
        for picture in _add_shapes(track, given, place, described, pictures=pictures, path=path):
            subsets.setdefault(picture, set()).add(track.get("subset", ""))
        _tell_computed(track, place, in_task, described.reading.ledger)
    for picture, named in subsets.items():
        _add_facts(picture, meta, named, path, described)


def _add_shapes(
    track: Element, given: Given, place: str, described: Described, *, pictures: Mapping[int, str], path: str
) -> Iterator[str]:
    """Adds the shapes of a track; yields the pictures that it is on, or leaves."""
    ledger = described.reading.ledger
    for shape in track:
        found = _frame_of(shape)
        where, picture = f"{place}, frame {found or '?'}", pictures.get(int(found)) if found else None
        if shape.tag not in KINDS:
            ledger.lose("attributes", where, "parts of a track that are not known", f"<{shape.tag[:60]}>")
        elif _is_outside(shape):  # the end of the visible part: not an object, but a frame of the task
            yield from [picture] if picture else []
        elif picture is None:
            ledger.lose(KINDS[shape.tag], where, NO_PICTURE if found else NO_FRAME)
        else:
            item = item_of_shape(shape, given, where, ledger)
            described.at(picture, path).items += [item] if item is not None else []
            yield picture


def _tell_computed(track: Element, place: str, in_task: Sequence[int], ledger: Ledger) -> None:
    """Counts the frames on which CVAT shows an object, though the file has no shape of it there."""
    shapes = sorted(((int(_frame_of(each)), each) for each in track if each.tag in KINDS and _frame_of(each)),
                    key=itemgetter(0))  # fmt: skip
    for (number, shape), (following, _) in pairwise(shapes):
        count = bisect_left(in_task, following) - bisect_right(in_task, number)
        if count > 0 and not _is_outside(shape):
            told = f"frames {number} to {following}"
            ledger.lose(KINDS[shape.tag], f"{place}, frame {number}", COMPUTED, told, count=count)
    if shapes and not _is_outside(shapes[-1][1]) and (rest := len(in_task) - bisect_right(in_task, shapes[-1][0])):
        last = f"{place}, frame {shapes[-1][0]}"
        ledger.notice(KINDS[shapes[-1][1].tag], last, NO_END, counted(rest, "frame"))


def _add_facts(picture: str, meta: Element | None, subsets: Collection[str], path: str, described: Described) -> None:
    entry = described.at(picture, path)
    join(entry, Entry(picture, context_id=_task(meta, "name")), path, described.reading.ledger)
    for subset in sorted(filter(None, subsets)) or [_task(meta, "subset")]:
        entry.add_split(split_of_subset(subset), path)
    entry.add_split(split_of(path), f"the folder of {path}")
    described.add_size(entry, _original_size(meta), path)


def _frames(meta: Element | None, wanted: Collection[int]) -> range:
    """The numbers of the frames of a task: as it states them, and at least from the first to the last shape."""
    first, last, size = (_task(meta, name) for name in ("start_frame", "stop_frame", "size"))
    start = int(first) if _NUMBER.fullmatch(first) else 0
    stated = (
        range(start, int(last) + 1) if _NUMBER.fullmatch(last) else range(int(size) if _NUMBER.fullmatch(size) else 0)
    )
    ends = [*wanted, *stated[:1], *stated[-1:]]
    return range(min(ends), max(ends) + 1) if ends else range(0)


def _is_outside(shape: Element) -> bool:
    return shape.get("outside") == "1"


def _of_track(track: Element) -> dict[str, int | str]:
    """Metadata that a track gives all of its shapes."""
    found: dict[str, int | str] = {}
    for name, text in track.attrib.items():
        if name == "id":
            found["track"] = int(text) if _NUMBER.fullmatch(text) else text
        elif name == "group_id" and _NUMBER.fullmatch(text):
            found[name] = int(text)
        elif name not in {"label", "subset"}:
            found[name] = text
    return found


def _frame_of(shape: Element) -> str:
    text = shape.get("frame", "")
    return text if _NUMBER.fullmatch(text) else ""


def _pictures(path: str, data: Sequence[str], size: str, wanted: set[int], ledger: Ledger) -> Mapping[int, str]:
    """Number of a frame -> its picture, of the pictures beside and below the file of annotations."""
    top = parent(path)
    near = [each for each in data if not top or each.startswith(f"{top}/")]
    framed = _numbered([(each, _FRAME.search(stem(each))) for each in near])
    if framed:
        return framed
    numbered = _numbered([(each, _LAST_NUMBER.search(stem(each))) for each in near])
    if len(numbered) == len(near) and wanted <= numbered.keys() and min(numbered, default=1) == 0:
        return numbered
    if size.isascii() and size.isdigit() and int(size[:9]) == len(near):
        ledger.notice("frames", path, BY_ORDER, counted(len(near), "picture"))
        return dict(enumerate(near))
    if len(numbered) == len(near) and wanted <= numbered.keys():
        ledger.notice("frames", path, BY_NUMBER, counted(len(near), "picture"))
        return numbered
    return {}


def _numbered(found: Sequence[tuple[str, re.Match[str] | None]]) -> dict[int, str]:
    """Pictures by number; numbers that two have are left out."""
    by_number: dict[int, list[str]] = {}
    for path, match in found:
        if match:
            by_number.setdefault(int(match[1]), []).append(path)
    return {number: paths[0] for number, paths in by_number.items() if len(paths) == 1}


def _task(meta: Element | None, name: str) -> str:
    """The text of a field of the task or the job; empty if it has none."""
    texts = [meta.findtext(f"{group}/{name}", "").strip() for group in ("task", "job")] if meta is not None else []
    return next(filter(None, texts), "")


def _original_size(meta: Element | None) -> tuple[int, int] | None:
    found = meta.find(".//original_size") if meta is not None else None
    sides = [found.findtext(side, "").strip() for side in ("width", "height")] if found is not None else []
    return (int(sides[0]), int(sides[1])) if sides and all(_NUMBER.fullmatch(side) for side in sides) else None
