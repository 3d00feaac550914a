"""Patterns that bring other matchers to a standstill cost little: time grows with the text, not with its powers."""

from __future__ import annotations

import time

import pytest

from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import Fuzzy, Leaf, Regex, Wildcard
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.segment import Row
from hyperdatasets.engine.words import predicate, within
from tests.reference.evaluate import distance

LONG = "a" * 20_000
HARD = [
    ("/(a+)+$/", LONG + "!"),
    ("/(a|a)*b/", LONG),
    ("/(a|b)?" + "(a|b)?" * 3_000 + "/", LONG),
    ("/(.*a.*){100}b/", LONG),
    ("*a" * 2_000 + "*b", LONG),
    ("*" * 10_000 + "b", LONG),
    ("?" * 19_000 + "b", LONG),
    (f"{'a' * 19_000}b~2", "a" * 19_002),
]


@pytest.mark.slow
@pytest.mark.parametrize(("query", "text"), HARD, ids=lambda value: value[:20])
def test_a_hard_pattern_on_a_long_text_ends_soon(query: str, text: str) -> None:
    leaf = parse(f"meta.x.keyword:{query}", "frame").node
    assert isinstance(leaf, Leaf)
    assert isinstance(leaf.test, Fuzzy | Regex | Wildcard)
    started = time.process_time()
    predicate(leaf.test, exact=True)(text)
    assert time.process_time() - started < 2


@pytest.mark.slow
def test_hard_patterns_over_many_values_end_soon() -> None:
    index = DatasetIndex()
    index.add(
        Row(i, {"id": f"{i:x}", "sources": [{"id": "s", "uri": "u"}], "meta": {"x": f"{i:b}".replace("0", "a")}})
        for i in range(20_000)
    )
    for query in ("*", "/(a+)+1$/", "*a*a*a*a*a*1", "a1aa~2", "/(a|1)?(a|1)?(a|1)?/"):
        started = time.process_time()
        index.search(parse(f"meta.x:{query}", "frame").node, "frame")
        assert time.process_time() - started < 5, query


@pytest.mark.parametrize("a", ["", "a", "ab", "abc", "acb", "bca", "abcd", "badc", "xabc"])
@pytest.mark.parametrize("b", ["", "a", "ba", "abc", "cab", "abdc", "abcdef", "bxac"])
def test_the_band_of_edits_says_what_the_whole_table_says(a: str, b: str) -> None:
    for edits in range(4):
        assert within(a, b, edits) == (distance(a, b) <= edits)
