"""YAML with every value as the text that is written: `no`, `007`, `null` and `1e3` stay what they are."""

from __future__ import annotations

import yaml


class NotYaml(ValueError):
    """A text is no YAML, or not one with keys at its top."""


def read_yaml(text: str) -> list[tuple[str, yaml.Node]]:
    """The keys at the top of a text with what is written for them, in their order.

    Raises:
        NotYaml: it is broken, or no mapping.
    """
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise NotYaml(" ".join(str(error).split())[:200]) from None
    pairs = mapping_in(root)
    if pairs is None:
        raise NotYaml("there are no keys")
    return pairs


def mapping_in(node: object) -> list[tuple[str, yaml.Node]] | None:
    """Keys with their values, in their order; None for anything else."""
    if not isinstance(node, yaml.MappingNode):
        return None
    return [(scalar_in(key), value) for key, value in node.value]


def scalars_in(node: object) -> list[str] | None:
    """The texts of a list; an empty one for anything that is no text; None if it is no list."""
    return [scalar_in(each) for each in node.value] if isinstance(node, yaml.SequenceNode) else None


def scalar_in(node: object) -> str:
    """The text of a single value; empty for anything else."""
    return str(node.value) if isinstance(node, yaml.ScalarNode) else ""
