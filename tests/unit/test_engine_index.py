"""The index as a whole: parts that merge and are kept on disk, rules of views, statistics, warnings."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pyroaring import BitMap

from hyperdatasets.core.dataview import RoiRule, Rule, Split
from hyperdatasets.core.dataview_text import from_plain
from hyperdatasets.core.normalise import normalise
from hyperdatasets.core.pinned import KnownVersion, pin
from hyperdatasets.core.query.fields import known_names
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.split import Share, split_places
from hyperdatasets.engine import field_warnings, files, sorting, views
from hyperdatasets.engine import index as index_module
from hyperdatasets.engine.bitmaps import to_array
from hyperdatasets.engine.counting import Count
from hyperdatasets.engine.files import DamagedFile
from hyperdatasets.engine.frame_keys import frame_keys
from hyperdatasets.engine.index import DatasetIndex, check
from hyperdatasets.engine.orders import sequences
from hyperdatasets.engine.packed import Packed
from hyperdatasets.engine.places import FrameSet, RulePlaces
from hyperdatasets.engine.schema import schema
from hyperdatasets.engine.segment import Row
from hyperdatasets.engine.statistics import statistics
from hyperdatasets.engine.value_groups import grouped
from hyperdatasets.engine.view_rois import labels_of
from tests.reference.evaluate import in_split, key_of
from tests.reference.properties import examples


def frame(number: int, *labels: str, **more: Any) -> Row:
    plain = {
        "id": f"f{number}",
        "site": "north" if number % 2 else "south",
        "sources": [{"uri": f"site://x/{number}"}],
        "annotations": [
            {"labels": [label], "confidence": 0.5 + 0.1 * place, "geometry": {"box": [1, 1, 2, 2]}}
            for place, label in enumerate(labels)
        ],
        "meta": {"n": number, "city": ("bremen", "berlin", "ulm")[number % 3]},
    }
    return Row(number, normalise(plain | more)[0])


def found(index: DatasetIndex, text: str) -> list[int]:
    return list(index.search(parse(text, "frame").node, "frame"))


def test_many_small_additions_become_few_parts(tmp_path: Path) -> None:
    index = DatasetIndex(tmp_path / "i")
    for number in range(100):
        index.add([frame(number, "car")])
    assert len(index.segments) < 10
    assert index.reached == 100
    assert found(index, "meta.n:[10 TO 12]") == [10, 11, 12]
    index.add([frame(99, "car"), frame(100)])
    assert index.reached == 101


def test_an_index_that_is_detached_writes_no_file(tmp_path: Path) -> None:
    index = DatasetIndex(tmp_path / "i")
    index.add([frame(0, "car")])
    index.detach()
    index.save()
    assert not (tmp_path / "i").exists()
    assert found(index, "meta.n:0") == [0]


def test_saving_merges_what_was_added_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "QUICK", 4)
    index = DatasetIndex()
    sizes = [*[5] * 8, 1, 1, 1]
    for first, size in zip(np.cumsum([0, *sizes]).tolist(), sizes, strict=False):
        index.add([frame(first + place, "car") for place in range(size)])
    assert [segment.size for segment in index.segments] == [*[5] * 8, 3]
    index.save()
    assert [segment.size for segment in index.segments] == [40, 3]
    assert found(index, "rois.label:car") == list(range(43))


def test_what_was_saved_is_there_after_a_restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "UNSAVED", 20)
    index = DatasetIndex(tmp_path)
    for number in range(50):
        index.add([frame(number, "car", "bus")])
    again = DatasetIndex(tmp_path)
    assert 30 <= again.reached <= 50
    again.add([frame(number, "car", "bus") for number in range(again.reached, 50)])
    for query in ("rois.label:bus", "berlin", "meta.n:>30 AND NOT id:f40", "rois:(car AND confidence:.5)"):
        assert found(again, query) == found(index, query)
    again.save()
    assert DatasetIndex(tmp_path).reached == 50
    check(tmp_path)


def test_the_area_of_upright_boxes_is_not_written_and_still_found(tmp_path: Path) -> None:
    turned = {"labels": ["car"], "geometry": {"box": [5, 5, 2, 3, 30]}}
    tall = {"labels": ["bus"], "geometry": {"box": [0, 0, 0.1, 3]}}
    plain, mixed = DatasetIndex(tmp_path / "plain"), DatasetIndex(tmp_path / "mixed")
    plain.add([frame(0, "car", "bus"), frame(1, annotations=[tall])])
    mixed.add([frame(0, "car"), frame(1, annotations=[tall, turned])])
    for index, folder, kept in ((plain, "plain", False), (mixed, "mixed", True)):
        index.save()
        (file,) = (tmp_path / folder).glob("*.segment")
        assert (("rois", "column", "area", "floats") in files.read(file)) is kept
        for each in (index, DatasetIndex(tmp_path / folder)):
            assert found(each, "rois.area:4") == [0]
            assert found(each, f"rois.area:{0.1 * 3!r}") == [1]
            assert found(each, "rois.area:6") == ([1] if kept else [])
            assert found(each, "_exists_:rois.area") == [0, 1]
            assert "rois.area" in each.names("frame")


def test_long_texts_are_packed_and_found(tmp_path: Path) -> None:
    rows = [
        frame(number, sources=[{"uri": f"site://x/{'é' * (number % 7)}/{number:06}"}], meta={"said": f"word{number} é"})
        for number in range(6_000)
    ]
    built = DatasetIndex(tmp_path)
    built.add(rows)
    before = {text: found(built, text) for text in (
        'sources.uri.keyword:"site://x/éé/004720"', "sources.uri:00472*", "id.keyword:f5999", "id.keyword:f6000",
        "meta.said:word17", "meta.said.keyword:[word3 TO word31}", "word5999", "meta.said:/word.*99/ OR f17",
    )}  # fmt: skip
    assert all(len(numbers) for text, numbers in before.items() if "f6000" not in text)
    built.save()
    (file,) = tmp_path.glob("*.segment")
    assert ("sources", "column", "uri", "text_pieces") in files.read(file)
    again = DatasetIndex(tmp_path)
    assert {text: found(again, text) for text in before} == before


@given(st.binary(max_size=100), st.integers(1, 900), st.integers(0, 70_000), st.integers(0, 70_000))
def test_any_stretch_of_packed_bytes(data: bytes, times: int, start: int, stop: int) -> None:
    data *= times
    packed = Packed.of(np.frombuffer(data, np.uint8))
    assert packed.whole().tobytes() == data
    stop = min(stop, len(data))
    assert packed.stretch(start, stop) == data[start:stop]


@given(st.integers(0, 1 << 20), st.integers(0, 5), st.integers(64, 200), st.sampled_from([None, 0, 63]))
def test_numbers_in_even_steps_are_read_as_they_were(first: int, step: int, count: int, odd: int | None) -> None:
    numbers = (first + step * np.arange(count)).astype(np.uint32)
    if odd is not None:
        numbers[odd] += 1
    with TemporaryDirectory() as folder:
        files.write(Path(folder) / "a", [(("n",), numbers)])
        again = files.read(Path(folder) / "a")[("n",)]
    assert again.dtype == np.uint32
    assert again.tolist() == numbers.tolist()


def test_rois_keep_their_places_in_their_frames() -> None:
    rows = [frame(number, *labels) for number, labels in enumerate(("ba", "", "cab", "a"))]
    index = DatasetIndex()
    for row in rows:
        index.add([row])
    for label in "abc":
        at = []
        for segment in index.segments:
            rois = to_array(segment.rois_matching(parse(label, "roi").node))
            rois = rois[segment.rois.frame_by_frame(rois)]
            frames = segment.revisions[segment.rois.owners[rois]]
            at += zip(frames.tolist(), segment.rois.places_of(rois).tolist(), strict=True)
        expected = [(n, p) for n, row in enumerate(rows) for p, roi in enumerate(row.frame.get("annotations", ()))
                    if label in roi["labels"]]  # fmt: skip
        assert at == expected


@pytest.mark.slow
def test_rows_that_are_added_while_others_are_saved_are_kept(tmp_path: Path) -> None:
    index, done = DatasetIndex(tmp_path), threading.Event()

    def save() -> int:
        times = 0
        while not done.is_set():
            index.save()
            times += 1
        return times

    with ThreadPoolExecutor(1) as pool:
        saving = pool.submit(save)
        for number in range(300):
            index.add([frame(number, "car")])
            assert found(index, f"meta.n:>={number - 1}") == [*range(max(0, number - 1), number + 1)]
        done.set()
        assert saving.result(60)
    index.save()
    assert found(index, "rois.label:car") == found(DatasetIndex(tmp_path), "rois.label:car") == list(range(300))
    check(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "header", "body", "version", "missing", "manifest"])
def test_a_damaged_file_is_noticed_and_the_index_made_again(tmp_path: Path, damage: str) -> None:
    index = DatasetIndex(tmp_path)
    index.add([frame(number, "car") for number in range(10)])
    index.save()
    (path,) = tmp_path.glob("*.segment")
    data = path.read_bytes()
    if damage == "cut":
        path.write_bytes(data[:-100])
    elif damage == "header":
        path.write_bytes(data[:60] + b"x" + data[61:])
    elif damage == "body":
        path.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
    elif damage == "version":
        path.write_bytes(b"hdindex2" + data[8:])
    elif damage == "missing":
        path.unlink()
    else:
        (tmp_path / "segments.json").write_text("{")
    again = DatasetIndex(tmp_path)
    assert again.reached == 0
    assert ("another version" in again.damage) is (damage == "version")
    again.add([frame(number, "car") for number in range(10)])
    assert found(again, "rois.label:car") == list(range(10))


def test_check_reads_every_byte(tmp_path: Path) -> None:
    index = DatasetIndex(tmp_path)
    index.add([frame(number, "car") for number in range(10)])
    index.save()
    check(tmp_path)
    (path,) = tmp_path.glob("*.segment")
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedFile):
        check(tmp_path)


def part(*rows: Row) -> views.Slice:
    index = DatasetIndex()
    for row in rows:
        index.add([row])
    return views.Slice(index, BitMap(row.revision for row in rows))


ROWS = (frame(0, "car", "car", "bus"), frame(1, "car"), frame(2), frame(3, "bus", "car", "car", "car"))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (RoiRule("car"), [0, 1, 3]),
        (RoiRule("car", count=(2, None)), [0, 3]),
        (RoiRule("car", count=(2, 2)), [0]),
        (RoiRule("car", count=(None, 1)), [1, 2]),
        (RoiRule("car", count=(0, 0)), [2]),
        (RoiRule("car", confidence=(0.6, None)), [0, 3]),
        (RoiRule("car", confidence=(0.6, 0.75), count=(2, None)), [3]),
        (RoiRule("bus", exclude=True), [1, 2]),
        (RoiRule("", count=(3, None)), [0, 3]),
    ],
)
def test_roi_rules(rule: RoiRule, expected: list[int]) -> None:
    assert list(views.matching(Rule(roi_rules=(rule,)), part(*ROWS))) == expected
    everything = Rule(roi_rules=(rule,), filter_by_roi="disabled")
    assert list(views.matching(everything, part(*ROWS))) == [0, 1, 2, 3]


def test_frames_without_rois() -> None:
    assert list(views.matching(Rule(filter_by_roi="no_rois"), part(*ROWS))) == [2]


@given(st.floats(0.01, 0.99), st.sampled_from(("meta.city", "id", "meta.n", "meta.nowhere", "context_id")))
@examples(40)
def test_a_split_and_its_complement_part_the_frames_and_cut_no_group(share: float, by: str) -> None:
    rows = part(*(frame(number) for number in range(40)))
    first = views.matching(Rule(split=Split(by, Share(0, share), "s")), rows)
    second = views.matching(Rule(split=Split(by, Share(share, 1), "s")), rows)
    assert first | second == rows.revisions
    assert not first & second
    if by == "meta.city":
        for city in range(3):
            group = BitMap(range(city, 40, 3))
            name = ("bremen", "berlin", "ulm")[city]
            assert group <= (first if Share(0, share).holds(split_places([name.encode()], "s"))[0] else second)


_VALUES = (
    st.integers(-2, 12) | st.booleans() | st.floats(-2, 12) | st.integers(-2, 12).map(float)
    | st.sampled_from(["1", "é", "true", "a b", "10", "5.0", "007", "-0.0", 2**53 + 1, 2.0**53, 2**63 - 1, 1e300])
)  # fmt: skip


@given(st.lists(st.none() | _VALUES | st.lists(_VALUES, max_size=3), min_size=1, max_size=12), st.sampled_from((1, 2)))
@example([-0.0], 2)
@example([-0.0, 0.1234567890123], 1)
@example([5, 5.0, "5", "5.0", 2.0**63, 1e300], 2)
@examples(100)
def test_a_split_is_what_the_naive_evaluator_says(values: list[Any], semantics: int) -> None:
    split = Split("meta.k", Share(0.2, 0.7), "s")
    rows = [frame(number, meta={"k": value} if value is not None else {}) for number, value in enumerate(values)]
    found = views.matching(Rule(split=split), part(*rows), semantics)
    assert list(found) == [row.revision for row in rows if in_split(row.frame, split, semantics)]


@given(st.lists(_VALUES, min_size=1, max_size=30), st.floats(0.01, 0.99))
@example([5, 5.0], 0.4)
@examples(100)
def test_no_split_cuts_a_group_of_equal_keys(values: list[Any], share: float) -> None:
    rows = part(*(frame(number, meta={"k": value}) for number, value in enumerate(values)))
    first = views.matching(Rule(split=Split("meta.k", Share(0, share), "s")), rows)
    groups: dict[str, set[int]] = {}
    for number, value in enumerate(values):
        groups.setdefault(key_of(value), set()).add(number)
    assert all(group <= set(first) or not group & set(first) for group in groups.values())
    counted = grouped(rows.index, "meta.k", rows.revisions, 0, 100)
    assert {count.text: count.frames for count, _ in counted.groups} == {key: len(of) for key, of in groups.items()}


class Catalog:
    def dataset_id(self, dataset: str) -> str:
        return dataset

    def version(self, dataset: str, version: str) -> KnownVersion:
        return KnownVersion(dataset, f"{dataset}-{version}", version, f"sha256:{dataset}{version}")


def test_a_selection_is_the_union_over_versions_and_rules() -> None:
    plain = {
        "versions": [{"dataset": dataset, "version": version} for dataset, version in ("a1", "a2", "b1")],
        "rules": [{"frame_query": "meta.n:<2"}, {"dataset": "b", "roi_rules": [{"query": "bus"}]}],
        "mapping": [{"dataset": "a", "from": ["car"], "to": "vehicle"}],
    }  # fmt: skip
    view, _ = pin(from_plain(plain), Catalog())
    slices = [part(*ROWS[:2]), part(*ROWS[1:]), part(*ROWS)]
    selection = views.select(view, slices, views.kept([]))
    assert selection == [{0: BitMap([0, 1]), 1: BitMap([0, 1])}, {1: BitMap([0, 3])}]
    union = FrameSet(views.unions(selection))
    assert union.frames(np.arange(5)) == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 3)]
    places = [RulePlaces(union, FrameSet(each)).all().tolist() for each in selection]
    assert places == [[0, 1, 2, 3], [2, 4]]
    assert labels_of(view, slices, selection) == {"vehicle", "bus", "car"}
    assert views.by_site(slices[2].index, BitMap([0, 1, 3])) == {"north": BitMap([1, 3]), "south": BitMap([0])}


def test_duplicates_and_keys() -> None:
    rows = part(frame(0), frame(1), frame(2, id="f0", context_id="c", timestamp=5))
    assert views.duplicates(rows.index, rows.revisions) == 1
    assert views.duplicates(rows.index, BitMap([0, 1])) == 0
    keys = frame_keys(FrameSet({0: rows.revisions}), lambda _: rows.index)
    assert (keys.contexts[2], keys.times[2], keys.timed[2], keys.ids(np.array([2, 0]))) == (1, 5, True, [b"f0", b"f0"])


@given(
    st.dictionaries(st.integers(0, 3), st.sets(st.integers(0, 200_000), min_size=1, max_size=50).map(BitMap)),
    st.integers(1, 2),
)
def test_places_are_found_by_rank_and_select(revisions: dict[int, BitMap], keep: int) -> None:
    union = FrameSet(revisions)
    listed = [(number, revision) for number in sorted(revisions) for revision in revisions[number]]
    places = np.arange(len(listed), dtype=np.int64)
    assert union.frames(places) == listed
    assert [int(union.places(number, np.array([revision]))[0]) for number, revision in listed] == places.tolist()
    some = {number: BitMap(list(each)[::keep]) for number, each in revisions.items()}
    expected = [place for place, (number, revision) in enumerate(listed) if revision in some[number]]
    assert RulePlaces(union, FrameSet(some)).all().tolist() == expected


def test_site_orders_are_merged_by_the_sort_key() -> None:
    sites = ("north", "south", "west")
    rows = part(*(frame(n, site=sites[n % 3], context_id=f"c{n % 4}", timestamp=n % 5) for n in range(40)))
    plain = {"versions": [{"dataset": "a", "version": "1"}], "rules": [{}], "iteration": {"order": "sequential"}}
    view, _ = pin(from_plain(plain), Catalog())
    parts = {site: [{0: found}] for site, found in views.by_site(rows.index, rows.revisions).items()}
    made = sequences(view, parts, lambda _: rows.index)
    orders = [each.at(np.arange(each.units, dtype=np.int64)) for each in made.sites.values()]
    merged = [orders[number].pop(0)[0].revision for number in made.merged.tolist()]
    assert merged == sorted(range(40), key=lambda n: (n % 4, n % 5, f"f{n}"))


def test_statistics_schema_and_order() -> None:
    rows = part(*ROWS)
    counted = statistics(rows.index, "rois.label", BitMap([0, 2])).counted
    assert counted.top(9) == [Count("car", 2, 1), Count("bus", 1, 1)]
    buses = statistics(rows.index, "rois.label", rows.revisions, rois=parse("bus", "roi").node)
    assert [each.text for each in buses.counted.top(9)] == ["bus"]
    assert statistics(rows.index, "meta.n", BitMap([1, 3])).numbers.values.tolist() == [1.0, 3.0]
    fields = {field.name: field for field in schema(rows.index, rows.revisions, top=5)}
    assert fields["meta.city"].distinct == 3
    assert (fields["rois.label"].top[0].text, fields["rois.label"].top[0].elements) == ("car", 6)
    assert fields["meta.n"].types == ("integer",)
    assert sorting.window(rows.index, "meta.n", rows.revisions, 0, 9, descending=True) == [3, 2, 1, 0]
    assert sorting.window(rows.index, "meta.nowhere", rows.revisions, 1, 3) == [1, 2]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("meta.citty:x", "meta.citty: no such field; did you mean meta.city"),
        ("rois.lable:x", "rois.lable: no such field; did you mean rois.label"),
        ("meta.n:abc", "meta.n: its values are numbers"),
        ("meta.n:[2024-01-01 TO *]", "a number is never a date"),
        ("rois.label:cra", "no ROI has the label `cra`; did you mean car?"),
        ("rois:(NOT label.keyword:Car)", "no ROI has the label `Car`; did you mean car?"),
        ("meta.n:3 rois.label:car saved:2024 sources.width:3 rois.label:z* rois.label:zebra", None),
    ],
)
def test_warnings_about_fields(query: str, message: str | None) -> None:
    said = [text for text, _ in field_warnings.warnings(part(*ROWS).index, parse(query, "frame").node, "frame")]
    assert (message in said[0]) if message else not said


def test_a_missing_field_is_never_what_is_suggested_for_it() -> None:
    index = part(*ROWS).index
    for name in known_names("frame", ()):
        for text in field_warnings.unknown(index, name):
            assert f"mean {name}" not in text
            assert f"or {name}" not in text
    (said,) = field_warnings.unknown(index, "rois.start")
    assert "rois.start: no frame has such a field." in said


_SORTED = st.lists(
    st.one_of(
        st.none(),
        st.sampled_from([0, 1, -1, 2**53, 2**53 + 1, -(2**63), 2**63 - 1, 0.5, 1.0, -1e300, 1e300]),
        st.sampled_from(["", "a", "b", "ä"]),
        st.lists(st.sampled_from([3, 0.25, "b", "c", 2**53 + 1]), max_size=3),
    ),
    min_size=1,
    max_size=12,
)


@given(_SORTED, st.sampled_from(["up", "down"]), st.integers(0, 12), st.integers(0, 12), st.integers(1, 12))
@example([2**53 + 1, [0.25], 2**53], "up", 0, 2, 2)  # a segment of both kinds beside one of whole numbers
@examples(200)
def test_any_window_of_a_sorted_field(values: list, way: str, start: int, more: int, cut: int) -> None:
    """Against Python's sort by the least value: numbers, then texts, then frames without; equal ones by revision."""

    descending = way == "down"

    def least(value: object) -> tuple:
        listed = value if isinstance(value, list) else [value]
        numbers = [each for each in listed if isinstance(each, int | float)]
        texts = [each for each in listed if isinstance(each, str)]
        return (0, min(numbers)) if numbers else (1, min(texts)) if texts else ()

    rows = [frame(number, meta={} if value is None else {"k": value}) for number, value in enumerate(values)]
    index = DatasetIndex()
    for group in (rows[:cut], rows[cut:]):
        index.add(group)
    keys = {number: least(value) for number, value in enumerate(values)}
    wanted = sorted((number for number in keys if keys[number]), key=keys.__getitem__, reverse=descending)
    wanted += [number for number in keys if not keys[number]]
    everything = BitMap(range(len(values)))
    window = sorting.window(index, "meta.k", everything, start, start + more, descending=descending)
    assert window == wanted[start : start + more]
