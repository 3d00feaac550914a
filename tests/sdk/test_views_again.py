"""A cell of a notebook that makes a view runs twice, and a view that could not be published leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.core.errors import AlreadyExists, EmptyView, VersionNotPublished


@pytest.fixture(autouse=True)
def service(tmp_path: Path) -> Iterator[None]:
    with testing.deployment(tmp_path):
        hd.Dataset.create("lab/cells")
        version = hd.DatasetVersion.get_current("lab/cells")
        version.add_frames([hd.SingleFrame(f"s3://b/{n}", id=f"f{n}", metadata={"n": n}) for n in range(6)])
        hd.DatasetVersion.create_snapshot("lab/cells", publish_name="v1")
        yield


def cell(query: str = "meta.n:<4", version: str = "v1", name: str = "lab/train") -> hd.DataView:
    """What a person has in one cell."""
    view = hd.DataView(name, iteration_order="random")
    view.add_query("lab/cells", version, frame_query=query)
    return view


def test_the_same_cell_again_is_the_same_view() -> None:
    first = cell().publish()
    again = cell().publish()
    assert (again.id, again.reference, again.status) == (first.id, first.reference, "published")
    assert len(cell().open()) == 4
    assert [each.name for each in hd.DataView.list()] == ["train"]


def test_an_edited_cell_says_what_to_do() -> None:
    cell().publish()
    for changed in (cell("meta.n:<3"), cell(name="elsewhere/train")):
        with pytest.raises(AlreadyExists, match="`train` already; open it by its name, or take another one"):
            changed.open()
        assert changed.status == "local"


def test_the_same_names_over_frames_that_changed_are_another_view() -> None:
    cell().publish()
    hd.DatasetVersion.get_version("lab/cells", "v1").set_version_name("old")
    draft = hd.DatasetVersion.get_current("lab/cells")
    draft.update_frames([hd.SingleFrame("s3://b/0", id="f0", metadata={"n": 0, "seen": True})])
    hd.DatasetVersion.create_snapshot("lab/cells", publish_name="v1")
    with pytest.raises(AlreadyExists):
        cell().publish()


def test_a_draft_of_this_name_is_left_alone() -> None:
    draft = cell().store()
    with pytest.raises(AlreadyExists):
        cell().publish()
    assert hd.DataView.get("train").id == draft.id


def test_a_view_that_cannot_be_published_is_not_left_behind() -> None:
    for refused, error in ((cell(version="Current"), VersionNotPublished), (cell("meta.n:>99"), EmptyView)):
        with pytest.raises(error):
            refused.open()
        assert refused.status == "local"
        assert not hd.DataView.list()
    assert cell().publish().published


def test_a_stored_draft_that_cannot_be_published_stays() -> None:
    draft = cell(version="Current").store()
    with pytest.raises(VersionNotPublished):
        draft.publish()
    assert hd.DataView.get("train").id == draft.id
