"""Data views through the SDK and a real service."""

from __future__ import annotations

from collections import Counter

import pytest

from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.experiment import Experiment
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.query_warnings import QueryWarning
from hyperdatasets.client.task import Task
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import (
    DeploymentField,
    EmptyView,
    InUse,
    InvalidView,
    NotFound,
    VersionNotPublished,
    ViewPublished,
)


@pytest.fixture
def version(client: MetadataClient) -> DatasetVersion:
    Dataset.create("cells", dataset_project="clinic", client=client)
    draft = DatasetVersion.get_current("cells", client=client)
    frames = []
    for number in range(60):
        frame = SingleFrame(f"s3://b/{number}", id=f"f{number:02}", metadata={"n": number}, context_id=f"c{number % 7}",
                            timestamp=number)  # fmt: skip
        for place in range(number % 4):
            frame.add_annotation(box2d_xywh=(place, 0, 1, 1), labels=[("RBC", "WBC")[place % 2]], confidence=0.5)
        frames.append(frame)
    draft.add_frames(frames)
    return DatasetVersion.create_snapshot("cells", publish_name="v1", client=client)


def view_of(client: MetadataClient, name: str = "v", **iteration: object) -> DataView:
    view = DataView(name, client=client)
    view.add_version(dataset_name="clinic/cells", version_name="v1")
    if iteration:
        view.set(iteration=iteration)
    return view


def test_a_view_is_iterated_before_it_is_stored(client: MetadataClient, version: DatasetVersion) -> None:
    view = view_of(client)
    view.add_query(roi_query=["WBC"], frame_query="meta.n:<20")
    assert view.status == "local"
    assert [frame.id for frame in view] == sorted(
        (f"f{n:02}" for n in range(20) if n % 4 >= 2), key=lambda each: (int(each[1:]) % 7, each)
    )
    assert len(view) == 10


def test_publishing_pins_and_proves(client: MetadataClient, version: DatasetVersion) -> None:
    view = view_of(client)
    view.add_query(roi_query="RBC")
    view.publish()
    assert view.reference.startswith("v@sha256:")
    assert view.verify() == (True, [])
    assert DataView.get(name=view.reference, client=client).id == view.id
    assert DataView.get(name=view.reference[: len("v@sha256:") + 8], client=client).id == view.id
    with pytest.raises(NotFound, match="has the digest"):
        DataView.get(name="v@sha256:00000000", client=client)
    with pytest.raises(ViewPublished):
        view.add_query(frame_query="meta.n:1")
    version.set_version_name("renamed")
    assert view.verify()[0]
    other = view.clone(name="w")
    other.set(versions=[{"dataset": "clinic/cells", "version": "renamed"}])
    assert other.publish().digest == view.digest


def test_the_same_order_everywhere(client: MetadataClient, version: DatasetVersion) -> None:
    view = view_of(client, order="random", limit=25, seed=3)
    view.add_query(frame_query="meta.n:<30", weight=3)
    view.add_query(frame_query="meta.n:>=30")
    view.publish()
    once, again = ([frame.id for frame in view] for _ in range(2))
    assert once == again
    assert len(once) == 25
    light = sum(frame >= "f30" for frame in once)
    assert abs(light - 25 / 4) < 1
    ranks = [[frame.id for frame in view.get_iterator(num_workers=3, worker_index=i)] for i in range(3)]
    assert Counter(frame for rank in ranks for frame in rank) == Counter(once)
    later = [frame.id for frame in view.get_iterator(start=20)]
    assert later == once[20:]


def test_mapping_labels_and_filtered_rois(client: MetadataClient, version: DatasetVersion) -> None:
    view = view_of(client)
    view.add_query(roi_query="WBC")
    view.add_mapping_rule(from_labels=["WBC"], to_label="cell")
    view.set(output_rois="only_filtered")
    view.publish()
    first = next(iter(view))
    assert [annotation["labels"] for annotation in first.annotations] == [["cell"]]
    assert first.annotations[0]["label_ids"] == [2]
    assert view.resolve().labels == {"RBC": 1, "cell": 2}


@pytest.mark.parametrize("order", ["sequential", "random"])
def test_each_roi_is_a_unit_of_its_own(client: MetadataClient, version: DatasetVersion, order: str) -> None:
    view = view_of(client, order=order)
    view.set(output_rois="frame_per_roi")
    view.add_query(frame_query="meta.n:<20", roi_query="RBC")
    view.add_query(frame_query="meta.n:<8", roi_query="WBC")
    view.add_mapping_rule(from_labels=["WBC"], to_label="cell")
    expected = sorted(
        (f"f{n:02}", "RBC" if place % 2 == 0 else "cell")
        for n in range(20) for place in range(n % 4) if place % 2 == 0 or n < 8
    )  # fmt: skip
    assert len(view) == len(expected)
    before = [frame.id for frame in view]
    view.publish()
    read = [(frame.id, frame.annotations) for frame in view]
    assert [frame for frame, _ in read] == before
    assert sorted((frame, shown[0]["labels"][0]) for frame, shown in read) == expected
    assert all(len(shown) == 1 for _, shown in read)
    if order == "sequential":
        assert before == sorted(before, key=lambda each: (int(each[1:]) % 7, int(each[1:])))


def test_hidden_rois_are_no_units(client: MetadataClient, version: DatasetVersion) -> None:
    view = view_of(client)
    view.set(output_rois="frame_per_roi")
    view.add_query()
    view.add_mapping_rule(from_labels=["RBC"], to_label=None)
    assert len(view) == 30
    assert {label for frame in view for each in frame.annotations for label in each["labels"]} == {"WBC"}


def test_only_the_rules_that_select_a_frame_filter_its_rois(client: MetadataClient, version: DatasetVersion) -> None:
    view = view_of(client)
    view.set(output_rois="only_filtered")
    view.add_query(frame_query="meta.n:2", roi_query="WBC")
    view.add_query(frame_query="meta.n:3", roi_query="RBC")
    shown = {frame.id: {each["labels"][0] for each in frame.annotations} for frame in view}
    assert shown == {"f02": {"WBC"}, "f03": {"RBC"}}


def test_multi_queries_resolve_per_rule(client: MetadataClient, version: DatasetVersion) -> None:
    view = view_of(client)
    view.add_multi_query(roi_queries=[DataView.RoiQuery("RBC", count_range=(2, -1)), DataView.RoiQuery("WBC")])
    view.add_multi_query(roi_queries=[DataView.RoiQuery("RBC", must_not=True)])
    resolved = view.resolve()
    assert resolved.rules == {(0, ""): (15, 45), (1, ""): (15, 0)}
    assert resolved.frames == resolved.length == 30


def test_what_cannot_be_published(client: MetadataClient, version: DatasetVersion) -> None:
    empty = view_of(client, "empty")
    empty.add_query(frame_query="meta.n:>1000")
    with pytest.raises(EmptyView):
        empty.publish()
    draft = DataView("draft", client=client)
    draft.add_query(dataset_name="cells", version_name="Current")
    with pytest.raises(VersionNotPublished, match="snapshot"):
        draft.publish()
    deployment = view_of(client, "deployment")
    deployment.add_query(frame_query="saved:>2020")
    with pytest.raises(DeploymentField):
        deployment.publish()
    with pytest.raises(InvalidView, match="at least one rule"):
        view_of(client, "none").store()
    wrong = DataView("wrong", client=client)
    wrong.add_query(dataset_name="clinic/celsl", version_name="v1")
    with pytest.raises(NotFound, match=r"Did you mean .*cells"):
        wrong.publish()


def test_an_augmentation_is_kept_and_said_to_wait(client: MetadataClient, version: DatasetVersion) -> None:
    declared = [{"kind": "affine", "operations": ["rotate"], "probability": 0.5}]
    view = view_of(client)
    view.set(rules=[{}], augmentation=declared)
    assert view.resolve().warnings == ["augmentation: kept with the view, but our loaders do not apply it yet"]
    with pytest.warns(QueryWarning, match="do not apply it yet"):
        view.publish()
    assert DataView.get(name="v", client=client).spec["augmentation"] == declared


def test_compare(client: MetadataClient, version: DatasetVersion) -> None:
    one, other = view_of(client, "one"), view_of(client, "other")
    one.add_query(frame_query="meta.n:<10")
    other.add_query(frame_query="meta.n:[5 TO 20]")
    found = one.compare(other)
    assert (found["only_here"], found["only_there"], found["both"]) == (5, 11, 5)
    assert found["changes"] == {
        "name": ("one", "other"),
        "rules[0].frame_query": ("meta.n:<10", "meta.n:[5 TO 20]"),
    }


def test_an_experiment_names_views_and_a_clone_replaces_them(client: MetadataClient, version: DatasetVersion) -> None:
    views = []
    for name, query in (("small", "meta.n:<10"), ("large", "meta.n:<50")):
        view = view_of(client, name)
        view.add_query(frame_query=query)
        views.append(view)
    with Experiment.start(project="clinic", name="baseline", parameters={"lr": 0.1}, client=client) as run:
        assert run.connect(views[0], name="train").name == "small"
        run.log_metrics({"accuracy": 0.5}, step=0)
        run.log_metrics({"accuracy": 0.7}, step=1)
    assert run.state == "completed"
    assert run.metrics() == {"accuracy": {0: 0.5, 1: 0.7}}
    clone = run.clone(views={"train": views[1].publish()}, parameters={"lr": 0.2})
    built = view_of(client, "small")
    assert clone.connect(built, name="train") is built
    built.add_query(frame_query="meta.n:1")  # the replacement wins over what the code goes on to build
    assert (built.name, len(built)) == ("large", 50)
    assert clone.parameters == {"lr": 0.2}
    changed = run.refresh().compare(clone.refresh())
    assert changed["parameters.lr"] == (0.1, 0.2)
    assert "views.train" in changed
    task = Task.init(project_name="clinic", task_name="as in ClearML", client=client)
    task.connect(views[0], name="train")
    assert [each.name for each in task.get_dataviews().values()] == ["small"]
    task.close()
    with pytest.raises(InUse, match="an experiment names"):
        views[0].delete(force=True)
    with pytest.raises(InUse, match="data view names"):
        Dataset.delete("cells", force=True, client=client)
