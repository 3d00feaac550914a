"""Tables as which objects show themselves: aligned text in a terminal, escaped HTML in a notebook.

The HTML has no script, loads nothing, and sets no colours of its own but grey lines, so that light and dark pages can
show it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import repeat

from hyperdatasets.core.escapes import on_one_line

TEXT_ROWS, HTML_ROWS = 30, 100
_TEXT_CELL, _HTML_CELL, _WHOLE_CELL = 60, 300, 2000  # characters
_LINE = "1px solid rgba(128,128,128,.4)"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below the names of their columns; only the first rows are shown, and the end of long cells is left out.

    Attributes:
        head: names of columns; empty for pairs of a name and a value.
        rows: each has as many cells as there are columns.
        whole: columns whose cells are shown whole, such as messages, which end with what to do.
    """

    title: str
    head: Sequence[str] = ()
    rows: Sequence[Sequence[object]] = ()
    whole: Sequence[str] = ()

    @classmethod
    def of_facts(cls, title: str, facts: Mapping[str, object]) -> Table:
        """Names with their values; empty ones are left out."""
        return cls(title, (), [(name, value) for name, value in facts.items() if value or type(value) is int])

    def text(self) -> str:
        """The title on its line, then the rows, aligned."""
        shown = self._shown(TEXT_ROWS, _TEXT_CELL)
        rows = [list(self.head), *shown] if self.head and shown else shown
        widths = [max(map(_width, column)) for column in zip(*rows, strict=True)]
        right = _numeric(self.rows[:TEXT_ROWS])
        lines = ["  ".join(map(_aligned, row, widths, right)).rstrip() for row in rows]
        return "\n  ".join([on_one_line(self.title), *lines, *self._rest(TEXT_ROWS)])

    def html(self) -> str:
        """The same as HTML; all texts are escaped."""
        right = _numeric(self.rows[:HTML_ROWS])
        head = "".join(_cell("th", name, is_right) for name, is_right in zip(self.head, right, strict=False))
        rows = ["".join(map(_body_cell, row, right)) for row in self._shown(HTML_ROWS, _HTML_CELL)]
        lines = [f"<tr>{row}</tr>" for row in ([head, *rows] if head else rows)]
        table = f'<table style="border-collapse:collapse">{"".join(lines)}</table>' if lines else ""
        rest = "".join(f"<div>{escape(words)}</div>" for words in self._rest(HTML_ROWS))
        title = f"<div><strong>{escape(on_one_line(self.title))}</strong></div>"
        return f'<div style="margin-bottom:8px">{title}{table}{rest}</div>'

    def _shown(self, rows: int, cell: int) -> list[list[str]]:
        """The texts of the first rows, with at most so many characters in a cell."""
        longest = [_WHOLE_CELL if name in self.whole else cell for name in self.head]
        return [[*map(_text, row, longest or repeat(cell))] for row in self.rows[:rows]]

    def _rest(self, shown: int) -> list[str]:
        return [f"… and {len(self.rows) - shown} more"] if len(self.rows) > shown else []


def cell_text(value: object) -> str:
    """A value as people read it; nothing for None."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{on_one_line(str(key))}: {_within(each)}" for key, each in value.items())
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(map(_within, value))
    return "" if value is None else on_one_line(str(value))


def _within(value: object) -> str:
    """A value inside of another one, with brackets around what has parts."""
    if isinstance(value, Mapping):
        return f"{{{cell_text(value)}}}"
    return f"[{cell_text(value)}]" if isinstance(value, list | tuple) else cell_text(value)


def _text(value: object, longest: int) -> str:
    text = cell_text(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _numeric(rows: Sequence[Sequence[object]]) -> list[bool]:
    """For each column, whether all its values are numbers; these are aligned on the right."""
    return [
        all(isinstance(value, int | float) and not isinstance(value, bool) for value in column)
        for column in zip(*rows, strict=True)
    ]


def _width(text: str) -> int:
    """The width in columns of a terminal: a wide character takes two, a combining one none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )


def _aligned(text: str, width: int, right: bool) -> str:  # noqa: FBT001  # a column's
    blank = " " * (width - _width(text))
    return blank + text if right else text + blank


def _body_cell(value: str, right: bool) -> str:  # noqa: FBT001  # a column's
    return _cell("td", value, right)


def _cell(tag: str, text: str, right: bool) -> str:  # noqa: FBT001  # a column's
    side = "right" if right else "left"
    return f'<{tag} style="text-align:{side};padding:2px 8px;border-bottom:{_LINE}">{escape(text)}</{tag}>'
