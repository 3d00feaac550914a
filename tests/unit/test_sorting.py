"""Frames in the order of any field, window by window, are those of a sorted list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from hyperdatasets.core.frames import Frame
from hyperdatasets.engine import sorting
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.segment import Row
from tests.reference import strategies
from tests.reference.evaluate import _frame_pairs, rois, sources
from tests.reference.properties import examples

frames = st.lists(st.integers(0, 0).flatmap(lambda _: strategies.frames()), min_size=1, max_size=9)


def held(frame: Frame, path: str) -> list[float | str]:
    """Numbers and texts of a field, in a frame or any of its ROIs or sources."""
    scope, _, name = path.partition(".")
    of = {"rois": rois, "sources": sources}.get(scope)
    pairs = [pair for each in of(frame) for pair in each] if of else _frame_pairs(frame, 0, "")
    wanted = name if of else path
    return [value for key, value in pairs if key == wanted and not isinstance(value, bool)]


def ordered(named: list[tuple[int, Frame]], path: str, *, descending: bool) -> list[int]:
    """Numbers before texts (descending: after), by the least value of each frame; those without one last."""
    numbers, texts, rest = [], [], []
    for revision, frame in named:
        values = held(frame, path)
        of_numbers = [value for value in values if not isinstance(value, str)]
        if of_numbers:
            numbers.append((min(of_numbers), revision))
        elif values:
            texts.append((min(value for value in values if isinstance(value, str)), revision))
        else:
            rest.append(revision)
    found = []
    for group in (texts, numbers) if descending else (numbers, texts):
        by_revision = sorted(group, key=lambda pair: pair[1])
        found += [revision for _, revision in sorted(by_revision, key=lambda pair: pair[0], reverse=descending)]
    return found + rest


@examples(150)
@given(frames, st.integers(0, 9), st.integers(1, 4), st.booleans())
def test_pages_are_windows_of_the_sorted_list(of: list, cut: int, page: int, descending: bool) -> None:  # noqa: FBT001
    rows = [Row(3 + 2 * number, frame | {"id": f"f{number}"}) for number, frame in enumerate(of)]
    index = DatasetIndex()
    for part in (rows[:cut], rows[cut:]):
        index.add(part)
    named = [(row.revision, row.frame) for row in rows]
    revisions = BitMap(revision for revision, _ in named)
    for path in sorted(index.names("frame") - {"saved", "saved_in_version"}):
        found = [
            sorting.window(index, path, revisions, start, start + page, descending=descending)
            for start in range(0, len(rows), page)
        ]
        assert [revision for each in found for revision in each] == ordered(named, path, descending=descending), path
