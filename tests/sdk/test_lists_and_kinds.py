"""One text where a list is expected, NumPy values and paths: taken as what they are by everything that users call."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdatasets import Dataset, DatasetVersion, DataView, Experiment, SingleFrame, register, testing
from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument, InvalidView, NotFound

IDS = ["frame-1", "frame-2"]


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[testing.Deployment]:
    with testing.deployment(tmp_path_factory.mktemp("deployed")) as deployment:
        version = DatasetVersion.create_new_dataset("p/cats")
        version.add_frames([SingleFrame(f"s3://b/{each}", id=each) for each in IDS])
        frame = version["frame-1"]
        frame.add_annotation(labels="cat", box2d_xywh=(0, 0, 2, 2), confidence=0.5)
        version.add_frames([frame])
        version.update_by_query(frame_query="*", set_meta={"score": 0.5})
        version.set_vectors("clip", {"frame-1": [1, 0]})
        yield deployment


@pytest.fixture
def draft(deployed: testing.Deployment) -> DatasetVersion:
    return DatasetVersion.get_current("p/cats")


def test_one_frame_id_is_a_list_of_one(draft: DatasetVersion) -> None:
    assert draft.held("frame-1") == ["frame-1"]
    assert draft.get_vectors("clip", "frame-1") == {"frame-1": [1.0, 0.0]}
    assert draft.held(np.array(IDS)) == IDS
    gone = Dataset.get("p/cats").withdraw_frames("not there", why="a test")
    assert gone == (0, ("not there",))


def test_one_label_of_a_mask_is_a_list_of_one(draft: DatasetVersion) -> None:
    draft.set_masks_labels({(1, 1, 1): "person", tuple(np.array([2, 2, 2], np.uint8)): np.array(["car"])})  # type: ignore[dict-item]
    listed = draft.get_metadata()["mask_labels"]["_all_"]
    assert listed == [{"value": [1, 1, 1], "labels": ["person"]}, {"value": [2, 2, 2], "labels": ["car"]}]


@pytest.mark.parametrize("given", [0.5, np.float32(0.5), [0.5], np.array([0.5])])
def test_one_quantile_is_a_list_of_one(draft: DatasetVersion, given: Any) -> None:
    assert draft.statistics("meta.score", quantiles=given)["quantiles"] == [0.5]


def test_one_label_query_is_a_list_of_one(draft: DatasetVersion) -> None:
    view = DataView("one")
    query = DataView.RoiQuery("cat", count_range=np.array([1, 2]), conf_range=(np.float32(0.1), None))  # type: ignore[arg-type]
    view.add_multi_query("p/cats", "Current", roi_queries=query)
    assert [frame.id for frame in view] == ["frame-1"]


def test_rules_take_numpy_values(draft: DatasetVersion) -> None:
    view = DataView("many", iteration_limit=np.int64(1), iteration_random_seed=np.int64(4))  # type: ignore[arg-type]
    view.add_rule(dataset=np.str_("p/cats"), version="Current", weight=np.float64(1), roi_rules=np.array([]))
    view.add_mapping_rule(from_labels=np.array(["cat"]), to_label="animal")
    view.set_labels({"animal": np.int64(1)})  # type: ignore[dict-item]
    view.set_iteration_parameters(maximum_number_of_frames=np.int64(2), random_seed=np.int64(3))  # type: ignore[arg-type]
    view.set(tags=np.array(["a"]))
    assert len(view) == 2
    assert DataView.from_yaml(view.to_yaml()).to_yaml() == view.to_yaml()


def test_metrics_are_numbers_of_any_kind(draft: DatasetVersion) -> None:
    with Experiment.start("p/run") as run:
        run.log_metrics({"loss": np.array(0.5), "accuracy": np.float32(0.25)}, step=np.int64(2))  # type: ignore[dict-item,arg-type]
    assert run.metrics() == {"loss": {2: 0.5}, "accuracy": {2: 0.25}}


def test_a_run_takes_no_other_states_and_metrics(draft: DatasetVersion) -> None:
    with Experiment.start("p/words") as run:
        with pytest.raises(InvalidArgument, match=r"state.*completed.*got 'done'"):
            run.set_state("done")
        with pytest.raises(InvalidArgument, match="metrics: `loss` is no number: 'high'"):
            run.log_metrics({"loss": "high"})  # type: ignore[dict-item]


def test_datasets_are_changed_with_one_tag(draft: DatasetVersion) -> None:
    dataset = Dataset.get("p/cats").update(add_tags="blood")
    assert dataset.tags == ["blood"]
    assert dataset.update(remove_tags="blood", description="cats").description == "cats"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda draft: draft.statistics("meta.score", quantiles="half"), InvalidArgument, "quantiles.*numbers"),
        (lambda draft: next(draft.frames(order_by=["id"])), InvalidArgument, "order_by.*expected one field"),
        (lambda draft: draft.held([1]), InvalidArgument, "frame_ids: expected texts, got 1"),
        (lambda _: DataView(iteration_order="shuffled"), InvalidView, "expected sequential or random, got 'shuffled'"),
        (lambda _: DataView("v").add_multi_query(roi_queries=["cat"]), InvalidArgument, "roi_queries.*RoiQuery"),  # type: ignore[list-item]
        (lambda _: DataView("v").set_queries({"dataset": "*"}), InvalidArgument, "rules.*expected a list"),  # type: ignore[arg-type]
        (lambda _: DataView("v", queries=["car"]), InvalidArgument, "rules.*expected"),  # type: ignore[list-item]
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_in_words(
    draft: DatasetVersion, call: Callable[[DatasetVersion], Any], error: type[HyperdatasetsError], words: str
) -> None:
    with pytest.raises(error, match=words):
        call(draft)


def test_a_table_of_a_site_is_a_path(tmp_path: Path, deployed: testing.Deployment) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "a.txt").write_text("a")
    table = tmp_path / "scans" / "table.csv"
    table.write_text("file,age\na.txt,61\n")
    node = deployed.add_site("north", {"scans": tmp_path / "scans"})
    ledger = register("scans", "p/scans", columns=table, node=node.client)
    assert DatasetVersion.get_current("p/scans").frame_count == 1
    assert "table rows      1     1     0" in str(ledger)


def test_copies_go_to_the_project_that_their_name_says(draft: DatasetVersion) -> None:
    view = DataView("p/original")
    view.add_query("p/cats", "Current")
    copy = view.clone("elsewhere/copy")
    assert (copy.name, DataView.get("elsewhere/copy").id) == ("copy", copy.id)
    with Experiment.start("p/first") as run:
        pass
    assert (run.clone("q/second").project, run.clone("third").project, run.clone().name) == ("q", "p", "first (clone)")
    with pytest.raises(HyperdatasetsError, match="cannot be the name of an experiment"):
        Experiment.start(" blank ")


def test_a_dataset_has_no_other_parts(draft: DatasetVersion) -> None:
    with pytest.raises(TypeError, match="tags"):
        Dataset.get("p/cats").update(tags=["x"])  # type: ignore[call-arg]
    with pytest.raises(NotFound):
        draft.get_frame("none")


def test_a_version_knows_which_frames_are_in_it(draft: DatasetVersion) -> None:
    assert "frame-1" in draft
    assert "frame-9" not in draft
    assert 1 not in draft
    with pytest.raises(InvalidArgument, match="frames of a version have ids, not positions; got 0"):
        draft[0]  # type: ignore[index]


def test_files_are_put_below_a_path(tmp_path: Path, draft: DatasetVersion) -> None:
    (tmp_path / "a.txt").write_text("a")
    version = DatasetVersion.create_new_dataset("p/uploaded")
    frame = SingleFrame(tmp_path / "a.txt", id="a")
    assert not version.add_frames([frame], auto_upload_destination=tmp_path / "there", local_dataset_root_path=tmp_path)
    assert version["a"].content() == b"a"
    assert (tmp_path / "there") in Path(version["a"].source.removeprefix("file://")).parents


@pytest.mark.parametrize("call", [Dataset.get, DatasetVersion.get_version, DataView.get, Experiment.get])
def test_a_name_that_is_missing_is_asked_for(draft: DatasetVersion, call: Callable[[], Any]) -> None:
    with pytest.raises(NotFound, match=r"no \w+ is named: the name or the id is empty"):
        call()


def test_parts_of_a_frame_are_never_written_as_the_whole(draft: DatasetVersion) -> None:
    view = DataView("parts")
    view.add_query("p/cats", "Current", frame_query="id:frame-1")
    read = [
        *draft.frames(frame_query="id:frame-1", projection="sources"), *view.get_iterator(projection="sources"),
        *draft.sample(by="id", per_value=1, frame_query="id:frame-1", projection=["sources", "meta"]),
    ]  # fmt: skip
    before = draft["frame-1"].plain
    for etag in (False, True):
        failed = draft.update_frames(read, etag=etag)
        assert [each.reason for each in failed] == ["INVALID_FRAME"] * 3
        assert all("read with a projection" in each.message for each in failed)
    assert draft["frame-1"].plain == before


def test_frames_of_a_view_are_not_written_even_without_annotations(draft: DatasetVersion) -> None:
    view = DataView("hidden")
    view.add_query("p/cats", "Current", frame_query="id:frame-2")
    (failed,) = draft.update_frames(list(view))
    assert "came from a data view" in failed.message


def test_errors_in_a_file_begin_with_its_name(tmp_path: Path, draft: DatasetVersion) -> None:
    view, checks = tmp_path / "view.yaml", tmp_path / "checks.yaml"
    checks.write_text("checks:\n- expext: count == 0\n")
    texts = {
        "rules:\n- datset: a\n": "line 2: rules",
        "rules: [{frame_query: 'a:('}]": "line 1: .*position",
        "{": "line",
    }
    for text, words in texts.items():
        view.write_text(text)
        for read in (DataView.from_yaml, DataView("there").load_yaml):
            with pytest.raises(InvalidArgument, match=f"^{re.escape(str(view))}: {words}"):
                read(view)
    for run in (draft.check, Dataset.get("p/cats").set_gate):
        with pytest.raises(InvalidArgument, match=f"^{re.escape(str(checks))}: line 2: "):
            run(checks)
    with pytest.raises(InvalidView, match=r"^line 1: the text: expected names with values, got 'view\.txt'"):
        DataView.from_yaml("view.txt")
