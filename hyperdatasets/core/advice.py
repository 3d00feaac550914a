"""Advice in messages: options and commands, named in the words of the place where a person reads them.

A message is written once, with neutral marks in backquotes: `option prune`, `option boxes_as=stored`,
`command version create`. So it travels, and so programs get it. On the command line the marks become `--prune`,
`--boxes-as stored` and `hyperdatasets version create`; in Python `prune=True`, `boxes_as="stored"` and
`DatasetVersion.create_version`.
"""

from __future__ import annotations

import re
import shlex

_MARK = re.compile(r"`(option|command) ([a-z][a-z_ -]*[a-z])(?:=([^`]*))?`")
_FLAGS = {
    "frame_query": "query",
    "delete_all_versions": "force",
    "why": "reason",
}  # option -> what a flag is called otherwise
_SWITCHES = {
    "prune", "replace_annotations", "scale_annotations", "rename_contexts", "strict", "dry_run", "force",
    "delete_all_versions",
}  # fmt: skip
_ARGUMENTS = {
    "version": "version_name",
    "column_type": "column_types",
    "add_label": "add_labels",
    "remove_label": "remove_labels",
}  # option -> what an argument is called otherwise
_CALLS = {
    "version create": "DatasetVersion.create_version",
    "version snapshot": "DatasetVersion.create_snapshot",
    "version publish": "DatasetVersion.publish_version",
    "view clone": "DataView.clone",
    "experiment clone": "Experiment.clone",
    "site add": "hyperdatasets.client.admin.add_site",
    "site approve": "hyperdatasets.client.admin.approve_site",
}


def option(name: str, value: str = "") -> str:
    """The neutral mark of an option; a value with a backquote in it cannot be marked, and is left out."""
    return f"`option {name}={value}`" if value and "`" not in value else f"`option {name}`"


def command(name: str, value: str = "") -> str:
    """The neutral mark of a command with its first argument, as `option` makes it."""
    return f"`command {name}={value}`" if value and "`" not in value else f"`command {name}`"


def on_command_line(text: str) -> str:
    """The message with flags and commands."""
    return _MARK.sub(_flag, text) if "`" in text else text


def in_python(text: str) -> str:
    """The message with arguments and calls; commands that the SDK has no call for are named as commands."""
    return _MARK.sub(_argument, text) if "`" in text else text


def _flag(found: re.Match[str]) -> str:
    kind, name, value = found.groups()
    if kind == "command":
        return f"`hyperdatasets {name}{f' {shlex.quote(value)}' if value else ''}`"
    flag = "--" + _FLAGS.get(name, name).replace("_", "-")
    return f"`{flag} {shlex.quote(value)}`" if value else f"`{flag}`"


def _argument(found: re.Match[str]) -> str:
    kind, name, value = found.groups()
    if kind == "command":
        given = f'("{value}")' if value else ""
        return f"`{_CALLS[name]}{given}`" if name in _CALLS else f"the command `{name}`"
    argument = _ARGUMENTS.get(name, name)
    if name == "column_type":
        column, _, type_name = (value or "").partition("=")
        return f'`{argument}={{"{column}": "{type_name}"}}`' if value else f"`{argument}`"
    if name in _SWITCHES:
        return f"`{argument}=True`"
    return f'`{argument}="{value}"`' if value else f"`{argument}`"
