"""The options of `import_frames` and `register`, checked before anything is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.formats.intake import check_limit

_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f]+")
PRUNE = (
    "`option prune`: not together with `option classes` or `option limit`, since files that are not asked for are not "
    "looked at; leave out one of them"
)


def labels_of(classes: Any) -> list[str]:
    """Labels as a list; one label may be given alone.

    Raises:
        InvalidArgument: it is no list of labels, or a label is empty.
    """
    given = [classes] if isinstance(classes, str) else classes
    labels = list(given) if isinstance(given, Iterable) else [given]
    if not all(isinstance(each, str) for each in labels):
        raise InvalidArgument(f"`option classes`: expected a list of labels, got {classes!r:.60}")
    if not all(map(str.strip, labels)):
        raise InvalidArgument("`option classes`: a label is empty; leave `option classes` out to take all")
    return labels


def labels_in(text: str) -> list[str]:
    """The labels that a text lists, separated by commas; none if it is empty.

    Raises:
        InvalidArgument: the text is not empty, but lists no label.
    """
    labels = [each.strip() for each in text.split(",") if each.strip()]
    if text and not labels:
        raise InvalidArgument("`option classes`: no label is given; leave `option classes` out to take all")
    return labels


def check(*, limit: Any, prune: bool, classes: Iterable[str]) -> None:
    """Raises InvalidArgument: the limit is no number above 0, or the options exclude each other."""
    check_limit(limit)
    if prune and (limit is not None or any(classes)):
        raise InvalidArgument(PRUNE)


def uri_prefix_of(given: Any) -> str:
    """A prefix of URIs without `/` at its end; empty for the default.

    Raises:
        InvalidArgument: it is no URI.
    """
    if not isinstance(given, str) or (given and not _URI.fullmatch(given)):
        raise InvalidArgument(
            f"`option uri_prefix`: expected the beginning of a URI, such as `s3://bucket`, got {given!r:.60}"
        )
    return given.rstrip("/")
