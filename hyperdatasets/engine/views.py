"""What a pinned data view selects: the one evaluation that service and nodes share.

A selection is, per rule and dataset (by its number in the view), a set of revisions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from pyroaring import BitMap

from hyperdatasets.core.dataview import Rule
from hyperdatasets.core.pinned import PinnedView
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import SEMANTICS, Field, Leaf, Term
from hyperdatasets.engine.bitmaps import to_bitmap
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.rules import frames_of_rule, frames_of_split, frames_without_rois


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
            found = matching(pinned.rule, slices[version], view.semantics)
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


def matching(rule: Rule, part: Slice, semantics: int = SEMANTICS) -> BitMap:
    """Revisions of one version that match all parts of a rule but its vector and its local query."""
    index, found = part.index, part.revisions
    for text, scope in ((rule.frame_query, "frame"), (rule.source_query, "source")):
        if text and found:
            found = index.search(parse(text, scope, semantics).node, scope, found)  # type: ignore[arg-type]
    if rule.filter_by_roi == "no_rois":
        found = found & index.kept("no_rois", frames_without_rois)
    elif rule.filter_by_roi == "label_rules":
        for roi_rule in rule.roi_rules:
            found = found & index.kept(
                (roi_rule, semantics), partial(frames_of_rule, rule=roi_rule, semantics=semantics)
            )
    if rule.split is not None:
        found = found & index.kept(
            (rule.split, semantics), partial(frames_of_split, split=rule.split, semantics=semantics)
        )
    return found


def by_site(index: DatasetIndex, revisions: BitMap) -> dict[str, BitMap]:
    """The revisions of each site; `""` is the site of frames without one."""
    names = sorted({text for _, _, column in index.columns("site") for text in column.texts if text})
    found: dict[str, BitMap] = {}
    left = revisions
    for name in names:
        mine = index.search(Leaf(Field("site", keyword=True), Term(name, quoted=True)), "frame", left)
        if mine:
            found[name] = mine
            left = left - mine
    return found | ({"": left} if left else {})


def duplicates(index: DatasetIndex, revisions: BitMap) -> int:
    """How many frame ids are selected in more than one revision."""
    counts: dict[str, int] = {}
    for segment, _, column in index.columns("id"):
        places = to_bitmap(segment.places(revisions))
        for code, text in enumerate(column.texts):
            if here := column.postings[code].intersection_cardinality(places):
                counts[text] = counts.get(text, 0) + here
    return sum(count > 1 for count in counts.values())


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


def version_of(view: PinnedView, slices: Sequence[Slice], dataset: int, revision: int) -> int:
    """The version (number in the view) that a selected revision is shown as."""
    return next(
        number for number, part in enumerate(slices)
        if view.dataset_number(number) == dataset and revision in part.revisions
    )  # fmt: skip
