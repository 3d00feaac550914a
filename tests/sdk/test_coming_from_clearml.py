"""Calls in the forms that ClearML documents: only the import line is another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hyperdatasets import (
    Dataset,
    DatasetVersion,
    DataView,
    FrameGroup,
    ImageAnnotation,
    IterationOrder,
    SingleFrame,
    Task,
    testing,
)
from hyperdatasets.client.query_warnings import QueryWarning

URI = "https://example.org/pictures/000012.jpg"


@pytest.fixture(autouse=True)
def _deployed(tmp_path: Path) -> Iterator[None]:
    with testing.deployment(tmp_path):
        yield


def test_datasets_and_versions() -> None:
    data = Dataset.create(dataset_name="myDataset")
    DatasetVersion.create_new_dataset(
        dataset_name="myDataset Two", tags=["One Tag", "Another"], description="some text"
    )
    Dataset.create(dataset_name="myDataset", dataset_project="myDataset Project")
    for create in (Dataset.create, DatasetVersion.create_new_dataset):
        with pytest.raises(ValueError, match="already"):
            create(dataset_name="myDataset Two", raise_if_exists=True)
    data.add_tags(["coco", "dogs"])
    data.remove_tags(["dogs"])
    assert data.tags == ["coco"]
    current = DatasetVersion.get_current(dataset_name="myDataset")
    snapshot = DatasetVersion.create_snapshot(dataset_name="myDataset")
    assert snapshot.name.startswith("snapshot 20")
    assert snapshot.id == current.id
    DatasetVersion.create_snapshot(
        dataset_name="myDataset", publish_name="New", child_name="Next", child_metadata={"a": "1"}, child_comment="text"
    )
    made = DatasetVersion.create_version(
        dataset_name="myDataset", parent_version_names=["New"], version_name="Child", raise_if_exists=True
    )
    again = DatasetVersion.create_version(dataset_name="myDataset", parent_version_names=["New"], version_name="Child")
    assert again.id == made.id
    DatasetVersion.create_version(dataset_name="myDataset", version_name="Root")
    assert len(DatasetVersion.get_versions(dataset_name="myDataset")) == 5
    assert [each.name for each in DatasetVersion.get_versions(dataset_name="myDataset", only_draft=True)] == [
        "Next", "Child", "Root",
    ]  # fmt: skip
    made.set_masks_labels({(0, 0, 0): ["background"], (1, 1, 1): ["person", "sitting"]})
    assert made.get_metadata()["mask_labels"] == {
        "_all_": [{"value": [0, 0, 0], "labels": ["background"]}, {"value": [1, 1, 1], "labels": ["person", "sitting"]}]
    }
    Dataset.get(dataset_name="myDataset").delete_version(version_name="Root")
    Dataset.delete(dataset_name="myDataset", delete_all_versions=True, force=True)


def test_frames_groups_masks_and_annotations() -> None:
    DatasetVersion.create_new_dataset(dataset_name="d")
    version = DatasetVersion.get_version(dataset_name="d", version_name="Current")
    frame = SingleFrame(
        source=URI, width=512, height=512, preview_uri=URI, metadata={"alive": "yes"}, annotations=None,
        mask_source="https://example.org/mask.png",
    )  # fmt: skip
    frame.add_annotation(box2d_xywh=(10, 10, 30, 20), labels=["tiger"], metadata={"dangerous": "yes"})
    frame.add_annotation(poly2d_xy=[154, 343, 209, 343, 209, 423], labels=["tire"], confidence=0.5)
    frame.add_annotation(labels=["frame level one", "frame level two"])
    frame.metadata["dangerous"] = "no"
    frame.masks_source = {"ID 1": "https://example.org/1.png", "ID 2": "https://example.org/2.png"}
    assert version.add_frames([frame], upload_retries=3) == []
    (stored,) = version.frames()
    read = DatasetVersion.get_single_frame(frame_id=stored.id, dataset_name="d", version_name="Current")
    read.meta["road_hazard"] = "yes"
    version.update_frames([read])
    assert version.get_frame(stored.id).meta == {"alive": "yes", "dangerous": "no", "road_hazard": "yes"}
    group = FrameGroup()
    group["FrameOne"] = frame
    group["Two"] = SingleFrame(source="https://example.org/2.jpg", width=64, height=64)
    group.add_global_annotation(annotation=ImageAnnotation(labels=["cityscape"], confidence=1.0))
    group["FrameOne"].metadata["new_key"] = "new_value"
    group["Two"].add_annotation(box2d_xywh=(1, 1, 2, 2), labels=["car"])
    group["Two"].width = 128
    assert version.add_frames([group]) == []
    (found,) = version.frames(frame_query="sources.meta.new_key:new_value")
    assert isinstance(found, FrameGroup)
    assert [each["sources"] for each in found["Two"].get_annotations(label="car")] == [["Two"]]
    assert (found["Two"].width, len(found["Two"].annotations)) == (128, 2)
    found["Two"].remove_annotations(label="car")
    assert found.get_annotations(label="car") == []
    version.delete_frames([found])
    assert version.frame_count == 1


def test_data_views_and_tasks() -> None:
    for name in ("one", "two"):
        DatasetVersion.create_new_dataset(dataset_name=name)
        version = DatasetVersion.get_current(dataset_name=name)
        frames = []
        for number, labels in enumerate((["Car"], ["Car", "occluded"], ["Person"])):
            frame = SingleFrame(source=f"{URI}?{name}{number}", id=f"{name}{number}", metadata={"city": "bremen"})
            frame.add_annotation(labels=labels)
            frames.append(frame)
        version.add_frames(frames)
        version.publish_version("training")
    view = DataView(iteration_order=IterationOrder.random, iteration_infinite=False)
    view.add_query(dataset_name="one", version_name="training", roi_query=["Car", "occluded"])
    assert [frame.id for frame in view.to_list()] == ["one1"]
    view = DataView()
    view.add_query(
        dataset_name="one", version_name="training",
        roi_query='label.keyword:"Car" AND NOT label.keyword:"occluded"', weight=1,
    )  # fmt: skip
    view.add_query(dataset_name="two", version_name="training", roi_query="Person", weight=5)
    with pytest.warns(QueryWarning, match="weights apply to a random order"):
        found = [frame.id for frame in view.get_iterator()]
    assert found == ["one0", "two2"]
    one = DatasetVersion.get_version(dataset_name="one", version_name="training")
    view = DataView(maximum_number_of_frames=5000)
    view.add_multi_query(
        dataset_id=one.dataset_id, version_id=one.id,
        roi_queries=[DataView.RoiQuery(label="Car"), DataView.RoiQuery(label="occluded", must_not=True)],
    )  # fmt: skip
    view.add_mapping_rule(dataset_name="one", version_name="training", from_labels=["Car"], to_label="car")
    view.set_labels({"car": 1, "ignore": -1})
    view.set_iteration_parameters(order=IterationOrder.random, infinite=False, maximum_number_of_frames=10)
    (plain,) = view.to_dict(projection=["id", "annotations"])
    assert plain["annotations"][0]["label_ids"] == [1]
    view = DataView(name="train")
    task = Task.init(project_name="examples", task_name="my task")
    task.connect(view)
    view.add_query(dataset_id=one.dataset_id, version_id=one.id, frame_query='meta.city:"bremen"')
    assert list(task.get_dataviews()) == ["train"]
    assert DataView.get(dataview_id=view.id).get_count() == 3
    task.close()
