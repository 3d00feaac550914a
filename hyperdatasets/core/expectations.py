"""What a check may expect of a version, read from words such as `share <= 2%` into values.

`count` and `share` measure the frames (or ROIs) that the check's queries match, `each` every value of a field,
`no` and `every` name what must not be.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from hyperdatasets.core.errors import InvalidChecks
from hyperdatasets.core.names import did_you_mean, nearest

Unit = Literal["frames", "rois"]
DIGESTS = "digests"  # of the sources' contents; not a field that queries know
PARENT = "parent"

_HOLDS: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_OPERATORS = tuple(_HOLDS)
_IN_WORDS = {
    "==": "exactly", "!=": "other than", "<=": "at most", ">=": "at least", "<": "less than", ">": "more than",
}  # fmt: skip
_TOKEN = re.compile(
    r"\s*(?:(?P<quoted>\"[^\"]*\"|'[^']*')|(?P<operator>[=!<>]=?)|(?P<word>[^\s\"'=!<>]+)|(?P<other>\S))"
)
_NUMBER = re.compile(r"\d{1,18}(\.\d{0,18})?|\.\d{1,18}")
_SHORT = {"label": "rois.label", "digest": DIGESTS}


@dataclass(frozen=True, slots=True)
class Bound:
    """`share` bounds are parts of a whole, from 0 to 1."""

    operator: str
    number: Fraction
    share: bool = False

    def holds(self, measured: Fraction | int) -> bool:
        return _HOLDS[self.operator](Fraction(measured), self.number)

    @property
    def is_upper(self) -> bool:
        """Whether what is measured offends by being too much."""
        return self.operator in {"<", "<="} or (self.operator == "==" and not self.number)


@dataclass(frozen=True, slots=True)
class Amount:
    """How many frames (ROIs) match, or which share of all that the check looks at."""

    bound: Bound
    unit: Unit = "frames"


@dataclass(frozen=True, slots=True)
class Each:
    """Every value of a field stands in so many frames (ROIs), or in such a share of them."""

    field: str
    bound: Bound
    unit: Unit = "frames"


@dataclass(frozen=True, slots=True)
class NoOverlap:
    """No value of the field is selected by two of the views."""

    field: str
    views: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoDuplicates:
    """No two frames (ROIs, sources) hold the same value; `digests`: no two sources have the same content."""

    field: str


@dataclass(frozen=True, slots=True)
class BoxesInside:
    """Every shape lies inside every image that it lies on."""


@dataclass(frozen=True, slots=True)
class NoDrift:
    """The shares of the field's values differ by at most `beyond` (total variation, 0 to 1) from another version's."""

    field: str
    beyond: Fraction
    against: str = ""  # a version of the dataset; empty = each parent


Expectation = Amount | Each | NoOverlap | NoDuplicates | BoxesInside | NoDrift


def read(text: str) -> Expectation:
    """The expectation that the words say.

    Raises:
        InvalidChecks: with `position` (0-based, in characters) and `expected`.
    """
    words = _Words(text)
    match words.keyword("count", "share", "each", "no", "every"):
        case "count" | "share" as measure:
            found: Expectation = _amount(words, measure)
        case "each":
            found = _each(words)
        case "every":
            for word in ("box", "inside", "its", "image"):
                words.keyword(word)
            found = BoxesInside()
        case _:
            found = _no(words)
    words.end()
    return found


def in_words(expectation: Expectation) -> str:
    """The same for people, without abbreviations."""
    match expectation:
        case Amount(bound, unit):
            return f"{bound_in_words(bound)} {'of the ' if bound.share else ''}{unit_in_words(unit)}"
        case Each(field, bound, unit):
            what = f"{bound_in_words(bound)} {'of the ' if bound.share else ''}{unit_in_words(unit)}"
            return f"each value of {field} in {what}"
        case NoOverlap(field, views):
            return f"no value of {field} in more than one of the views {', '.join(views)}"
        case NoDuplicates(field):
            return "no content of a source twice" if field == DIGESTS else f"no value of {field} twice"
        case BoxesInside():
            return "every box inside its image"
        case NoDrift(field, beyond, against):
            other = f"version {against}" if against else "the parent"
            return f"shares of {field} at most {float(beyond):.10g} away from those of {other}"


def bound_in_words(bound: Bound) -> str:
    number = f"{float(bound.number * 100):.10g} %" if bound.share else str(bound.number)
    return f"{_IN_WORDS[bound.operator]} {number}"


def unit_in_words(unit: Unit) -> str:
    return "ROIs" if unit == "rois" else "frames"


def _amount(words: _Words, measure: str) -> Amount:
    bound = _bound(words, share=measure == "share")
    return Amount(bound, words.unit())


def _each(words: _Words) -> Each:
    field = words.field()
    bound = _bound(words, share=None)
    unit = words.unit()
    if unit == "rois" and not field.startswith("rois."):
        raise words.wrong(f"frames ({field} is no field of ROIs)")
    return Each(field, bound, unit)


def _no(words: _Words) -> Expectation:
    match words.keyword("overlap", "duplicate", "drift"):
        case "overlap":
            words.keyword("of")
            field = words.field()
            words.keyword("between")
            words.keyword("views")
            return NoOverlap(field, _views(words))
        case "duplicate":
            return NoDuplicates(words.field())
        case _:
            words.keyword("of")
            field = words.field()
            words.keyword("distribution")
            words.keyword("beyond")
            beyond, _ = words.number(share=True)
            words.keyword("against")
            if words.keyword(PARENT, "version") == PARENT:
                return NoDrift(field, beyond)
            return NoDrift(field, beyond, words.name("the name of a version"))


def _views(words: _Words) -> tuple[str, ...]:
    views = [words.name("the name of a view")]
    words.keyword("and")
    while True:
        views.append(words.name("the name of a view"))
        if views[-1] in views[:-1]:
            raise words.wrong("another view")
        if not words.keyword_if("and"):
            return tuple(views)


def _bound(words: _Words, *, share: bool | None) -> Bound:
    """`share`: whether the number is one; None = if it is written with %."""
    sign = words.operator()
    number, is_share = words.number(share=share)
    return Bound(sign, number, is_share)


class _Words:
    """An expectation, word by word."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = [(match.lastgroup, match.group(match.lastgroup or 0), match.start(match.lastgroup or 0))
                        for match in _TOKEN.finditer(text)]  # fmt: skip
        self._place = 0

    def keyword(self, *choices: str) -> str:
        kind, word = self._next()
        if kind != "word" or word not in choices:
            close = did_you_mean(nearest(word, choices)) if kind == "word" else ""
            raise self._wrong(_listed(choices), self._place - 1, close)
        return word

    def keyword_if(self, word: str) -> bool:
        """Reads the word if it comes next."""
        if self._place < len(self._tokens) and self._tokens[self._place][:2] == ("word", word):
            self._next()
            return True
        return False

    def operator(self) -> str:
        kind, sign = self._next()
        if kind != "operator" or sign not in _OPERATORS:
            close = " Did you mean ==?" if sign == "=" else ""
            raise self._wrong(_listed(_OPERATORS), self._place - 1, close)
        return sign

    def number(self, *, share: bool | None) -> tuple[Fraction, bool]:
        """A number, and whether it is a share: written with %, or where only a share can stand."""
        kind, word = self._next()
        percent = word.endswith("%") and share is not False
        digits = word.removesuffix("%")
        if kind != "word" or not _NUMBER.fullmatch(digits) or (word.endswith("%") and not percent):
            raise self._wrong(_number_words(share=share), self._place - 1)
        number = Fraction(digits) / (100 if percent else 1)
        is_share = percent or bool(share)
        if (is_share and number > 1) or (not is_share and number.denominator != 1):
            raise self._wrong(_number_words(share=share), self._place - 1)
        return number, is_share

    def unit(self) -> Unit:
        """What is counted; frames if nothing is said."""
        if self._place == len(self._tokens):
            return "frames"
        if self.keyword_if("of"):
            self.keyword_if("the")
        word = self.keyword("frames", "frame", "rois", "roi")
        return "frames" if word.startswith("frame") else "rois"

    def field(self) -> str:
        name = self.name("a field, such as label or context_id")
        return _SHORT.get(name, name)

    def name(self, expected: str) -> str:
        kind, word = self._next()
        if kind == "quoted" and len(word) > 2:
            return word[1:-1]
        if kind != "word":
            raise self._wrong(expected, self._place - 1)
        return word

    def end(self) -> None:
        if self._place < len(self._tokens):
            raise self._wrong("the end", self._place)

    def wrong(self, expected: str) -> InvalidChecks:
        """The error for the word that was read last."""
        return self._wrong(expected, self._place - 1)

    def _next(self) -> tuple[str | None, str]:
        self._place += 1
        if self._place > len(self._tokens):
            return None, ""
        kind, word, _ = self._tokens[self._place - 1]
        return kind, word

    def _wrong(self, expected: str, place: int, close: str = "") -> InvalidChecks:
        at_end = place >= len(self._tokens)
        position = len(self._text) if at_end else self._tokens[place][2]
        got = "the end" if at_end else f"`{self._tokens[place][1]:.60}`"
        return InvalidChecks(
            f"at position {position} expected {expected}, got {got}.{close}", position=position, expected=expected
        )


def _listed(choices: tuple[str, ...]) -> str:
    return f"{', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else f"`{choices[0]}`"


def _number_words(*, share: bool | None) -> str:
    if share:
        return "a share, such as .02 or 2%"
    return "a whole number" if share is False else "a whole number, or a share with %, such as 2%"
