"""A tree back to query text, which reads back to the same tree."""

from __future__ import annotations

import re

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
    Test,
    Wildcard,
)

DEFAULT_FIELDS: dict[Scope, Field] = {
    "frame": Field(""),
    "source": Field(""),
    "roi": Field("label", keyword=True),
    "local": Field(""),
}
_ELEMENT_SCOPES: dict[str, Scope] = {"rois": "roi", "sources": "source"}
_SPECIAL = re.compile(r"([\s\\()\[\]{}\"'^~<>!+\-/:&|*?])")
_KEYWORDS = {"AND", "OR", "NOT"}


def unparse(node: Node, scope: Scope) -> str:
    """Query text of the tree in this scope."""
    match node:
        case And(children) | Or(children):
            sign = " AND " if isinstance(node, And) else " OR "
            return sign.join(_nested(child, scope) for child in children)
        case Not(child):
            return f"NOT {_nested(child, scope)}"
        case Some(elements, child):
            return f"{elements}:({unparse(child, _ELEMENT_SCOPES[elements])})"
        case Leaf(target, test):
            return f"{_prefix(target, scope)}{_test(test)}"
        case All() | Nothing():
            return "*:*" if isinstance(node, All) else 'id:"-"'


def _nested(node: Node, scope: Scope) -> str:
    text = unparse(node, scope)
    return f"({text})" if isinstance(node, And | Or) else text


def _prefix(target: Field, scope: Scope) -> str:
    default = DEFAULT_FIELDS[scope]
    if (target.path, target.keyword) == (default.path, default.keyword):
        return ""
    path = re.sub(r"([^\w.]|\.(?=keyword$))", r"\\\1", target.path)
    return f"{path}{'.keyword' if target.keyword else ''}:"


def _test(test: Test) -> str:
    match test:
        case Term(text, quoted):
            return _quoted(text) if quoted or not text or text in _KEYWORDS else _escaped(text)
        case Wildcard(pattern):
            return re.sub(r"\\.|([\s\\()\[\]{}\"'^~<>!+\-/:&|])", _kept_escape, pattern, flags=re.DOTALL)
        case Regex(pattern):
            return "/" + pattern.replace("/", "\\/") + "/"
        case Fuzzy(text, edits):
            return f"{_escaped(text)}~{edits}"
        case Range(low, high):
            opening = "[" if low is None or low.inclusive else "{"
            closing = "]" if high is None or high.inclusive else "}"
            return f"{opening}{_bound(low)} TO {_bound(high)}{closing}"
        case Exists():
            return "*"


def _kept_escape(match: re.Match[str]) -> str:
    return match[0] if match[1] is None else f"\\{match[1]}"


def _bound(bound: Bound | None) -> str:
    return "*" if bound is None else _quoted(bound.text)


def _quoted(text: str) -> str:
    escaped = re.sub(r'(["\\])', r"\\\1", text)
    return f'"{escaped}"'


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)
