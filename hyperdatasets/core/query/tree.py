"""The typed tree that a query is parsed into.

A tree is scope-free data: who evaluates it decides what an element is (a frame, one ROI, one source, a row of
private columns). `Some` steps from a frame to its ROIs or sources; its child holds on one and the same element.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Literal

Scope = Literal["frame", "source", "roi", "local"]
Elements = Literal["rois", "sources"]


SEMANTICS = 2
"""The number of the rules that say what a query or a split selects; published views keep the number of their time.

1: as first published. 2: URIs match in decoded form, too; a time to the minute is a date; splits know a number by its
value, so that 5 and 5.0 have one key.
"""


@dataclass(frozen=True, slots=True)
class Field:
    """A path relative to the element (`meta.city`, `label`); `""` is every text of a frame, source or row.

    Attributes:
        semantics: by which rules its values are compared.
    """

    path: str
    keyword: bool = False
    semantics: int = SEMANTICS

    @property
    def decoded(self) -> bool:
        """Whether URIs are compared as they are written and with their %-escapes resolved."""
        return self.semantics >= 2 and self.path in {"", "uri"}

    @property
    def minutes(self) -> bool:
        """Whether times to the minute are dates."""
        return self.semantics >= 2


@dataclass(frozen=True, slots=True)
class Term:
    """A word or a quoted phrase, escapes already resolved."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Parts between wildcards: `*` and `?` are these characters unless escaped by a backslash in `pattern`."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Regex:
    """RE2 syntax, anchored at both ends."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Fuzzy:
    text: str
    edits: int


@dataclass(frozen=True, slots=True)
class Bound:
    text: str
    inclusive: bool


@dataclass(frozen=True, slots=True)
class Range:
    """`None` is an open end."""

    low: Bound | None
    high: Bound | None


@dataclass(frozen=True, slots=True)
class Exists:
    pass


Test = Term | Wildcard | Regex | Fuzzy | Range | Exists


@dataclass(frozen=True, slots=True)
class Leaf:
    """One condition on one field; `position` is where its field or value begins in the query text."""

    field: Field
    test: Test
    position: int = attribute(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Some:
    """The child holds on one element of the frame's ROIs or sources."""

    elements: Elements
    child: Node


@dataclass(frozen=True, slots=True)
class And:
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    children: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    child: Node


@dataclass(frozen=True, slots=True)
class All:
    """Matches everything."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """Matches nothing (a word without any letter or digit on an analysed field, alone)."""


Node = And | Or | Not | Some | Leaf | All | Nothing
