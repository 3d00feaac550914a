"""What a pinned data view selects: the one evaluation that service and nodes share.

A selection is, per rule and dataset (by its number in the view), a set of revisions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.dataview import Rule
from hyperdatasets.core.frames import Annotation, Frame
from hyperdatasets.core.pinned import PinnedView
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.units import FrameKey
from hyperdatasets.engine.bitmaps import everything, to_array, to_bitmap, union
from hyperdatasets.engine.column import Column
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.rules import frames_of_rule, frames_of_split, frames_without_rois, rois_of_rule
from hyperdatasets.engine.segment import Row, build


@dataclass(frozen=True, slots=True)
class Slice:
    """A pinned version, or a site's part of it: its index and the revisions that belong to it."""

    index: DatasetIndex
    revisions: BitMap


Selection = list[dict[int, BitMap]]
"""Per rule: dataset number -> revisions."""


Nearest = Callable[[int, Mapping[int, BitMap]], dict[int, BitMap]]
"""Which of the frames that match the rest of a rule (by its number) its `vector` keeps."""


def select(view: PinnedView, slices: Sequence[Slice], nearest: Nearest) -> Selection:
    """What each rule selects; `slices` stand in the order of the view's versions."""
    chosen: Selection = []
    for place, pinned in enumerate(view.rules):
        by_dataset: dict[int, BitMap] = {}
        for version in pinned.versions:
            found = matching(pinned.rule, slices[version])
            if found:
                number = view.dataset_number(version)
                by_dataset[number] = by_dataset.get(number, BitMap()) | found
        chosen.append(by_dataset if pinned.rule.vector is None else nearest(place, by_dataset))
    return chosen


def kept(stored: Sequence[Mapping[int, BitMap]]) -> Nearest:
    """Takes what is nearest from a selection that was stored; what does not match the rest of its rule is not there.

    Whoever compares digests afterwards so checks that all that was stored matches.
    """
    return lambda rule, found: {
        number: both for number, revisions in stored[rule].items() if (both := revisions & found.get(number, BitMap()))
    }


def matching(rule: Rule, part: Slice) -> BitMap:
    """Revisions of one version that match all parts of a rule but its vector and its local query."""
    index, found = part.index, part.revisions
    for text, scope in ((rule.frame_query, "frame"), (rule.source_query, "source")):
        if text and found:
            found = index.search(parse(text, scope).node, scope, found)  # type: ignore[arg-type]
    if rule.filter_by_roi == "no_rois":
        found = found & index.kept("no_rois", frames_without_rois)
    elif rule.filter_by_roi == "label_rules":
        for roi_rule in rule.roi_rules:
            found = found & index.kept(roi_rule, partial(frames_of_rule, rule=roi_rule))
    if rule.split is not None:
        found = found & index.kept(rule.split, partial(frames_of_split, split=rule.split))
    return found


def roi_count(rule: Rule, index: DatasetIndex, revisions: BitMap) -> int:
    """ROIs of these frames that the rule asks for; all of them if it asks for none."""
    asked = [each for each in rule.roi_rules if not each.exclude] if rule.filter_by_roi == "label_rules" else []
    total = 0
    for segment in index.segments:
        places = segment.places(revisions)
        rois = union(rois_of_rule(segment, each) for each in asked) if asked else everything(segment.rois.size)
        total += int(segment.roi_counts(rois)[places].sum())
    return total


def by_site(index: DatasetIndex, revisions: BitMap) -> dict[str, BitMap]:
    """The revisions of each site; `""` is the site of frames without one."""
    found: dict[str, BitMap] = {}
    left = revisions
    for segment, _, column in index.columns("site"):
        for code, site in enumerate(column.texts):
            mine = segment.to_revisions(column.postings[code]) & revisions
            if mine:
                found[site] = found.get(site, BitMap()) | mine
                left = left - mine
    if left:
        found[""] = left
    return found


def keys(index: DatasetIndex, dataset: int, revisions: BitMap) -> list[FrameKey]:
    """What the sequential order compares of each frame, by ascending revision."""
    result: list[FrameKey] = []
    for segment in index.segments:
        places = segment.places(revisions)
        columns = segment.frames.columns
        contexts, ids = (_texts(columns.get(name), segment.size) for name in ("context_id", "id"))
        times = _first_ints(columns.get("timestamp"), segment.size)
        for place in places.tolist():
            key = FrameKey(
                contexts.get(place, ""), times.get(place), dataset, ids[place], int(segment.revisions[place])
            )
            result.append(key)
    return result


def duplicates(index: DatasetIndex, revisions: BitMap) -> int:
    """How many frame ids are selected in more than one revision."""
    counts: dict[str, int] = {}
    for segment, _, column in index.columns("id"):
        places = to_bitmap(segment.places(revisions))
        for code, text in enumerate(column.texts):
            if here := column.postings[code].intersection_cardinality(places):
                counts[text] = counts.get(text, 0) + here
    return sum(count > 1 for count in counts.values())


def label_sets(index: DatasetIndex, revisions: BitMap) -> set[tuple[str, ...]]:
    """The distinct combinations of labels on the ROIs of these frames, each in byte order."""
    found: set[tuple[str, ...]] = set()
    for segment in index.segments:
        column = segment.rois.columns.get("label")
        if column is None:
            continue
        wanted = np.zeros(segment.size, bool)
        wanted[segment.places(revisions)] = True
        found.update(_combinations(column, wanted[segment.rois.owners]))
    return found


def labels_of(view: PinnedView, slices: Sequence[Slice], selection: Selection) -> set[str]:
    """All labels that the selected frames show after mapping."""
    found: set[str] = set()
    for version, part in enumerate(slices):
        mapper, number = view.mapper(version), view.dataset_number(version)
        chosen = union(
            each[number] & part.revisions
            for each, rule in zip(selection, view.rules, strict=True)
            if number in each and version in rule.versions
        )
        for labels in label_sets(part.index, chosen):
            found.update(mapper.labels(labels))
    return found


def unions(selection: Selection) -> dict[int, BitMap]:
    """Dataset number -> revisions that any rule selects."""
    found: dict[int, BitMap] = {}
    for by_dataset in selection:
        for number, revisions in by_dataset.items():
            found[number] = found.get(number, BitMap()) | revisions
    return found


def restricted(selection: Selection, to: Mapping[int, BitMap]) -> Selection:
    """What of a selection lies in these revisions, such as a site's."""
    return [
        {number: kept for number, revisions in by_dataset.items() if (kept := revisions & to.get(number, BitMap()))}
        for by_dataset in selection
    ]


def base_order(selection: Selection) -> tuple[list[tuple[int, int]], list[NDArray[np.int64]]]:
    """The union as (dataset, revision), ascending, and per rule the places of its frames in it."""
    everything = unions(selection)
    listed = [(number, revision) for number in sorted(everything) for revision in everything[number]]
    starts, total = {}, 0
    for number in sorted(everything):
        starts[number] = total
        total += len(everything[number])
    places = [
        np.concatenate([np.array([], np.int64), *(
            _ranks(everything[number], by_dataset[number]) + starts[number] for number in sorted(by_dataset)
        )])
        for by_dataset in selection
    ]  # fmt: skip
    return listed, places


def _ranks(everything: BitMap, part: BitMap) -> NDArray[np.int64]:
    return np.searchsorted(to_array(everything), to_array(part)).astype(np.int64)


def _texts(column: Column | None, size: int) -> dict[int, str]:
    """Element -> its (first) text."""
    found: dict[int, str] = {}
    if column is not None and size:
        for code, text in enumerate(column.texts):
            for element in column.postings.elements(code).tolist():
                found.setdefault(element, text)
    return found


def _first_ints(column: Column | None, size: int) -> dict[int, int]:
    if column is None or not size:
        return {}
    return dict(zip(column.ints.rows.tolist(), column.ints.values.tolist(), strict=True))


def _combinations(column: Column, wanted: NDArray[np.bool_]) -> Iterator[tuple[str, ...]]:
    """Distinct label sets of the wanted ROIs: a ROI's set is known by the sum of random numbers of its labels."""
    texts = list(column.texts)
    numbers = np.random.default_rng(0).integers(1, 1 << 62, len(texts), dtype=np.uint64)
    sums = np.zeros(len(wanted), np.uint64)
    for code in range(len(texts)):
        sums[column.postings.elements(code)] += numbers[code]
    chosen = np.flatnonzero(wanted)
    _, firsts = np.unique(sums[chosen], return_index=True)
    for roi in chosen[firsts].tolist():
        yield tuple(text for code, text in enumerate(texts) if roi in column.postings[code])


def shown(view: PinnedView, slices: Sequence[Slice], dataset: int, revision: int, frame: Frame) -> Frame:
    """The frame as the view shows it: labels mapped, and with `only_filtered` the ROIs that its rules ask for."""
    version = next(
        number for number, part in enumerate(slices)
        if view.dataset_number(number) == dataset and revision in part.revisions
    )  # fmt: skip
    return shown_of_version(view, version, frame)


def shown_of_version(view: PinnedView, version: int, frame: Frame) -> Frame:
    """The same for a frame of a known version."""
    annotations = frame.get("annotations", [])
    if view.output_rois == "only_filtered":
        annotations = _asked_for(view, version, frame)
    mapped = view.mapper(version).annotations(annotations)
    rest = {key: value for key, value in frame.items() if key != "annotations"}
    return cast("Frame", {**rest, **({"annotations": mapped} if mapped else {})})


def _asked_for(view: PinnedView, version: int, frame: Frame) -> list[Annotation]:
    """ROIs that a ROI rule of some rule over this version matches; all of them if a rule asks for none."""
    annotations = frame.get("annotations", [])
    segment = build([Row(0, frame)])
    kept = BitMap()
    for pinned in view.rules:
        if version in pinned.versions:
            asked = [each for each in pinned.rule.roi_rules if not each.exclude]
            kept |= union(rois_of_rule(segment, each) for each in asked) if asked else BitMap(range(len(annotations)))
    return [annotation for place, annotation in enumerate(annotations) if place in kept]
