"""What registering a known frame changes, and how the change is called."""

from __future__ import annotations

from typing import Any

import pytest

from hyperdatasets.core.normalise import normalise
from hyperdatasets.core.registering import DIGEST_ADDED, FILE_CHANGED, SITE_FIELDS_CHANGED, registered

DIGEST = "sha256:" + "0" * 64


def frame(*, age: int = 0, size: int = 1, digest: str = "") -> Any:
    source = {"uri": "site://north/a.png", "size_bytes": size} | ({"digest": digest} if digest else {})
    return normalise({"id": "a", "site": "north", "sources": [source], "meta": {"site": {"age": age}} if age else {}})[
        0
    ]


@pytest.mark.parametrize(
    ("came", "changes"),
    [
        (frame(), []),
        (frame(age=4), [SITE_FIELDS_CHANGED]),
        (frame(size=2), [FILE_CHANGED]),
        (frame(size=2, age=4), [FILE_CHANGED, SITE_FIELDS_CHANGED]),
        (frame(digest=DIGEST), [DIGEST_ADDED]),
        (frame(digest=DIGEST, age=4), [DIGEST_ADDED, SITE_FIELDS_CHANGED]),
    ],
)
def test_what_changed_at_a_site_is_called_by_its_name(came: Any, changes: list[str]) -> None:
    assert registered(came, frame(), replace=False).changes == changes
    assert registered(came, frame(), replace=False).frame == came
