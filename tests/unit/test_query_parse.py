"""The query language: what texts mean, what is refused and where, and that nothing makes it stumble."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.errors import InvalidQuery
from hyperdatasets.core.query.parse import MAX_READING, parse
from hyperdatasets.core.query.syntax import MAX_CHARACTERS, MAX_CLAUSES
from hyperdatasets.core.query.text import tokens
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
from hyperdatasets.engine.words import predicate
from tests.reference import strategies
from tests.reference.properties import examples


def meta(name: str, test: object) -> Leaf:
    return Leaf(Field(f"meta.{name}"), test)


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
    ("frame", "'tis the'", Leaf(Field(""), Term("tis the", quoted=True))),
    ("frame", "a&b |c", And((any_text("a&b"), any_text("|c")))),
    ("frame", "now now-playing", And((any_text("now"), any_text("now-playing")))),
    ("frame", "to TO", And((any_text("to"), any_text("TO")))),
    ("frame", "meta.u:http://x", meta("u", Term("http://x"))),
    ("frame", "meta.t:12:30", meta("t", Term("12:30"))),
    ("frame", "meta.n:>=5^2", meta("n", Range(Bound("5", inclusive=True), None))),
    ("frame", "meta.s:>'a b'", meta("s", Range(Bound("a b", inclusive=False), None))),
    ("frame", "meta.s:['a b' TO 'c']", meta("s", Range(Bound("a b", inclusive=True), Bound("c", inclusive=True)))),
    ("frame", "meta.s:[TO TO TO]", meta("s", Range(Bound("TO", inclusive=True), Bound("TO", inclusive=True)))),
    ("frame", 'meta.s:["*" TO "now"]', meta("s", Range(Bound("*", inclusive=True), Bound("now", inclusive=True)))),
    ("frame", "meta.keyword:x", meta("keyword", Term("x"))),
    ("frame", "meta.a\\.keyword:x", meta("a.keyword", Term("x"))),
    ("frame", "meta.a.keyword.keyword:x", Leaf(Field("meta.a.keyword", keyword=True), Term("x"))),
    ("frame", "-meta.n:-5", Not(meta("n", Term("-5")))),
    ("frame", "car AND~1 OR^2", And((any_text("car"), Leaf(Field(""), Fuzzy("AND", 1)), any_text("OR")))),
    ("frame", "a~x", And((Leaf(Field(""), Fuzzy("a", 0)), any_text("x")))),
    ("frame", 'a"b c"d', And((any_text("a"), Leaf(Field(""), Term("b c", quoted=True)), any_text("d")))),
    ("frame", "_exists_:rois.label", Some("rois", Leaf(Field("label"), Exists()))),
    ("frame", "meta.x:(a meta.y:b)", And((meta("x", Term("a")), meta("y", Term("b"))))),
]  # fmt: skip


@pytest.mark.parametrize(("scope", "text", "node"), [r for r in READINGS if r[1] != "-"])
def test_reading(scope: Scope, text: str, node: Node) -> None:
    assert parse(text, scope).node == node


@pytest.mark.parametrize(
    ("scope", "text", "decoded"),
    [
        ("frame", "car", True), ("frame", "sources.uri:car", True), ("frame", "sources:(uri:car)", True),
        ("frame", "sources:(car)", True), ("source", "car", True), ("source", "uri.keyword:car", True),
        ("frame", "meta.uri:car", False), ("frame", "sources.id:car", False), ("source", "meta.uri:car", False),
        ("roi", "car", False), ("roi", "meta.uri:car", False), ("local", "car", True), ("local", "uri:car", True),
    ],
)  # fmt: skip
def test_uris_are_compared_in_decoded_form_too(scope: Scope, text: str, *, decoded: bool) -> None:
    def leaf(node: Node) -> Leaf:
        return leaf(node.child) if isinstance(node, Some) else node  # type: ignore[return-value]

    assert leaf(parse(text, scope).node).field.decoded == decoded
    assert not leaf(parse(text, scope, 1).node).field.decoded


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
    ("frame", "AND a", 0, "a word"),
    ("frame", "a AND OR b", 6, "a word"),
    ("frame", "a OR OR b", 5, "a word"),
    ("frame", "meta.x:AND", 7, "a word"),
    ("frame", "()", 1, "a word"),
    ("frame", "//", 0, "a regular expression between slashes"),
    ("frame", "meta.x:-foo", 7, "a word"),
    ("frame", "meta.x:+5", 7, "a word"),
    ("frame", "/data/x.jpg", 0, "a regular expression between slashes"),
    ("frame", "meta.x:>=", 9, "a value"),
    ("frame", "meta.x:>*", 7, "a value"),
    ("frame", "meta.x:>(5)", 8, "a value"),
    ("frame", "meta.x:>=>5", 9, "a value"),
    ("frame", "[a TO b", 7, "] or }"),
    ("frame", "a^x", 1, "^"),
    ("frame", "a ~1", 2, "a word"),
    ("frame", "a\\", 1, "a word"),
    ("frame", "*:x", 0, "a field"),
    ("frame", "meta.*:x", 0, "a field"),
    ("frame", "_exists_:(a OR b)", 9, "a field"),
    ("frame", "_exists_:meta.*", 9, "a field"),
    ("frame", "_exists_:>5", 9, "a field"),
    ("frame", "_exists_:a~1", 9, "a field"),
    ("frame", "_exists_:[a TO b]", 9, "a field"),
    ("frame", "_exists_:/a/", 9, "a field"),
    ("frame", "'a b'~2", 0, "a phrase without ~"),
    ("frame", "meta.d:[now TO *]", 8, "a date"),
    ("frame", "meta.d:now/d", 7, "a date"),
    ("frame", "/((a{100}){100}){100}/", 0, "RE2"),
    ("frame", "/\\pL{500}/", 0, "RE2"),
    ("frame", "/(\\pL|x){200}/", 0, "RE2"),
    ("frame", "/(?=a)/", 0, "RE2"),
    ("frame", "/a\\1/", 0, "RE2"),
    ("frame", "a\ud800", 1, "text"),
    ("frame", "/\ud800/", 1, "text"),
]


@pytest.mark.parametrize(("scope", "text", "position", "expected"), REFUSED)
def test_refusal_says_where_and_what_was_expected(scope: Scope, text: str, position: int, expected: str) -> None:
    with pytest.raises(InvalidQuery) as caught:
        parse(text, scope)
    assert caught.value.fields["position"] == str(position)
    assert expected in caught.value.fields["expected"]
    assert f"position {position}" in str(caught.value)


WARNED = [
    ("a OR b c", 0, "read as: a OR (b AND c)"),
    ("a OR NOT b", 0, "read as: a OR NOT b"),
    ("a OR +b", 0, "read as: a OR b"),
    ("x (a b || c)", 3, "read as: (a AND b) OR c"),
    ("rain \\- night", 5, "`-` has no letter or digit and is left out"),
    ('rain ""', 5, "left out"),
    ("meta.x:\\*", 7, "left out"),
    ("meta.score>5", 0, "to compare a field write `meta.score:>5`"),
    ("meta.score>=5", 0, "to compare a field write `meta.score:>=5`"),
    ("meta.city=bremen", 0, "to compare a field write `meta.city:bremen`"),
    ("a >5", 2, "write a field before it"),
    ("meta.uri:site://north/*", 9, "to compare whole values ask meta.uri.keyword"),
    ("meta.city:new?york-*", 10, "matches nothing"),
    ("meta.city:\u6771\u4eac*", 10, "matches nothing"),
    ("a-b*", 0, "a field with .keyword"),
]
SILENT = (
    "a OR (b c)", "a OR (NOT b)", "a AND NOT b", "NOT a b", "a OR b OR c", "meta.score:>5", "meta.x:a=b", '"a>5"',
    "meta.uri.keyword:site://north/*", "meta.city:\u4eac*", "meta.city:*e\u0301*", "meta.city:?\u0301", "Stra\u00dfe*",
    "\u0130st*", "**", "meta.n:(>5 AND <7)", "[a TO b]", "a*b?c", "meta.city.keyword:new\\ *",
)  # fmt: skip


@pytest.mark.parametrize(("text", "position", "message"), WARNED)
def test_a_warning_says_where_and_what(text: str, position: int, message: str) -> None:
    (warning,) = parse(text, "frame").warnings
    assert message in warning.message
    assert warning.position == position


@pytest.mark.parametrize("text", SILENT)
def test_what_is_clear_does_not_warn(text: str) -> None:
    assert not parse(text, "frame").warnings


def test_a_pattern_that_is_warned_of_does_match_no_word() -> None:
    for text, _, message in WARNED:
        if message == "matches nothing":
            assert not within_some_word(text)


def within_some_word(text: str) -> bool:
    leaf = parse(text, "frame").node
    assert isinstance(leaf, Leaf)
    assert isinstance(leaf.test, Wildcard)
    fits = predicate(leaf.test, exact=False)
    return any(fits(word) for word in tokens("new york new-york- \u6771\u4eac newxyork \u6771\u4eacx"))


def test_the_reading_of_a_long_mix_is_cut() -> None:
    (warning,) = parse("a OR b c " * 600, "frame").warnings
    assert len(warning.message) < MAX_READING + 100


def test_an_error_says_how_to_search_for_a_sign() -> None:
    with pytest.raises(InvalidQuery, match=r"write \\/ or use quotes"):
        parse("sources.uri:/data/x.jpg", "frame")


@pytest.mark.parametrize(
    "text",
    [
        "a" * (MAX_CHARACTERS + 1),
        " ".join("a" * (MAX_CLAUSES + 1)),
        "(" * 101 + "a" + ")" * 101,
        "NOT " * 101 + "a",
        "-" * 101 + "a",
        "!(" * 51 + "a" + ")" * 51,
        ("-" * 60 + "(") * 100 + "a" + ")" * 100,
        "meta.x:(" * 101 + "a" + ")" * 101,
        "(" * 20_000,
        "-" * 20_000,
        "*:* " * (MAX_CLAUSES + 1),
        "_exists_:a " * 1_000 + "a:>1 " * 1_001,
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
        "!(" * 50 + "a" + ")" * 50,
        "(a OR b c AND " * 100 + "a" + ")" * 100,
        "-a " * MAX_CLAUSES,
        "a" * MAX_CHARACTERS,
        "?" * MAX_CHARACTERS,
        "*a" * (MAX_CHARACTERS // 2),
        "a:[1 TO 2] " * 1_000,
        "'('" + " -('('" * 50 + ")" * 50,
        "/(a|b)?" + "(a|b)?" * 3_000 + "/",
    ],
)
def test_just_below_a_limit(text: str) -> None:
    started = time.process_time()
    parse(text, "frame")
    assert time.process_time() - started < 5


@given(st.text(alphabet="ab:\"'()[]{}<>=~^*?\\/+-!&|. \nANDORTO1", max_size=60), st.sampled_from(("frame", "roi")))
@examples(300)
def test_any_text_is_read_or_refused(text: str, scope: Scope) -> None:
    with contextlib.suppress(InvalidQuery):
        parse(text, scope)


@given(st.data(), st.sampled_from(("frame", "source", "roi", "local")))
@examples(300)
def test_a_tree_written_as_text_reads_back(data: st.DataObject, scope: Scope) -> None:
    node = parse(unparse(data.draw(strategies.trees(scope)), scope), scope).node
    assert parse(unparse(node, scope), scope).node == node
