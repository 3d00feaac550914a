"""What a view or version selects, written in formats of others and read back, by our importer and by their tools."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO
from pycocotools.mask import area as pixels

from hyperdatasets.cli.main import run
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.groups import FrameGroup
from hyperdatasets.client.importing import import_frames
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import AlreadyExists, InvalidArgument, NotFound
from hyperdatasets.formats.ledger import Ledger
from metadata_service.server import Service

SIZE = {"width": 640, "height": 480}
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning"),  # of pycocotools
]


def told(ledger: Ledger) -> dict[str, int]:
    """Reason -> how often."""
    found: dict[str, int] = {}
    for note in ledger.notes:
        found[note.reason] = found.get(note.reason, 0) + note.count
    return found


@pytest.fixture(autouse=True)
def _everywhere(client: MetadataClient) -> None:
    use(client)


def shapes() -> SingleFrame:
    frame = SingleFrame("file:///data/a%20b.jpg", id="shapes", **SIZE, metadata={"city": "Bremen"})
    frame.add_annotation(box2d_xywh=(10, 20, 30, 40), labels=["car"], confidence=0.9, origin="model-1")
    frame.add_annotation(box2d_xywh=(100, 100, 40, 20, 90), labels=["car", "taxi"])
    frame.add_annotation(poly2d_xy=[0, 0, 10, 0, 10, 10, 0, 10], labels=["taxi"], metadata={"lane": 3, "iscrowd": 1})
    frame.add_annotation(poly2d_xy=[[0, 0, 10, 0, 10, 10, 0, 10], [2, 2, 4, 2, 4, 4, 2, 4]], labels=["car"])
    frame.add_annotation(points2d_xy=[1, 2, 3, 4, 5, 6], labels=["person"])
    frame.add_annotation(ellipse2d_xyrrt=[50, 50, 10, 5, 0], labels=["person"])
    frame.add_annotation(labels=["night"])
    frame.add_annotation(mask_rgb=(1, 1, 1), labels=["person"])
    frame.add_annotation(points3d_xyz=[1, 2, 3], labels=["person"])
    return frame


@pytest.fixture
def version() -> DatasetVersion:
    Dataset.create("street", dataset_project="city", description="streets")
    draft = DatasetVersion.get_current("street")
    group = FrameGroup(id="group")
    group["left"] = SingleFrame("s3://b/l.png", **SIZE)
    group["right"] = SingleFrame("s3://b/r.png")
    group["sound"] = SingleFrame("s3://b/s.wav")
    group["sound"].plain["sources"][0]["content_type"] = "audio/wav"
    group.add_annotation(box2d_xywh=(1, 1, 2, 2), labels=["car"], sources=["left"])
    group.add_annotation(box2d_xywh=(5, 5, 2, 2), labels=["car"])
    plain = [SingleFrame(f"s3://b/{n}.jpg", id=f"f{n:03}", **SIZE, context_id="c", timestamp=n, metadata={"n": n})
             for n in range(700)]  # fmt: skip
    for number, each in enumerate(plain):
        each.add_annotation(box2d_xywh=(number % 100, 0, 9.5, 3), labels=["person" if number % 2 else "car"])
    text = SingleFrame(id="text")
    text.blob = "grün".encode()
    assert draft.add_frames([shapes(), group, text, *plain]) == []
    return DatasetVersion.create_snapshot("street", publish_name="v1")


def view_of(name: str = "v", **spec: Any) -> DataView:
    view = DataView(name, description="for export")
    view.add_version(dataset_name="city/street", version_name="v1")
    view.set(**{"rules": [{}], **spec})
    return view


def exported(view: DataView, path: Path, format_name: str = "coco") -> tuple[Ledger, dict[str, Any]]:
    done = view.export(path, format=format_name)
    return done, json.loads(path.read_text())


def test_json_lines_are_read_back_to_the_same_frames(version: DatasetVersion, tmp_path: Path) -> None:
    (tmp_path / "lines").mkdir()
    assert view_of().export(tmp_path / "lines" / "all.jsonl").frames["written"] == 703
    assert import_frames(tmp_path / "lines", dataset_name="again").complete
    copy = DatasetVersion.create_snapshot("again", publish_name="v1")
    assert copy.digest == version.digest
    whole = BytesIO()
    version.export(whole)
    assert whole.getvalue() == (tmp_path / "lines" / "all.jsonl").read_bytes()


def test_coco_is_what_its_own_tools_read(version: DatasetVersion, tmp_path: Path) -> None:
    view = view_of(labels={"car": 0, "person": 3, "taxi": 7}, rules=[{"frame_query": "id:(shapes OR group)"}])
    done, content = exported(view.publish(), tmp_path / "coco.json")
    assert content["info"]["version"] == view.reference
    coco = COCO(str(tmp_path / "coco.json"))
    assert [(each["id"], each["name"]) for each in coco.loadCats(coco.getCatIds())] == [
        (0, "car"), (3, "person"), (7, "taxi"),
    ]  # fmt: skip
    images = {each["file_name"]: each for each in coco.loadImgs(coco.getImgIds())}
    assert set(images) == {"/data/a b.jpg", "s3://b/l.png", "s3://b/r.png"}
    counts = {name: len(coco.getAnnIds(imgIds=[each["id"]])) for name, each in images.items()}
    assert counts == {"/data/a b.jpg": 7, "s3://b/l.png": 2, "s3://b/r.png": 1}
    found = coco.loadAnns(coco.getAnnIds(imgIds=[images["/data/a b.jpg"]["id"]]))
    assert all(each["area"] > 0 and len(each["bbox"]) == 4 for each in found)
    assert [each["category_id"] for each in found] == [0, 0, 7, 7, 0, 3, 3]
    upright, turned, _, polygon, holed, points, ellipse = found
    assert (upright["bbox"], upright["score"], upright["hyperdatasets"]["origin"]) == ([10, 20, 30, 40], 0.9, "model-1")
    assert turned["bbox"] == pytest.approx([110, 90, 20, 40])
    assert pixels(coco.annToRLE(turned)) == pytest.approx(800, rel=0.1)
    assert (polygon["iscrowd"], polygon["lane"], pixels(coco.annToRLE(polygon))) == (1, 3, 100)
    assert (holed["area"], pixels(coco.annToRLE(holed))) == (96, 96)
    assert (points["keypoints"], points["num_keypoints"]) == ([1, 2, 2, 3, 4, 2, 5, 6, 2], 3)
    assert coco.loadCats([3])[0]["keypoints"] == ["1", "2", "3"]
    assert ellipse["bbox"] == [40, 45, 20, 10]
    assert done.frames["written"] == 2
    assert told(done) == {
        "labels, spans and shapes kept under `hyperdatasets`, since COCO has no place for them": 3,
        "polygons with holes, shown as masks of whole pixels": 1, "ellipses, shown as their boxes": 1,
        "turned boxes, shown as polygons": 1, "ROIs with several labels, written once for each": 1,
        "sources that are no pictures, left out": 1, "groups, written as a picture for each source": 1,
        "pictures whose width and height are not known": 1,
    }  # fmt: skip


def test_coco_shows_the_labels_of_the_view(version: DatasetVersion, tmp_path: Path) -> None:
    view = view_of(
        rules=[{"frame_query": "meta.n:<10"}], drop_unmapped=True,
        mapping=[{"from": ["car"], "to": "vehicle"}, {"from": ["person"], "to": "walker"}],
        labels={"vehicle": 1, "walker": -1},
    )  # fmt: skip
    done, content = exported(view, tmp_path / "coco.json")
    assert content["categories"] == [{"id": 1, "name": "vehicle"}]
    assert (len(content["images"]), len(content["annotations"])) == (10, 5)
    assert told(done) == {"ROIs without a numbered label, left out": 5}
    shared, content = exported(view_of(labels={"car": 1, "person": 1}), tmp_path / "shared.json")
    assert content["categories"] == [{"id": 1, "name": "car", "keypoints": ["1", "2", "3"]}]
    assert "labels that share a number, shown as one category" in told(shared)
    assert shared.frames["written"] == 703


@pytest.mark.slow
def test_a_frame_that_comes_again_is_written_once(version: DatasetVersion, tmp_path: Path) -> None:
    rules = [{"frame_query": "meta.n:<3", "weight": 5}, {"frame_query": "meta.n:[3 TO 50]"}]
    view = view_of(rules=rules, iteration={"order": "random", "limit": "balanced", "repeat": True})
    frames = [frame.id for frame, _ in zip(view, range(view.get_count()), strict=False)]
    done, content = exported(view, tmp_path / "coco.json")
    assert [each["hyperdatasets"]["id"] for each in content["images"]] == list(dict.fromkeys(frames))
    assert (done.frames["written"], done.frames["again"]) == (51, len(frames) - 51)
    assert done.frames["again"] > 0


def test_rois_that_come_apart_are_together_in_coco(version: DatasetVersion, tmp_path: Path) -> None:
    view = view_of(
        rules=[{"frame_query": "id:group", "roi_rules": [{"query": "car"}]}], output_rois="frame_per_roi",
        iteration={"order": "random", "limit": 50, "repeat": True},
    )  # fmt: skip
    done, content = exported(view, tmp_path / "coco.json")
    assert (len(content["images"]), len(content["annotations"])) == (2, 3)
    assert (done.frames["written"], done.frames["again"]) == (2, 48)


def test_croissant_describes_its_records(version: DatasetVersion, tmp_path: Path) -> None:
    view = view_of(rules=[{"frame_query": "meta.n:<10"}]).publish()
    (tmp_path / "made").mkdir()
    done = view.export(tmp_path / "made", format="croissant")
    content = json.loads((tmp_path / "made" / "metadata.json").read_text())
    (file,) = content["distribution"]
    records = (tmp_path / "made" / file["contentUrl"]).read_bytes()
    assert (file["sha256"], file["contentSize"]) == (hashlib.sha256(records).hexdigest(), f"{len(records)} B")
    assert content["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert (content["identifier"], content["description"]) == (view.reference, "for export")
    lines = [json.loads(line) for line in records.splitlines()]
    assert len(lines) == done.frames["written"] == 10
    (records_of,) = content["recordSet"]
    columns = {each["source"]["extract"]["column"] for each in records_of["field"]}
    assert columns == {"id", "context_id", "sources", "annotations"}
    assert columns <= set(lines[0])
    assert {each["source"]["fileObject"]["@id"] for each in records_of["field"]} == {file["@id"]}


def test_what_is_there_is_never_overwritten(version: DatasetVersion, tmp_path: Path) -> None:
    view = view_of()
    (tmp_path / "here").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    for path, format_name in (("here", "jsonl"), ("here", "coco"), ("here", "croissant"), ("full", "croissant")):
        with pytest.raises(AlreadyExists, match="another name"):
            view.export(tmp_path / path, format=format_name)
    with pytest.raises(NotFound, match="make it first"):
        view.export(tmp_path / "no" / "folder")
    for format_name in ("jsonl", "croissant"):
        with pytest.raises(InvalidArgument, match="cannot be written: File name too long"):
            view.export(tmp_path / ("x" * 300), format=format_name)
    with pytest.raises(InvalidArgument, match="Did you mean jsonl"):
        view.export(tmp_path / "x", format="json")
    with pytest.raises(InvalidArgument, match="say where"):
        view.export(BytesIO(), format="croissant")
    assert sorted(each.name for each in tmp_path.iterdir() if each.name != "service") == ["full", "here"]


def test_an_export_that_fails_leaves_nothing(version: DatasetVersion, tmp_path: Path) -> None:
    for format_name in ("jsonl", "coco", "croissant"):
        with pytest.raises(NotFound):
            view_of(rules=[{"dataset": "nothing", "version": "v"}]).export(tmp_path / "out", format=format_name)
        assert not (tmp_path / "out").exists()
    assert [each.name for each in tmp_path.iterdir()] == ["service"]


def test_commands_say_what_was_written(
    version: DatasetVersion, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    view_of("v").publish()
    output = str(tmp_path / "out.json")
    assert run(["view", "export", "v", "--format", "coco", "--output", output]) == 0
    captured = capsys.readouterr()
    assert "written: 703" in captured.out
    assert "pictures whose width and height are not known" in captured.err
    assert run(["view", "export", "v", "--format", "coco", "--output", output]) == 5
    assert "is there already" in capsys.readouterr().err
    assert run(["version", "export", "city/street", "v1", "--query", "meta.n:<3", "--json",
                "--output", str(tmp_path / "lines.jsonl")]) == 0  # fmt: skip
    told = json.loads(capsys.readouterr().out)
    assert (told["format"], told["written"], told["notes"]) == ("jsonl", 3, [])
    assert run(["version", "export", "city/street", "v1", "--json"]) == 1
    assert "give --output too" in capsys.readouterr().err


@pytest.mark.slow
def test_who_reads_the_beginning_alone_sees_no_error(service: Service, version: DatasetVersion) -> None:
    command = [str(Path(sys.executable).with_name("hyperdatasets")), "version", "export", "city/street", "v1"]
    environment = {**os.environ, "HYPERDATASETS_SERVICE": service.address}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stderr is not None
        assert reader.stdout.read(2) == b'{"'
        reader.stdout.close()
        assert reader.stderr.read() == b""
        assert reader.wait(60) == 0


def test_only_what_is_asked_for_travels(version: DatasetVersion) -> None:
    view = view_of(rules=[{"frame_query": "meta.n:<10"}]).publish()
    assert view.to_dict(projection=["meta.n"])[3] == {"id": "f003", "sources": [], "meta": {"n": 3}}
    (plain, *_) = view.to_dict(projection=["annotations"])
    assert (plain["annotations"][0]["labels"], plain["annotations"][0]["label_ids"]) == (["car"], [1])
    assert view.to_dict(projection=["sources", "dataset.id"])[0]["sources"][0]["uri"] == "s3://b/0.jpg"
