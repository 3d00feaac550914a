"""Parts of frames."""

from __future__ import annotations

import pytest

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.projection import check_projection, projected

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


@pytest.mark.parametrize(
    "path", ["id", "meta", "meta.city", "sources.uri", "rois.label", "annotations.labels", "dataset.id", "version.id"]
)
def test_parts_of_frames(path: str) -> None:
    check_projection([path])


@pytest.mark.parametrize(
    ("path", "said"),
    [("metta", "Did you mean meta"), ("dataset.nam", "Did you mean dataset.name"), ("sources.urii", "sources.uri"),
     ("nothing", "There are: id, site"), ("", "There are"), ("meta.", "Did you mean meta")],
)  # fmt: skip
def test_a_path_that_names_no_part_is_refused(path: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said):
        check_projection([path])
