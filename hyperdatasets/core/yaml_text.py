"""YAML text as plain values with the line of each, so that an error can say where; nothing in it is ever executed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from hyperdatasets.core.errors import InvalidArgument

MAX_DEPTH = 20
_LONG = 100_000  # characters; longer texts are read by libyaml: ten times as fast, and vaguer about mistakes
Lines = dict[str, int]
"""Path of a value, such as `checks[0].expect`, -> its line, from 1."""


def load(text: str, error: Callable[[str], InvalidArgument], *, limit: int) -> tuple[Any, Lines]:
    """The value of a YAML text (JSON is YAML), and on which line each part of it stands.

    Aliases, tags, keys that are no text or stand twice, and more than one document are refused, each with its line.
    """
    if len(text) > limit:
        raise error(f"the text has {len(text)} characters, {limit} are allowed")
    kind: Any = yaml.SafeLoader if len(text) <= _LONG else getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = None
    try:
        _check_events(text, kind, error)
        loader = kind(text)
        node = loader.get_single_node()
        lines: Lines = {}
        return (None if node is None else _value(loader, node, "", lines, error)), lines
    except yaml.MarkedYAMLError as wrong:
        said = ", ".join(part for part in (wrong.context, wrong.problem) if part)
        raise error(f"{_place(wrong.problem_mark)}this is not YAML: {said}") from None
    except (yaml.YAMLError, ValueError) as wrong:
        if isinstance(wrong, InvalidArgument):
            raise
        raise error(f"this is not YAML: {' '.join(str(wrong).split())[:300]}") from None
    finally:
        if loader is not None:
            loader.dispose()


def _check_events(text: str, kind: Any, error: Callable[[str], InvalidArgument]) -> None:
    """Before anything is built: an alias can multiply without end, depth costs stack."""
    depth = 0
    for event in yaml.parse(text, Loader=kind):
        if isinstance(event, yaml.AliasEvent):
            raise error(f"{_place(event.start_mark)}YAML aliases (`*name`) are not read; put a lone * in quotes")
        if getattr(event, "tag", None) is not None:
            raise error(f"{_place(event.start_mark)}YAML tags (`!name`) are not read; put a text with ! in quotes")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise error(f"{_place(event.start_mark)}nested deeper than {MAX_DEPTH} levels")


def _value(loader: Any, node: yaml.Node, path: str, lines: Lines, error: Callable[[str], InvalidArgument]) -> Any:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, inner, f"{path}[{place}]", lines, error) for place, inner in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return loader.construct_object(node)
    found: dict[str, Any] = {}
    for key_node, inner in node.value:
        key = loader.construct_object(key_node) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            raise error(f"{_place(key_node.start_mark)}a name is text (put it in quotes)")
        if key in found:
            raise error(f"{_place(key_node.start_mark)}`{key:.60}` stands here a second time")
        within = f"{path}.{key}" if path else key
        found[key] = _value(loader, inner, within, lines, error)
        lines[within] = key_node.start_mark.line + 1
    return found


def _place(mark: Any) -> str:
    return "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
