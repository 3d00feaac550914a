"""The reference of a published data view: `name@sha256:<64 digits>`."""

from __future__ import annotations

import re
from typing import NamedTuple

from hyperdatasets.core.advice import command
from hyperdatasets.core.errors import InvalidReference

_REFERENCE = re.compile(r"(?P<name>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})")
_SHOWN = 100  # characters


class ViewReference(NamedTuple):
    """A name, and the digest that says which view of this name is meant."""

    name: str
    digest: str


def parse(text: str, where: str = "view") -> ViewReference:
    """Both parts of a reference.

    Args:
        where: the place of the text, for people.

    Raises:
        InvalidReference: a part is missing or wrong; says which, and where the whole reference is found.
    """
    found = _REFERENCE.fullmatch(text)
    if found is None:
        name = text.partition("@")[0]
        raise InvalidReference(
            f"{where}: {_problem(text)}; expected `name@sha256:` and 64 digits, as in `view.reference` of the "
            f"published view (also {command('view show', name[:_SHOWN] or 'NAME')})"
        )
    return ViewReference(found["name"], found["digest"])


def _problem(text: str) -> str:
    shown = f"`{text[:_SHOWN]}`"
    name, at, digest = text.partition("@")
    if not text:
        return "no data view is named"
    if not at:
        return f"{shown} has no digest, and a bare name could mean other frames tomorrow"
    if not name:
        return f"{shown} has no name"
    digits = digest.removeprefix("sha256:")
    if digest != digits and re.fullmatch(r"[0-9a-f]*", digits):
        return f"{shown} has {len(digits)} digits"
    return f"{shown} has something else than a digest behind the @"
