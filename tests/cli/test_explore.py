"""Exploring on the command line: what people read, and JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from hyperdatasets.cli.main import run as run_command
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.experiment import Experiment
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.version import DatasetVersion
from metadata_service.server import Service

Run = Callable[..., str]


@pytest.fixture
def run(
    service: Service, client: MetadataClient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    use(client)
    monkeypatch.setenv("HYPERDATASETS_SERVICE", service.address)
    monkeypatch.setenv("COLUMNS", "160")
    Dataset.create("streets", dataset_project="p", description="rides through two cities", client=client)
    Dataset.create("cells", dataset_project="p", tags=["blood"], client=client)
    draft = DatasetVersion.get_current("p/streets", client=client)
    for number in range(6):
        frame = SingleFrame(f"s3://rides/{number}.jpg", width=100, height=100, id=f"f{number}")
        frame.meta.update(city="ulm" if number % 3 else "bremen", score=number / 4)
        frame.add_annotation(box2d_xywh=(1, 1, 10, 20), labels=["car", "occluded"] if number % 2 else ["car"])
        draft.add_frames([frame])

    def invoke(*arguments: str) -> str:
        assert run_command(list(arguments)) == 0
        return capsys.readouterr().out

    return invoke


def test_statistics(run: Run) -> None:
    shown = run("version", "stats", "p/streets", "rois.label", "--query", "meta.city:ulm", "--pairs")
    assert "2 different values; 0 of 4 have none" in shown
    assert shown.split("with")[1].split() == ["count", "frames", "car", "occluded", "2", "2"]
    assert "minimum, quartiles, maximum: 0, 0.3125, 0.625, 0.9375, 1.25" in run(
        "version", "stats", "p/streets", "meta.score"
    )
    aspect = json.loads(run("version", "stats", "p/streets", "rois.aspect", "--roi-query", "occluded", "--json"))
    assert aspect["counts"] == {"0.5": 3}


def test_samples_and_groups(run: Run) -> None:
    drawn = run("frames", "sample", "p/streets", "--by", "meta.city", "--per-value", "1")
    assert "2 of 6 frames, for 2 values; 0 frames have none" in drawn
    groups = json.loads(run("frames", "group", "p/streets", "--by", "meta.city", "--json"))
    assert groups == [
        {"value": "ulm", "frames": 4, "count": 4, "first": "f1"},
        {"value": "bremen", "frames": 2, "count": 2, "first": "f0"},
    ]


@pytest.mark.parametrize(
    ("words", "found"), [("TWO cities", ["p/streets"]), ("blood", ["p/cells"]), ("p", ["p/cells", "p/streets"])]
)
def test_datasets_are_found_by_free_text(run: Run, words: str, found: list[str]) -> None:
    assert [each["name"] for each in json.loads(run("dataset", "list", "--search", words, "--json"))] == found


def test_versions_views_and_experiments_are_found_by_free_text(run: Run) -> None:
    DatasetVersion.get_current("p/streets").set_comment("Before the recount")
    view = DataView(name="v", description="cars at night")
    view.add_query(dataset_name="p/streets", version_name="Current")
    view.store()
    with Experiment.start(project="p", name="first", parameters={}):
        pass
    for found, *command in (
        ("Current", "version", "list", "p/streets", "--search", "RECOUNT before"),
        ("v", "view", "list", "--search", "night"),
        ("first", "experiment", "list", "--search", "first"),
    ):  # fmt: skip
        assert [each["name"] for each in json.loads(run(*command, "--json"))] == [found]
        assert json.loads(run(*command[:-1], "nowhere", "--json")) == []


def test_merges_say_what_collided(run: Run) -> None:
    draft = DatasetVersion.get_current("p/streets")
    draft.publish_version("v0")
    for name in ("left", "right"):
        made = DatasetVersion.create_version(
            dataset_name="p/streets", version_name=name, parent_version_names=["v0"], raise_if_exists=True
        )
        made.update_by_query(frame_query="id:f1", set_meta={"side": name})
        made.publish_version()
    with pytest.warns(UserWarning, match="parents changed 1 frame in different ways; the later parent won: `f1`$"):
        shown = run("version", "create", "p/streets", "merged", "--parent", "left", "--parent", "right")
    assert "merged right since their common ancestor v0" in shown
    assert re.search(r"f1\s+revision \d+ of right\s+revision \d+", shown)
    with pytest.warns(UserWarning, match="parents changed 1 frame "):
        plain = json.loads(
            run("version", "create", "p/streets", "again", "--parent", "right", "--parent", "left", "--json")
        )
    (collision,) = plain["collisions"]
    assert (collision["frame_id"], len(collision["others"])) == ("f1", 1)
    changed = json.loads(run("version", "diff", "p/streets", "v0", "merged", "--json"))["frames"]
    assert changed == [["f1", "changed", [["meta.side", None, "right"]]]]


def test_edits_by_query_and_their_counts_beforehand(run: Run) -> None:
    select = ("--query", "meta.city:ulm", "--roi-query", "occluded", "--source-query", "uri:1")
    for preview, word in ((["--preview"], "would change"), ([], "changed")):
        assert run("frames", "update", "p/streets", *select, "--add-label", "seen", *preview) == f"1 frame {word}\n"
    assert "1 frame matches" in run("frames", "find", "p/streets", "--roi-query", "seen")
    for preview in (["--preview"], []):
        copied = run("frames", "copy", "p/streets", "p/cells", "--roi-query", "occluded", *preview)
        assert copied == "3 added, 0 updated, 0 unchanged, 0 failed\n"
    gone = ("frames", "delete", "p/cells", "--source-query", "uri:1")
    assert [run(*gone, "--preview"), run(*gone)] == ["1 frame would be deleted\n", "1 frame is deleted\n"]


def test_vectors_are_written_as_lines(run: Run) -> None:
    draft = DatasetVersion.get_current("p/streets")
    draft.set_vectors("clip", {"f1": [1, 0], "f2": [0.5, 0.25], "f3": [0, 1]})
    lines = run("frames", "vectors", "p/streets", "--query", "NOT id:f3").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": "f1", "vector": [1.0, 0.0]}, {"id": "f2", "vector": [0.5, 0.25]}
    ]  # fmt: skip
    near = json.loads(run("frames", "find", "p/streets", "--like", "f1", "--limit", "1", "--json"))
    assert near[0]["id"] == "f2"
