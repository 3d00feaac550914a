"""Merges against the obvious model: dictionaries from frame ids to states."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from hyperdatasets.core.merging import Collision, Named, bases, merge, merge_values

REVISIONS = {
    10 * frame + number: Named(f"f{frame}", b"%d" % (number % 5)) for frame in range(4) for number in range(10)
}
"""Ten of each frame; two that are 5 apart say the same."""
Version = Mapping[int, int]
"""Frame -> revision."""
versions = st.dictionaries(st.integers(0, 3), st.integers(0, 9)).map(
    lambda held: {frame: 10 * frame + number for frame, number in held.items()}
)


def names(revisions: BitMap) -> dict[int, Named]:
    return {revision: REVISIONS[revision] for revision in revisions}


def merged(parents: list[Version], of: list[Version]) -> tuple[list[int], list[Collision]]:
    found, collisions = merge(
        [BitMap(each.values()) for each in parents], [BitMap(each.values()) for each in of], names
    )
    return sorted(found), collisions


def state(revision: int | None) -> bytes | None:
    return None if revision is None else REVISIONS[revision].digest


def naive(ours: Version, theirs: Version, base: Version) -> tuple[dict[int, int], set[int]]:
    """The table of cases, line by line."""
    result: dict[int, int | None] = {}
    collisions = set()
    for frame in range(4):
        mine, other, before = ours.get(frame), theirs.get(frame), base.get(frame)
        if state(mine) == state(other):
            result[frame] = None if mine is None or other is None else min(mine, other)
        elif state(other) == state(before):
            result[frame] = mine
        elif state(mine) == state(before):
            result[frame] = other
        else:
            result[frame] = other
            collisions.add(frame)
    return {frame: revision for frame, revision in result.items() if revision is not None}, collisions


@given(versions, versions, versions)
def test_two_parents(ours: Version, theirs: Version, base: Version) -> None:
    expected, collisions = naive(ours, theirs, base)
    found, told = merged([ours, theirs], [base])
    assert found == sorted(expected.values())
    assert [each.frame_id for each in told] == [f"f{frame}" for frame in sorted(collisions)]
    for each in told:
        frame = int(each.frame_id[1:])
        assert (each.winner, each.revision) == (1, theirs.get(frame))
        assert each.losers == ((ours[frame],) if frame in ours else ())
        assert each.deleted == (frame not in ours)


@given(st.lists(versions, min_size=1, max_size=4), st.lists(versions, min_size=3, max_size=3))
def test_parents_are_folded_from_left_to_right(parents: list[Version], of: list[Version]) -> None:
    result: Version = parents[0]
    collisions: set[int] = set()
    for parent, base in zip(parents[1:], of, strict=False):
        result, more = naive(result, parent, base)
        collisions |= more
    found, told = merged(parents, of[: len(parents) - 1])
    assert found == sorted(result.values())
    assert {each.frame_id for each in told} == {f"f{frame}" for frame in collisions}
    for each in told:
        assert each.revision == result.get(int(each.frame_id[1:]))
        assert each.revision not in each.losers
        if each.revision is not None:
            assert parents[each.winner].get(int(each.frame_id[1:])) == each.revision


@given(versions, versions)
def test_what_one_parent_left_as_it_was_the_other_decides(base: Version, theirs: Version) -> None:
    found, told = merged([base, theirs], [base])
    assert {REVISIONS[each] for each in found} == {REVISIONS[each] for each in theirs.values()}
    assert not told


@given(versions, versions)
def test_equal_results_keep_the_lowest_revision(one: Version, base: Version) -> None:
    later = {frame: 10 * frame + (revision + 5) % 10 for frame, revision in one.items()}
    for parents in ([one, later], [later, one]):
        found, told = merged(parents, [base])
        assert found == sorted(min(one[frame], later[frame]) for frame in one)
        assert not told


def test_the_base_is_the_common_ancestor_that_was_published_last() -> None:
    parents_of = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["c"], "x": []}
    published = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "x": 6}
    assert bases(["b", "c"], parents_of, published) == ["a"]
    assert bases(["d", "e"], parents_of, published) == ["c"]
    assert bases(["b", "d"], parents_of, published) == ["b"]  # a version is its own ancestor
    assert bases(["b", "x"], parents_of, published) == [""]
    assert bases(["b", "x", "e"], parents_of, published) == ["", "a"]
    assert bases(["d", "e"], parents_of, published | {"b": 3}) == ["c"]
    assert bases(["b", "c"], parents_of | {"b": ["a", "z"], "c": ["z", "a"], "z": []}, published | {"z": 1}) == ["z"]


def test_values_merge_by_the_same_rule() -> None:
    base = {1: ["cat"], 2: ["dog"], 3: ["cow"], 4: ["pig"], 5: ["hen"]}
    ours = {1: ["lion"], 2: ["dog"], 3: ["bull"], 5: ["hen"]}
    theirs = {1: ["cat"], 2: ["wolf"], 3: ["calf"], 4: ["pig"]}
    kept, collisions = merge_values([ours, theirs], [base])
    assert kept == {1: ["lion"], 2: ["wolf"], 3: ["calf"]}
    assert collisions == {3}
