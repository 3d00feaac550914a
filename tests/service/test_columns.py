"""Frames written as columns are the frames that single writes make, and what is wrong is told."""

from __future__ import annotations

import datetime as dt
import math
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.canonical import canonical_bytes
from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument
from hyperdatasets.core.given import Canonical, Given, Refused
from hyperdatasets.core.normalise import normalise
from hyperdatasets.v1 import frame_service_pb2 as pb
from hyperdatasets.v1.frame_service_pb2_grpc import FrameServiceStub
from hyperdatasets.wire import columns
from tests.reference.properties import examples

PAGE = Path(__file__).parents[2] / "docs" / "bulk-writes.md"
ROIS = pa.list_(pa.struct([
    ("id", pa.string()), ("labels", pa.list_(pa.string())), ("confidence", pa.float64()),
    ("origin", pa.string()), ("box", pa.list_(pa.float64(), 4)),
]))  # fmt: skip
TEXT = st.sampled_from(["a", "Bus Stop", "ä", "", "x\n", "y" * 600])
NUMBER = st.sampled_from([0.0, 0.5, 1.0, 7.25, -1.0, 2.0, 700.0, math.nan, math.inf])


def draft(client: MetadataClient, name: str) -> DatasetVersion:
    Dataset.create(name, client=client)
    return DatasetVersion.get_current(name, client=client)


def rois() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({
        "id": st.none() | TEXT, "labels": st.lists(TEXT, min_size=1, max_size=2), "origin": st.none() | TEXT,
        "confidence": st.none() | NUMBER, "box": st.none() | st.lists(NUMBER, min_size=4, max_size=4),
    })  # fmt: skip


def frames() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({
        "id": st.none() | TEXT, "context_id": st.none() | TEXT, "timestamp": st.none() | st.integers(-5, 5),
        "uri": st.sampled_from(["s3://a", "s3://b", "s3://c\0"]), "width": st.none() | st.integers(-1, 800),
        "height": st.just(600), "meta.city": st.none() | TEXT, "meta.at.day": st.none() | st.dates(),
        "meta.score": st.none() | NUMBER, "rois": st.lists(rois(), max_size=3),
    })  # fmt: skip


def usual_frames() -> st.SearchStrategy[dict[str, Any]]:
    text = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
    number = st.floats(0, 300, exclude_min=True)
    roi = st.fixed_dictionaries({
        "id": st.none() | text, "labels": st.lists(text, min_size=1, max_size=3, unique=True),
        "origin": st.none() | text, "confidence": st.none() | st.floats(0, 1),
        "box": st.none() | st.tuples(number, number, number, number).map(list),
    })  # fmt: skip
    return st.fixed_dictionaries({
        "id": text, "site": st.none() | text, "context_id": st.none() | text,
        "timestamp": st.none() | st.integers(-(2**63), 2**63 - 1), "uri": text, "digest": st.none() | text,
        "width": st.just(800), "height": st.just(600), "size_bytes": st.none() | st.integers(0, 2**63 - 1),
        "meta.city": st.none() | text, "meta.at.day": st.none() | st.dates(),
        "meta.at.night": st.none() | st.booleans(),
        "meta.score": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "meta.n": st.none() | st.integers(-(2**63), 2**63 - 1),
        "rois": st.lists(roi, max_size=12, unique_by=lambda each: each["id"] or object()),
    })  # fmt: skip


def as_plain(row: dict[str, Any]) -> dict[str, Any]:
    """The frame that a person would write for a row."""
    at = {"day": row["meta.at.day"] and row["meta.at.day"].isoformat(), "night": row.get("meta.at.night")}
    meta: dict[str, Any] = {name: row.get(f"meta.{name}") for name in ("city", "score", "n")}
    meta["at"] = {key: value for key, value in at.items() if value is not None} or None
    source = {name: row.get(name) for name in ("uri", "width", "height", "size_bytes", "digest")}
    return {
        **{name: row.get(name) for name in ("id", "site", "context_id", "timestamp")}, "sources": [source],
        "annotations": [
            {key: value for key, value in {**roi, "geometry": roi["box"] and {"box": roi["box"]}}.items()
             if key != "box" and value is not None} for roi in row["rois"]
        ],
        "meta": {key: value for key, value in meta.items() if value is not None},
    }  # fmt: skip


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    whole = dict.fromkeys(("timestamp", "width", "height", "size_bytes", "meta.n"), pa.int64())
    kinds = {"meta.score": pa.float64(), "meta.at.day": pa.date32(), "meta.at.night": pa.bool_(), "rois": ROIS, **whole}
    return pa.table({name: pa.array([row[name] for row in rows], kinds.get(name, pa.string())) for name in rows[0]})


def outcome(plain: Given) -> bytes | str:
    """The canonical bytes of a frame, or what is wrong with it."""
    if isinstance(plain, Canonical):
        return plain.payload
    try:
        assert not isinstance(plain, Refused)
        return canonical_bytes(normalise(plain)[0])
    except HyperdatasetsError as error:
        return error.message


@given(st.lists(frames(), min_size=1, max_size=4))
@examples(500)
def test_rows_are_the_frames_that_a_person_would_write(rows: list[dict[str, Any]]) -> None:
    for frame, row in zip(columns.decode(columns.encode(table_of(rows))), rows, strict=True):
        assert outcome(frame) == outcome(as_plain(row))


@given(st.lists(usual_frames(), min_size=1, max_size=20))
@examples(200)
def test_usual_rows_are_made_by_columns(rows: list[dict[str, Any]]) -> None:
    decoded = columns.decode(columns.encode(table_of(rows)))
    for frame, row in zip(decoded, rows, strict=True):
        expected, _ = normalise(as_plain(row))
        named = Canonical(expected["id"], expected.get("site", ""), bool(row["rois"]), canonical_bytes(expected))
        assert frame == named


@pytest.mark.slow
def test_written_rows_are_found_and_written_once(client: MetadataClient) -> None:
    rows = [
        {"id": f"f{n}", "context_id": "c", "timestamp": n, "uri": f"s3://{n}", "width": 800, "height": 600,
         "meta.city": "ulm" if n % 2 else None, "meta.at.day": dt.date(2024, 1, 1 + n % 9), "meta.score": n / 7,
         "rois": [{"id": None, "labels": ["car", "red"], "confidence": 0.5, "origin": None, "box": [1.0, 2.0, 3.0, 4.0]}
                  ] * (n % 3)}
        for n in range(11_000)
    ]  # fmt: skip
    one, other = draft(client, "columns"), draft(client, "single")
    assert all(isinstance(each, Canonical) for each in columns.decode(columns.encode(table_of(rows[:10_000]))))
    result = one.add_table(table_of(rows))
    assert (result.added, len(result)) == (11_000, 0)
    other.write(map(as_plain, rows))
    assert one.digest == other.digest
    assert one.count(frame_query="meta.at.day:2024-01-03 AND rois:(label.keyword:car AND label.keyword:red)") == sum(
        n % 9 == 2 and n % 3 > 0 for n in range(11_000)
    )
    assert one.add_table(table_of(rows)).unchanged == 11_000


def test_wrong_rows_are_told_and_the_others_kept(client: MetadataClient) -> None:
    good = {"id": "g", "context_id": None, "timestamp": None, "uri": "s3://g", "width": 10, "height": 10,
            "meta.city": None, "meta.at.day": None, "meta.score": None, "rois": []}  # fmt: skip
    roi = {"id": "r", "labels": ["a"], "confidence": 0.5, "origin": None, "box": [1.0, 1.0, 2.0, 2.0]}
    rows = [
        good,
        {**good, "id": "h", "rois": [roi, roi]},
        {**good, "id": "i", "rois": [{**roi, "confidence": 7.0}]},
        good,
    ]
    result = draft(client, "wrong").add_table(table_of(rows))
    assert [(failed.index, failed.reason) for failed in result] == [(n, "INVALID_FRAME") for n in (1, 2, 3)]
    assert "occurs twice" in result[0].message
    assert result.added == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pa.table({"uri": ["u"], "widht": [1]}), "no column `widht`. Did you mean width"),
        (pa.table({"uri": ["u"], "rois": [1]}), "`rois` is a list of structs"),
        (pa.table({"uri": ["u"], "meta.a": [[1]]}), "`meta.a` is list"),
        (pa.table({"uri": ["u"], "meta.a": [1], "meta.a.b": [1]}), "other columns take it for an object"),
        (pa.table({"uri": ["u"], "rois": [[{"label": "x"}]]}), "a ROI has no `label`"),
        (pa.table({"uri": ["u"], "rois": [[{"confidence": 1.0}]]}), "needs `labels`"),
        (pa.table({"uri": ["u"], "rois": [[{"labels": ["a"], "box": [1.0, 2.0]}]]}), "expected 4 numbers"),
        (
            pa.table({"uri": ["u"], "rois": [[{"labels": [1]}]]}),
            "`labels` of a ROI is list<item: int64>; expected a list",
        ),
        (pa.table({"uri": ["u"], "rois": [[{"labels": ["a"], "id": 7}]]}), "`id` of a ROI is int64; expected text"),
        (pa.table({"uri": [["u"]]}), "`uri` is list"),
        (pa.table({"uri": ["u"] * 10_001}), "at most 10000 frames, this one has 10001"),
        (
            pa.table({"uri": pa.array(["u" * 10_000] * 9_000).dictionary_encode()}),
            "texts of 90000000 bytes in a column",
        ),
        (pa.table({"uri": ["u"], "meta.a": pa.array([10**9], pa.date32())}), "years are from 1 to 9999"),
    ],
)
def test_tables_that_are_no_frames(content: pa.Table, message: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(message)):
        columns.decode(columns.encode(content))


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
@pytest.mark.parametrize("dictionary", [False, True])
def test_compressed_columns_are_refused_before_they_are_unpacked(compression: str, *, dictionary: bool) -> None:
    texts = pa.array(["u" * 400_000] * 2)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    table = pa.table({"uri": texts.dictionary_encode() if dictionary else texts})
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    with pytest.raises(InvalidArgument, match="is compressed; write it without"):
        columns.decode(bytes(sink.getvalue()))


@examples(300)
@given(st.data())
def test_damaged_columns_are_an_error_that_is_told(data: st.DataObject) -> None:
    table = pa.table({"uri": pa.array(["u", "v"]).dictionary_encode(), "rois": [[{"label": "x"}], []]})
    content = bytearray(columns.encode(table))
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    with suppress(InvalidArgument):
        assert len(columns.decode(bytes(content[: data.draw(st.integers(0, len(content)))]))) <= 10_000


def test_bytes_that_are_no_columns(client: MetadataClient) -> None:
    version = draft(client, "bytes")
    named = {"dataset": version.dataset_id, "version": version.id}
    for request, message in (
        (pb.WriteFramesRequest(**named, columns=b"nothing of the kind"), "Arrow IPC stream"),
        (pb.WriteFramesRequest(**named, columns=b"x", frames=[pb.FrameWrite()]), "either"),
    ):
        with pytest.raises(InvalidArgument, match=message):
            list(client.connection.stream(stub, iter([request])))


def stub(channel: Any) -> Any:
    return FrameServiceStub(channel).WriteFrames


def test_the_example_of_the_page(client: MetadataClient, capsys: pytest.CaptureFixture[str]) -> None:
    use(client)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    exec(compile(code, str(PAGE), "exec"), {})
    assert capsys.readouterr().out == "2 frames\n"


def test_a_value_that_a_column_takes_for_an_object_is_refused() -> None:
    content = pa.table({"uri": ["s3://a", "s3://b"], "meta_json": ['{"a": 5}', '{"a": {"c": 1}}'], "meta.a.b": [6, 6]})
    refused, fine = columns.decode(columns.encode(content))
    assert outcome_of(refused) == "meta_json: `a` is a value, and a column takes it for an object"
    assert not isinstance(fine, Refused)


def outcome_of(frame: Given) -> str:
    assert isinstance(frame, Refused)
    return frame.error.message
