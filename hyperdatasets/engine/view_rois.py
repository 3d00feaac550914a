"""The ROIs that the rules of a view ask for: how many there are, which labels they show, and each as a unit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from hyperdatasets.core.dataview import RoiRule, Rule
from hyperdatasets.core.frames import Annotation, Frame
from hyperdatasets.core.mapping import Mapper
from hyperdatasets.core.pinned import PinnedView
from hyperdatasets.core.query.tree import SEMANTICS
from hyperdatasets.core.units import UnitTable
from hyperdatasets.engine.bitmaps import to_array, to_bitmap, to_mask, union
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.places import FrameSet
from hyperdatasets.engine.rules import rois_of_rule, rois_per_frame
from hyperdatasets.engine.segment import Row, Segment, build
from hyperdatasets.engine.views import Selection, Slice

Numbers = NDArray[np.int64]


def asked(rule: Rule) -> list[RoiRule]:
    """The ROI rules that ask for ROIs; none: all ROIs are asked for."""
    return [each for each in rule.roi_rules if not each.exclude] if rule.filter_by_roi == "label_rules" else []


def roi_counts(rule: Rule, index: DatasetIndex, parts: Sequence[BitMap], semantics: int = SEMANTICS) -> list[int]:
    """For each part of the frames (a site's) the ROIs that the rule asks for; all of them if it asks for none."""
    wanted = tuple(asked(rule))

    def counted(segment: Segment) -> list[int]:
        tally = rois_per_frame(segment, wanted, semantics) if wanted else segment.rois.of_all
        return [tally.among(segment.place_set(revisions)) for revisions in parts]

    return [sum(each) for each in zip(*map(counted, index.segments), strict=True)] or [0] * len(parts)


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
        if mapper.rules or mapper.drop_unmapped:
            for labels in label_sets(part.index, chosen):
                found.update(mapper.labels(labels))
        else:
            found |= _labels(part.index, chosen)
    return found


def label_sets(index: DatasetIndex, revisions: BitMap) -> set[tuple[str, ...]]:
    """The distinct combinations of labels on the ROIs of these frames, each in byte order."""
    found: set[tuple[str, ...]] = set()
    for segment in index.segments:
        sets, numbers = _sets(segment)
        if sets:
            there = np.unique(numbers[_mask(segment, revisions)[segment.rois.owners]])
            found.update(sets[number] for number in there.tolist())
    return found


def roi_pairs(
    view: PinnedView, selection: Selection, frames: FrameSet, index_of: Callable[[int], DatasetIndex]
) -> UnitTable:
    """Each ROI that a rule asks for, of a frame that this rule selects, as a unit; by frame, then in the frame's order.

    ROIs of which the mapping hides all labels are no units. The number of a ROI is its place among the frame's
    annotations: a segment keeps the ROIs of a frame together, in their order.
    """
    places, marks = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    members: list[list[NDArray[np.bool_]]] = [[] for _ in selection]
    for dataset in frames.starts:
        index = index_of(dataset)
        for segment in index.segments:
            revisions = frames.revisions[dataset] & segment.revision_set
            if not revisions:
                continue
            shown = _shown_rois(view, dataset, segment)
            of_rules = [
                _pairs_of(segment, pinned.rule, by_dataset.get(dataset, BitMap()), view.semantics) & shown
                for pinned, by_dataset in zip(view.rules, selection, strict=True)
            ]
            elements = np.flatnonzero(np.logical_or.reduce(of_rules)).astype(np.uint32)
            elements = elements[segment.rois.frame_by_frame(elements)]
            owners = segment.rois.owners[elements]
            places.append(frames.places(dataset, segment.revisions[owners].astype(np.int64)))
            marks.append(segment.rois.places_of(elements).astype(np.int64))
            for member, mine in zip(members, of_rules, strict=True):
                member.append(mine[elements])
    rules = [np.flatnonzero(np.concatenate([np.zeros(0, bool), *member])) for member in members]
    alone = len(rules) == 1
    return UnitTable("roi", np.concatenate(places), np.concatenate(marks), rules=() if alone else tuple(rules))


def shown(view: PinnedView, version: int, rules: Iterable[int], frame: Frame, roi: int | None = None) -> Frame:
    """The frame as the view shows it: labels mapped, and of its ROIs those that the view outputs.

    Args:
        version: number of the version that the frame is of.
        rules: numbers of the rules that select it.
        roi: the place of the only annotation to show; None = as `output_rois` says.
    """
    annotations = frame.get("annotations", [])
    if roi is not None:
        annotations = annotations[roi : roi + 1]
    elif view.output_rois == "only_filtered":
        annotations = _asked_for([view.rules[number].rule for number in rules], frame, view.semantics)
    mapped = view.mapper(version).annotations(annotations)
    rest = {key: value for key, value in frame.items() if key != "annotations"}
    return cast("Frame", {**rest, **({"annotations": mapped} if mapped else {})})


def _asked_for(rules: Iterable[Rule], frame: Frame, semantics: int) -> list[Annotation]:
    annotations = frame.get("annotations", [])
    segment = build([Row(0, frame)])
    kept = BitMap()
    for rule in rules:
        wanted = asked(rule)
        kept |= _rois(segment, wanted, semantics) if wanted else BitMap(range(len(annotations)))
    return [annotations[place] for place in sorted(segment.rois.places_of(to_array(kept)).tolist())]


def _rois(segment: Segment, rules: Iterable[RoiRule], semantics: int) -> BitMap:
    return union(rois_of_rule(segment, each, semantics) for each in rules)


def _pairs_of(segment: Segment, rule: Rule, revisions: BitMap, semantics: int) -> NDArray[np.bool_]:
    """Which ROIs of the segment a rule asks for in the frames that it selects; shape (ROIs,)."""
    chosen = _mask(segment, revisions)[segment.rois.owners]
    wanted = asked(rule)
    if not wanted:
        return chosen
    return chosen & to_mask(_rois(segment, wanted, semantics), segment.rois.size)


def _shown_rois(view: PinnedView, dataset: int, segment: Segment) -> NDArray[np.bool_]:
    """Which ROIs show a label after the mapping of some version of the dataset; shape (ROIs,)."""
    mappers = [view.mapper(number) for number in range(len(view.versions)) if view.dataset_number(number) == dataset]
    if any(not mapper.rules and not mapper.drop_unmapped for mapper in mappers):
        return np.ones(segment.rois.size, bool)
    sets, numbers = _sets(segment)
    shows = np.array([_shows(mappers, labels) for labels in sets], bool)
    return shows[numbers] if sets else np.zeros(segment.rois.size, bool)


def _shows(mappers: Iterable[Mapper], labels: tuple[str, ...]) -> bool:
    return any(mapper.labels(labels) for mapper in mappers)


def _mask(segment: Segment, revisions: BitMap) -> NDArray[np.bool_]:
    """Which frames of the segment are among these; shape (frames,)."""
    return to_mask(segment.place_set(revisions), segment.size)


def _labels(index: DatasetIndex, revisions: BitMap) -> set[str]:
    """The labels on the ROIs of these frames."""
    found: set[str] = set()
    for segment in index.segments:
        column = segment.rois.columns.get("label")
        here = revisions & segment.revision_set
        if column is None or not here:
            continue
        missing = [(code, text) for code, text in enumerate(column.texts) if text not in found]
        if len(here) == segment.size:
            found.update(text for _, text in missing)
        elif missing:
            frames = segment.place_set(here)
            found.update(text for code, text in missing if segment.rois.holding("label", [code]).intersect(frames))
    return found


def _sets(segment: Segment) -> tuple[list[tuple[str, ...]], Numbers]:
    """The distinct label sets of the segment's ROIs, and each ROI's number among them."""
    column = segment.rois.columns.get("label")
    if column is None or not segment.rois.size:
        return [], np.zeros(0, np.int64)
    texts = list(column.texts)
    _, firsts, places = np.unique(column.postings.sums(segment.rois.size), return_index=True, return_inverse=True)
    postings = [to_bitmap(column.postings.elements(code)) for code in range(len(texts))]
    sets = [tuple(text for text, posting in zip(texts, postings, strict=True) if first in posting)
            for first in firsts.tolist()]  # fmt: skip
    return sets, places.astype(np.int64)
