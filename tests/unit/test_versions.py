"""Versions against the obvious model: a dict from frame ids to revisions."""

from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from hyperdatasets.core.normalise import normalise
from hyperdatasets.core.versions import Change, changes, diff

IDS = {revision: f"frame {revision % 7}" for revision in range(40)}
versions = st.dictionaries(st.sampled_from(sorted(set(IDS.values()))), st.integers(0, 5)).map(
    lambda chosen: {name: int(name.split()[1]) + 7 * times for name, times in chosen.items() if times < 5}
)


def bitmap(version):
    return BitMap(version.values())


def ids(revisions):
    return {revision: IDS[revision] for revision in revisions}


@given(versions, versions)
def test_a_diff_tells_the_three_sets(before, after):
    result = diff(bitmap(before), bitmap(after), ids)
    assert result.added == {name: r for name, r in after.items() if name not in before}
    assert result.removed == {name: r for name, r in before.items() if name not in after}
    both = before.keys() & after.keys()
    assert result.changed == {n: (before[n], after[n]) for n in both if before[n] != after[n]}


def test_what_changed_is_told_by_path():
    source = {"id": "front", "uri": "a", "width": 10}
    before, _ = normalise(
        {
            "id": "f",
            "sources": [source],
            "meta": {"city": "bremen", "n": 1, "gone": None},
            "annotations": [{"id": "a", "labels": ["car"]}, {"id": "b", "labels": ["bus"]}],
        }
    )
    after, _ = normalise(
        {
            "id": "f",
            "sources": [dict(source, width=20)],
            "meta": {"city": "berlin", "n": 1.0},
            "annotations": [{"id": "a", "labels": ["car", "taxi"]}, {"id": "c", "labels": ["van"]}],
        }
    )
    assert changes(before, after) == [
        Change("annotations[a].labels", ["car"], ["car", "taxi"]),
        Change("annotations[b]", {"id": "b", "labels": ["bus"]}, None, absent="after"),
        Change("annotations[c]", None, {"id": "c", "labels": ["van"]}, absent="before"),
        Change("meta.city", "bremen", "berlin"),
        Change("meta.gone", None, None, absent="after"),
        Change("meta.n", 1, 1.0),
        Change("sources[front].width", 10, 20),
    ]
    assert changes(before, before) == []


def test_sources_in_another_order_are_a_change():
    one, two = {"id": "a", "uri": "1"}, {"id": "b", "uri": "2"}
    before, _ = normalise({"id": "f", "sources": [one, two]})
    after, _ = normalise({"id": "f", "sources": [two, one]})
    assert changes(before, after) == [Change("sources", ["a", "b"], ["b", "a"])]
