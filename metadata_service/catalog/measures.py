"""What a check measures on a version: set algebra over the index; payloads are read for equal contents alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice

import orjson
from pyroaring import BitMap

from hyperdatasets.core.checks import Check
from hyperdatasets.core.dataview import RoiRule, Rule
from hyperdatasets.core.errors import NotFound
from hyperdatasets.core.expectations import (
    DIGESTS,
    Amount,
    BoxesInside,
    Each,
    NoDrift,
    NoDuplicates,
    NoOverlap,
    unit_in_words,
)
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import Node
from hyperdatasets.core.wording import counted
from hyperdatasets.engine import boxes, field_warnings, groups
from hyperdatasets.engine import views as engine_views
from hyperdatasets.engine.chosen import Chosen
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.view_rois import roi_counts
from metadata_service.catalog import resolving, versions, views
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.content_keys import contents
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.queries import Found, FrameFilter, matching
from metadata_service.store.protocol import Reading, Row

SHOWN = 10  # offending frames and values that are named
_READ = 5_000  # payloads read at once


@dataclass(frozen=True, slots=True)
class Measured:
    passed: bool
    words: str
    offending: BitMap = field(default_factory=BitMap)
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """The version that checks look at, as the caller may see it."""

    deployment: Deployment
    reading: Reading
    caller: Caller
    version: Row

    def matching(self, check: Check) -> Found:
        return matching(self.deployment, self.reading, self.version, _filter(check))

    def frame_ids(self, revisions: BitMap) -> list[str]:
        """Ids of some of these frames."""
        wanted = BitMap(islice(revisions, SHOWN))
        found = versions.frame_ids(self.reading, self.version["dataset"], wanted)
        return [found[revision] for revision in wanted]


def measure(subject: Subject, check: Check) -> Measured:
    """Evaluates one check; raises what its queries and views raise."""
    match check.expectation:
        case NoOverlap() as expected:
            return _overlap(subject, expected)
        case Amount() as expected:
            return _amount(subject, check, expected)
    found = subject.matching(check)
    said = tuple(f"{each.where}: {each.message}" for each in found.warnings)
    match check.expectation:
        case Each() as each:
            measured = _each(found, check, each)
        case NoDuplicates(path) if path == DIGESTS:
            return _with(said, _same_contents(subject, found.revisions))
        case NoDuplicates(path):
            measured = _duplicates(found, check, path)
        case BoxesInside():
            return _with(said, _boxes(found, check))
        case NoDrift() as drift:
            measured = _drift(subject, found, check, drift)
    return _with((*said, *field_warnings.unknown(found.index, check.expectation.field)), measured)


def _filter(check: Check) -> FrameFilter:
    return FrameFilter(check.frame_query, check.roi_query, check.source_query)


def _with(warnings: tuple[str, ...], measured: Measured) -> Measured:
    return Measured(measured.passed, measured.words, measured.offending, warnings)


# --- amounts


def _amount(subject: Subject, check: Check, expected: Amount) -> Measured:
    found = subject.matching(check)
    base = matching(subject.deployment, subject.reading, subject.version, FrameFilter(frame_query=check.where))
    warnings = tuple(f"{each.where}: {each.message}" for each in found.warnings)
    warnings += tuple(f"where: {each.message}" for each in base.warnings)
    inside = found.revisions & base.revisions
    unit, bound = unit_in_words(expected.unit), expected.bound
    have = _units(found.index, inside, check.roi_query, expected)
    if not bound.share:
        passed = bound.holds(have)
        return Measured(passed, f"{have} {unit}", BitMap() if passed or not bound.is_upper else inside, warnings)
    whole = _units(found.index, base.revisions, "", expected)
    part = Fraction(have, whole) if whole else Fraction(0)
    passed = bound.holds(part)
    words = f"{have} of {whole} {unit} ({float(part * 100):.4g} %)"
    offending = BitMap() if passed else inside if bound.is_upper else base.revisions - inside
    return Measured(passed, words, offending, warnings)


def _units(index: DatasetIndex, revisions: BitMap, roi_query: str, expected: Amount) -> int:
    if expected.unit == "frames":
        return len(revisions)
    return roi_counts(Rule(roi_rules=(RoiRule(roi_query),)), index, [revisions])[0]


# --- values of a field


def _parts(found: Found, check: Check, path: str) -> list[Chosen]:
    return groups.parts(found.index, path, found.revisions, rois=_rois(check))


def _rois(check: Check) -> Node | None:
    return parse(check.roi_query, "roi").node if check.roi_query else None


def _each(found: Found, check: Check, expected: Each) -> Measured:
    parts = _parts(found, check, expected.field)
    elements, frames = groups.total(parts)
    whole = elements if expected.unit == "rois" else frames
    missing, wrong, distinct, offending = set(check.values), [], 0, BitMap()
    for group in groups.groups(parts):
        missing.discard(group.text)
        distinct += 1
        if not _holds(expected, count := group.elements if expected.unit == "rois" else group.frames, whole):
            wrong.append(f"`{group.text:.60}` in {count}")
            offending |= group.revisions()
    wrong += [f"`{text:.60}` in 0" for text in sorted(missing) if not _holds(expected, 0, whole)]
    words = f"{counted(distinct, 'value')} in {whole} {unit_in_words(expected.unit)}"
    return Measured(not wrong, words + (f", of these {_some(wrong)}" if wrong else ""), offending)


def _holds(expected: Each, count: int, whole: int) -> bool:
    if expected.bound.share:
        return expected.bound.holds(Fraction(count, whole) if whole else Fraction(0))
    return expected.bound.holds(count)


def _duplicates(found: Found, check: Check, path: str) -> Measured:
    twice, offending = [], BitMap()
    for group in groups.groups(_parts(found, check, path)):
        if group.elements > 1:
            twice.append(f"`{group.text:.60}` {group.elements} times")
            offending |= group.revisions()
    return Measured(not twice, _some(twice) if twice else "none", offending)


def _same_contents(subject: Subject, revisions: BitMap) -> Measured:
    """Digests of sources, and of inline contents; only those that may be there twice are read from payloads."""
    dataset = subject.version["dataset"]
    shared, once = subject.deployment.content_keys.shared(subject.reading, dataset, revisions)
    counts: Counter[bytes] = Counter()
    holders: dict[bytes, int] = {}
    offending = BitMap()
    for revision, digest in _digests(subject, shared):
        if counts[digest]:
            offending |= BitMap([holders[digest], revision])
        counts[digest] += 1
        holders[digest] = revision
    twice = [f"`{digest.decode():.30}…` {count} times" for digest, count in counts.items() if count > 1]
    return Measured(not twice, _some(twice) if twice else f"{once + len(counts)} contents, none twice", offending)


def _digests(subject: Subject, revisions: BitMap) -> Iterator[tuple[int, bytes]]:
    numbers = iter(revisions)
    while some := list(islice(numbers, _READ)):
        for row in subject.reading.revisions(subject.version["dataset"], some):
            for digest in contents(row):
                yield row["revision"], digest


def _drift(subject: Subject, found: Found, check: Check, expected: NoDrift) -> Measured:
    mine = _parts(found, check, expected.field)
    furthest, words = Fraction(0), []
    for other in _others(subject, expected):
        there = matching(subject.deployment, subject.reading, other, _filter(check))
        distance = _distance(mine, _parts(there, check, expected.field))
        if distance is None:
            words.append(f"version {other['name']} has no values to compare with")
            continue
        furthest = max(furthest, distance)
        words.append(f"{float(distance):.4g} away from version {other['name']}")
    return Measured(furthest <= expected.beyond, "; ".join(words) or "there is no parent to drift from")


def _others(subject: Subject, expected: NoDrift) -> list[Row]:
    if expected.against:
        return [versions.find(subject.reading, {"id": subject.version["dataset"]}, expected.against)]
    parents = orjson.loads(subject.version["parents_json"])
    rows = [subject.reading.one("versions", id=parent) for parent in parents]
    if any(row is None for row in rows):
        raise NotFound("a parent of this version is not here any more", kind="version")
    return [row for row in rows if row is not None]


def _distance(mine: Sequence[Chosen], theirs: Sequence[Chosen]) -> Fraction | None:
    """Total variation between the shares of the values; None if the other side has no values."""
    pairs = []
    for group in groups.groups(mine, theirs):
        sides = [0, 0]
        for tag, _, here in group.held:
            sides[tag] += len(here)
        pairs.append(sides)
    mine_all, theirs_all = (sum(sides[place] for sides in pairs) for place in (0, 1))
    if not theirs_all:
        return None
    if not mine_all:
        return Fraction(1)
    return Fraction(sum(abs(one * theirs_all - other * mine_all) for one, other in pairs), 2 * mine_all * theirs_all)


# --- boxes and views


def _boxes(found: Found, check: Check) -> Measured:
    judged = boxes.outside(found.index, found.revisions, rois=_rois(check))
    words = f"{judged.boxes} of {judged.judged} boxes reach beyond their images"
    if judged.unknown:
        words += f"; {judged.unknown} lie on no image of known size"
    return Measured(not judged.boxes, words, judged.revisions)


def _overlap(subject: Subject, expected: NoOverlap) -> Measured:
    """Values and frames are named if they are of this version's dataset: a report is for all who may read that."""
    selected = [_selected(subject, name, expected.field) for name in expected.views]
    own = {id(part) for view in selected for dataset, part in view if dataset == subject.version["dataset"]}
    shared, named, offending = 0, [], BitMap()
    for group in groups.groups(*([part for _, part in view] for view in selected)):
        if len(group.tags) > 1:
            shared += 1
            mine = groups.Group(group.text, tuple(each for each in group.held if id(each[1]) in own))
            if mine.held:
                named.append(f"`{mine.text:.60}`")
                offending |= mine.revisions()
    names = f": {_some(named)}" if named else ""
    words = f"{counted(shared, 'value')} of {expected.field} in more than one view{names}"
    return Measured(not shared, words, offending)


def _selected(subject: Subject, name: str, path: str) -> list[tuple[str, Chosen]]:
    """Where the field stands in the frames that a view selects, with the id of their dataset."""
    row = views.find(subject.reading, subject.caller, name)
    resolved = resolving.read(subject.deployment, subject.reading, subject.caller, row)
    return [
        (resolved.view.datasets[number], part)
        for number, revisions in engine_views.unions(resolved.selection).items()
        for part in groups.parts(resolved.index_of(number), path, revisions)
    ]


def _some(listed: Iterable[str]) -> str:
    named = list(listed)
    more = f" and {len(named) - SHOWN} more" if len(named) > SHOWN else ""
    return ", ".join(named[:SHOWN]) + more
