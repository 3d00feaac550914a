"""Wildcards and regular expressions as RE2 programs: linear in the text, bounded in size, without groups."""

from __future__ import annotations

import re
from collections.abc import Callable

import re2

MAX_PROGRAM = 50_000  # instructions of a regular expression

_PARTS = re.compile(r"\\.|.", re.DOTALL)


class UnreadablePattern(ValueError):
    """It is not RE2 syntax, or too large; the text says which."""


def regex(pattern: str, *, case_sensitive: bool) -> Callable[[str], bool]:
    """Whether a whole text fits a regular expression.

    Raises:
        UnreadablePattern: what is wrong.
    """
    compiled = _compiled(pattern, case_sensitive=case_sensitive)
    if compiled.programsize > MAX_PROGRAM:
        raise UnreadablePattern(f"it is too large ({compiled.programsize} steps, {MAX_PROGRAM} are allowed)")
    return lambda text: compiled.fullmatch(text) is not None


def wildcard(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text fits a pattern in which `*` and `?` stand for any characters and for one."""
    parts = _PARTS.findall(pattern)
    as_regex = "".join({"*": ".*", "?": "."}.get(part, re2.escape(part.removeprefix("\\"))) for part in parts)
    compiled = _compiled(as_regex, case_sensitive=True)
    return lambda text: compiled.fullmatch(text) is not None


def _compiled(pattern: str, *, case_sensitive: bool) -> re2._Regexp[str]:
    options = re2.Options()
    options.case_sensitive, options.dot_nl, options.log_errors = case_sensitive, True, False
    options.never_capture = True  # what thousands of groups captured was copied at each character
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise UnreadablePattern(text) from None
