"""Checks: declared expectations on a version, read from YAML. Everything in it is data; nothing is executed.

checks:
  - name: every cell has a label
    frame_query: NOT rois:*
    expect: count == 0
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from hyperdatasets.core import expectations
from hyperdatasets.core.errors import InvalidArgument, InvalidChecks, InvalidQuery
from hyperdatasets.core.expectations import DIGESTS, Amount, Each, Expectation, NoDuplicates, NoOverlap, in_words
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import Scope
from hyperdatasets.core.section import Section
from hyperdatasets.core.yaml_text import load

MAX_TEXT = 100_000  # characters
MAX_CHECKS = 100
MAX_NAME = 200
MAX_VALUES = 1_000  # that an `each` names
_QUERIES: tuple[tuple[str, Scope], ...] = (
    ("where", "frame"), ("frame_query", "frame"), ("roi_query", "roi"), ("source_query", "source"),
)  # fmt: skip
_KEYS = ("name", "expect", "values", *(key for key, _ in _QUERIES))


@dataclass(frozen=True, slots=True)
class Check:
    """The check looks at the frames that the queries match, a ROI query also at those ROIs alone.

    `where` is what a share is a share of; `values` are those that `each` asks for although they may be missing.
    """

    name: str
    expectation: Expectation
    frame_query: str = ""
    roi_query: str = ""
    source_query: str = ""
    where: str = ""
    values: tuple[str, ...] = ()

    @property
    def expected(self) -> str:
        """What is expected, in words, with the queries that say of what."""
        queries = [f"{key.removesuffix('_query')} {text}" for key, _ in _QUERIES if (text := getattr(self, key))]
        return in_words(self.expectation) + (f" ({'; '.join(queries)})" if queries else "")


def from_yaml(text: str) -> tuple[Check, ...]:
    """Checks from YAML.

    Raises:
        InvalidChecks: with the line, what was expected there, and the nearest names.
    """
    plain, lines = load(text, InvalidChecks, limit=MAX_TEXT)
    top = Section(plain, "", InvalidChecks, ("checks",), lines)
    found = top.sections("checks", _KEYS, _check, limit=MAX_CHECKS)
    if not found:
        raise InvalidChecks("checks: expected a list of at least one check, each with `expect`")
    named = [check.name for check in found]
    twice, count = Counter(named).most_common(1)[0]
    if count > 1:
        second = [place for place, name in enumerate(named) if name == twice][1]
        raise InvalidChecks(
            f"line {lines[f'checks[{second}]']}: there is a check `{twice}` above; give it another name"
        )
    return found


def _check(section: Section) -> Check:
    expectation = _expectation(section)
    queries = {key: _query(section, key, scope) for key, scope in _QUERIES}
    _check_fits(section, expectation)
    return Check(
        name=section.text("name", limit=MAX_NAME) or section.text("expect")[:MAX_NAME],
        expectation=expectation,
        values=section.texts("values", limit=MAX_VALUES),
        **queries,
    )


def _expectation(section: Section) -> Expectation:
    text = section.text("expect", limit=2_000)
    if not text.strip():
        raise section.fail("expect", "what is to hold, such as `count == 0`")
    try:
        return expectations.read(text)
    except InvalidChecks as error:
        raise _located(section, "expect", error) from None


def _query(section: Section, key: str, scope: Scope) -> str:
    text = section.text(key)
    try:
        parse(text, scope)
    except InvalidQuery as error:
        raise _located(section, key, error) from None
    return text


def _located(section: Section, key: str, error: InvalidArgument) -> InvalidChecks:
    return InvalidChecks(f"{section.at(key)}: {error.message}", line=section.line(key), **error.fields)


def _check_fits(section: Section, expectation: Expectation) -> None:
    """Keys that would be left unread are refused: a check must not look at other things than it seems to."""
    unread: dict[str, str] = {}
    if not (isinstance(expectation, Amount) and expectation.bound.share):
        unread["where"] = "it goes with `share` alone: the frames that the share is taken of; use `frame_query`"
    if not isinstance(expectation, Each):
        unread["values"] = "it goes with `each` alone"
    if isinstance(expectation, NoOverlap):
        unread |= {key: "a view says itself which frames it selects" for key, _ in _QUERIES}
    if isinstance(expectation, NoDuplicates) and expectation.field == DIGESTS:
        unread["roi_query"] = "contents are those of whole sources; use `frame_query`"
    for key, why in unread.items():
        if key in section:
            raise InvalidChecks(f"{section.at(key)}: {why}", line=section.line(key))
