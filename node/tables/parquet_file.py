"""Rows of a Parquet file. Needs pyarrow, the extra `arrow`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from typing import Any, BinaryIO

from hyperdatasets.core.errors import InvalidArgument, Unimplemented
from node.tables.limits import MAX_CELLS, MAX_ROWS
from node.tables.notes import Notes
from node.tables.sheet import Sheet, SheetRow
from node.tables.spelling import Cell
from node.tables.times import clock_text, day_text, moment_text
from node.tables.zones import NaiveTimes

_UNUSABLE = "columns of a type that cannot be used"
_CUT = "values with more digits than a time (microseconds) or a number (17 digits) keeps; the further ones are lost"
_BATCH = 16_384  # rows


def sheet(file: BinaryIO, notes: Notes) -> Sheet:
    """The columns whose type can be used; rows count from 1, as there is no header line.

    Raises:
        InvalidArgument: it is no Parquet file, or has too many cells.
        Unimplemented: pyarrow is not installed here.
    """
    pa, parquet = _pyarrow()
    file.seek(0)
    try:
        opened = parquet.ParquetFile(file)
        schema = opened.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidArgument(f"{notes.name}: it cannot be read as Parquet: {str(error)[:200]}") from None
    usable = [
        each for each in range(len(schema)) if _is_usable(pa, schema.field(each), opened.metadata.num_rows, notes)
    ]
    _check_size(opened.metadata.num_rows, len(usable), notes.name)
    names = [schema.field(each).name for each in usable]
    if len(set(names)) != len(names):
        raise InvalidArgument(f"{notes.name}: a column's name occurs twice")
    return Sheet(names, _rows(pa, opened, names, notes), is_typed=True)


def _pyarrow() -> tuple[Any, Any]:
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        message = "this node reads no Parquet files: install it with the extra `arrow`, or save the table as CSV"
        raise Unimplemented(message) from None


def _check_size(rows: int, columns: int, name: str) -> None:
    if rows > MAX_ROWS:
        raise InvalidArgument(f"{name}: {rows} rows; at most {MAX_ROWS} are allowed")
    if rows * columns > MAX_CELLS:
        raise InvalidArgument(f"{name}: {rows} rows of {columns} columns are too many; at most {MAX_CELLS} cells")


def _is_usable(pa: Any, field: Any, rows: int, notes: Notes) -> bool:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    tests = pa.types
    if not any(fits(kind) for fits in (
        tests.is_string, tests.is_large_string, tests.is_string_view, tests.is_integer, tests.is_floating,
        tests.is_boolean, tests.is_date, tests.is_timestamp, tests.is_time, tests.is_decimal, tests.is_null,
    )):  # fmt: skip
        notes.lose(_UNUSABLE, str(kind), column=field.name, count=rows, kind="table cells")
        return False
    return True


def _rows(pa: Any, opened: Any, names: list[str], notes: Notes) -> Iterator[SheetRow]:
    row, times, cut = 0, NaiveTimes(), Counter[str]()
    naive = [place for place, name in enumerate(names) if _is_naive(pa, opened.schema_arrow.field(name).type)]
    try:
        for batch in opened.iter_batches(batch_size=_BATCH, columns=names):
            found = [batch.column(batch.schema.get_field_index(each)) for each in names]
            cut.update({name: _cut(pa, each) for name, each in zip(names, found, strict=True)})
            columns = [_values(pa, each) for each in found]
            for row, cells in enumerate(zip(*columns, strict=True), start=row + 1):  # noqa: B020
                for place in naive:
                    if cells[place] is not None:
                        times.add(place, row, cells[place])
                yield row, cells
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise InvalidArgument(f"{notes.name}: it cannot be read after row {row}: {str(error)[:200]}") from None
    times.report(names, notes)
    for name, count in (+cut).items():
        notes.notice(_CUT, column=name, count=count, kind="table cells")


def _cut(pa: Any, column: Any) -> int:
    """How many values of a column have digits that are not kept."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if (pa.types.is_timestamp(kind) or pa.types.is_time(kind)) and kind.bit_width == 64 and kind.unit == "ns":
        return sum(value is not None and value % 1000 != 0 for value in column.cast(kind).cast(pa.int64()).to_pylist())
    if pa.types.is_decimal(kind):
        return sum(value is not None and Decimal(repr(_decimal(value))) != value for value in column.to_pylist())
    return 0


def _is_naive(pa: Any, kind: Any) -> bool:
    """Whether a column holds times without a zone."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_timestamp(kind)) and kind.tz is None


def _values(pa: Any, column: Any) -> list[Cell]:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_timestamp(kind):
        micro = column.cast(pa.timestamp("us", kind.tz), safe=kind.unit != "ns")  # what is below them is cut off
        return [None if value is None else moment_text(value) for value in micro.cast(pa.int64()).to_pylist()]
    if pa.types.is_date(kind):
        days = column.cast(pa.date32()).cast(pa.int32())
        return [None if value is None else day_text(value) for value in days.to_pylist()]
    if pa.types.is_time(kind):
        return [None if value is None else clock_text(value) for value in _microseconds(pa, column).to_pylist()]
    if pa.types.is_decimal(kind):
        return [None if value is None else _decimal(value) for value in column.to_pylist()]
    return list(column.to_pylist())


def _microseconds(pa: Any, column: Any) -> Any:
    return column.cast(pa.time64("us"), safe=False)


def _decimal(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)
