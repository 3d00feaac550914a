"""The rules of a data view as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hyperdatasets.core.escapes import on_one_line
from hyperdatasets.core.tables import Table, cell_text
from hyperdatasets.core.wording import counted

_LONGEST = 200  # characters of rules in words
_QUERIES = {"frame_query": "frames", "source_query": "sources", "local_query": "at the site"}


def rules_in_words(spec: Mapping[str, Any]) -> str:
    """`2 rules: clinic/cells v1 where …; …`, on one line."""
    rules = spec.get("rules") or []
    words = "; ".join(map(_in_words, rules))
    told = on_one_line(f"{counted(len(rules), 'rule')}{': ' if rules else ''}{words}")
    return told if len(told) <= _LONGEST else f"{told[: _LONGEST - 1]}…"


def rules_table(spec: Mapping[str, Any]) -> Table:
    """A row for each rule; the last column holds what has no column of its own."""
    rows = [
        (number, *_named(rule), rule.get("frame_query", ""), _rois(rule), rule.get("weight", 1), _rest(rule))
        for number, rule in enumerate(spec.get("rules") or [])
    ]
    return Table(
        counted(len(rows), "rule"), ("rule", "dataset", "version", "frames", "ROIs", "weight", "more"), rows
    )  # fmt: skip


def _in_words(rule: Mapping[str, Any]) -> str:
    dataset, version = _named(rule)
    queries = [f"{name} {rule[key]}" for key, name in _QUERIES.items() if rule.get(key)]
    rois = [f"ROIs {_rois(rule)}"] if rule.get("roi_rules") else []
    where = " and ".join([*queries, *rois])
    return f"{dataset} {version}" + (f" where {where}" if where else "")


def _named(rule: Mapping[str, Any]) -> tuple[str, str]:
    return str(rule.get("dataset", "*")), str(rule.get("version", "*"))


def _rois(rule: Mapping[str, Any]) -> str:
    return " and ".join(
        ("no " if each.get("exclude") else "") + str(each.get("query", "*")) + _limits(each)
        for each in rule.get("roi_rules") or ()
    )  # fmt: skip


def _limits(roi_rule: Mapping[str, Any]) -> str:
    rest = {key: value for key, value in roi_rule.items() if key not in {"query", "exclude"}}
    return f" ({cell_text(rest)})" if rest else ""


def _rest(rule: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"dataset", "version", "frame_query", "roi_rules", "weight"}
    return {key: value for key, value in rule.items() if key not in shown}
