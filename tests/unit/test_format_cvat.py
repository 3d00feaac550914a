from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats.cvat import FORMAT, WRITTEN
from hyperdatasets.formats.extension import OTHER_LABEL
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.writing import Placed, Subject
from tests.unit.annotation_tools import (
    ELSEWHERE,
    HEIGHT,
    PLANE,
    WIDTH,
    ToFolder,
    comparable,
    frames,
    picture,
    read_all,
    told,
    write,
)

META = """<meta><task><name>walk</name><size>3</size><labels>
<label><name>cat</name><attributes>
 <attribute><name>wild</name><mutable>False</mutable><input_type>checkbox</input_type></attribute>
 <attribute><name>age</name><input_type>number</input_type></attribute>
 <attribute><name>colour</name><input_type>select</input_type></attribute></attributes></label>
</labels><original_size><width>40</width><height>30</height></original_size></task></meta>"""
SKIPPED = [("attributes", "what the file says of its task, such as its owner and its dates", 1)]


def cvat(path: Path, body: str, *, pictures: tuple[str, ...] = ("images/a.png",), meta: str = META) -> None:
    for each in pictures:
        picture(path / each)
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version>{meta}{body}</annotations>'
    (path / "annotations.xml").write_text(text)


def one(path: Path, shape: str) -> tuple[list[dict[str, Any]], Ledger]:
    """Annotations of a picture with these shapes."""
    cvat(path, f'<image id="0" name="a.png" width="40" height="30">{shape}</image>')
    found, ledger = read_all(path, FORMAT)
    return list(found["images/a.png"].get("annotations", [])), ledger


def without_id(annotation: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in annotation.items() if key != "id"}


@pytest.mark.parametrize(("shape", "geometry", "meta"), [
    ('<box label="cat" xtl="1.50" ytl="2" xbr="5" ybr="6.25"/>', {"box": [1.5, 2.0, 3.5, 4.25]}, {}),
    ('<box label="cat" xtl="1" ytl="2" xbr="5" ybr="6" rotation="30.5"/>', {"box": [1, 2, 4, 4, 30.5]}, {}),
    ('<polygon label="cat" points="1,2;3.5,4;5,6"/>', {"polygon": [[1, 2, 3.5, 4, 5, 6]]}, {}),
    ('<polyline label="cat" points="1,2;3,4"/>', {"keypoints": [1, 2, 3, 4]}, {"shape": "polyline"}),
    ('<points label="cat" points="1,2"/>', {"keypoints": [1, 2]}, {}),
    ('<ellipse label="cat" cx="9" cy="8" rx="3" ry="2"/>', {"ellipse": [9, 8, 3, 2, 0]}, {}),
    ('<ellipse label="cat" cx="9" cy="8" rx="3" ry="2" rotation="45"/>', {"ellipse": [9, 8, 3, 2, 45]}, {}),
    ('<mask label="cat" rle="1, 4, 1" left="4" top="5" width="3" height="2"/>',
     {"polygon": [[5, 5, 7, 5, 7, 6, 6, 6, 6, 7, 4, 7, 4, 6, 5, 6]]}, {"shape": "mask"}),
    (('<skeleton label="cat"><points label="nose" outside="0" occluded="0" points="1,2"/>'
     '<points label="tail" outside="0" occluded="1" points="3,4"/>'
     '<points label="paw" outside="1" occluded="0" points="5,6"><attribute name="l">r</attribute></points></skeleton>'),
     {"keypoints": [1, 2, 3, 4, 5, 6]},
     {"keypoint_names": ["nose", "tail", "paw"], "visibility": [2, 1, 0], "keypoint_attributes": [{}, {}, {"l": "r"}]}),
    (('<cuboid label="cat" xtl1="1" ytl1="2" xbl1="3" ybl1="4" xtr1="5" ytr1="6" xbr1="7" ybr1="8" xtl2="9" ytl2="10"'
     ' xbl2="11" ybl2="12" xtr2="13" ytr2="14" xbr2="15" ybr2="16"/>'),
     {"keypoints": list(range(1, 17))}, {"shape": "cuboid"}),
    ('<tag label="cat" source="manual"/>', None, {"source": "manual"}),
])  # fmt: skip
def test_every_shape_of_a_picture(tmp_path: Path, shape: str, geometry: Any, meta: dict[str, Any]) -> None:
    (found,), ledger = one(tmp_path, shape)
    assert found.get("geometry") == geometry
    assert found.get("meta", {}) == meta
    assert found["labels"] == ["cat"]
    assert told(ledger, "lost") == []
    assert told(ledger, "skipped") == SKIPPED


def test_lines_and_cuboids_are_kept_as_key_points_and_named(tmp_path: Path) -> None:
    _, ledger = one(tmp_path, '<polyline label="cat" points="1,2;3,4"/>')
    assert told(ledger, "noticed") == [("key points", "lines, kept as key points with `shape` in their metadata", 1)]


def test_attributes_have_the_types_of_the_project(tmp_path: Path) -> None:
    (found,), ledger = one(
        tmp_path,
        """<box label="cat" xtl="1" ytl="2" xbr="5" ybr="6" occluded="1" z_order="-2"
        source="auto" group_id="4"><attribute name="wild">true</attribute><attribute name="age">3</attribute>
        <attribute name="colour">red</attribute><attribute name="note"> 12 </attribute></box>""",
    )
    assert found["meta"] == {
        "occluded": True, "z_order": -2, "source": "auto", "group_id": 4, "wild": True, "age": 3, "colour": "red",
        "note": " 12 ",
    }  # fmt: skip
    assert told(ledger, "lost") == []


@pytest.mark.parametrize(("text", "value"), [
    ("3.5", 3.5), ("old", "old"), ("nan", "nan"), ("1e999", "1e999"), ("9" * 30, float("9" * 30)), ("", ""),
])  # fmt: skip
def test_values_that_do_not_fit_their_type_stay_text(tmp_path: Path, text: str, value: Any) -> None:
    (found,), _ = one(tmp_path, f'<tag label="cat"><attribute name="age">{text}</attribute></tag>')
    assert found["meta"] == {"age": value}


def test_attributes_in_the_old_style(tmp_path: Path) -> None:
    meta = "<meta><task><labels><label><name>cat</name><attributes><attribute>~checkbox=wild:false</attribute>"
    meta += "</attributes></label></labels></task></meta>"
    cvat(tmp_path, '<image id="0" name="a.png"><tag label="cat"><attribute name="wild">false</attribute></tag></image>',
         meta=meta)  # fmt: skip
    found, _ = read_all(tmp_path, FORMAT)
    assert found["images/a.png"]["annotations"][0]["meta"] == {"wild": False}


@pytest.mark.parametrize(("shape", "kind", "reason"), [
    ('<box label="cat" xtl="a" ytl="2" xbr="5" ybr="6"/>', "boxes", "shapes whose coordinates are no numbers"),
    ('<box label="cat" xtl="1" ytl="2" xbr="5"/>', "boxes", "shapes without coordinates"),
    ('<box label="cat" xtl="nan" ytl="2" xbr="5" ybr="6"/>', "boxes", "annotations that are not valid"),
    ('<box label="cat" xtl="1e999" ytl="2" xbr="5" ybr="6"/>', "boxes", "annotations that are not valid"),
    ('<box label="cat" xtl="5" ytl="2" xbr="1" ybr="6"/>', "boxes", "annotations that are not valid"),
    ('<box xtl="1" ytl="2" xbr="5" ybr="6"/>', "boxes", "annotations that are not valid"),
    ('<polygon label="cat" points="1,2;3"/>', "polygons", "shapes whose points are no pairs of numbers"),
    ('<polygon label="cat" points=""/>', "polygons", "shapes whose points are no pairs of numbers"),
    ('<polygon label="cat" points="1,2;3,4"/>', "polygons", "annotations that are not valid"),
    ('<polygon label="cat"/>', "polygons", "shapes without coordinates"),
    ('<points label="cat" points="1,b"/>', "key points", "shapes whose coordinates are no numbers"),
    ('<mask label="cat" rle="1,2" left="0" top="0" width="3" height="2"/>', "polygons", "masks that cannot be decoded"),
    ('<mask label="cat" rle="x" left="0" top="0" width="3" height="2"/>', "polygons", "masks that cannot be decoded"),
    ('<mask label="cat" rle="1" left="0" top="0" width="1e9" height="1e9"/>', "polygons",
     "masks that cannot be decoded"),
    ('<mask label="cat" rle="1" left="0" top="nan" width="1" height="1"/>', "polygons", "masks that cannot be decoded"),
    ('<mask label="cat" rle="6" left="0" top="0" width="3" height="2"/>', "polygons", "masks without a set pixel"),
    ('<skeleton label="cat"><box label="a"/></skeleton>', "key points",
     "skeletons with other parts than single points"),
    ('<skeleton label="cat"/>', "key points", "annotations that are not valid"),
    ('<cube3d label="cat"/>', "3-D shapes", "shapes that are not known"),
    ('<blob label="cat"/>', "polygons", "shapes that are not known"),
    ('<ellipse label="cat" cx="1" cy="1" rx="0" ry="1"/>', "ellipses", "annotations that are not valid"),
])  # fmt: skip
def test_what_cannot_be_kept_is_counted_and_named(tmp_path: Path, shape: str, kind: str, reason: str) -> None:
    found, ledger = one(tmp_path, shape)
    assert found == []
    assert told(ledger, "lost") == [(kind, reason, 1)]
    (note,) = ledger.losses()
    assert note.place.startswith("annotations.xml, image 0, ")
    assert ledger.kept["frames"] == 1


def test_attributes_that_collide_are_named(tmp_path: Path) -> None:
    (found,), ledger = one(
        tmp_path,
        """<tag label="cat" source="manual"><attribute name="source">book</attribute>
        <attribute name="source">web</attribute><other/></tag>""",
    )
    assert found["meta"] == {"source": "web"}
    assert told(ledger, "lost") == [
        ("attributes", "attributes of CVAT's own, where one of the label has the same name", 1),
        ("attributes", "attributes that a shape has twice; the last was taken", 1),
        ("attributes", "parts of a shape that are not known", 1),
    ]


def test_pictures_are_found_in_folders_of_subsets(tmp_path: Path) -> None:
    body = """<image id="0" name="a.PNG" subset="Train" task_id="4"/><image id="1" name="sub\\b.png" subset="default"/>
        <image id="2" name="/home/x/images/c.png" subset="holdout"/><image id="3" name="e.png"/>"""
    cvat(tmp_path, body, pictures=("images/Train/a.png", "images/sub/b.png", "images/c.png", "d.png"))
    found, ledger = read_all(tmp_path, FORMAT)
    assert {path: frame.get("meta") for path, frame in found.items()} == {
        "images/Train/a.png": {"split": "train", "task_id": "4"}, "images/sub/b.png": None,
        "images/c.png": {"split": "holdout"}, "d.png": None,
    }  # fmt: skip
    assert told(ledger, "lost") == [("frames", "files that are described, but are not in the folder", 1)]
    assert told(ledger, "noticed") == [("frames", "files that no annotation file names", 1)]


def test_annotations_of_missing_pictures_are_counted_by_kind(tmp_path: Path) -> None:
    body = '<image id="0" name="x.png"><box label="cat" xtl="1" ytl="2" xbr="5" ybr="6"/><tag label="cat"/></image>'
    cvat(tmp_path, body)
    _, ledger = read_all(tmp_path, FORMAT)
    assert told(ledger, "lost") == [
        ("boxes", "annotations of a file that is not in the folder", 1),
        ("frames", "files that are described, but are not in the folder", 1),
        ("labels", "annotations of a file that is not in the folder", 1),
    ]


def test_two_candidates_are_a_loss(tmp_path: Path) -> None:
    cvat(tmp_path, '<image id="0" name="x/a.png"/>', pictures=("p/x/a.png", "q/x/a.png"))
    _, ledger = read_all(tmp_path, FORMAT)
    assert told(ledger, "lost") == [("frames", "files that are described, but several have this name", 1)]


def test_several_files_and_splits_of_folders(tmp_path: Path) -> None:
    for split, subset in (("train", "train"), ("test", ""), ("val", "test")):
        picture(tmp_path / split / "images/a.png")
        body = f'<annotations><image id="0" name="a.png" subset="{subset}"><tag label="cat"/></image></annotations>'
        (tmp_path / split / "annotations.xml").write_text(body)
    found, ledger = read_all(tmp_path, FORMAT)
    assert [frame["meta"]["split"] for frame in found.values()] == ["test", "train", "test"]
    assert [len(frame["annotations"]) for frame in found.values()] == [1, 1, 1]
    assert told(ledger) == [("splits", "further splits of files that are said to be in several splits", 1)]


def test_a_picture_that_is_described_twice_keeps_all(tmp_path: Path) -> None:
    cvat(tmp_path, '<image id="0" name="a.png" width="40" height="30"><tag label="cat"/></image>')
    (tmp_path / "more.xml").write_text(
        '<annotations><image id="9" name="a.png" width="80" height="60"><tag label="dog"/></image></annotations>'
    )
    found, ledger = read_all(tmp_path, FORMAT)
    assert len(found["images/a.png"]["annotations"]) == 2
    assert told(ledger, "noticed") == [
        ("frames", "files that are described more than once; all annotations were kept", 1),
        ("frames", "files that are described with different sizes; the first was taken", 1),
    ]


def test_metadata_of_a_picture_that_is_described_twice(tmp_path: Path) -> None:
    cvat(
        tmp_path,
        """<image id="0" name="a.png" note="x" hyperdatasets='{"context_id": "c", "meta": {"n": 1}}'/>
        <image id="1" name="a.png" note="y" hyperdatasets='{"context_id": "d", "meta": {"n": 2}}'/>""",
    )
    found, ledger = read_all(tmp_path, FORMAT)
    assert (found["images/a.png"]["context_id"], found["images/a.png"]["meta"]) == ("c", {"note": "x", "n": 1})
    assert told(ledger, "lost") == [("attributes", "different values for one name; the first was kept", 3)]


@pytest.mark.parametrize("content", [
    b"<annotations><image", b'<!DOCTYPE a [<!ENTITY x "y">]><annotations>&x;</annotations>',
    b'<?xml version="1.0" encoding="utf-8"?><annotations>\xff</annotations>',
    b'<?xml version="1.0" encoding="klingon"?><annotations></annotations>', b"<x><annotations></annotations></x>",
])  # fmt: skip
def test_files_that_cannot_be_read_fail_the_run_and_pictures_stay(tmp_path: Path, content: bytes) -> None:
    picture(tmp_path / "images/a.png")
    (tmp_path / "annotations.xml").write_bytes(content)
    found, ledger = read_all(tmp_path, FORMAT)
    assert list(found) == ["images/a.png"]
    assert told(ledger, "lost") == [("annotation files", "CVAT files that cannot be read", 1)]
    assert ledger.failed == "1 annotation file could not be read"


def test_other_files_and_marks_change_nothing(tmp_path: Path) -> None:
    cvat(tmp_path, '<image name="a.png" id="0"><tag label="cat"/></image>')
    text = (tmp_path / "annotations.xml").read_text()
    (tmp_path / "annotations.xml").rename(tmp_path / "Annotations.XML")
    (tmp_path / "Annotations.XML").write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    (tmp_path / "notes.md").write_text("x")
    (tmp_path / "voc.xml").write_text("<annotation/>")
    found, ledger = read_all(tmp_path, FORMAT)
    assert [each["labels"] for each in found["images/a.png"]["annotations"]] == [["cat"]]
    assert told(ledger, "lost") == []
    assert [note.place for note in ledger.notes if note.kind == "other files"] == ["notes.md", "voc.xml"]


def track(shapes: str) -> str:
    return f'<track id="5" label="cat" source="manual" group_id="2">{shapes}</track>'


def box(frame: Any, rest: str = 'outside="0" keyframe="1" occluded="0"') -> str:
    return f'<box frame="{frame}" {rest} xtl="1" ytl="2" xbr="5" ybr="6"><attribute name="wild">true</attribute></box>'


@pytest.mark.parametrize(("names", "notice"), [
    (("images/frame_000000.PNG", "images/frame_000001.PNG", "images/frame_000002.PNG"), ""),
    (("v_0.png", "v_1.png", "v_2.png"), ""),
    (("a.png", "b.png", "c.png"), "pictures taken as the frames of a video by their order, since there are as many"),
    (("v_1.png", "v_2.png", "v_3.png"),
     "pictures taken as the frames of a video by their order, since there are as many"),
])  # fmt: skip
def test_tracks_of_a_video(tmp_path: Path, names: tuple[str, ...], notice: str) -> None:
    hidden = box(2, 'outside="1" keyframe="1"')
    cvat(tmp_path, track(box(0) + box(1, 'outside="0" keyframe="0"') + hidden), pictures=names)
    found, ledger = read_all(tmp_path, FORMAT)
    first, second, third = found.values()
    meta = {"track": 5, "source": "manual", "group_id": 2, "keyframe": True, "occluded": False, "wild": True}
    assert [each["meta"] for each in first["annotations"]] == [meta]
    assert second["annotations"][0]["meta"]["keyframe"] is False
    assert second["annotations"][0]["geometry"] == {"box": [1, 2, 4, 4]}
    assert {each["context_id"] for each in found.values()} == {"walk"}  # also where all shapes are outside
    assert "annotations" not in third
    assert [reason for _, reason, _ in told(ledger, "noticed")] == [notice][: bool(notice)]
    assert told(ledger, "lost") == []


def test_pictures_numbered_otherwise_are_taken_by_number_and_named(tmp_path: Path) -> None:
    cvat(tmp_path, track(box(7)), pictures=("v_7.png", "v_8.png"))
    found, ledger = read_all(tmp_path, FORMAT)
    assert len(found["v_7.png"]["annotations"]) == 1
    assert ("frames", "pictures taken as the frames of a video by the last number in their names", 1) in told(ledger)


def test_shapes_on_frames_without_a_picture_are_lost_by_kind(tmp_path: Path) -> None:
    body = track(box(0) + box(9) + box(10) + box("x") + '<blob frame="0"/>' + box(11, 'outside="1"'))
    cvat(tmp_path, body, pictures=("images/frame_000000.PNG",))
    found, ledger = read_all(tmp_path, FORMAT)
    assert len(found["images/frame_000000.PNG"]["annotations"]) == 1
    assert told(ledger, "lost") == [
        ("attributes", "parts of a track that are not known", 1),
        ("boxes", "shapes of a track without the number of their frame", 1),
        ("boxes", "shapes on frames of a video that are no pictures in the folder", 2),
    ]


def test_shapes_between_keyframes_are_counted_and_their_frames_belong_to_the_task(tmp_path: Path) -> None:
    names = tuple(f"frame_{number}.png" for number in range(8))
    meta = META.replace("<size>3</size>", "<size>7</size>")
    body = track(box(0) + box(4) + box(5, 'outside="1"')) + track(box(1) + box(2))
    cvat(tmp_path, body, pictures=names, meta=meta)
    found, ledger = read_all(tmp_path, FORMAT)
    assert [len(frame.get("annotations", ())) for frame in found.values()] == [1, 1, 1, 0, 1, 0, 0, 0]
    assert [frame.get("context_id") for frame in found.values()] == ["walk"] * 7 + [None]
    assert [(note.kind, note.place, note.count) for note in ledger.losses()] == [
        ("boxes", "annotations.xml, track 5, frame 0", 3)
    ]
    assert [(note.place, note.detail) for note in ledger.notes if note.weight == "noticed"] == [
        ("annotations.xml, track 5, frame 2", "4 frames"), ("frame_7.png", ""),
    ]  # fmt: skip


def test_a_bad_shape_of_a_track_is_named(tmp_path: Path) -> None:
    cvat(tmp_path, track('<polygon frame="0" points="1,2;x"/>'), pictures=("frame_0.png",))
    _, ledger = read_all(tmp_path, FORMAT)
    assert told(ledger, "lost") == [("polygons", "shapes whose points are no pairs of numbers", 1)]


def test_recognised_by_its_root(tmp_path: Path) -> None:
    assert FORMAT.recognise(Folder(tmp_path)) is None
    cvat(tmp_path, '<image id="0" name="a.png"/><image id="1" name="b.png"/>')
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert (evidence.annotated, evidence.used) == (1, ["annotations.xml"])
    assert evidence.told == "1 CVAT file with 2 pictures or tracks"
    (tmp_path / "annotations.xml").write_text("<annotation><object/></annotation>")
    assert FORMAT.recognise(Folder(tmp_path)) is None


SOURCE = {"id": "default", "uri": "file:0.png", "width": WIDTH, "height": HEIGHT}


@given(st.lists(frames(PLANE | ELSEWHERE, SOURCE), min_size=1, max_size=2))
def test_frames_come_back_exactly(given_frames: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        write(path, WRITTEN, given_frames, {"cat": 0})
        for number in range(len(given_frames)):
            picture(path / f"images/{number}-default.png")
        found, ledger = read_all(path, FORMAT)
        back = [found[f"images/{number}-default.png"] for number in range(len(given_frames))]
        assert list(map(comparable, back)) == list(map(comparable, given_frames))
        assert orjson.dumps(list(map(comparable, back)), option=orjson.OPT_SORT_KEYS) == orjson.dumps(
            list(map(comparable, given_frames)), option=orjson.OPT_SORT_KEYS
        )
        assert told(ledger, "lost") == []


def frame(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return normalise({"sources": [dict(SOURCE)], "annotations": list(annotations), **more})[0]  # type: ignore[return-value]


def written(path: Path, *annotations: dict[str, Any]) -> tuple[list[ET.Element], Ledger]:
    ledger = write(path, WRITTEN, [frame(*annotations)], {"cat": 0, "dog": 1, "none": -1})
    return list(ET.parse(path / "annotations.xml").getroot()), ledger


def test_the_file_is_what_cvat_reads(tmp_path: Path) -> None:
    (version, meta, image), ledger = written(
        tmp_path,
        {"labels": ["cat"], "geometry": {"box": [1, 2, 3, 4]}, "meta": {"occluded": True, "wild": True, "age": 2}},
        {"labels": ["cat"], "geometry": {"box": [1, 2, 3, 4.5]}, "meta": {"age": "old"}},
    )
    assert version.text == "1.1"
    assert [label.findtext("name") for label in meta.iter("label")] == ["cat", "dog"]
    types = {each.findtext("name"): each.findtext("input_type") for each in meta.iter("attribute")}
    assert types == {"wild": "checkbox", "age": "text"}
    assert {**image.attrib} == {"id": "0", "name": "0-default.png", "width": "40", "height": "30"}
    boxes = {tuple(each.attrib[side] for side in ("label", "xtl", "ytl", "xbr", "ybr")) for each in image}
    assert boxes == {("cat", "1.0", "2.0", "4.0", "6.0"), ("cat", "1.0", "2.0", "4.0", "6.5")}
    assert ledger.kept == {"frames": 1, "boxes": 2}
    assert ledger.notes == []


@pytest.mark.parametrize(("annotation", "tag"), [
    ({"geometry": {"polygon": [[0, 0, 5, 0, 5, 5]]}}, "polygon"),
    ({"geometry": {"polygon": [[0, 0, 5, 0, 5, 5, 0, 5], [1, 1, 2, 1, 2, 2, 1, 2]]}}, "mask"),
    ({"geometry": {"polygon": [[0, 0, 5, 0, 5, 5, 0, 5]]}, "meta": {"shape": "mask"}}, "mask"),
    ({"geometry": {"polygon": [[0, 0, 0.1, 0, 0.1, 0.1], [2, 2, 2.1, 2, 2.1, 2.1]]}}, "polygon"),
    ({"geometry": {"polygon": [[0, 0, 1e9, 0, 1e9, 1e9], [2, 2, 2.1, 2, 2.1, 2.1]]}}, "polygon"),
    ({"geometry": {"ellipse": [5, 5, 2, 3, 0]}}, "ellipse"),
    ({"geometry": {"keypoints": [5, 5]}}, "points"),
    ({"geometry": {"keypoints": [5, 5, 6, 6]}, "meta": {"shape": "polyline"}}, "polyline"),
    ({"geometry": {"keypoints": list(range(16))}, "meta": {"shape": "cuboid"}}, "cuboid"),
    ({"geometry": {"keypoints": [5, 5, 6, 6]}, "meta": {"keypoint_names": ["a", "b"]}}, "skeleton"),
    ({}, "tag"),
])  # fmt: skip
def test_every_shape_is_written(tmp_path: Path, annotation: dict[str, Any], tag: str) -> None:
    (_, _, image), _ = written(tmp_path, {"labels": ["cat"], **annotation})
    assert [each.tag for each in image] == [tag]


def test_what_cvat_does_not_see_is_named(tmp_path: Path) -> None:
    _, ledger = written(
        tmp_path,
        {"labels": ["cat", "dog"]},
        {"labels": ["cat"], "geometry": {"span": [1, 2]}},
        {"labels": ["cat"], "geometry": {"mask": [1, 2, 3]}},
        {"labels": ["cat"], "geometry": {"polygon": [[0, 0, 5, 0, 5, 5.5], [1, 1, 2, 1, 2, 2, 1, 2]]}},
    )
    assert told(ledger, "lost") == []
    unseen = "labels, spans and shapes kept under `hyperdatasets`, since CVAT has no place for them"
    assert told(ledger, "noticed") == [
        ("labels", "ROIs with several labels, of which CVAT sees the first", 1),
        ("masks", unseen, 1),
        ("polygons", "polygons of several rings, which CVAT sees as masks of whole pixels", 1),
        ("spans", unseen, 1),
    ]


def test_groups_and_frames_without_pictures_are_named(tmp_path: Path) -> None:
    two = [{"id": "l", "uri": "file:l.png"}, {"id": "r", "uri": "file:r.png"},
           {"id": "s", "uri": "file:s.wav", "content_type": "audio/wav", "timestamp": 3}]  # fmt: skip
    label = [{"labels": ["cat"]}, {"labels": ["dog"], "sources": ["r"]}]
    group = normalise({"sources": two, "annotations": label})[0]
    sound = normalise({"sources": two[2:], "annotations": label[:1]})[0]
    blob = normalise({"blob": b"x"})[0]
    timed = normalise({"sources": [{**SOURCE, "timestamp": 3, "meta": {"lens": 1, "frames": 2}}]})[0]
    ledger = write(tmp_path, WRITTEN, [group, sound, blob, timed], {})  # type: ignore[list-item]
    assert told(ledger, "lost") == [
        ("attributes", "metadata of files, left out", 1), ("attributes", "times of files, left out", 1),
        ("frames", "frames without a picture, left out", 2),
        ("frames", "groups, written as a picture for each source", 1),
        ("frames", "sources that are no pictures, left out", 1), ("labels", "frames without a picture, left out", 1),
    ]  # fmt: skip
    assert told(ledger, "noticed") == [("frames", "pictures whose width and height are not known", 2)]
    for name in ("0-l", "0-r", "3-default"):
        picture(tmp_path / f"images/{name}.png")
    found, _ = read_all(tmp_path, FORMAT)
    labels = {path: [each["labels"] for each in frame.get("annotations", ())] for path, frame in found.items()}
    assert labels["images/0-l.png"] == [["cat"]]
    assert sorted(labels["images/0-r.png"]) == [["cat"], ["dog"]]


def test_masks_come_back(tmp_path: Path) -> None:
    source = {**SOURCE, "masks": [{"id": "m", "uri": "file:m.png"}]}
    ledger = write(tmp_path, WRITTEN, [normalise({"sources": [source]})[0]], {})  # type: ignore[list-item]
    picture(tmp_path / "images/0-default.png")
    picture(tmp_path / "masks/0-m.png")
    found, back = read_all(tmp_path, FORMAT)
    assert found["images/0-default.png"]["sources"][0]["masks"] == [{"id": "m", "uri": "file:masks/0-m.png"}]
    assert list(found) == ["images/0-default.png"]
    assert ledger.notes == []
    assert told(back, "lost") == told(back, "noticed") == []


def test_a_frame_that_comes_in_parts_is_one_picture(tmp_path: Path) -> None:
    output, ledger = ToFolder(tmp_path), Ledger("cvat")
    writer = WRITTEN.start(output, Subject("x", {}), ledger)
    for label, geometry in (("cat", {"box": [1, 2, 3, 4]}), ("dog", {"box": [1, 2, 3, 5]}), ("ant", {"span": [1, 2]})):
        part = frame({"labels": [label], "geometry": geometry})
        writer.add(Placed(part, {"default": "images/a.png"}, key=7))  # type: ignore[arg-type]
        other = frame({"labels": [label], "geometry": {"box": [1, 2, 3, 4]}})
        writer.add(Placed(other, {"default": "images/b.png"}, key=8))  # type: ignore[arg-type]
    writer.finish()
    output.close()
    picture(tmp_path / "images/a.png")
    picture(tmp_path / "images/b.png")
    found, back = read_all(tmp_path, FORMAT)
    assert {path: len(each["annotations"]) for path, each in found.items()} == {"images/a.png": 2, "images/b.png": 3}
    assert told(back, "noticed") == []
    assert told(ledger, "lost") == [("spans", "ROIs that come apart and have no place in CVAT", 1)]
    assert ledger.kept == {"frames": 2, "boxes": 5, "spans": 0}


def test_what_somebody_changed_after_the_export_is_taken(tmp_path: Path) -> None:
    exact = {"labels": ["cat", "dog"], "geometry": {"box": [0.1, 0.2, 0.7, 0.8]}, "confidence": 0.5, "origin": "m"}
    written(tmp_path, {**exact, "meta": {"tags": [1], "age": 3}})
    file = tmp_path / "annotations.xml"
    file.write_text(file.read_text().replace('xtl="0.1"', 'xtl="0.25"').replace(">3<", ">4<"))
    picture(tmp_path / "images/0-default.png")
    found, ledger = read_all(tmp_path, FORMAT)
    (annotation,) = found["images/0-default.png"]["annotations"]
    assert annotation["labels"] == ["cat", "dog"]
    assert annotation["geometry"]["box"][0] == 0.25
    assert (annotation["confidence"], annotation["origin"]) == (0.5, "m")
    assert annotation["meta"] == {"tags": [1], "age": 4, "occluded": False}
    assert told(ledger, "noticed") == [
        ("boxes", "annotations that were changed after their export; what the format itself says is taken", 1)
    ]
    file.write_text(file.read_text().replace('label="cat"', 'label="cow"'))
    found, ledger = read_all(tmp_path, FORMAT)
    assert [each["labels"] for each in found["images/0-default.png"]["annotations"]] == [["cow"]]
    assert told(ledger, "lost") == [("labels", OTHER_LABEL, 1)]


@pytest.mark.parametrize("own", ["{", "[1]", '"x"', '{"meta": 3}'])
def test_own_data_that_is_broken_is_named(tmp_path: Path, own: str) -> None:
    escaped = own.replace('"', "&quot;")
    cvat(
        tmp_path,
        f'<image id="0" name="a.png" hyperdatasets="{escaped}"><tag label="cat" hyperdatasets="{escaped}"/></image>',
    )
    found, ledger = read_all(tmp_path, FORMAT)
    assert [without_id(each) for each in found["images/a.png"]["annotations"]] == [{"labels": ["cat"]}]
    assert told(ledger, "lost") == [("attributes", "data under `hyperdatasets` that cannot be read", 2)]
