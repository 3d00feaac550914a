"""The SDK's remaining corners, through a real service."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.client import bulk
from hyperdatasets.core.errors import (
    InvalidArgument,
    InvalidFrame,
    InvalidQuery,
    InvalidView,
    NoLocalSource,
    NotFound,
    SourceUnreadable,
)


@pytest.fixture
def draft(tmp_path: Path) -> Iterator[hd.DatasetVersion]:
    with testing.deployment(tmp_path):
        version = hd.DatasetVersion.create_new_dataset("things", dataset_project="lab", tags=["t"])
        assert not version.add_frames(hd.SingleFrame(f"u{i}", id=f"f{i}", metadata={"n": i}) for i in range(5))
        yield version


def test_every_name_is_there() -> None:
    for name in hd.__all__:
        assert getattr(hd, name) is not None
    with pytest.raises(AttributeError, match="nonsense"):
        hd.nonsense  # noqa: B018


def test_annotations_of_a_frame() -> None:
    frame = hd.SingleFrame("u", width=100, height=100)
    first = frame.add_annotation(box2d_xywh=(1, 2, 3, 4), labels=["a"], confidence=0.5, metadata={"k": 1})
    second = frame.add_annotation(poly2d_xy=[1, 1, 5, 1, 5, 5], labels=["b"])
    frame.add_annotation(ellipse2d_xyrrt=[5, 5, 2, 1, 0], labels=["a", "c"])
    frame.add_annotation(points2d_xy=[1, 2], labels=["p"])
    frame.add_annotation(mask_rgb=(1, 2, 3), labels=["m"])
    frame.add_annotation(labels=["whole"])
    assert len(frame.get_annotations()) == 6
    assert frame.get_annotations(id=first)[0]["geometry"] == {"box": [1, 2, 3, 4]}
    assert len(frame.get_annotations(label="a")) == 2
    frame.remove_annotation(id=second)
    frame.remove_annotation(index=-1)
    frame.remove_annotations(labels=["p", "m"])
    assert [each["labels"] for each in frame.annotations] == [["a"], ["a", "c"]]
    with pytest.raises(NotFound):
        frame.remove_annotation(id="nothing")
    with pytest.raises(InvalidFrame, match="there is no shape"):
        frame.add_annotation(circle=[1], labels=["x"])
    with pytest.raises(InvalidFrame, match="one shape, not 2"):
        frame.add_annotation(mask_rgb=(1, 1, 1), span=(1, 2), labels=["x"])
    with pytest.raises(InvalidFrame, match="wholly outside"):
        frame.add_annotation(box2d_xywh=(500, 1, 1, 1), labels=["x"])
    assert len(frame.annotations) == 2


def test_local_sources(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"picture")
    (tmp_path / "m.png").write_bytes(b"mask")
    frame = hd.SingleFrame((tmp_path / "a.png").as_uri(), mask_source=(tmp_path / "m.png").as_uri())
    assert Path(frame.get_local_source()).read_bytes() == b"picture"
    assert Path(frame.get_local_mask_source()).read_bytes() == b"mask"
    assert frame.masks_source == {"00": (tmp_path / "m.png").as_uri()}
    with pytest.raises(SourceUnreadable):
        hd.SingleFrame("/nowhere/x").get_local_source()
    with pytest.raises(NoLocalSource):
        hd.SingleFrame("site://a/b", site="a").get_local_source()


def test_versions_and_datasets(draft: hd.DatasetVersion) -> None:
    draft.set_metadata({"a": 1})
    draft.set_comment("c")
    draft.add_tags(["x"])
    draft.commit_version()
    assert (draft.refresh().get_metadata(), draft.comment, draft.tags) == ({"a": 1}, "c", ["x"])
    assert [each.name for each in hd.DatasetVersion.get_datasets(tags=["t"])] == ["things"]
    frame = hd.DatasetVersion.get_single_frame(frame_id="f3", dataset_name="lab/things")
    assert frame.metadata == {"n": 3}
    with pytest.raises(NotFound):
        draft.get_frame("nothing")
    dataset = hd.Dataset.get("lab/things")
    dataset.add_tags(["more"])
    dataset.remove_tags(["t"])
    assert dataset.refresh().tags == ["more"]


def test_views_are_built_and_read(draft: hd.DatasetVersion) -> None:
    hd.DatasetVersion.create_snapshot("lab/things", publish_name="v1")
    view = hd.DataView("v", description="d", tags=["t"])
    view.add_query(dataset_name="things", dataset_project="lab", version_name="v1", frame_query="meta.n:>1")
    assert view.get_queries()[0]["frame_query"] == "meta.n:>1"
    view.set_iteration_parameters(order=hd.IterationOrder.random, random_seed=5, maximum_number_of_frames=2)
    assert view.spec["iteration"] == {"order": "random", "repeat": False, "seed": 5, "limit": 2}
    assert view.get_count() == len(view.to_list()) == 2
    assert set(view.to_dict(projection=["meta.n"])[0]) == {"id", "sources", "meta"}
    view.set_queries([{"dataset": "lab/things", "version": "v1", "frame_query": "meta.n:<2"}])
    assert view.store().status == "draft"
    view.set_iteration_parameters(infinite=True)
    with pytest.raises(InvalidView, match="repeats without end"):
        view.to_list()
    view.publish()
    assert (view.status, view.site_counts) == ("published", {"": 2})
    found = hd.DataView.list(name="v")
    assert [each.reference for each in found] == [view.reference]
    view.archive()
    assert hd.DataView.list() == []
    view.archive(undo=True)
    assert hd.DataView.from_yaml(view.to_yaml()).spec["rules"] == view.spec["rules"]
    first = [frame.id for frame, _ in zip(view.get_iterator(), range(6), strict=False)]
    assert sorted(first[:2]) == sorted(first[2:4]) == ["f0", "f1"]
    view.delete(force=True)
    with pytest.raises(NotFound):
        hd.DataView.get(name="v")


def test_what_is_no_frame_is_told(draft: hd.DatasetVersion) -> None:
    for frames in (None, 5, "text", {"id": "f"}):
        for write in (draft.write, draft.add_frames):
            with pytest.raises(InvalidArgument, match=f"another iterable, got {type(frames).__name__}"):
                write(frames)
    with pytest.raises(InvalidArgument, match="frame 0: expected a SingleFrame or a FrameGroup, got dict"):
        draft.add_frames([{"id": "f"}])
    with pytest.raises(InvalidArgument, match="mode: expected one of upsert"):
        draft.write([], mode="insert")
    (failed,) = draft.write([5])
    assert (failed.index, failed.reason) == (0, "INVALID_FRAME")
    assert "a dictionary, got int" in failed.message


def test_half_of_a_surrogate_pair_is_no_query(draft: hd.DatasetVersion) -> None:
    half = "meta.x:\ud800"
    view = hd.DataView("v")
    view.add_query(dataset_name="lab/things", version_name="Current", frame_query=half)
    for ask in (lambda: draft.count(frame_query=half), lambda: draft.count(roi_query=half), lambda: len(view)):
        with pytest.raises(InvalidQuery, match="surrogate pair"):
            ask()


def test_writing_goes_on_when_its_stream_has_lasted_too_long(
    draft: hd.DatasetVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_STREAM_S", 1)
    monkeypatch.setattr(bulk, "BATCH", 10)

    def slowly() -> Iterator[hd.SingleFrame]:
        for number in range(200):
            if number == 100:  # the stream has begun, its window is full
                threading.Event().wait(1.2)  # longer than the stream may last
            yield hd.SingleFrame(f"u{number}", id=f"slow{number}")

    written = draft.add_frames(slowly())
    assert (list(written), written.added) == ([], 200)
    assert draft.count(frame_query="id:slow*") == 200
