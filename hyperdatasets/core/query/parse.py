"""Query text to a typed tree: the grammar first, then what words mean in a scope.

Errors say where and what was expected; limits are checked before anything costs time.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from importlib.resources import files

import re2
from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from hyperdatasets.core.errors import InvalidQuery
from hyperdatasets.core.query.text import tokens
from hyperdatasets.core.query.tree import (
    All,
    And,
    Bound,
    Elements,
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
    Test,
    Wildcard,
)
from hyperdatasets.core.query.unparse import DEFAULT_FIELDS, unparse

MAX_CHARACTERS = 20_000
MAX_CLAUSES = 2_000
MAX_DEPTH = 100

_GRAMMAR = Lark(
    (files(__package__) / "grammar.lark").read_text(encoding="utf-8"),
    parser="lalr",
    lexer="contextual",
    propagate_positions=True,
    maybe_placeholders=True,
)
_PREFIXES: dict[Scope, tuple[str, ...]] = {
    "frame": (),
    "source": ("sources.", "source."),
    "roi": ("rois.",),
    "local": ("local.",),
}
_ELEMENT_SCOPES: dict[str, tuple[Elements, Scope]] = {"rois": ("rois", "roi"), "sources": ("sources", "source")}
_EXPECTED = {
    "WORD": "a word", "NUMBER": "a number", "QUOTED": "a phrase in quotes", "SINGLE_QUOTED": "a phrase in quotes",
    "REGEX": "a regular expression between slashes", "FIELD": "a field", "ALL": "*:*", "_OPEN": "(", "_CLOSE": ")",
    "RANGE_OPEN": "a range", "RANGE_CLOSE": "] or }", "COMPARE": "a comparison such as >=", "_TO": "TO",
    "BOUND": "a value or *", "_NOT": "NOT", "_AND": "AND", "_OR": "OR", "_MUST": "+", "FUZZY": "~", "BOOST": "^",
    "$END": "the end",
}  # fmt: skip
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_WILD = re.compile(r"(?<!\\)(?:\\\\)*[*?]")
_DATE_ARITHMETIC = re.compile(r"now([+\-/].*)?|\d{4}-\d\d-\d\d.*\|\|.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class QueryWarning:
    """Something that was read, but may not be what was meant; `position` is 0-based, in characters."""

    message: str
    position: int


@dataclass(frozen=True, slots=True)
class Parsed:
    node: Node
    warnings: tuple[QueryWarning, ...] = ()


def parse(text: str, scope: Scope) -> Parsed:
    """The tree of a query.

    Raises:
        InvalidQuery: with `position` and `expected`.
    """
    _check_limits(text)
    try:
        tree = _GRAMMAR.parse(text)
    except UnexpectedInput as error:
        raise _invalid(error, text) from None
    if not tree.children:
        return Parsed(All())
    reading = _Reading()
    node = reading.node(_child(tree, 0), scope, DEFAULT_FIELDS[scope])
    return Parsed(Nothing() if node is None else node, tuple(reading.warnings))


@dataclass(slots=True)
class _Reading:
    """One query on its way from the grammar's tree to ours; None stands for a word that is left out."""

    warnings: list[QueryWarning] = field(default_factory=list)
    clauses: int = 0

    def node(self, tree: Tree[Token], scope: Scope, default: Field) -> Node | None:
        if tree.data == "clause":
            return self.clause(tree, scope, default)
        if tree.data == "required":
            return self.node(_child(tree, 0), scope, default)
        if tree.data == "negated":
            child = self.node(_child(tree, 0), scope, default)
            return None if child is None else Not(child)
        read = [self.node(child, scope, default) for child in tree.children if isinstance(child, Tree)]
        children = tuple(child for child in read if child is not None)
        if len(children) < 2:
            return children[0] if children else None
        if tree.data == "all_of":
            return And(children)
        self._warn_of_mix(tree, Or(children), scope)
        return Or(children)

    def clause(self, tree: Tree[Token], scope: Scope, default: Field) -> Node | None:
        first = tree.children[0]
        if isinstance(first, Token) and first.type == "ALL":
            return All()
        value = _child(tree, 1)
        if not isinstance(first, Token):
            return self.value(value, scope, default)
        name = _field_name(first)
        if name == "_exists_":
            return self._exists(value, scope)
        if scope == "frame" and name in _ELEMENT_SCOPES:
            elements, inner = _ELEMENT_SCOPES[name]
            child = self.value(value, inner, DEFAULT_FIELDS[inner])
            return None if child is None else Some(elements, child)
        return self.value(value, scope, _field(name, scope, first.start_pos or 0))

    def value(self, tree: Tree[Token], scope: Scope, target: Field) -> Node | None:
        if tree.data == "group":
            return self.node(_child(tree, 0), scope, target)
        self.clauses += 1
        position = tree.meta.start_pos
        if self.clauses > MAX_CLAUSES:
            raise InvalidQuery(f"a query has at most {MAX_CLAUSES} clauses", position=position, expected="")
        test = _test(tree)
        if isinstance(test, Exists) and target == DEFAULT_FIELDS[scope]:
            return All()
        if isinstance(test, Term) and not target.keyword and not tokens(test.text):
            self._warn(f"`{test.text}` has no letter or digit and is left out", position)
            return None
        return _leaf(target, test, position, scope)

    def _exists(self, tree: Tree[Token], scope: Scope) -> Node:
        self.clauses += 1
        test = _test(tree)
        if not isinstance(test, Term):
            position = tree.meta.start_pos
            raise _error("expected the name of a field after `_exists_:`", position, "a field")
        if scope == "frame" and test.text in _ELEMENT_SCOPES:
            return Some(_ELEMENT_SCOPES[test.text][0], All())
        target = _field(test.text, scope, tree.meta.start_pos)
        return _leaf(target, Exists(), tree.meta.start_pos, scope)

    def _warn_of_mix(self, tree: Tree[Token], node: Or, scope: Scope) -> None:
        mixed = any(isinstance(child, Tree) and _is_mixed(child) for child in tree.children)
        if mixed:
            self._warn(f"AND, OR and NOT without parentheses were read as: {unparse(node, scope)}", tree.meta.start_pos)

    def _warn(self, message: str, position: int) -> None:
        self.warnings.append(QueryWarning(message, position))


def _is_mixed(tree: Tree[Token]) -> bool:
    parts = [child for child in tree.children if isinstance(child, Tree)]
    return len(parts) > 1 or parts[0].data == "negated"


def _leaf(target: Field, test: Test, position: int, scope: Scope) -> Node:
    """In the frame scope a field of ROIs or sources holds on some of them, each condition by itself."""
    first, _, rest = target.path.partition(".")
    if scope == "frame" and first in _ELEMENT_SCOPES and rest:
        return Some(_ELEMENT_SCOPES[first][0], Leaf(Field(rest, target.keyword), test, position))
    return Leaf(target, test, position)


def _field(name: str, scope: Scope, position: int) -> Field:
    for prefix in _PREFIXES[scope]:
        name = name.removeprefix(prefix)
    if scope != "local" and name.startswith("local."):
        raise _error("`local.` fields can be asked for in a local query only", position, "another field")
    keyword = name.endswith(".keyword")
    return Field(name.removesuffix(".keyword"), keyword)


def _field_name(token: Token) -> str:
    if _WILD.search(token):
        raise _error("a field name has no wildcards; name each field", token.start_pos or 0, "a field")
    return _unescaped(token[:-1])


def _test(tree: Tree[Token]) -> Test:
    position = tree.meta.start_pos
    if tree.data == "word":
        return _word(_token(tree, 0), tree.children[1], position)
    if tree.data == "phrase":
        if tree.children[1] is not None:
            raise _error('proximity such as "a b"~2 is not in the language', position, "a phrase without ~")
        return Term(_unescaped(str(tree.children[0])[1:-1]), quoted=True)
    if tree.data == "regex":
        return _regex(str(tree.children[0])[1:-1], position)
    return _comparison(tree) if tree.data == "comparison" else _range(tree)


def _word(word: Token, fuzzy: object, position: int) -> Test:
    if _DATE_ARITHMETIC.fullmatch(word) and word != "now":
        raise _error("date arithmetic is not in the language; write the date", position, "a date")
    if isinstance(fuzzy, Token):
        return _fuzzy(_unescaped(word), fuzzy)
    if word == "*":
        return Exists()
    if _WILD.search(word):
        return Wildcard(_ESCAPE.sub(lambda match: match[0] if match[1] in "*?\\" else match[1], word))
    return Term(_unescaped(word))


def _fuzzy(word: str, suffix: Token) -> Fuzzy:
    given = suffix[1:]
    if given not in {"", "0", "1", "2"}:
        raise _error("fuzzy takes 0, 1 or 2 edits", suffix.start_pos or 0, "~, ~0, ~1 or ~2")
    allowed = 0 if len(word) <= 2 else 1 if len(word) <= 5 else 2
    return Fuzzy(word, int(given) if given else allowed)


def _regex(pattern: str, position: int) -> Regex:
    pattern = pattern.replace("\\/", "/")
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise _error(f"the regular expression cannot be read: {reason}", position, "RE2 syntax") from None
    return Regex(pattern)


def _comparison(tree: Tree[Token]) -> Range:
    sign = str(tree.children[0])
    bound = _bound(_child(tree, 1), inclusive=sign.endswith("="))
    if bound is None:
        raise _error("expected a value after the comparison", tree.meta.start_pos, "a value")
    return Range(bound, None) if sign[0] == ">" else Range(None, bound)


def _range(tree: Tree[Token]) -> Range:
    low = _bound(_child(tree, 1), inclusive=tree.children[0] == "[")
    high = _bound(_child(tree, 2), inclusive=tree.children[3] == "]")
    return Range(low, high)


def _bound(tree: Tree[Token], *, inclusive: bool) -> Bound | None:
    edge = _token(tree, 0)
    if edge == "*":
        return None
    if _DATE_ARITHMETIC.fullmatch(edge):
        raise _error("date arithmetic is not in the language; write the date", tree.meta.start_pos, "a date")
    return Bound(_unescaped(edge[1:-1] if edge.type == "QUOTED" else edge), inclusive)


def _child(tree: Tree[Token], index: int) -> Tree[Token]:
    child = tree.children[index]
    if not isinstance(child, Tree):
        raise TypeError(f"the grammar gives no subtree here: {child!r}")
    return child


def _token(tree: Tree[Token], index: int) -> Token:
    child = tree.children[index]
    if not isinstance(child, Token):
        raise TypeError(f"the grammar gives no token here: {child!r}")
    return child


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(r"\1", text)


def _check_limits(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        message = f"a query has at most {MAX_CHARACTERS} characters, this one has {len(text)}"
        raise InvalidQuery(message, position=MAX_CHARACTERS, expected="the end")
    depth = 0
    for token in re.finditer(r"\\.|\"(?:\\.|[^\"\\])*\"|[()]|(?:NOT\b|[!+\-])(?=\s*(?:NOT\b|[!+\-(]))", text):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if depth > MAX_DEPTH:
            raise _error(f"parentheses go at most {MAX_DEPTH} deep", token.start(), ")")
    signs = re.search(rf"(?:(?:NOT\s|[!+\-])\s*){{{MAX_DEPTH + 1}}}", text)
    if signs is not None:
        raise _error(f"at most {MAX_DEPTH} signs in a row", signs.start(), "a word")


def _invalid(error: UnexpectedInput, text: str) -> InvalidQuery:
    wanted: set[str] = set()
    position = len(text)
    if isinstance(error, UnexpectedCharacters):
        position, wanted = int(error.pos_in_stream or 0), set(error.allowed or ())
    elif isinstance(error, UnexpectedToken):
        position = len(text) if error.token.type == "$END" else int(error.token.start_pos or 0)
        wanted = set(error.accepts or error.expected)
    elif isinstance(error, UnexpectedEOF):
        wanted = set(error.expected)
    found = f"`{text[position : position + 20]}`" if position < len(text) else "the end of the query"
    names = list(dict.fromkeys(name for kind, name in _EXPECTED.items() if kind in wanted))
    expected = ", ".join(names) or "something else"
    return _error(f"found {found}, expected {expected}", position, expected)


def _error(message: str, position: int, expected: str) -> InvalidQuery:
    return InvalidQuery(f"position {position}: {message}", position=position, expected=expected)
