"""The query language: what texts mean, what is refused and where, and that nothing makes it stumble."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperdatasets.core.errors import InvalidQuery
from hyperdatasets.core.query.parse import MAX_CHARACTERS, MAX_CLAUSES, parse
from hyperdatasets.core.query.tree import (
    All,
    And,
    Bound,
    Exists,
    Field,
    Fuzzy,
    Leaf,
    Node,
    Not,
    Nothing,
    Or,
    Range,
    Regex,
    Scope,
    Some,
    Term,
    Wildcard,
)
from hyperdatasets.core.query.unparse import unparse
from tests.reference import strategies


def meta(name: str, test: object) -> Leaf:
    return Leaf(Field(f"meta.{name}"), test)  # type: ignore[arg-type]


def any_text(text: str) -> Leaf:
    return Leaf(Field(""), Term(text))


def label(text: str, *, quoted: bool = False) -> Leaf:
    return Leaf(Field("label", keyword=True), Term(text, quoted))


READINGS: list[tuple[Scope, str, Node]] = [
    ("frame", "", All()),
    ("frame", "  ", All()),
    ("frame", "*", All()),
    ("roi", "*:*", All()),
    ("frame", "rain night", And((any_text("rain"), any_text("night")))),
    ("frame", "a b OR c", Or((And((any_text("a"), any_text("b"))), any_text("c")))),
    ("frame", "a && b || !c", Or((And((any_text("a"), any_text("b"))), Not(any_text("c"))))),
    ("frame", "NOT NOT a", Not(Not(any_text("a")))),
    ("frame", "+a -b", And((any_text("a"), Not(any_text("b"))))),
    ("frame", "ANDROID NOTE", And((any_text("ANDROID"), any_text("NOTE")))),
    ("frame", "Foxes-Brown image/png", And((any_text("Foxes-Brown"), any_text("image/png")))),
    ("frame", "site://a/b", any_text("site://a/b")),
    ("frame", "12:30", any_text("12:30")),
    ("frame", "-5", Not(any_text("5"))),
    ("frame", "meta.n:-5", meta("n", Term("-5"))),
    ("frame", "meta.n:[-5 TO -1}", meta("n", Range(Bound("-5", inclusive=True), Bound("-1", inclusive=False)))),
    ("frame", "meta.n:{* TO 3]", meta("n", Range(None, Bound("3", inclusive=True)))),
    ("frame", "meta.n:>=2.5", meta("n", Range(Bound("2.5", inclusive=True), None))),
    ("frame", "meta.n:< 3", meta("n", Range(None, Bound("3", inclusive=False)))),
    ("frame", 'meta.s:["a b" TO "c"]', meta("s", Range(Bound("a b", inclusive=True), Bound("c", inclusive=True)))),
    ("frame", "meta.s:[\\* TO c]", meta("s", Range(Bound("*", inclusive=True), Bound("c", inclusive=True)))),
    ("frame", "meta.x:*", meta("x", Exists())),
    ("frame", "_exists_:meta.x", meta("x", Exists())),
    ("frame", "meta.x:te?t*", meta("x", Wildcard("te?t*"))),
    ("frame", "meta.x:te\\?t*", meta("x", Wildcard("te\\?t*"))),
    ("frame", "meta.x:te\\?t", meta("x", Term("te?t"))),
    ("frame", "meta.x:/a[bc]+/", meta("x", Regex("a[bc]+"))),
    ("frame", "meta.x:/a\\/b/", meta("x", Regex("a/b"))),
    ("frame", "ab~ abc~ abcdef~ abcdef~1", And(tuple(
        Leaf(Field(""), Fuzzy(word, edits)) for word, edits in
        (("ab", 0), ("abc", 1), ("abcdef", 2), ("abcdef", 1))))),
    ("frame", "rain^2", any_text("rain")),
    ("frame", "meta.c:(a OR b)", Or((meta("c", Term("a")), meta("c", Term("b"))))),
    ("frame", 'meta.c.keyword:"A b"', Leaf(Field("meta.c", keyword=True), Term("A b", quoted=True))),
    ("frame", "rois.label:car", Some("rois", Leaf(Field("label"), Term("car")))),
    ("frame", "rois:(car AND confidence:>.8)", Some("rois", And((
        label("car"), Leaf(Field("confidence"), Range(Bound(".8", inclusive=False), None)))))),
    ("frame", "sources:(width:640)", Some("sources", Leaf(Field("width"), Term("640")))),
    ("frame", "_exists_:rois", Some("rois", All())),
    ("source", "source.width:640 sources.height:480",
     And((Leaf(Field("width"), Term("640")), Leaf(Field("height"), Term("480"))))),
    ("roi", '"Bus Stop" Blue', And((label("Bus Stop", quoted=True), label("Blue")))),
    ("roi", "'Bus Stop' Blue", And((label("Bus Stop", quoted=True), label("Blue")))),
    ("roi", "rois.confidence:1", Leaf(Field("confidence"), Term("1"))),
    ("roi", "-", Nothing()),
    ("local", "local.age:>=18", Leaf(Field("age"), Range(Bound("18", inclusive=True), None))),
    ("frame", "…", Nothing()),
    ("frame", "a …", any_text("a")),
    ("frame", "can't", any_text("can't")),
]  # fmt: skip


@pytest.mark.parametrize(("scope", "text", "node"), [r for r in READINGS if r[1] != "-"])
def test_reading(scope: Scope, text: str, node: Node) -> None:
    assert parse(text, scope).node == node


REFUSED = [
    ("frame", "a AND", 5, "a word"),
    ("frame", "(a", 2, ")"),
    ("frame", "a)", 1, "the end"),
    ("frame", "meta.x:", 7, "a word"),
    ("frame", "meta.n:[1 TO", 12, "a value"),
    ("frame", "meta.n:[1 2]", 10, "TO"),
    ("frame", '"open', 0, "a word"),
    ("frame", "/(/", 0, "RE2"),
    ("frame", '"a b"~2', 0, "a phrase without ~"),
    ("frame", "me*:x", 0, "a field"),
    ("frame", "meta.d:>now-1d", 8, "a date"),
    ("frame", "meta.d:[2024-01-01||/M TO *]", 8, "a date"),
    ("frame", "word~3", 4, "~1"),
    ("frame", "local.age:3", 0, "another field"),
    ("roi", "local.age:3", 0, "another field"),
    ("frame", "-", 1, "a word"),
]


@pytest.mark.parametrize(("scope", "text", "position", "expected"), REFUSED)
def test_refusal_says_where_and_what_was_expected(scope: Scope, text: str, position: int, expected: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        parse(text, scope)
    assert caught.value.fields["position"] == str(position)
    assert expected in caught.value.fields["expected"]
    assert f"position {position}" in str(caught.value)


def test_a_mix_without_parentheses_says_how_it_was_read() -> None:
    (warning,) = parse("a OR b c", "frame").warnings
    assert "a OR (b AND c)" in warning.message
    assert not parse("a OR (b c)", "frame").warnings


def test_a_word_without_letters_is_left_out_with_a_warning() -> None:
    (warning,) = parse("rain --- night".replace("---", "\\-"), "frame").warnings
    assert warning.position == 5
    assert "left out" in warning.message


@pytest.mark.parametrize(
    "text",
    [
        "a" * (MAX_CHARACTERS + 1),
        " ".join("a" * (MAX_CLAUSES + 1)),
        "(" * 101 + "a" + ")" * 101,
        "NOT " * 101 + "a",
        "-" * 101 + "a",
        "!(" * 101 + "a" + ")" * 101,
    ],
)
def test_past_a_limit(text: str) -> None:
    with pytest.raises(InvalidQuery, match="at most"):
        parse(text, "frame")


@pytest.mark.parametrize(
    "text",
    [
        " ".join("a" * MAX_CLAUSES),
        "(" * 100 + "a" + ")" * 100,
        "NOT " * 100 + "a",
        "a " * 1_999 + "OR b",
        "!(" * 99 + "a" + ")" * 99,
    ],
)
def test_just_below_a_limit(text: str) -> None:
    started = time.process_time()
    parse(text, "frame")
    assert time.process_time() - started < 5


@given(st.text(alphabet="ab:\"'()[]{}<>=~^*?\\/+-!&|. \nANDORTO1", max_size=60), st.sampled_from(("frame", "roi")))
@settings(max_examples=300, deadline=2_000)
def test_any_text_is_read_or_refused(text: str, scope: Scope) -> None:
    with contextlib.suppress(InvalidQuery):
        parse(text, scope)


@given(st.data(), st.sampled_from(("frame", "source", "roi", "local")))
@settings(max_examples=300)
def test_a_tree_written_as_text_reads_back(data: st.DataObject, scope: Scope) -> None:
    node = parse(unparse(data.draw(strategies.trees(scope)), scope), scope).node
    assert parse(unparse(node, scope), scope).node == node
