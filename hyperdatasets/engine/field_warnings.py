"""Conditions of a query that cannot match: no such field, or values of another kind."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.core.query.dates import moments
from hyperdatasets.core.query.fields import known_names, nearest_fields
from hyperdatasets.core.query.literals import boolean, number
from hyperdatasets.core.query.tree import And, Leaf, Node, Not, Or, Range, Scope, Some, Term
from hyperdatasets.core.query.unparse import DEFAULT_FIELDS
from hyperdatasets.engine import measures
from hyperdatasets.engine.evaluate import equal_texts
from hyperdatasets.engine.index import DatasetIndex
from hyperdatasets.engine.table import is_below

_LABEL = {"label", "rois.label"}


def warnings(index: DatasetIndex, node: Node, scope: Scope) -> list[tuple[str, int]]:
    """Conditions that cannot match: no such field or label (with the nearest), or values of another kind."""
    names = known_names(scope, index.names(scope))
    found = []
    for field_scope, leaf in _leaves(node, scope):
        path = leaf.field.path
        shown = f"rois.{path}" if (scope, field_scope) == ("frame", "roi") else path
        shown = f"sources.{path}" if (scope, field_scope) == ("frame", "source") else shown
        if path and not any(is_below(name, shown) for name in names):
            found.append((f"{shown}: no such field; {_meant(nearest_fields(shown, names))}", leaf.position))
        elif path and (kind := _wrong_kind(index, shown, leaf, scope)):
            found.append((f"{shown}: its values are {kind}; this condition matches nothing", leaf.position))
        elif shown in _LABEL and (said := _no_label(index, shown, leaf, scope)):
            found.append((said, leaf.position))
    return found


def in_quotes(node: Node, scope: Scope) -> list[tuple[str, int]]:
    """For a ROI query that found nothing: bare words that may be one label are better written in quotes."""
    leaves = [child for child in node.children if isinstance(child, Leaf)] if isinstance(node, And) else []
    words = [
        leaf.test.text
        for leaf in leaves
        if leaf.field == DEFAULT_FIELDS["roi"] and isinstance(leaf.test, Term) and not leaf.test.quoted
    ]
    if scope != "roi" or not isinstance(node, And) or not 2 <= len(words) == len(node.children):
        return []
    listed, label = ", ".join(f"`{word}`" for word in words), " ".join(words)
    return [
        (f'no ROI has all the labels {listed}; for the one label write it in quotes: "{label}"', leaves[0].position)
    ]


def unknown(index: DatasetIndex, path: str) -> list[str]:
    """That no frame has a field whose values were asked for, and the nearest names."""
    names = index.names("frame")
    if path in measures.NAMES or not names or any(is_below(name, path) for name in names):
        return []
    others = [name for name in known_names("frame", names) if name != path]
    return [f"{path}: no frame has such a field.{did_you_mean(nearest_fields(path, others))}"]


def _no_label(index: DatasetIndex, path: str, leaf: Leaf, scope: Scope) -> str:
    """That a label occurs nowhere, with the nearest ones; empty where there are none, and for patterns."""
    if not isinstance(leaf.test, Term):
        return ""
    text = leaf.test.text
    texts = [column.texts for _, _, column in index.columns(path, scope)]
    if not texts or any(equal_texts(each, leaf.field, text) for each in texts):
        return ""
    close = nearest(text, sorted(set().union(*texts)))
    return f"no ROI has the label `{text[:60]}`; {_meant(close)}" if close else ""


def _meant(names: Sequence[str]) -> str:
    return f"did you mean {' or '.join(names)}?" if names else "it matches nothing"


def _wrong_kind(index: DatasetIndex, path: str, leaf: Leaf, scope: Scope) -> str:
    """`numbers` if all values are numbers and the condition can hold on none; else nothing."""
    match leaf.test:
        case Term(text):
            texts = [text]
        case Range(low, high):
            texts = [bound.text for bound in (low, high) if bound is not None]
        case _:
            return ""
    columns = [column for _, _, column in index.columns(path, scope)]
    if not columns or any(len(column.texts) for column in columns):
        return ""
    booleans = any(column.trues or column.falses for column in columns)
    numeric = any(len(column.ints) or len(column.floats) for column in columns)
    fits = [(numeric and number(text) is not None) or (booleans and boolean(text) is not None) for text in texts]
    dated = any(moments(text) for text in texts)
    kind = "numbers" if numeric else "true or false"
    return kind + (" (a number is never a date)" if dated and numeric else "") if texts and not all(fits) else ""


def _leaves(node: Node, scope: Scope) -> Iterable[tuple[Scope, Leaf]]:
    match node:
        case And(children) | Or(children):
            for child in children:
                yield from _leaves(child, scope)
        case Not(child):
            yield from _leaves(child, scope)
        case Some(elements, child):
            yield from _leaves(child, "roi" if elements == "rois" else "source")
        case Leaf():
            yield scope, node
        case _:
            return
