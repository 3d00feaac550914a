"""Datasets, versions and frames through the SDK and a real service."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest

from hyperdatasets.client.annotations import ImageAnnotation
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.groups import FrameGroup
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.query_warnings import QueryWarning
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import (
    AlreadyExists,
    EtagMismatch,
    FailedPrecondition,
    InUse,
    InvalidArgument,
    InvalidFrame,
    InvalidName,
    InvalidQuery,
    MergeCollides,
    NotFound,
    ParentNotPublished,
    RequestIdReused,
    VersionPublished,
)
from hyperdatasets.v1 import dataset_service_pb2 as datasets_pb
from hyperdatasets.v1 import frame_service_pb2 as frames_pb
from hyperdatasets.wire.frames import to_message


def picture(number: int, *labels: str, **meta: Any) -> SingleFrame:
    frame = SingleFrame(f"s3://bucket/{number}.jpg", id=f"f{number}", width=100, height=100, metadata=meta)
    for place, label in enumerate(labels):
        frame.add_annotation(box2d_xywh=(10 * place, 1, 5, 5), labels=[label], confidence=0.9)
    return frame


@pytest.fixture
def draft(client: MetadataClient) -> DatasetVersion:
    Dataset.create("bccd", dataset_project="clinic/blood", tags=["blood"], client=client)
    return DatasetVersion.get_current("bccd", client=client)


def test_a_dataset_begins_with_an_empty_draft(client: MetadataClient) -> None:
    made = Dataset.create("a", dataset_project="p/q", description="x", metadata={"n": 1}, tags=["t"], client=client)
    draft = DatasetVersion.get_current(dataset_id=made.id, client=client)
    assert (draft.name, draft.published, draft.frame_count) == ("Current", False, 0)
    again = Dataset.get("p/q/a", client=client)
    assert (again.id, again.description, again.metadata, again.tags) == (made.id, "x", {"n": 1}, ["t"])
    assert Dataset.create("a", dataset_project="p/q", client=client).id == made.id
    with pytest.raises(AlreadyExists):
        Dataset.create("a", dataset_project="p/q", raise_if_exists=True, client=client)


def test_datasets_are_listed_by_project_name_and_tags(client: MetadataClient) -> None:
    for project, name, tags in (("a", "x", ["1"]), ("a/b", "y", ["1", "2"]), ("ab", "z", [])):
        Dataset.create(name, dataset_project=project, tags=tags, client=client)
    assert [each.name for each in Dataset.list(project="a", client=client)] == ["x", "y"]
    assert [each.name for each in Dataset.list(tags=["1", "2"], client=client)] == ["y"]
    Dataset.get("y", client=client).update(archived=True)
    assert [each.name for each in Dataset.list(project="a", client=client)] == ["x"]
    assert len(Dataset.list(include_archived=True, client=client)) == 3


@pytest.mark.parametrize("name", ["a/b", "..", "", "a\0b", "a\nb", "x" * 200, " a"])
def test_names_that_are_refused(client: MetadataClient, name: str) -> None:
    request = datasets_pb.CreateDatasetRequest(name=name)
    with pytest.raises(InvalidName):
        client.send(request)


def test_unknown_names_come_with_the_nearest(client: MetadataClient, draft: DatasetVersion) -> None:
    with pytest.raises(NotFound, match=r"Did you mean .*bccd"):
        Dataset.get("bcdd", client=client)
    with pytest.raises(NotFound, match="Did you mean Current"):
        DatasetVersion.get_version(dataset_id=draft.dataset_id, version_name="current", client=client)


def test_frames_are_added_updated_and_left_alone(draft: DatasetVersion) -> None:
    result = draft.add_frames(picture(i, "car") for i in range(2_500))
    assert (result.added, list(result)) == (2_500, [])
    result = draft.add_frames([picture(0, "car"), picture(1, "bus"), picture(2_500)])
    assert (result.added, result.updated, result.unchanged) == (1, 1, 1)
    assert (draft.frame_count, draft.annotated_count) == (2_501, 2_500)
    assert draft.get_frame("f1").annotations[0]["labels"] == ["bus"]


def test_bad_frames_are_told_and_the_others_kept(draft: DatasetVersion) -> None:
    wrong = picture(1)
    wrong.plain["sources"][0]["width"] = -5
    long = picture(2)
    long.plain["annotations"] = [{"labels": ["x" * 10_000]}]
    result = draft.add_frames([picture(0), wrong, long, picture(0), picture(3, note="x" * 5_000_000)])
    assert [(each.index, each.reason) for each in result] == [(i, "INVALID_FRAME") for i in (1, 2, 3, 4)]
    assert "width" in result[0].message
    assert "10000 characters" in result[1].message
    assert "twice" in result[2].message
    assert draft.frame_count == 1


def test_groups_and_global_annotations(draft: DatasetVersion) -> None:
    group = FrameGroup(id="g", context_id="street")
    group["front"] = picture(1, "car")
    group["back"] = picture(2)
    group.add_global_annotation(ImageAnnotation(labels=["rain"], confidence=1.0))
    draft.add_frames([group])
    found = draft.get_frame("g")
    assert isinstance(found, FrameGroup)
    assert list(found) == ["back", "front"]
    assert draft.count(frame_query="rois.label:rain num_frames:2") == 1
    assert draft.count(roi_query="car AND sources:front") == 1


def test_queries_count_list_and_warn(draft: DatasetVersion) -> None:
    draft.add_frames(picture(i, *(["car"] * (i % 3)), n=i, city=["ulm", "bremen"][i % 2]) for i in range(30))
    assert draft.count(frame_query="meta.city:ulm AND meta.n:<10") == 5
    assert draft.count(roi_query="car") == 20
    found = draft.frames(frame_query="meta.n:[3 TO 8}", order_by="-meta.n", limit=3)
    assert [frame.id for frame in found] == ["f7", "f6", "f5"]
    with pytest.warns(QueryWarning, match="did you mean meta.city"):
        assert draft.count(frame_query="meta.citty:ulm") == 0
    with pytest.raises(InvalidQuery, match="position 8"):
        draft.count(frame_query="meta.n:[")
    (frame,) = draft.frames(frame_query="id:f3", projection=["meta.city"])
    assert frame.plain == {"id": "f3", "sources": [], "meta": {"city": "bremen"}}


def test_an_edit_is_seen_at_once(draft: DatasetVersion) -> None:
    draft.add_frames([picture(1, "car")])
    assert draft.count(roi_query="bus") == 0
    draft.add_frames([picture(1, "bus")])
    assert draft.count(roi_query="bus") == 1
    assert draft.count(roi_query="car") == 0


def test_statistics_and_schema(draft: DatasetVersion) -> None:
    draft.add_frames(picture(i, "car", "bus", score=i / 10) for i in range(10))
    counted = draft.statistics("rois.label", where="id:f1")
    assert counted["counts"] == {"bus": 1, "car": 1}
    assert draft.statistics("meta.score")["quantiles"][-1] == 0.9
    assert draft.schema()["meta.score"]["types"] == ["number"]


def test_snapshot_publish_and_children(client: MetadataClient, draft: DatasetVersion) -> None:
    draft.add_frames(picture(i) for i in range(3))
    published = DatasetVersion.create_snapshot("bccd", publish_name="v1", child_comment="next", client=client)
    assert (published.id, published.name, published.published) == (draft.id, "v1", True)
    child = DatasetVersion.get_current("bccd", client=client)
    assert (child.parents, child.frame_count, child.comment) == ([published.id], 3, "next")
    with pytest.raises(VersionPublished, match="frozen for ever"):
        published.add_frames([picture(9)])
    with pytest.raises(VersionPublished):
        published.publish_version()
    child.set_comment("still free")
    with pytest.raises(ParentNotPublished):
        DatasetVersion.create_version(
            dataset_name="bccd", version_name="x", parent_version_names=["Current"], client=client
        )
    DatasetVersion.create_version(dataset_name="bccd", version_name="x", parent_version_names=["v1"], client=client)
    with pytest.raises(FailedPrecondition, match="exactly one draft"):
        DatasetVersion.create_snapshot("bccd", client=client)


def test_the_digest_is_of_the_frames_alone(client: MetadataClient) -> None:
    digests = []
    for name, order in (("a", [1, 2, 3]), ("b", [3, 1, 2])):
        Dataset.create(name, client=client)
        draft = DatasetVersion.get_current(name, client=client)
        draft.add_frames(picture(i, "car") for i in (*order, 4))
        draft.delete_frames(["f4"])
        digests.append(draft.publish_version("v1").digest)
    assert digests[0] == digests[1]


def test_diff_says_what_changed(client: MetadataClient, draft: DatasetVersion) -> None:
    draft.add_frames([picture(0), picture(1, "car", city="ulm"), picture(2)])
    first = DatasetVersion.create_snapshot("bccd", publish_name="v1", client=client)
    child = DatasetVersion.get_current("bccd", client=client)
    child.delete_frames(["f0"])
    child.add_frames([picture(1, "bus", city="bremen"), picture(3)])
    diff = first.diff(child)
    assert (diff.added, diff.removed, diff.changed) == (1, 1, 1)
    kinds = {frame_id: kind for frame_id, kind, _ in diff.frames}
    assert kinds == {"f1": "changed", "f3": "added", "f0": "removed"}
    fields = {path: (before, after) for path, before, after in diff.frames[0][2]}
    assert fields["meta.city"] == ("ulm", "bremen")
    child.revert()
    assert first.diff(child).changed == 0
    assert child.digest == first.digest


def test_merge_the_later_parent_wins(client: MetadataClient, draft: DatasetVersion) -> None:
    draft.add_frames([picture(1, "car"), picture(2)])
    DatasetVersion.create_snapshot("bccd", publish_name="v1", client=client)
    for name, label in (("left", "bus"), ("right", "tram")):
        child = DatasetVersion.create_version(
            dataset_name="bccd", version_name=name, parent_version_names=["v1"], client=client
        )
        child.add_frames([picture(1, label), picture({"left": 3, "right": 4}[name])])
        child.publish_version()
    with pytest.warns(UserWarning, match="parents changed 1 frame "):
        merged = DatasetVersion.create_version(
            dataset_name="bccd", version_name="both", parent_version_names=["left", "right"], client=client
        )
    assert merged.frame_count == 4
    assert merged.get_frame("f1").annotations[0]["labels"] == ["tram"]
    assert merged.annotated_count == 1


def test_edits_by_query(client: MetadataClient, draft: DatasetVersion) -> None:
    draft.add_frames(picture(i, "car", "bus", n=i) for i in range(10))
    assert draft.update_by_query(roi_query="car", relabel={"car": "vehicle"}, preview=True) == 10
    assert draft.count(roi_query="vehicle") == 0
    assert draft.update_by_query(frame_query="meta.n:<5", roi_query="car", relabel={"car": "vehicle"}) == 5
    assert draft.count(roi_query="vehicle") == 5
    assert draft.update_by_query(frame_query="*", set_meta={"checked": True, "n": None}) == 10
    assert draft.count(frame_query="meta.checked:true AND NOT _exists_:meta.n") == 10
    assert draft.delete_frames(roi_query="vehicle") == 5
    Dataset.create("copy", client=client)
    copy = DatasetVersion.get_current("copy", client=client)
    assert copy.copy_frames(draft, frame_query="id:f7 OR id:f8").added == 2
    assert copy.frame_count == 2


def test_etags_guard_against_lost_edits(client: MetadataClient, draft: DatasetVersion) -> None:
    draft.add_frames([picture(1)])
    message = to_message(picture(1, "car").to_plain())
    request = frames_pb.DeleteFramesRequest(dataset="bccd", version="Current", frame_ids=["f1"], etag="1")
    with pytest.raises(EtagMismatch):
        client.send(request)
    assert message.id == "f1"


def test_a_request_id_answers_the_same_twice(client: MetadataClient) -> None:
    request = datasets_pb.CreateDatasetRequest(name="once", request_id="r1")
    assert client.send(request) == client.send(request)
    with pytest.raises(RequestIdReused):
        client.send(datasets_pb.CreateDatasetRequest(name="other", request_id="r1"))


def test_what_is_in_use_is_not_deleted(client: MetadataClient, draft: DatasetVersion) -> None:
    draft.add_frames([picture(1)])
    DatasetVersion.create_snapshot("bccd", publish_name="v1", client=client)
    dataset = Dataset.get("bccd", client=client)
    with pytest.raises(InUse, match="has children"):
        dataset.delete_version("v1", force=True)
    dataset.delete_version("Current")
    with pytest.raises(InUse, match="published"):
        dataset.delete_version("v1")
    Dataset.delete("bccd", force=True, client=client)
    with pytest.raises(NotFound):
        Dataset.get("bccd", client=client)


def test_a_deleted_dataset_gets_no_index_any_more(client: MetadataClient, tmp_path: Path) -> None:
    """What was written just before its dataset was deleted is not indexed in the pause after it."""
    ids = []
    for name in ("deleted", "later"):
        ids.append(Dataset.create(name, client=client).id)
        draft = DatasetVersion.get_current(name, client=client)
        draft.add_frames([picture(1)])
        assert draft.count() == 1
    Dataset.delete("deleted", force=True, client=client)
    folder, end = tmp_path / "service" / "index", time.monotonic() + 30
    while not (folder / ids[1] / "segments.json").exists():  # it is indexed after what was written before it
        assert time.monotonic() < end
        threading.Event().wait(0.05)
    assert [each.name for each in folder.iterdir()] == [ids[1]]


def test_mask_labels_freeze_with_the_version(draft: DatasetVersion) -> None:
    draft.set_masks_labels({(1, 1, 1): ["person"]})
    assert draft.get_metadata()["mask_labels"] == {"_all_": [{"value": [1, 1, 1], "labels": ["person"]}]}
    before = draft.digest
    draft.set_masks_labels({(1, 1, 1): ["cell"]})
    assert draft.digest != before
    draft.publish_version("v1")
    with pytest.raises(VersionPublished):
        draft.set_masks_labels({})


def test_versions_merge_three_ways(client: MetadataClient) -> None:
    """Frames and mask labels; a dataset is deleted from its leaves."""
    named = {"dataset_name": "merging", "client": client}
    first = DatasetVersion.create_new_dataset("merging", client=client)
    frame = {"sources": [{"uri": "u"}], "meta": {"n": 0}}
    first.write([{"id": name, **frame} for name in ("same", "mine", "theirs", "both", "gone", "lost")])
    first.set_masks_labels({(1, 1, 1): ["cat"], (2, 2, 2): ["dog"]})
    first.publish_version()
    sides = []
    for number, changed in ((1, "mine"), (2, "theirs")):
        side = DatasetVersion.create_version(version_name=f"side {number}", parent_version_ids=[first.id], **named)
        side.write([{"id": name, "sources": [{"uri": "u"}], "meta": {"n": number}} for name in (changed, "both")])
        sides.append(side)
    sides[0].delete_frames(["gone"])
    sides[0].write([{"id": "lost", "sources": [{"uri": "u"}], "meta": {"n": 1}}])
    sides[1].delete_frames(["lost"])
    sides[0].set_masks_labels({(1, 1, 1): ["lion"], (2, 2, 2): ["dog"]})
    sides[1].set_masks_labels({(1, 1, 1): ["cat"], (2, 2, 2): ["wolf"], (3, 3, 3): ["cow"]})
    for side in sides:
        side.publish_version()
    parents = [side.id for side in sides]
    with pytest.raises(MergeCollides, match="2 frames changed in different ways in several") as caught:
        DatasetVersion.create_version(version_name="merged", parent_version_ids=parents, on_collision="refuse", **named)
    assert 'let the later parent win (`on_collision="later_wins"`)' in str(caught.value)
    with pytest.raises(InvalidArgument, match="on_collision"):
        DatasetVersion.create_version(version_name="merged", on_collision="x", **named)
    with pytest.warns(
        UserWarning, match="parents changed 2 frames in different ways; the later parent won: `both`, `lost`$"
    ):
        merged = DatasetVersion.create_version(version_name="merged", parent_version_ids=parents, **named)
    assert {frame.id: frame.meta["n"] for frame in merged.frames()} == {"same": 0, "mine": 1, "theirs": 2, "both": 2}
    assert [(each.frame_id, each.kept_from, each.kept is None) for each in merged.collisions] == [
        ("both", sides[1].id, False), ("lost", sides[1].id, True),
    ]  # fmt: skip
    assert merged.merge_bases == [first.id]
    labels = {tuple(each["value"]): each["labels"] for each in merged.get_metadata()["mask_labels"]["_all_"]}
    assert labels == {(1, 1, 1): ["lion"], (2, 2, 2): ["wolf"], (3, 3, 3): ["cow"]}
    merged.delete_frames(["same"])
    assert merged.revert().frame_count == 4
    again = DatasetVersion.create_version(version_name="again", parent_version_ids=[first.id, parents[0]], **named)
    assert (again.collisions, again.digest) == ([], sides[0].digest)
    again.delete_frames(["same"])
    Dataset.get("merging", client=client).delete_version("again")
    last = DatasetVersion.create_version(version_name="last", **named)
    with pytest.warns(UserWarning, match="several drafts"):
        assert DatasetVersion.get_version(**named).id == last.id
    Dataset.delete("merging", force=True, client=client)


def test_a_group_is_a_mapping_of_its_sources(draft: DatasetVersion) -> None:
    """Metadata, preview and masks of a member are its source's."""
    group = FrameGroup(id="g", metadata={"weather": "rain"})
    group["front"] = SingleFrame("s3://b/f.jpg", metadata={"gain": 3}, preview_uri="s3://b/p.jpg", width=9, height=9)
    group["rear"] = SingleFrame("s3://b/r.jpg", mask_source="s3://b/m.png")
    group["front"].add_annotation(labels=["car"], box2d_xywh=(0, 0, 5, 5))
    group["rear"].metadata["gain"] = 4
    assert not draft.add_frames([group])
    found = draft.get_frame("g")
    assert isinstance(found, FrameGroup)
    assert (len(found), list(found), "rear" in found, "top" in found) == (2, ["front", "rear"], True, False)
    assert {name: member.metadata for name, member in found.items()} == {"front": {"gain": 3}, "rear": {"gain": 4}}
    assert found.metadata == {"weather": "rain"}
    assert found["front"].preview_uri == "s3://b/p.jpg"
    assert found["rear"].masks_source == {"00": "s3://b/m.png"}
    assert found.get("top") is None
    with pytest.raises(NotFound, match="the group has no source `top`; it has front, rear"):
        found["top"]
    assert draft.count(frame_query="sources.meta.gain:3") == 1
    assert draft.count(source_query="meta.gain:4 uri:r") == 1
    del found["front"]
    assert not draft.update_frames([found])
    left = draft.get_frame("g")
    assert isinstance(left, FrameGroup)
    assert (list(left), left.annotations) == (["rear"], [])


def test_a_group_of_one_source_has_a_name_of_its_own(draft: DatasetVersion) -> None:
    group = FrameGroup(id="g")
    group["default"] = SingleFrame("s3://b/f.jpg")
    (failed,) = draft.add_frames([group])
    assert (failed.id, failed.reason) == ("g", "INVALID_FRAME")
    assert "give the source another name, such as `front`" in failed.message
    with pytest.raises(InvalidFrame, match="another name"):
        group.to_plain()
    group["top"] = group["default"]
    assert not draft.add_frames([group])
    assert draft.frame_count == 1


def test_frames_know_where_they_are_kept_and_refuse_lost_updates(draft: DatasetVersion) -> None:
    new = picture(1)
    assert (new.dataset, new.version, new.etag, new.saved) == ("", "", None, None)
    draft.add_frames([new, picture(2)])
    mine, other = draft.get_frame("f1"), next(iter(draft.frames(frame_query="id:f1")))
    assert (mine.dataset, mine.version, mine.etag) == (draft.dataset_id, draft.id, 0)
    assert mine.saved is not None
    assert abs(mine.saved.timestamp() - time.time()) < 60
    other.metadata["n"] = 1
    assert not draft.update_frames([other], etag=True)
    mine.metadata["n"] = 2
    rest = draft.get_frame("f2")
    rest.metadata["n"] = 3
    (failed,) = draft.update_frames([mine, rest], etag=True)
    assert (failed.index, failed.id, failed.reason) == (0, "f1", "ETAG_MISMATCH")
    assert {frame.id: frame.metadata["n"] for frame in draft.frames()} == {"f1": 1, "f2": 3}
    with pytest.raises(InvalidArgument, match="frame 0: it was not read from this dataset"):
        draft.update_frames([picture(1)], etag=True)
