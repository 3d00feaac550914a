"""Parts of frames."""

from __future__ import annotations

import pytest

from hyperdatasets.core.projection import projected

FRAME = {
    "id": "f", "context_id": "c", "sources": [{"id": "default", "uri": "u"}],
    "annotations": [{"id": "a", "labels": ["x"]}], "meta": {"city": "ulm", "at": {"day": 1, "hour": 2}},
}  # fmt: skip


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([], {"sources": []}),
        (["sources"], {"sources": FRAME["sources"]}),
        (["rois"], {"sources": [], "annotations": FRAME["annotations"]}),
        (["meta.city"], {"sources": [], "meta": {"city": "ulm"}}),
        (["meta.at.day", "meta.city"], {"sources": [], "meta": {"at": {"day": 1}, "city": "ulm"}}),
        (["meta.nowhere", "context_id"], {"sources": [], "meta": {}, "context_id": "c"}),
    ],
)
def test_what_was_asked_for_and_no_more(paths: list[str], expected: dict) -> None:
    assert projected(FRAME, paths) == {"id": "f", **expected}
