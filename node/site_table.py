"""The table of a registration: private columns, contexts and timestamps of the files of a folder."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hyperdatasets.core.errors import FailedPrecondition, InvalidArgument, NotFound
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.reading import Reading
from node import tables
from node.sources.local import LocalRoot

_SHOWN = 5
_CONTEXT_KEPT = "frames whose row has no context id keep the one that they have"
_TIME_KEPT = "frames whose row has no timestamp keep the one that they have"
_REMOVED = "values of an earlier table that an empty cell removed"
_VALUE_KEPT = "values of an earlier table that were kept, since their new cells do not fit the type of the column"


@dataclass(frozen=True, slots=True)
class TableOrder:
    """How the table is read.

    Attributes:
        file: CSV, Parquet or Excel, beside the data or below the root; empty = none.
        context_column, timestamp_column: become `context_id` and `timestamp` of the frames.
        column_types: column -> type, instead of the one that is found.
        context_as: `integer` or `text`: how context ids are read that are spelled like numbers.
        rename_contexts: known frames may get another context id.
    """

    file: str = ""
    context_column: str = ""
    timestamp_column: str = ""
    column_types: Mapping[str, str] = field(default_factory=dict)
    context_as: str = ""
    rename_contexts: bool = False

    def __post_init__(self) -> None:
        asked = [
            option
            for option, value in (
                ("`option context_column`", self.context_column), ("`option timestamp_column`", self.timestamp_column),
                ("`option column_type`", self.column_types), ("`option context_as`", self.context_as),
            )
            if value
        ]  # fmt: skip
        if asked and not self.file:
            raise InvalidArgument(f"{', '.join(asked)} needs a table: say which with `option columns`")


def located(name: str, root: LocalRoot, below: bytes) -> bytes:
    """The path of a table below the root.

    Args:
        name: a path from the folder on, or from the root on, or an absolute one, whose folders may be links.
        below: the folder's path below the root, with `/`; empty for the root.

    Raises:
        NotFound: there is no such file.
    """
    for path in _candidates(name, root, os.fsdecode(below)):
        if path is not None and ".." not in path.parts and _is_file(root.folder / path):
            return os.fsencode(path)
    raise NotFound(f"there is no file {name} beside the data or below the root", kind="file", name=name)


def _is_file(path: Path) -> bool:
    """Whether there is something but a folder; a link to a file is refused when it is opened."""
    return os.path.lexists(path) and not path.is_dir()


def _candidates(name: str, root: LocalRoot, below: str) -> Sequence[Path | None]:
    path = Path(os.path.normpath(name))
    if path.is_absolute():
        return (root.relative(path.parent.resolve() / path.name),) if "\0" not in name else ()
    return Path(os.path.normpath(below + name)), path


class SiteTable:
    """A table with the rows of files; without one, no file has a row."""

    def __init__(self, order: TableOrder, matched: tables.Matched | None, ledger: Ledger) -> None:
        self._order, self._matched = order, matched
        self._notes = tables.Notes(matched.table.name if matched else "", ledger)
        self._earlier: Collection[str] = ()

    @classmethod
    def read(cls, order: TableOrder, path: bytes, reading: Reading, root: LocalRoot, below: bytes) -> SiteTable:
        """The table at a path below the root, with the rows of the files of a folder.

        Raises:
            InvalidArgument: there is no such column, or the table cannot be read.
        """
        ledger = reading.ledger
        if not order.file:
            return cls(order, None, ledger)
        try:
            file = root.file(path)
        except OSError as error:
            raise InvalidArgument(f"{order.file} cannot be read: {error.strerror}") from None
        with file:
            table = tables.read(
                file, order.file, ledger, column_types=order.column_types, context_column=order.context_column,
                timestamp_column=order.timestamp_column, context_as=order.context_as,
            )  # fmt: skip
        folder = reading.folder
        names = (str(folder.path), os.fsdecode(below).rstrip("/"))
        matched = tables.match(table, folder.files, folders=names, data=folder.data)
        _tell(ledger, table, matched)
        return cls(order, matched, ledger)

    @property
    def types(self) -> Mapping[str, str]:
        """Type of each private column that has a value."""
        return self._matched.table.types if self._matched else {}

    def row(self, path: str) -> tables.Row | None:
        """The row of a file; None = it has none."""
        return self._matched.row(path) if self._matched else None

    def tell_kept(self, row: tables.Row, *, context: str, timestamp: int | None) -> None:
        """Names a row without a context or time whose frame keeps the one that it has."""
        if self._order.context_column and context and not row.context_id:
            self._notes.notice(_CONTEXT_KEPT, tables.shown(context), row=row.number, kind="frames")
        if self._order.timestamp_column and timestamp is not None and row.timestamp is None:
            self._notes.notice(_TIME_KEPT, str(timestamp), row=row.number, kind="frames")

    def replaced(self, row: tables.Row) -> set[str]:
        """Private columns whose old values a row replaces; where a cell gives no context, time or value, they stay."""
        table = self._matched.table if self._matched else None
        if table is None:
            return set()
        stays = {
            "" if row.context_id else table.context_column,
            table.timestamp_column if row.timestamp is None else "",
        }
        return set(table.private) - stays - set(row.unread)

    def tell_removed(self, row: tables.Row, before: Collection[str], now: Collection[str]) -> None:
        """Names the private columns whose old value an empty cell of a row removed, or a bad one kept.

        Args:
            before, now: names of the private columns of the frame.
        """
        gone = set(before) - set(now)
        if kept := sorted(set(row.unread) & set(before)):
            detail = ", ".join(map(tables.shown, kept))
            self._notes.notice(_VALUE_KEPT, detail, row=row.number, count=len(kept), kind="attributes")
        if removed := sorted(self.replaced(row) & gone):
            detail = ", ".join(map(tables.shown, removed))
            self._notes.notice(_REMOVED, detail, row=row.number, count=len(removed), kind="attributes")

    def close(self) -> None:
        """Called when all rows were taken."""
        self._notes.close()

    def check_contexts(self, known: Sequence[tuple[str, str]], everywhere: Collection[str]) -> None:
        """Nothing is written if known frames would get other contexts, or ids differ only in how they are spelled.

        Args:
            known: path in the folder and context id of each known frame.
            everywhere: all context ids of the dataset.

        Raises:
            FailedPrecondition: says how many, and with which option it goes on.
        """
        if self._matched is None or not self._order.context_column:
            return
        now = self._matched.contexts
        changes = tables.context_changes(known, now)
        if changes.count and not self._order.rename_contexts:
            shown = "; ".join(
                f"{each.file}: `{each.before}` becomes `{each.now}`" for each in changes.examples[:_SHOWN]
            )
            raise FailedPrecondition(
                f"registering would change the context_id of {changes.count} known frames ({shown}); nothing was "
                "written. `option rename_contexts` renames them"
            )
        renamed = {context for path, context in known if now.get(path, "") not in {"", context}}
        ids = set(filter(None, now.values()))  # two spellings of the table itself are noticed when it is read
        there = sorted(set(everywhere) - renamed - ids)
        pairs = [each for each in tables.spellings(sorted(ids.difference(everywhere)), there) if each.one in there]
        if pairs and not self._order.context_as:
            shown = ", ".join(f"`{one}` and `{other}`" for one, other in pairs[:_SHOWN])
            raise FailedPrecondition(
                f"{len(pairs)} context ids differ from others only in the spelling of a number ({shown}); nothing was "
                "written. `option context_as=integer` takes them as whole numbers, `option context_as=text` as they "
                "are written"
            )

    def had(self, name: str) -> bool:
        """Whether an earlier table had a private column."""
        return name in self._earlier

    def check_types(self, known: Mapping[str, str]) -> None:
        """Takes the columns of earlier tables with their types, and names those that have another type now."""
        self._earlier = known.keys()
        if self._matched is not None:
            tables.report_changes(tables.type_changes(known, self.types), self._notes)


def _tell(ledger: Ledger, table: tables.Table, matched: tables.Matched) -> None:
    counts = matched.counts
    without, twice = counts.no_file + counts.several_files, counts.repeated + counts.contradicting
    ledger.about.append(
        f"{table.name}: {counts.used} of {counts.rows} rows used; {without} fit no file; {counts.files_without_row} of "
        f"{counts.files} files have no row; {twice} rows stand twice; {counts.bad_rows} bad rows, "
        f"{counts.bad_cells} bad cells"
    )
    types = ", ".join(f"{name} {kind}" for name, kind in table.types.items())
    ledger.about.append(f"{table.name}: columns {types or 'without any value'}")
    ledger.keep("table rows", counts.used)
    ledger.keep("table cells", counts.cells)
