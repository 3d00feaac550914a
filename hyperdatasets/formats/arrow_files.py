"""Tables in files that pyarrow reads: Parquet, Arrow IPC, Feather; opened through a folder, read in batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.formats.folder import Folder, Unreadable

try:
    import pyarrow as pa
    import pyarrow.feather
    import pyarrow.ipc
    import pyarrow.parquet  # noqa: F401  # modules are attributes of the package once they are imported
except ImportError:  # an extra
    pa = None

SUFFIXES = (".parquet", ".pq", ".arrow", ".feather")
_BATCH = 1_024  # rows


def there() -> bool:
    """Whether pyarrow is installed."""
    return pa is not None


def needed() -> None:
    """Raises InvalidConfig: pyarrow is not installed."""
    if pa is None:
        raise InvalidConfig("Parquet and Arrow files need pyarrow: pip install 'hyperdatasets[arrow]'")


@dataclass(frozen=True, slots=True)
class Table:
    """An open file.

    Attributes:
        schema: of pyarrow.
        rows: how many, or about how many where counting means reading.
        batches: rows as dictionaries; once. Of several columns of one name they have the first.
    """

    schema: Any
    rows: int
    batches: Iterator[list[dict[str, Any]]]

    @property
    def further(self) -> list[str]:
        """Names of columns that stand after another one of their name."""
        names = self.schema.names
        return [name for place, name in enumerate(names) if name in names[:place]]


@contextmanager
def table(folder: Folder, path: str) -> Iterator[Table]:
    """Raises Unreadable: it is no table, also while its batches are read."""
    needed()
    try:
        with folder.open(path) as file:
            yield _open(file)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise Unreadable(f"cannot be read as a table: {str(error)[:200]}") from None


def _open(file: BinaryIO) -> Table:
    head = file.read(6)
    file.seek(0)
    if head.startswith(b"PAR1"):
        parquet = pa.parquet.ParquetFile(file)
        return Table(parquet.schema_arrow, parquet.metadata.num_rows, _plain(parquet.iter_batches(_BATCH)))
    if head == b"ARROW1":
        reader = pa.ipc.open_file(file)
        count = reader.num_record_batches
        first = reader.get_batch(0).num_rows if count else 0
        return Table(reader.schema, first * count, _plain(map(reader.get_batch, range(count))))
    if head.startswith(b"FEA1"):
        found = pa.feather.read_table(file)
        return Table(found.schema, found.num_rows, _plain(found.to_batches(_BATCH)))
    stream = pa.ipc.open_stream(file)
    return Table(stream.schema, 1, _plain(stream))


def _plain(batches: Any) -> Iterator[list[dict[str, Any]]]:
    for batch in batches:
        batch.validate(full=True)  # else a damaged file may make pyarrow read what is not its own
        names = batch.schema.names
        if len(set(names)) < len(names):
            batch = batch.select([place for place, name in enumerate(names) if name not in names[:place]])  # noqa: PLW2901
        for start in range(0, batch.num_rows, _BATCH):
            yield batch.slice(start, _BATCH).to_pylist()


__all__ = ["SUFFIXES", "Table", "needed", "pa", "table", "there"]
