"""Query text to a typed tree: the grammar first, then what words mean in a scope."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from lark import Token, Tree

from hyperdatasets.core.query import patterns
from hyperdatasets.core.query.syntax import MAX_CLAUSES, refusal, syntax, unescaped
from hyperdatasets.core.query.text import tokens
from hyperdatasets.core.query.tree import (
    SEMANTICS,
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

_PREFIXES: dict[Scope, tuple[str, ...]] = {
    "frame": (),
    "source": ("sources.", "source."),
    "roi": ("rois.",),
    "local": ("local.",),
}
_ELEMENT_SCOPES: dict[str, tuple[Elements, Scope]] = {"rois": ("rois", "roi"), "sources": ("sources", "source")}
_WILD = re.compile(r"(?<!\\)(?:\\\\)*[*?]")
_DATE_ARITHMETIC = re.compile(r"now(?:[+\-]\d+[yMwdhHms]|/[yMwdhHms])+|\d{4}-\d\d-\d\d.*\|\|.*", re.DOTALL)
_COMPARED_WITHOUT_COLON = re.compile(r"([^\W\d][\w.]*)([<>]=?|[=!]?=)(\S+)")
_WILDCARDS = re.compile(r"(\\.)|[*?]", re.DOTALL)
_KEYWORD = re.compile(r"((?:\\.|[^\\])*)\.keyword", re.DOTALL)
_MIXED = {"all_of", "negated", "minus", "required"}
MAX_READING = 500  # characters of a query that are shown in a warning


@dataclass(frozen=True, slots=True)
class QueryWarning:
    """Something that was read, but may not be what was meant; `position` is 0-based, in characters."""

    message: str
    position: int


@dataclass(frozen=True, slots=True)
class Parsed:
    node: Node
    warnings: tuple[QueryWarning, ...] = ()


def parse(text: str, scope: Scope, semantics: int = SEMANTICS) -> Parsed:
    """The tree of a query; the last ones are remembered, since a rule is asked of every segment.

    Args:
        semantics: by which rules values are compared. Text is read by the newest rules always: published views hold
            it as `unparse` writes it, which all rules read alike.

    Raises:
        InvalidQuery: with `position` and `expected`.
    """
    return _parsed(text, scope, semantics)


@lru_cache(maxsize=512)
def _parsed(text: str, scope: Scope, semantics: int) -> Parsed:
    tree = _child(syntax(text), 0) if text.strip() else None
    if tree is None:
        return Parsed(All())
    reading = _Reading(semantics)
    node = reading.node(tree, scope, DEFAULT_FIELDS[scope])
    return Parsed(Nothing() if node is None else node, tuple(reading.warnings))


@dataclass(slots=True)
class _Reading:
    """One query on its way from the grammar's tree to ours; None stands for a word that is left out."""

    semantics: int
    warnings: list[QueryWarning] = field(default_factory=list)
    clauses: int = 0

    def node(self, tree: Tree[Token], scope: Scope, default: Field) -> Node | None:
        match tree.data:
            case "clause":
                return self.clause(tree, scope, default)
            case "dash":
                return self._dash(tree, scope, default)
            case "required":
                return self.node(_child(tree, 0), scope, default)
            case "negated" | "minus":
                child = self.node(_child(tree, -1), scope, default)
                return child and Not(child)
            case _:
                return self._joined(tree, scope, default)

    def _joined(self, tree: Tree[Token], scope: Scope, default: Field) -> Node | None:
        children: list[Node] = []
        for part in tree.children:
            child = self.node(part, scope, default) if isinstance(part, Tree) else None
            if child is not None:
                children.append(child)
        if len(children) < 2:
            return children[0] if children else None
        if tree.data == "all_of":
            return And(tuple(children))
        self._warn_of_mix(tree, Or(tuple(children)), scope)
        return Or(tuple(children))

    def clause(self, tree: Tree[Token], scope: Scope, default: Field) -> Node | None:
        first = tree.children[0]
        if isinstance(first, Token) and first.type == "ALL":
            self._count(tree)
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
        self._count(tree)
        position = tree.meta.start_pos
        test = _test(tree)
        if isinstance(test, Exists) and target == DEFAULT_FIELDS[scope]:
            return All()
        if isinstance(test, Term) and not target.keyword and not tokens(test.text):
            self._warn(f"`{test.text}` has no letter or digit and is left out", position)
            return None
        self._warn_of_trap(tree, test, target, scope)
        return _leaf(replace(target, semantics=self.semantics), test, position, scope)

    def _dash(self, tree: Tree[Token], scope: Scope, target: Field) -> Node | None:
        """A minus sign that stands alone between words: one of them."""
        self._count(tree)
        position = tree.meta.start_pos
        self._warn("`-` alone is a word; to leave out what follows write no blank between, as in `-night`", position)
        if not target.keyword:
            return None
        return _leaf(replace(target, semantics=self.semantics), Term("-"), position, scope)

    def _exists(self, tree: Tree[Token], scope: Scope) -> Node:
        self._count(tree)
        position = tree.meta.start_pos
        if tree.data not in {"word", "phrase"} or not isinstance(_test(tree), Term):
            raise refusal("expected the name of a field after `_exists_:`", position, "a field")
        name = str(tree.children[0])[1:-1] if tree.data == "phrase" else str(tree.children[0])
        if scope == "frame" and name in _ELEMENT_SCOPES:
            return Some(_ELEMENT_SCOPES[name][0], All())
        return _leaf(_field(name, scope, position), Exists(), position, scope)

    def _count(self, tree: Tree[Token]) -> None:
        self.clauses += 1
        if self.clauses > MAX_CLAUSES:
            raise refusal(f"a query has at most {MAX_CLAUSES} clauses", tree.meta.start_pos, "the end")

    def _warn_of_mix(self, tree: Tree[Token], node: Or, scope: Scope) -> None:
        if any(isinstance(child, Tree) and child.data in _MIXED for child in tree.children):
            read = unparse(node, scope)
            shown = read if len(read) <= MAX_READING else f"{read[:MAX_READING]}…"
            self._warn(f"AND, OR and NOT without parentheses were read as: {shown}", tree.meta.start_pos)

    def _warn_of_trap(self, tree: Tree[Token], test: Test, target: Field, scope: Scope) -> None:
        """What is read as written, but hardly meant."""
        position = tree.meta.start_pos
        bare = target == DEFAULT_FIELDS[scope]
        if bare and tree.data == "comparison":
            self._warn("this compares with any text; write a field before it, such as `width:>=640`", position)
        compared = _COMPARED_WITHOUT_COLON.fullmatch(test.text) if isinstance(test, Term) and not test.quoted else None
        if bare and compared:
            name, sign, value = compared.groups()
            meant = f"{name}:{sign if sign[0] in '<>' else ''}{value}"
            self._warn(f"`{compared[0]}` is read as a word; to compare a field write `{meant}`", position)
        if isinstance(test, Wildcard) and not target.keyword and not _within_a_word(test.pattern):
            name = f"{target.path}.keyword" if target.path else "a field with .keyword"
            message = f"`{test.pattern}` is compared with single words (letters and digits) and matches nothing"
            self._warn(f"{message}; to compare whole values ask {name}", position)

    def _warn(self, message: str, position: int) -> None:
        self.warnings.append(QueryWarning(message, position))


def _within_a_word(pattern: str) -> bool:
    """Whether one word can hold all that the pattern spells out."""
    spelled = unescaped(_WILDCARDS.sub(lambda match: match[1] or "", pattern))
    folded = spelled.casefold()
    return not spelled or tokens(spelled) == [folded] or tokens(f"a{spelled}") == [f"a{folded}"]


def _leaf(target: Field, test: Test, position: int, scope: Scope) -> Node:
    """In the frame scope a field of ROIs or sources holds on some of them, each condition by itself."""
    first, _, rest = target.path.partition(".")
    if scope == "frame" and first in _ELEMENT_SCOPES and rest:
        return Some(_ELEMENT_SCOPES[first][0], Leaf(replace(target, path=rest), test, position))
    return Leaf(target, test, position)


def _field(name: str, scope: Scope, position: int) -> Field:
    """The field of a name as it was written; an escaped dot makes no suffix, and `meta.keyword` is a key."""
    for prefix in _PREFIXES[scope]:
        name = name.removeprefix(prefix)
    if scope != "local" and name.startswith("local."):
        raise refusal("`local.` fields can be asked for in a local query only", position, "another field")
    exact = _KEYWORD.fullmatch(name)
    keyword = exact is not None and exact[1].rpartition(".")[2] != "meta"
    return Field(unescaped(exact[1] if exact and keyword else name), keyword)


def _field_name(token: Token) -> str:
    if _WILD.search(token):
        raise refusal("a field name has no wildcards; name each field", token.start_pos or 0, "a field")
    return str(token[:-1])


def _test(tree: Tree[Token]) -> Test:
    position = tree.meta.start_pos
    if tree.data == "word":
        return _word(_token(tree, 0), tree.children[1], position)
    if tree.data == "phrase":
        if tree.children[1] is not None:
            raise refusal('proximity such as "a b"~2 is not in the language', position, "a phrase without ~")
        return Term(unescaped(str(tree.children[0])[1:-1]), quoted=True)
    if tree.data == "regex":
        return _regex(str(tree.children[0])[1:-1], position)
    return _comparison(tree) if tree.data == "comparison" else _range(tree)


def _word(word: Token, fuzzy: object, position: int) -> Test:
    if _DATE_ARITHMETIC.fullmatch(word):
        raise refusal("date arithmetic is not in the language; write the date", position, "a date")
    if isinstance(fuzzy, Token):
        return _fuzzy(unescaped(word), fuzzy)
    if word == "*":
        return Exists()
    if _WILD.search(word):
        return Wildcard(unescaped(word, keep="*?\\"))
    return Term(unescaped(word))


def _fuzzy(word: str, suffix: Token) -> Fuzzy:
    given = suffix[1:]
    if given not in {"", "0", "1", "2"}:
        raise refusal("fuzzy takes 0, 1 or 2 edits", suffix.start_pos or 0, "~, ~0, ~1 or ~2")
    allowed = 0 if len(word) <= 2 else 1 if len(word) <= 5 else 2
    return Fuzzy(word, int(given) if given else allowed)


def _regex(pattern: str, position: int) -> Regex:
    pattern = pattern.replace("\\/", "/")
    try:
        for case_sensitive in (True, False):
            patterns.regex(pattern, case_sensitive=case_sensitive)
    except patterns.UnreadablePattern as error:
        raise refusal(f"the regular expression cannot be read: {error}", position, "RE2 syntax") from None
    return Regex(pattern)


def _comparison(tree: Tree[Token]) -> Range:
    sign = str(tree.children[0])
    bound = _bound(_child(tree, 1), inclusive=sign.endswith("="))
    if bound is None:
        raise refusal("expected a value after the comparison", tree.meta.start_pos, "a value")
    return Range(bound, None) if sign[0] == ">" else Range(None, bound)


def _range(tree: Tree[Token]) -> Range:
    low = _bound(_child(tree, 1), inclusive=tree.children[0] == "[")
    high = _bound(_child(tree, 2), inclusive=tree.children[3] == "]")
    return Range(low, high)


def _bound(tree: Tree[Token], *, inclusive: bool) -> Bound | None:
    edge = _token(tree, 0)
    if edge == "*":
        return None
    if edge == "now" or _DATE_ARITHMETIC.fullmatch(edge):
        raise refusal("date arithmetic is not in the language; write the date", tree.meta.start_pos, "a date")
    return Bound(unescaped(edge[1:-1] if edge.type.endswith("QUOTED") else edge), inclusive)


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
