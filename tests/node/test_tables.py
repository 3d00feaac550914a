"""Tables of a site: formats, types of columns, identifiers, rows and files, contexts, reports."""

from __future__ import annotations

import csv
import io
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.formats.ledger import Ledger
from node.tables import Notes, context_changes, match, read, report_changes, spellings, type_changes
from node.tables import grid as grids
from node.tables import notes as notes_of_tables
from node.tables import table as tables
from node.tables.spelling import MISSING

FILES = ("x/a.png", "x/b.png", "y/c.png")


def table(text, **options):
    return read(text if isinstance(text, bytes) else text.encode(), "meta.csv", Ledger(), **options)


def column(cells, **options):
    """A CSV file with these cells in the column `v`."""
    rows = "".join(f"{number}.png,{cell}\n" for number, cell in enumerate(cells))
    return table(f"file,v\n{rows}", **options)


def said(ledger, word):
    """The only note with a word in its text."""
    [note] = [note for note in ledger.notes if word in str(note)]
    return note


def lost(ledger):
    return sum(ledger.lost.values())


def count(ledger, reason):
    return sum(note.count for note in ledger.notes if note.reason == reason)


def rows(found):
    return [found.row(index) for index in range(len(found))]


def by_file(found):
    """File -> private columns."""
    return {path: row.values for path in found.contexts if (row := found.row(path))}


def values(found, name="v"):
    return list(found.columns[name].values)


def parquet(**columns):
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def workbook(*rows, formats=None, others=()):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, number_format in (formats or {}).items():
        book.active[cell].number_format = number_format
    for name in others:
        book.create_sheet(name)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


# CSV: encodings, delimiters, rows


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_is_read_without_a_word(encoding):
    found = table("file,v\na.png,Müller\n".encode(encoding))
    assert values(found) == ["Müller"]
    assert found.ledger.notes == []


def test_windows_1252_is_reported_as_a_guess():
    found = table("file,v\na.png,ok\nb.png,Müller\n".encode("cp1252"))
    assert values(found) == ["ok", "Müller"]
    note = said(found.ledger, "Windows-1252")
    assert (note.place, note.weight) == ("meta.csv, row 3", "noticed")
    assert "`Müller`" in note.detail


@pytest.mark.slow
def test_a_byte_that_is_bad_far_into_the_file_is_found_with_its_row():
    rows = b"a.png,\xc3\xbc\n" * 300_000
    note = said(table(b"file,v\n" + rows + b"b.png,M\xfcller\n").ledger, "Windows-1252")
    assert note.place == "meta.csv, row 300002"


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "vertical bar")])
def test_other_delimiters_are_found_and_said(mark, name):
    found = table(f"file{mark}v{mark}w\r\na.png{mark}5{mark}1,5\r\n")
    assert values(found) == [5]
    assert name in said(found.ledger, "delimiter").detail


def test_delimiter_that_occurs_inside_of_names():
    assert list(table("file;size (w, h);v\na.png;5;6\nb.png;7;8\n").columns) == ["file", "size (w, h)", "v"]
    assert list(table('file,"a;b;c;d"\na.png,5\n').columns) == ["file", "a;b;c;d"]


def test_separator_line_of_excel():
    found = table("sep=;\nfile;v\na.png;5\n")
    assert values(found) == [5]
    assert list(found.row_numbers) == [3]


def test_rows_have_the_line_an_editor_shows():
    found = table('file,v\r\n"a.png","two\nlines"\r\n\r\nb.png,x\r\n\r\n\r\n')
    assert values(found) == ["two\nlines", "x"]
    assert list(found.row_numbers) == [2, 5]


def test_rows_with_another_number_of_cells_are_reported_and_the_others_used():
    found = table("file,v\na.png,1\nb.png\nc.png,2,3\nd.png,4\n , \n,\n")
    assert values(found) == [1, 4]
    assert found.bad_rows == 2
    assert [note.place for note in found.ledger.notes if note.weight == "lost"] == [
        "meta.csv, row 3",
        "meta.csv, row 4",
    ]


def test_rows_of_a_reason_are_named_and_those_beyond_a_limit_counted(monkeypatch):
    text = "file,v\n" + "a.png\n" * 25 + "b.png,1\n"
    assert [note.place for note in table(text).ledger.losses()] == [f"meta.csv, row {row}" for row in range(2, 27)]
    monkeypatch.setattr(notes_of_tables, "MOST_NAMED", 10)
    notes = list(table(text).ledger.losses())
    assert len(notes) == 11
    assert (notes[-1].place, notes[-1].count) == ("meta.csv, further places", 15)
    assert lost(table(text).ledger) == table(text).bad_rows == 25


def test_blanks_are_taken_off_and_reported():
    found = table("file, patient ,v\na.png, p1,1\nb.png,p2 ,2\n", context_column="patient")
    assert values(found, "patient") == ["p1", "p2"]
    assert said(found.ledger, "column names").count == 1
    assert said(found.ledger, "blanks around cells").count == 2
    quoted = table('file, v\na.png, "x, y"\n')
    assert values(quoted) == ["x, y"]


def test_a_quote_that_is_not_closed_does_not_take_rows_silently():
    found = table('file,v\na.png,1\nb.png,"2\nc.png,3\n')
    note = said(found.ledger, "quote")
    assert (note.place, note.weight) == ("meta.csv, row 3", "lost")
    assert values(found) == [1]
    with pytest.raises(InvalidArgument, match=r"row 2.*quote"):
        table('file,v\na.png,"1\n' + "b.png,2\n" * 50_000)


def test_a_cell_that_is_too_long_is_reported_and_absent():
    found = column(["x" * 70_000, "y"])
    assert values(found) == [None, "y"]
    assert said(found.ledger, "too long").place == "meta.csv, row 2"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n\n",
        b"file\na.png\n",
        b"file,v,v\na.png,1,2\n",
        b"f\0i\0",
        b"\x1f\x8b123",
        b"\xd0\xcf\x11\xe0123",
        b"PAR1 123",
        b"PK\x03\x04 123",
        ",".join(map(str, range(1_001))).encode(),
        "file,v\na,ü".encode("utf-16")[:-1],
        b"file,v\na,\x81\n",
    ],
)
def test_what_is_no_table_is_refused(content):
    with pytest.raises(InvalidArgument, match=r"meta\.csv"):
        table(content)


def test_a_file_that_is_too_large_is_refused(monkeypatch):
    monkeypatch.setattr(tables, "MAX_BYTES", 10)
    with pytest.raises(InvalidArgument, match="at most 10"):
        table("file,v\na.png,1\n")


def test_too_many_rows_are_refused(monkeypatch):
    monkeypatch.setattr(grids, "MAX_ROWS", 2)
    assert len(column(["1", "2"])) == 2
    with pytest.raises(InvalidArgument, match="more than 2 rows"):
        column(["1", "2", "3"])


def test_an_open_file_is_read_and_stays_open(tmp_path):
    (tmp_path / "t").write_bytes(b"file,v\na.png,1\n")
    with (tmp_path / "t").open("rb") as file:
        assert values(read(file, "t", Ledger())) == [1]
        assert not file.closed


def test_columns_without_a_name():
    assert list(table("file,v,\na.png,1,\n").columns) == ["file", "v"]
    assert said(table("file,v,\na.png,1,2\n").ledger, "without a name").weight == "lost"


def test_the_column_path_belongs_to_the_node():
    found = table("file,path,v\na.png,q,1\n")
    assert said(found.ledger, "node uses").weight == "lost"
    assert found.row(0).values == {"v": 1}


# Types of columns


@pytest.mark.parametrize(
    ("cells", "kind", "expected"),
    [
        (["60", "7", "-3", "0"], "integer", [60, 7, -3, 0]),
        (["0.5", ".5", "-3", "1.50", "5."], "number", [0.5, 0.5, -3, 1.5, 5.0]),
        (["true", "FALSE", "True"], "boolean", [True, False, True]),
        (["2024-10-20", "2024-10-20T12:00:00Z"], "date", ["2024-10-20", "2024-10-20T12:00:00Z"]),
        (["2024-10-20", "2024-02-30"], "text", ["2024-10-20", "2024-02-30"]),
        (["true", "1"], "text", ["true", "1"]),
        (["inf", "5"], "text", ["inf", "5"]),
        (["NA", ""], "text", [None, None]),
        ([str(2**63 - 1), str(-(2**63))], "integer", [2**63 - 1, -(2**63)]),
    ],
)
def test_a_column_has_one_type(cells, kind, expected):
    found = column(cells)
    assert found.columns["v"].type == kind
    assert values(found) == expected


@pytest.mark.parametrize("word", sorted(MISSING))
def test_missing_words_are_absent_in_numbers_and_texts(word):
    assert values(column(["5", word])) == [5, None]
    found = column(["a", word])
    assert values(found) == ["a", None]
    assert found.columns["v"].missing == {word: 1}
    assert "`option column_type=v=text`" in said(found.ledger, "missing").detail
    kept = column(["a", word, ""], column_types={"v": "text"})
    assert values(kept) == ["a", word, None]
    assert kept.ledger.notes == []


def test_missing_words_are_counted_by_column():
    found = column(["60", "NA", "NA", "nan", "-", "7", ""])
    assert found.columns["v"].type == "integer"
    assert found.columns["v"].missing == {"NA": 2, "nan": 1, "-": 1}
    assert found.columns["v"].empty == 1
    note = said(found.ledger, "taken for missing")
    assert (note.count, note.weight) == (4, "noticed")
    assert "`NA` 2 times, `nan` once" in note.detail


@pytest.mark.parametrize("word", ["None", "none", "-", "?", "Na", "Null"])
def test_doubtful_words_are_missing_among_numbers_and_texts_among_texts(word):
    assert values(column(["5", word])) == [5, None]
    found = column(["mild", word])
    assert values(found) == ["mild", word]
    assert said(found.ledger, "kept as text").count == 1


@pytest.mark.parametrize(
    "cell",
    ["007", "-007", "00.5", "1E2", "2e3", "1.5e3", "12345678901234567890", "99999999999999999999.5", "+5", "12 345",
     "1,5", "1.234,5"],
)  # fmt: skip
def test_identifiers_stay_text_as_a_whole_column_and_it_is_said(cell):
    found = table(f"file;v\na.png;{cell}\nb.png;7\n")
    assert found.columns["v"].type == "text"
    assert values(found) == [cell, "7"]
    note = said(found.ledger, "kept as text")
    assert (note.count, note.weight) == (1, "noticed")
    assert f"row 2 (`{cell}`)" in note.detail


@pytest.mark.parametrize("options", [{}, {"column_types": {"v": "number"}}])
def test_digits_that_a_number_does_not_keep_are_named(options):
    cells = [
        "0.1234567890123456789",
        "0.12345678901234567",
        "1.50000000000000000000",
        "-0.00000000000000000000012",
        "7",
    ]
    found = column(cells, **options)
    assert values(found) == [float(cell) for cell in cells]
    note = said(found.ledger, "more than 17 digits")
    assert (note.count, note.place) == (1, "meta.csv, column `v`")
    assert "row 2 (`0.1234567890123456789`)" in note.detail
    assert values(column(cells, column_types={"v": "text"})) == cells


def test_the_context_column_is_always_text():
    found = column(["7", "1.50", "true", "NA"], context_column="v")
    assert [row.context_id for row in rows(found)] == ["7", "1.50", "true", ""]
    assert values(found) == ["7", "1.50", "true", None]
    kept = column(["NA"], context_column="v", column_types={"v": "text"})
    assert kept.row(0).context_id == "NA"
    with pytest.raises(InvalidArgument, match="context_as="):
        column(["7"], context_column="v", column_types={"v": "integer"})


def test_a_context_id_that_no_frame_can_have_is_a_bad_cell():
    found = column(["x" * 513, "p1"], context_column="v")
    assert [row.context_id for row in rows(found)] == ["", "p1"]
    assert found.bad_cells == 1


def test_mixed_types_are_reported_with_rows_and_what_to_do():
    found = column(["60", "unknown", "7", "100", "old"])
    assert found.columns["v"].type == "text"
    note = said(found.ledger, "several types")
    assert (note.place, note.count, note.weight) == ("meta.csv, column `v`", 2, "noticed")
    assert "row 3 (`unknown`), row 6 (`old`)" in note.detail
    assert "`option column_type=v=number` reads the others as numbers and leaves these 2 cells out" in note.detail


def test_mixed_types_name_ten_rows_at_most():
    note = said(column(["1"] * 30 + ["x"] * 25).ledger, "several types")
    assert note.detail.count("row ") == 10
    assert "and 15 more" in note.detail
    few = said(column(["a", "b", "5"]).ledger, "several types")
    assert "numbers in row 4 (`5`)" in few.detail


def test_texts_alone_are_not_reported():
    assert column(["a", "b c", "x-1"]).ledger.notes == []


# Types that are given


@pytest.mark.parametrize(
    ("kind", "cells", "expected"),
    [
        ("text", ["007", "NA", "5"], ["007", "NA", "5"]),
        ("integer", ["007", "5.0", "+3", "NA", "1E2", "-"], [7, 5, 3, None, 100, None]),
        ("number", ["1e-07", "007", "+.5", "2.0", "None"], [1e-07, 7, 0.5, 2.0, None]),
        ("boolean", ["TRUE", "false", "na"], [True, False, None]),
        ("date", ["2024-01-02", "2024-01-02T03:04:05+01:00", ""], ["2024-01-02", "2024-01-02T03:04:05+01:00", None]),
    ],
)
def test_given_types(kind, cells, expected):
    found = column(cells, column_types={"v": kind})
    assert values(found) == expected
    assert found.bad_cells == 0


@pytest.mark.parametrize(
    ("kind", "cell"),
    [("integer", "5.5"), ("integer", "x"), ("integer", str(2**64)), ("number", "inf"), ("number", "1e999"),
     ("number", "12 345"), ("number", "12345678901234567890"), ("boolean", "1"), ("date", "01.02.2024")],
)  # fmt: skip
def test_a_cell_that_does_not_fit_is_reported_and_absent(kind, cell):
    found = column(["", cell], column_types={"v": kind})
    assert values(found) == [None, None]
    note = said(found.ledger, "do not fit")
    assert (note.place, note.weight, found.bad_cells) == ("meta.csv, row 3", "lost", 1)
    assert f"`{cell}`" in note.detail
    assert "`v`" in note.detail


def test_a_long_bad_cell_is_shortened():
    note = said(column(["y" * 500], column_types={"v": "number"}).ledger, "do not fit")
    assert len(note.detail) < 120


@pytest.mark.parametrize(
    ("types", "near"),
    [({"V": "text"}, "`v`"), ({"v": "integr"}, "integer"), ({"v": "float"}, "number"), ({"file": "number"}, "files")],
)
def test_unknown_columns_and_types_are_refused_with_the_nearest(types, near):
    with pytest.raises(InvalidArgument, match=near):
        column(["1"], column_types=types)


@pytest.mark.parametrize("option", ["context_column", "timestamp_column"])
@pytest.mark.parametrize("name", ["patient", "Patient ID", "Patint", "patient "])
def test_unknown_context_and_timestamp_columns_name_the_nearest(option, name):
    with pytest.raises(InvalidArgument, match=f"^`{option}`: .*`(Patient|PatientID)`"):
        table("file,Patient,PatientID\na.png,1,2\n", **{option: name})
    assert table("file, p\na.png,1\n", **{option: " p"})


def test_a_column_that_resembles_nothing_lists_what_there_is():
    with pytest.raises(InvalidArgument, match="It has: `file`, `v`"):
        column(["1"], context_column="zzzzzz")


# Timestamps


def test_timestamps_are_milliseconds_or_dates():
    cells = ["1700000000000", "1970-01-02", "1970-01-01T00:00:01Z", "1970-01-01T01:00:00+01:00", "NA", "5.0"]
    found = column(cells, timestamp_column="v")
    assert list(found.timestamps) == [1_700_000_000_000, 86_400_000, 1_000, 0, None, 5]
    assert found.bad_cells == 0


def test_dates_without_a_zone_are_utc_and_stay_dates_among_the_columns():
    found = column(["1970-01-01T00:00:01", "1969-12-31"], timestamp_column="v")
    assert list(found.timestamps) == [1_000, -86_400_000]
    assert found.columns["v"].type == "date"
    assert found.row(0).values == {"v": "1970-01-01T00:00:01"}


@pytest.mark.parametrize("beside", ["1700000000000", "2024-01-01", "-3"])
def test_seconds_beside_milliseconds_are_named(beside):
    found = column([beside, "1700000000", "1700000001.0", "5"], timestamp_column="v")
    assert list(found.timestamps)[1:] == [1_700_000_000, 1_700_000_001, 5]
    note = said(found.ledger, "look like seconds")
    assert (note.count, note.weight, note.detail) == (2, "noticed", "row 3 (`1700000000`), row 4 (`1700000001.0`)")


def test_negative_timestamps_are_named():
    found = column(["1700000000000", "-5", "1969-12-31"], timestamp_column="v")
    assert list(found.timestamps) == [1_700_000_000_000, -5, -86_400_000]
    note = said(found.ledger, "negative")
    assert (note.count, note.place, note.detail) == (1, "meta.csv, column `v`", "row 3 (`-5`)")


@pytest.mark.parametrize("options", [{}, {"timestamp_column": "v"}, {"column_types": {"v": "date"}}])
def test_times_without_a_zone_are_noticed_once_a_column(options):
    found = column(["2024-01-02T03:04:05", "2024-01-02 03:04:06", "2024-01-02"], **options)
    note = said(found.ledger, "without a zone are taken as UTC")
    assert (note.count, note.weight, note.place) == (2, "noticed", "meta.csv, column `v`")
    assert note.detail == "row 2 (`2024-01-02T03:04:05`), row 3 (`2024-01-02 03:04:06`)"


def test_mixed_zones_are_noticed_once_a_column():
    found = column(["2024-01-02T03:04:05Z", "2024-01-02T03:04:05.5", "2024-01-02T03:04:05+01:00"])
    note = said(found.ledger, "with and without a zone")
    assert (note.count, note.detail) == (1, "row 3 (`2024-01-02T03:04:05.5`)")
    assert not column(["2024-01-02T03:04:05Z", "2024-01-02", "2024-01-02T03:04:05-01:00"]).ledger.notes


@pytest.mark.parametrize(
    "content", ['[{"file": "a.png", "v": 1}]', '\ufeff \n{"file": ["a.png"], "v": [1]}', "<a,b>\n"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_json_and_xml_are_no_tables(content, encoding):
    with pytest.raises(InvalidArgument, match=r"(JSON|XML).*CSV, Parquet or Excel"):
        table(content.encode(encoding))


@pytest.mark.parametrize("cell", ["1.5", "01.02.2024", "x", "1e12", "true", str(2**63)])
def test_a_bad_timestamp_is_a_bad_cell(cell):
    found = column(["2024-01-01", cell], timestamp_column="v")
    assert found.timestamps[1] is None
    assert said(found.ledger, "timestamp").place == "meta.csv, row 3"
    assert found.columns["v"].type == "date"


def test_seconds_are_noticed():
    assert "seconds" in said(column(["1700000000"], timestamp_column="v").ledger, "seconds").reason


# Parquet


def test_parquet_types():
    content = parquet(
        file=["a.png", "b.png"],
        i=pa.array([1, None]),
        f=pa.array([1.5, math.nan]),
        b=pa.array([True, None]),
        s=["NA", "x"],
        d=pa.array([date(2024, 1, 2), None]),
        t=pa.array([datetime(2024, 1, 2, 3, tzinfo=UTC), None], pa.timestamp("ns", "Europe/Berlin")),
        c=pa.array(["u", "u"]).dictionary_encode(),
        dots=pa.array([[1], [2]]),
    )
    found = read(content, "meta.parquet", Ledger())
    assert {name: each.type for name, each in found.columns.items() if name != "file"} == {
        "i": "integer", "f": "number", "b": "boolean", "s": "text", "d": "date", "t": "date", "c": "text",
    }  # fmt: skip
    assert found.row(0).values == {
        "i": 1, "f": 1.5, "b": True, "d": "2024-01-02", "t": "2024-01-02T03:00:00Z", "c": "u",
    }  # fmt: skip
    assert found.row(1).values == {"s": "x", "c": "u"}
    assert said(found.ledger, "type that cannot be used").weight == "lost"
    assert found.columns["f"].missing == {"NaN": 1}


def test_parquet_infinity_is_a_bad_cell_and_texts_stay_text():
    found = read(parquet(file=["a.png", "b.png"], f=[1.5, math.inf], s=["1", "2"]), "m.parquet", Ledger())
    assert found.columns["f"].type == "number"
    assert said(found.ledger, "do not fit").place == "m.parquet, row 2"
    assert values(found, "s") == ["1", "2"]
    assert "s=integer" in said(found.ledger, "stored as text").detail
    given_type = read(parquet(file=["a.png"], s=["1"]), "m.parquet", Ledger(), column_types={"s": "integer"})
    assert values(given_type, "s") == [1]


def test_parquet_times_that_no_date_can_name_are_reported():
    times = pa.array([datetime(2024, 1, 2, tzinfo=UTC), None], pa.timestamp("us", "UTC"))
    late = pa.array([0, 2**52], pa.int64()).cast(pa.timestamp("ms", "UTC"))
    found = read(
        parquet(file=["a.png", "b.png"], t=times, late=late), "m.parquet", Ledger(), column_types={"late": "date"}
    )
    assert values(found, "late") == ["1970-01-01T00:00:00Z", None]
    assert said(found.ledger, "do not fit").place == "m.parquet, row 2"


def test_parquet_column_with_a_dot_and_time_without_zone():
    content = parquet(**{"file": ["a.png"], "a.b": [1], "t": pa.array([datetime(2024, 1, 2)], pa.timestamp("us"))})  # noqa: DTZ001
    found = read(content, "m.parquet", Ledger())
    assert found.row(0).values == {"a.b": 1, "t": "2024-01-02T00:00:00Z"}
    assert "UTC" in said(found.ledger, "without a zone").reason


@pytest.mark.parametrize(("context_as", "expected"), [("", "5"), ("integer", "5"), ("text", "5.0")])
def test_floating_point_context_ids_of_typed_files(context_as, expected):
    content = parquet(file=["a.png", "b.png"], p=[5.0, None])
    found = read(content, "m.parquet", Ledger(), context_column="p", context_as=context_as)
    assert [row.context_id for row in rows(found)] == [expected, ""]
    assert (context_as == "text") != bool(found.ledger.notes)


def test_context_ids_that_lost_digits_are_noticed():
    found = read(parquet(file=["a.png"], p=[1e17]), "m.parquet", Ledger(), context_column="p")
    assert found.row(0).context_id == "100000000000000000"
    assert said(found.ledger, "lost digits")


# Excel


def test_excel_cells():
    content = workbook(
        ["file", "i", "f", "b", "d", "t", "s", None],
        ["a.png", 7.0, 1.5, True, date(2024, 1, 2), datetime(2024, 1, 2, 3), "007"],  # noqa: DTZ001
        [],
        ["b.png", "NA", 2, False, None, None, "8"],
        others=["notes"],
    )
    found = read(content, "m.xlsx", Ledger())
    assert found.row(0).values == {
        "i": 7, "f": 1.5, "b": True, "d": "2024-01-02", "t": "2024-01-02T03:00:00Z", "s": "007",
    }  # fmt: skip
    assert found.row(1) == (4, "b.png", {"f": 2, "b": False, "s": "8"}, "", None, ())
    assert isinstance(found.row(0).values["i"], int)
    assert "`notes`" in said(found.ledger, "first sheet").detail


def test_excel_times_are_noticed_once_a_column_as_those_of_other_files():
    day, time = date(2024, 1, 2), datetime(2024, 1, 2, 3)  # noqa: DTZ001
    rows = [
        ["a.png", time, time, day, "XYZ"],
        ["b.png", time, None, day, "2024Z"],
        ["c.png", None, None, None, None, time],
    ]
    found = read(workbook(["file", "t", " u ", "d", "s"], *rows), "m.xlsx", Ledger())
    notes = [note for note in found.ledger.notes if "without a zone" in note.reason]
    assert [(note.place, note.detail, note.count, note.kind) for note in notes] == [
        ("m.xlsx, column `t`", "row 2 (`2024-01-02T03:00:00Z`), row 3 (`2024-01-02T03:00:00Z`)", 2, "table cells"),
        ("m.xlsx, column `u`", "row 2 (`2024-01-02T03:00:00Z`)", 1, "table cells"),
    ]
    mixed = read(workbook(["file", "v"], ["a.png", time], ["b.png", "later"]), "m.xlsx", Ledger())
    assert mixed.columns["v"].type == "text"
    assert said(mixed.ledger, "without a zone").place == "m.xlsx, column `v`"


def test_parquet_times_without_a_zone_are_counted_without_the_missing_ones():
    times = pa.array([datetime(2024, 1, 2), None], pa.timestamp("us"))  # noqa: DTZ001
    found = read(parquet(file=["a.png", "b.png"], t=times, none=pa.nulls(2, pa.timestamp("us"))), "m.parquet", Ledger())
    note = said(found.ledger, "without a zone")
    assert (note.place, note.count, note.detail) == ("m.parquet, column `t`", 1, "row 1 (`2024-01-02T00:00:00Z`)")


def test_excel_number_formats_that_show_zeros():
    content = workbook(["file", "p"], ["a.png", 7], ["b.png", 12], formats={"B2": "000", "B3": "000"})
    assert values(read(content, "m.xlsx", Ledger()), "p") == ["007", "012"]


def test_excel_formulas_without_a_result_are_reported():
    found = read(workbook(["file", "v"], ["a.png", "=1+1"], ["b.png", 3]), "m.xlsx", Ledger())
    assert values(found) == [None, 3]
    assert said(found.ledger, "formulas").place == "m.xlsx, row 2"


def test_excel_durations_are_reported_and_not_used():
    content = workbook(["file", "v"], ["a.png", timedelta(hours=30)], ["b.png", 3], formats={"B2": "[h]:mm:ss"})
    found = read(content, "m.xlsx", Ledger())
    assert (values(found), found.bad_cells) == ([None, 3], 1)
    note = said(found.ledger, "durations")
    assert (note.place, note.weight, "B2" in note.detail) == ("m.xlsx, row 2", "lost", True)


def test_excel_rows_with_more_cells_than_the_header():
    found = read(workbook(["file", "v"], ["a.png", 1, 2], ["b.png", 3]), "m.xlsx", Ledger())
    assert (values(found), found.bad_rows) == ([3], 1)


def test_an_empty_workbook_is_refused():
    with pytest.raises(InvalidArgument, match="header"):
        read(workbook(), "m.xlsx", Ledger())


# Rows and files


def matched(rows, paths=FILES, folders=(), **options):
    return match(table("file,v\n" + "".join(f"{row}\n" for row in rows), **options), paths, folders=folders)


@pytest.mark.parametrize(
    ("cell", "word"),
    [
        ("x/a.png", ""),
        ("./x/a.png", ""),
        ("x\\a.png", "backslashes"),
        ("/data/scans/x/a.png", "path of the folder"),
        ("scans/x/a.png", "path of the folder"),
        ("a.png", "without their folder"),
        ("x/a", "without their suffix"),
        ("a", "without their suffix"),
        ("X/A.PNG", "upper and lower case"),
        ("A", "upper and lower case"),
    ],
)
def test_how_a_row_names_a_file(cell, word):
    found = matched([f"{cell},1"], folders=("/data/scans", "scans"))
    assert by_file(found) == {"x/a.png": {"v": 1}}
    notes = [note for note in found.table.ledger.notes if note.kind == "table rows"]
    assert (word in str(notes)) if word else not notes
    assert not found.table.ledger.lost


def test_unicode_forms_and_double_suffixes():
    assert by_file(matched(["u\u0308.png,1"], paths=["ü.png"])) == {"ü.png": {"v": 1}}
    assert by_file(matched(["a,1"], paths=["x/a.nii.gz"])) == {"x/a.nii.gz": {"v": 1}}
    assert by_file(matched(["1.2.840,1"], paths=["1.2.840.dcm"])) == {"1.2.840.dcm": {"v": 1}}


@pytest.mark.parametrize(
    ("cell", "paths"),
    [("a.png", ["x/a.png", "y/a.png"]), ("a", ["a.png", "a.jpg"]), ("a", ["a.png", "x/a.png"]), ("A", ["a", "x/a"])],
)
def test_ambiguous_names_are_reported_and_not_used(cell, paths):
    found = matched([f"{cell},1"], paths=paths)
    assert by_file(found) == {}
    note = said(found.table.ledger, "several files")
    assert (note.place, note.weight, found.counts.several_files) == ("meta.csv, row 2", "lost", 1)
    assert all(f"`{path}`" in note.detail for path in paths)


def test_an_exact_path_wins_over_a_bare_name():
    assert by_file(matched(["a.png,1"], paths=["a.png", "x/a.png"])) == {"a.png": {"v": 1}}


def test_rows_that_stand_twice():
    found = matched(["x/a.png,1", "a.png,1", "x/a.png,2", "b.png,3"])
    assert by_file(found) == {"x/a.png": {"v": 1}, "x/b.png": {"v": 3}}
    assert (found.counts.repeated, found.counts.contradicting) == (1, 1)
    note = said(found.table.ledger, "contradict")
    assert (note.place, note.weight) == ("meta.csv, row 4", "lost")
    assert "row 2 is used" in note.detail
    assert said(found.table.ledger, "repeat").weight == "noticed"


def test_rows_without_a_file_and_files_without_a_row():
    rows = [f"no{number}.png,1" for number in range(15)]
    found = matched(["x/a.png,1", ",7", *rows])
    assert found.counts.no_file == 16
    assert found.counts.files_without_row == 2
    assert count(found.table.ledger, "rows that fit no file") == 15
    assert len(list(found.table.ledger.losses())) == 16
    assert {note.place for note in found.table.ledger.notes if note.reason == "files without a row"} == {
        "x/b.png",
        "y/c.png",
    }


def test_files_without_a_row_are_named():
    found = matched(["x/a.png,1"], paths=[*FILES, *(f"z/{number}.png" for number in range(30))])
    assert count(found.table.ledger, "files without a row") == found.counts.files_without_row == 32
    assert len(found.table.ledger.notes) == 32


def test_a_table_without_a_header_is_noticed():
    found = match(table("x/a.png,p1\nx/b.png,p2\n"), FILES)
    assert said(found.table.ledger, "looks like a row")


def test_every_row_is_accounted_for():
    counts = matched(["x/a.png,1", "q,2", "x/a.png,3", "x/a.png,1", "bad", ",4", "c.png,NA"]).counts
    parts = counts.used + counts.repeated + counts.contradicting + counts.no_file + counts.several_files
    assert counts.rows == parts + counts.bad_rows == 7
    assert (counts.cells, counts.files) == (1, 3)


@pytest.mark.parametrize("name", ["file", "filename", "File_Name", "path", "image"])
def test_the_column_that_names_the_files_is_found_and_said(name):
    found = table(f"patient,{name}\np1,a.png\n")
    assert found.file_column == name
    assert name in said(found.ledger, "names the files").detail
    assert found.row(0).values == {"patient": "p1"}


def test_row_numbers_of_pandas_are_not_used():
    found = table(",file,v\n0,a.png,5\n")
    assert found.row(0) == (2, "a.png", {"v": 5}, "", None, ())
    assert said(found.ledger, "has no name").weight == "noticed"


def test_the_first_column_names_the_files_otherwise():
    assert table("scan,v\na.png,1\n").file_column == "scan"
    assert table("image,file\na.png,1\n").file_column == "image"


# Contexts and earlier deliveries


def test_context_as():
    cells = ["5.0", "5", "007", "p1", "5.5", "007.0"]
    found = column(cells, context_column="v", context_as="integer")
    assert values(found) == ["5", "5", "007", "p1", "5.5", "007.0"]
    assert said(found.ledger, "rewritten").count == 1
    assert values(column(cells, context_column="v", context_as="text")) == cells
    with pytest.raises(InvalidArgument, match="Did you mean integer"):
        column(cells, context_column="v", context_as="integr")


def test_two_spellings_in_one_table_are_noticed():
    note = said(column(["5", "5.0", "p"], context_column="v").ledger, "spelled")
    assert (note.count, note.weight) == (1, "noticed")
    assert "`5` and `5.0`" in note.detail


def test_context_ids_that_all_end_with_point_zero_are_noticed():
    note = said(column(["5.0", "7.0", ""], context_column="v").ledger, "with `.0`")
    assert "`option context_as=integer`" in note.detail
    assert column(["5.0"], context_column="v", context_as="text").ledger.notes == []


def test_spellings_against_known_contexts():
    pairs = spellings(["5.0", "05", "6", "p1", "1E2", "-5"], ["5", "6", "100", "p1"])
    assert pairs == (("5", "5.0"), ("5", "05"), ("100", "1E2"))
    assert spellings(["5", "7"], ["5", "8"]) == ()
    assert spellings(["5", "5"]) == ()


def test_context_changes():
    known = {f"{number}.png": "007" for number in range(20)} | {"new.png": ""}
    found = context_changes(known.items(), {**dict.fromkeys(known, "7"), "0.png": "007", "1.png": "", "other.png": "1"})
    assert (found.count, len(found.examples)) == (18, 10)
    assert found.examples[0] == ("2.png", "007", "7")
    assert context_changes(known.items(), known).count == 0


def test_type_changes():
    earlier, notes = column(["1", "2"]).types, Notes("meta.csv", Ledger())
    assert earlier == {"v": "integer"}
    [change] = type_changes(earlier, column(["1", "x"]).types)
    assert (change.column, change.before, change.now, change.compares_alike) == ("v", "integer", "text", False)
    report_changes((change,), notes)
    assert "it was integer and is text" in said(notes.ledger, "another type").detail
    [alike] = type_changes(earlier, column(["1.5"]).types)
    report_changes((alike,), notes)
    assert len(notes.ledger.notes) == 1
    assert type_changes(earlier, column(["", ""]).types) == ()


# Properties

_NUMBERS = st.floats(-1e15, 1e15, allow_nan=False).filter(lambda number: "e" not in repr(number))
_TEXTS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=8).map(str.strip)
_TYPED = {
    "integer": st.integers(-(2**63), 2**63 - 1),
    "number": _NUMBERS,
    "boolean": st.booleans(),
    "date": st.dates().map(str),
    "text": _TEXTS.filter(lambda text: text not in MISSING),
}


@given(st.data(), st.sampled_from(sorted(_TYPED)), st.sampled_from(",;\t|"))
def test_written_values_come_back(data, kind, delimiter):
    cells = data.draw(st.lists(st.one_of(st.none(), _TYPED[kind]), max_size=6))
    sink = io.StringIO()
    writer = csv.writer(sink, delimiter=delimiter)
    writer.writerow(["file", "v"])
    writer.writerows([f"{number}.png", cell] for number, cell in enumerate(cells))
    options = {"column_types": {"v": "text"}} if kind == "text" else {}
    found = table(sink.getvalue(), **options)
    assert values(found) == [None if cell == "" else cell for cell in cells]
    assert not found.ledger.lost


@given(st.lists(st.from_regex(r"[+-]?0*[0-9]{1,22}([.,][0-9]{0,3})?([eE][0-9]{1,3})?", fullmatch=True), max_size=6))
def test_identifiers_never_change_their_spelling(cells):
    text = "file\tv\tw\n" + "".join(f"{number}.png\t{cell}\t{cell}\n" for number, cell in enumerate(cells))
    found = table(text, context_column="v")
    assert values(found) == cells
    if found.columns["w"].type == "text":
        assert values(found, "w") == cells
    else:
        assert [float(cell) for cell in cells] == [float(value) for value in values(found, "w")]


@given(st.binary(max_size=200))
def test_any_bytes_are_a_table_or_refused(content):
    for start in (b"", b"file,v\n", b"PAR1", b"PK\x03\x04"):
        try:
            found = table(start + content)
        except InvalidArgument:
            continue
        assert len(rows(found)) == len(found)


@pytest.mark.parametrize(
    ("cells", "words", "remedy"),
    [
        (["20200101", "20200131"], "days", "2020-01-31"), (["2020", "1999"], "years", "2020-01-01"),
        (["1577836800000000000"], "nanoseconds", "1,000,000"), (["1577836800000000", "5"], "microseconds", "1,000"),
        (["20200131083000"], "times", "T08:30:00"),
    ],
)  # fmt: skip
def test_numbers_that_are_probably_no_milliseconds_are_named(cells, words, remedy):
    found = column([*cells, "2020-01-01"], timestamp_column="v")
    note = said(found.ledger, f"look like {words}")
    assert f"such as `{cells[0]}` in row 2, read as " in note.detail
    assert remedy in note.detail
    assert found.timestamps[0] == int(cells[0])


@pytest.mark.parametrize("cells", [["0", "40", "1960", "2000"], ["20200101", "20209999"], ["1577836800000"]])
def test_numbers_that_may_be_milliseconds_are_not_named(cells):
    assert column(cells, timestamp_column="v").ledger.notes == []


def test_digits_below_milliseconds_are_named_once():
    cells = ["2020-01-01T00:00:00.0009Z", "2020-01-01T00:00:00.0001Z", "2020-01-01T00:00:00.123000Z"]
    found = column(cells, timestamp_column="v")
    assert said(found.ledger, "more digits than milliseconds").count == 2
    times = pa.array([1, 1000, None], pa.timestamp("ns", "UTC"))
    ledger = read(parquet(file=["a", "b", "c"], t=times), "m.parquet", Ledger()).ledger
    assert said(ledger, "more digits").count == 1
    numbers = pa.array([Decimal("0.10"), Decimal("0.12345678901234567891"), None], pa.decimal128(30, 20))
    ledger = read(parquet(file=["a", "b", "c"], t=numbers), "m.parquet", Ledger()).ledger
    assert said(ledger, "more digits").count == 1


@pytest.mark.parametrize("cell", ["2024-10-01 08:30", "2024-10-01T08:30"])
def test_times_to_the_minute_are_dates_and_timestamps(cell):
    found = column([cell, f"{cell}Z"], timestamp_column="v")
    assert found.columns["v"].type == "date"
    assert list(found.timestamps) == [1_727_771_400_000] * 2
    assert said(found.ledger, "those without").count == 1
    assert column([cell], column_types={"v": "date"}).bad_cells == 0


def test_merged_cells_of_a_workbook_are_named():
    book = openpyxl.Workbook()
    for row in [["file", "patient", "x"], ["a.png", "P1", 1], ["b.png", None, None], ["c.png", "P3", 3]]:
        book.active.append(row)
    book.active.merge_cells("B2:C3")
    sink = io.BytesIO()
    book.save(sink)
    found = read(sink.getvalue(), "m.xlsx", Ledger(), context_column="patient")
    note = said(found.ledger, "merged")
    assert (note.place, note.count, note.weight) == ("m.xlsx, row 2", 3, "noticed")
    assert "B2:C3; unmerge them" in note.detail


@pytest.mark.parametrize("types", [{}, {"v": "number"}])
@pytest.mark.parametrize(
    ("cells", "detail", "count"),
    [
        (["1.1", "1.10", "2"], "`1.1` and `1.10`", 2), (["-0", "5"], "`-0` and `0`", 1),
        (["5", "5.0"], "`5` and `5.0`", 2),
        (["1.5", "1.50", "1.500", "2.0", "2.00"], "`1.5` and `1.50`, `2.0` and `2.00`", 5),
    ],
)  # fmt: skip
def test_different_cells_that_become_one_number_are_named_once(cells, detail, count, types):
    note = said(column(cells, column_types=types).ledger, "the same number")
    assert note.detail == f"{detail}; `option column_type=v=text` keeps them apart"
    assert (note.place, note.count, note.weight) == ("meta.csv, column `v`", count, "noticed")


def test_long_numbers_are_named_with_what_becomes_equal():
    cells = ["1.23456789012345678", "1.23456789012345679", "1234567890123456789.5"]
    ledger = column(cells).ledger
    assert said(ledger, "more than 17 digits").count == 3
    assert said(ledger, "the same number").count == 2


@pytest.mark.parametrize("cells", [["0.50", "1.25"], ["1.1", "1.1"], ["007", "7"], ["true", "True"], ["0.0", "1"]])
def test_cells_that_stay_different_are_not_named(cells):
    assert not [note for note in column(cells).ledger.notes if "the same number" in note.reason]
