"""Pascal VOC: what is read, what is written, and what is told of it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats.agreement import Agreement
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.mask_sizes import OTHER_SIZE
from hyperdatasets.formats.reading import Reading
from hyperdatasets.formats.voc import FORMAT, WRITTEN
from hyperdatasets.formats.voc.masks import palette
from hyperdatasets.formats.voc.writer import SAME_NAME, SAME_PICTURE
from hyperdatasets.formats.writing import Placed, Subject
from tests.reference.properties import examples
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

BCCD = Path(__file__).parents[3] / "shared" / "data" / "bccd"
SOURCE = {"uri": "file:x.png", "width": WIDTH, "height": HEIGHT}
BOX = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>8</ymax></bndbox>"
CAT = f"<object><name>cat</name>{BOX}</object>"
DOG = CAT.replace("cat", "dog")


def text(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def xml(path: Path, body: str) -> None:
    text(path, f"<annotation>{body}</annotation>")


def one(path: Path, body: str) -> tuple[dict[str, Any], Ledger]:
    """The frame of a picture with this XML."""
    picture(path / "a.png")
    xml(path / "a.xml", body)
    found, ledger = read_all(path, FORMAT)
    return found["a.png"], ledger


def rois(frame: dict[str, Any]) -> list[dict[str, Any]]:
    return [{key: value for key, value in each.items() if key != "id"} for each in frame.get("annotations", [])]


def labels(frame: dict[str, Any]) -> list[str]:
    return sorted(label for each in frame.get("annotations", []) for label in each["labels"])


def roi(path: Path, inner: str) -> tuple[dict[str, Any], Ledger]:
    frame, ledger = one(path, f"<object><name>cat</name>{inner}</object>")
    (found,) = rois(frame)
    return found, ledger


# What an object says


@pytest.mark.parametrize(("inner", "geometry", "meta"), [
    (BOX, {"box": [1.0, 2.0, 4.0, 6.0]}, {}),
    ("<bndbox><ymax>8</ymax> <xmax>9</xmax><ymin>1.5</ymin><xmin> 2 </xmin></bndbox>", {"box": [2, 1.5, 7, 6.5]}, {}),
    ("<bndbox><xmin>1e0</xmin><ymin>.5</ymin><xmax>+3.</xmax><ymax>2</ymax></bndbox>", {"box": [1, 0.5, 2, 1.5]}, {}),
    ("<polygon><x1>1</x1><y1>1</y1><x2>9</x2><y2>1</y2><x3>9</x3><y3>9</y3></polygon>",
     {"polygon": [[1, 1, 9, 1, 9, 9]]}, {}),
    ("<polygon><y2>1</y2><x2>9</x2><y10>9</y10><x10>9</x10><x1>1</x1><y1>1</y1></polygon>",
     {"polygon": [[1, 1, 9, 1, 9, 9]]}, {}),
    (("<polygon><username>me</username><pt><x>1</x><y>1</y></pt><pt><x>9</x><y>1</y></pt><pt><x>9</x><y>9</y></pt>"
     "</polygon>"), {"polygon": [[1, 1, 9, 1, 9, 9]]}, {"username": "me"}),
    (f"{BOX}<polygon><x1>1</x1><y1>1</y1><x2>19</x2><y2>1</y2><x3>9</x3><y3>9</y3></polygon>",
     {"polygon": [[1, 1, 19, 1, 9, 9]]}, {"box": [1, 2, 4, 6]}),
    (("<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>19</xmax><ymax>9</ymax></bndbox>"
     "<polygon><x1>1</x1><y1>1</y1><x2>19.4</x2><y2>1</y2><x3>9</x3><y3>9</y3></polygon>"),
     {"polygon": [[1, 1, 19.4, 1, 9, 9]]}, {}),
    ("<type>robndbox</type><robndbox><cx>10</cx><cy>10</cy><w>6</w><h>4</h><angle>0.5</angle></robndbox>",
     {"box": [7, 8, 6, 4, 28.64788975654116]}, {}),
])  # fmt: skip
def test_shapes(tmp_path: Path, inner: str, geometry: dict[str, Any], meta: dict[str, Any]) -> None:
    found, ledger = roi(tmp_path, inner)
    assert (found["geometry"], found.get("meta", {})) == (geometry, meta)
    assert told(ledger, "lost") == told(ledger, "noticed") == []


@pytest.mark.parametrize(("inner", "meta"), [
    ("<truncated>1</truncated><difficult>0</difficult><occluded>yes</occluded>",
     {"truncated": True, "occluded": True}),
    ("<truncated>a bit</truncated><difficult/>", {"truncated": "a bit"}),
    ("<pose>Frontal</pose>", {"pose": "Frontal"}),
    ("<pose>Unspecified</pose>", {}),
    ("<actions><jumping>1</jumping><other>0</other></actions>", {"actions": {"jumping": True, "other": False}}),
    (("<attributes><attribute><name>age</name><value>007</value></attribute><attribute><name>wild</name>"
     "<value>True</value></attribute></attributes>"), {"attributes": {"age": "007", "wild": "True"}}),
    ("<attributes><colour>red</colour></attributes>", {"attributes": {"colour": "red"}}),
    ("<country>DE</country><weight>3</weight>", {"country": "DE", "weight": "3"}),
    ("<tag>a</tag><tag>b</tag><empty/>", {"tag": ["a", "b"]}),
    ('<review by="me"><ok>1</ok></review>', {"review": {"@by": "me", "ok": "1"}}),
    ("<deleted>0</deleted><id>3</id>", {"id": "3"}),
    ("<confidence>high</confidence>", {"confidence": "high"}),
])  # fmt: skip
def test_metadata(tmp_path: Path, inner: str, meta: dict[str, Any]) -> None:
    found, ledger = roi(tmp_path, BOX + inner)
    assert found.get("meta", {}) == meta
    assert told(ledger, "lost") == told(ledger, "noticed") == []


def test_parts_lie_in_the_metadata_and_are_counted(tmp_path: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>3</ymax></bndbox></part>"
    found, ledger = roi(tmp_path, f"{BOX}{part}<part><name>hand</name><bndbox/></part>")
    assert found["meta"] == {"parts": [{"name": "head", "box": [1, 2, 2, 1]}]}
    assert told(ledger, "lost") == [("boxes", "parts of objects whose box is no box", 1)]
    assert ("boxes", "parts of objects, kept in `parts` of the metadata of their object", 1) in told(ledger, "noticed")


def test_parts_move_with_their_object(tmp_path: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>3</ymax></bndbox></part>"
    picture(tmp_path / "a.png")
    xml(tmp_path / "a.xml", f"<size><width>20</width><height>15</height></size>"
        f"<object><name>cat</name>{BOX}{part}</object>")  # fmt: skip
    reading = Reading(Folder(tmp_path), Ledger())
    (entry,) = FORMAT.read(reading)
    assert entry.stated == (20, 15)
    from hyperdatasets.formats import agreement
    from hyperdatasets.formats.media import probe_file

    media, _ = probe_file(tmp_path / "a.png")
    assert media
    (item,) = agreement.placed(entry, media, Agreement(scale=True), reading.ledger)
    assert item.plain["geometry"]["box"] == [2, 4, 8, 12]
    assert item.plain["meta"]["parts"] == [{"name": "head", "box": [2, 4, 4, 2]}]


def test_confidence_several_names_and_unicode(tmp_path: Path) -> None:
    frame, ledger = one(tmp_path, f"<object><name>чат</name><name>b</name>{BOX}<confidence>0.5</confidence></object>")
    assert rois(frame) == [{"labels": ["чат", "b"], "confidence": 0.5, "geometry": {"box": [1, 2, 4, 6]}}]
    assert told(ledger, "lost") == []


def _bndbox(left: str, top: str, right: str, bottom: str) -> str:
    return f"<bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax><ymax>{bottom}</ymax></bndbox>"


@pytest.mark.parametrize(("inner", "kind", "reason"), [
    ("<name>cat</name>", "boxes", "objects without a box or polygon"),
    (BOX, "boxes", "objects without a name"),
    (f"<name> </name>{BOX}", "boxes", "objects without a name"),
    (f"<name>x</name>{_bndbox('9', '9', '1', '1')}", "boxes", ("boxes that are degenerate: their right or lower side "
     "does not lie beyond the left or upper one")),
    (f"<name>x</name>{_bndbox('1', '1', '1', '5')}", "boxes", ("boxes that are degenerate: their right or lower side "
     "does not lie beyond the left or upper one")),
    *((f"<name>x</name>{_bndbox(bad, '1', '5', '5')}", "boxes", "boxes that are not four numbers")
      for bad in ("nan", "inf", "1e999", "1_0", "1,5", "a", "", "\N{ARABIC-INDIC DIGIT ONE}")),
    ("<name>x</name><bndbox/>", "boxes", "boxes that are not four numbers"),
    ("<name>x</name><robndbox><cx>1</cx><cy>1</cy><w>0</w><h>1</h><angle>0</angle></robndbox>", "boxes",
     "rotated boxes that are not five numbers with a width and height above 0"),
    ("<name>x</name><polygon><x1>1</x1><y1>1</y1><x2>1</x2><y2>1</y2></polygon>", "polygons",
     "polygons that are not at least three points of two numbers"),
    ("<name>x</name><polygon><x1>1</x1><y1>1</y1><x2>1</x2><y2>1</y2><x3>1</x3></polygon>", "polygons",
     "polygons that are not at least three points of two numbers"),
    (f"<name>x</name>{_bndbox('500', '5', '510', '25')}", "boxes", "annotations that are not valid"),
    (f"<name>{'x' * 2000}</name>{BOX}", "boxes", "annotations that are not valid"),
    (f"<name>x</name>{BOX}{'<a>' * 40}{'</a>' * 40}", "attributes", "elements that are nested too deep or too large"),
    (f"<name>x</name>{BOX}<a>{'y' * (1 << 21)}</a>", "attributes", "elements that are nested too deep or too large"),
    (f"<name>x</name>{BOX}{BOX}", "boxes", "further boxes of the same object; the first was taken"),
    (f"<name>x</name>{BOX}<parts>p</parts><part><name>p</name></part>", "attributes",
     "elements with a name that another part of the object needs"),
    (f"<name>x</name>{BOX}<attributes><attribute><name>a</name><value>1</value><unit>m</unit></attribute></attributes>",
     "attributes", "elements of an attribute beside its name and value"),
    ((f"<name>x</name>{BOX}<attributes><attribute><name>a</name></attribute><attribute><name>a</name></attribute>"
     "</attributes>"), "attributes", "attributes whose name the object has twice; the first was taken"),
    (f"<name>x</name>{BOX}<hyperdatasets>{{</hyperdatasets>", "attributes",
     "data under `hyperdatasets` that cannot be read"),
    (f'<name>x</name>{BOX}<hyperdatasets>{{"gone": 5}}</hyperdatasets>', "attributes",
     "data under `hyperdatasets` that cannot be read"),
])  # fmt: skip
def test_faults_of_an_object_are_named_and_the_others_stay(tmp_path: Path, inner: str, kind: str, reason: str) -> None:
    frame, ledger = one(tmp_path, f"<object>{inner}</object>{DOG}")
    assert "dog" in labels(frame)
    assert told(ledger, "lost") == [(kind, reason, 1)]
    assert [note.place for note in ledger.losses()] == ["a.xml, object 1"]


def test_a_broken_polygon_leaves_the_box(tmp_path: Path) -> None:
    found, ledger = roi(tmp_path, f"{BOX}<polygon><pt><x>1</x></pt></polygon>")
    assert found["geometry"] == {"box": [1, 2, 4, 6]}
    assert told(ledger, "lost") == [("polygons", "polygons that are not at least three points of two numbers", 1)]


def test_deleted_objects_are_skipped(tmp_path: Path) -> None:
    frame, ledger = one(tmp_path, CAT + DOG.replace("<name>", "<deleted>1</deleted><name>"))
    assert labels(frame) == ["cat"]
    assert ("boxes", "objects that are marked as deleted", 1) in told(ledger, "skipped")
    assert ledger.complete


# What an annotation says of its picture


@pytest.mark.parametrize(("body", "meta"), [
    ("<folder>x</folder><filename>a.png</filename><path>C:\\x\\a.png</path>", {}),
    ("<source><database>Unknown</database></source>", {}),
    ("<source><database>VOC2007</database><image>flickr</image></source>",
     {"source": {"database": "VOC2007", "image": "flickr"}}),
    ("<owner><flickrid>1</flickrid><name>N</name></owner><segmented>1</segmented>",
     {"owner": {"flickrid": "1", "name": "N"}, "segmented": True}),
    ("<segmented>0</segmented><weather>rain</weather>", {"segmented": False, "weather": "rain"}),
    ("<split>val</split>", {"split": "val"}),
])  # fmt: skip
def test_metadata_of_the_picture(tmp_path: Path, body: str, meta: dict[str, Any]) -> None:
    frame, ledger = one(tmp_path, body)
    assert frame.get("meta", {}) == meta
    assert ledger.complete
    repeated = [count for _, reason, count in told(ledger, "skipped") if "repeat" in reason]
    assert sum(repeated) == sum(body.count(f"<{tag}>") for tag in ("folder", "filename", "path")) + ("Unknown" in body)


def test_verified_by_labelimg(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.xml", '<annotation verified="yes"/>')
    assert read_all(tmp_path, FORMAT)[0]["a.png"]["meta"] == {"verified": True}


@pytest.mark.parametrize(("size", "stated", "notes"), [
    ("", None, 0), ("<width>0</width><height>0</height>", None, 0),
    ("<width>80</width><height>60</height>", (80, 60), 0),
    ("<width>80.0</width><height>60</height><depth>3</depth>", (80, 60), 0),
    ("<width>wide</width><height>60</height>", None, 1), ("<width>1e99</width><height>60</height>", None, 1),
    ("<width>-5</width><height>60</height>", None, 1), ("<width>5</width>", None, 1),
])  # fmt: skip
def test_the_size_that_is_stated(tmp_path: Path, size: str, stated: tuple[int, int] | None, notes: int) -> None:
    picture(tmp_path / "a.png")
    xml(tmp_path / "a.xml", f"<size>{size}</size>")
    reading = Reading(Folder(tmp_path), Ledger())
    assert [entry.stated for entry in FORMAT.read(reading)] == [stated]
    assert len(told(reading.ledger, "noticed")) == notes


# XML files and their pictures


@pytest.mark.parametrize("content", [
    b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?>\n<annotation>%s</annotation>",
    b"\r\n  <annotation>\r\n%s\r\n</annotation>\r\n",
    b"<?xml version='1.0' encoding='gb2312'?><annotation><x>\xc3\xa8</x>%s</annotation>",
    b"<?xml version='1.0' encoding='iso-8859-1'?><annotation><x>\xe9</x>%s</annotation>",
    b"<!-- made by hand --><annotation>%s</annotation>",
])  # fmt: skip
def test_encodings_and_beginnings(tmp_path: Path, content: bytes) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.xml", content % CAT.encode())
    assert FORMAT.recognise(Folder(tmp_path))
    found, ledger = read_all(tmp_path, FORMAT)
    assert labels(found["a.png"]) == ["cat"]
    assert ledger.complete


def test_utf_16(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.xml", f"<annotation>{CAT}</annotation>".encode("utf-16"))
    assert FORMAT.recognise(Folder(tmp_path))
    assert labels(read_all(tmp_path, FORMAT)[0]["a.png"]) == ["cat"]


@pytest.mark.parametrize("content", [
    '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "<annotation>", "", "<annotation>\x01</annotation>",
    b"<annotation>\xff</annotation>", b"<?xml version='1.0' encoding='zip'?><annotation/>",
    b"<?xml version='1.0' encoding='nonsense'?><annotation/>",
])  # fmt: skip
def test_a_broken_file_is_an_error_and_its_picture_stays(tmp_path: Path, content: str | bytes) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.xml", content)
    found, ledger = read_all(tmp_path, FORMAT)
    assert list(found) == ["a.png"]
    assert told(ledger) == [("annotation files", "XML files that cannot be read", 1)]
    assert "could not be read" in ledger.failed


def test_other_xml_changes_nothing(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages/a.png")
    xml(tmp_path / "Annotations/a.xml", CAT)
    text(tmp_path / "A.aux.xml", "<PAMDataset/>")
    text(tmp_path / "broken.xml", "<")
    text(tmp_path / "classes.txt", "cat\n")
    text(tmp_path / "Thumbs.db", b"\0")
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence
    assert (evidence.annotated, evidence.used) == (1, ["Annotations/a.xml"])
    found, ledger = read_all(tmp_path, FORMAT)
    assert {path: labels(frame) for path, frame in found.items()} == {"JPEGImages/a.png": ["cat"]}
    assert told(ledger, "skipped") == [
        ("other files", "XML files that are no Pascal VOC", 2),
        ("other files", "files that are no data of this format", 1),
    ]
    assert ledger.complete


@pytest.mark.parametrize("content", [
    f'<annotation xmlns="http://x"><filename>a.png</filename>{CAT}</annotation>',
    f'<v:annotation xmlns:v="http://x">{CAT.replace("<", "<v:").replace("<v:/", "</v:")}</v:annotation>',
    "<annotation>" + CAT.replace("<object>", '<object xmlns="http://x">') + "</annotation>",
])  # fmt: skip
def test_elements_in_a_namespace(tmp_path: Path, content: str) -> None:
    picture(tmp_path / "a.png")
    text(tmp_path / "a.xml", content)
    assert FORMAT.recognise(Folder(tmp_path))
    found, ledger = read_all(tmp_path, FORMAT)
    (roi,) = rois(found["a.png"])
    assert roi == {"labels": ["cat"], "geometry": {"box": [1, 2, 4, 6]}}
    assert ledger.complete


def test_xml_of_another_dialect_with_the_name_of_a_picture_is_lost(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        picture(tmp_path / f"{name}.png")
    xml(tmp_path / "a.xml", CAT)
    text(tmp_path / "B.xml", "<image><box/></image>")
    text(tmp_path / "c.png.xml", "<image><box/></image>")
    text(tmp_path / "list.xml", f"<all><annotation>{CAT}</annotation></all>")
    text(tmp_path / "project.xml", "<project/>")
    _, ledger = read_all(tmp_path, FORMAT)
    assert sorted((note.kind, note.place, note.detail) for note in ledger.losses()) == [
        ("annotation files", "B.xml", "its root element is `image`"),
        ("annotation files", "c.png.xml", "its root element is `image`"),
        ("annotation files", "list.xml", "its root element is `all`"),
    ]  # fmt: skip
    assert told(ledger, "skipped") == [("other files", "XML files that are no Pascal VOC", 1)]


def test_xml_of_another_format_is_left_to_its_name(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    xml(tmp_path / "a.xml", CAT)
    text(tmp_path / "all.xml", "<annotations/>")
    reading = Reading(Folder(tmp_path), Ledger(), unread={"all.xml": "CVAT"})
    list(FORMAT.read(reading))
    assert "all.xml" not in reading.used
    assert reading.ledger.notes == []


_ALIKE = (
    "XML files whose picture has a name that differs in upper and lower case or Unicode form; taken for that picture"
)


@pytest.mark.parametrize(("pictures", "file", "filename", "described"), [
    (["a.jpg"], "A.xml", "", "a.jpg"), (["a.jpg"], "0001.xml", "A.JPG", "a.jpg"),
    (["a.jpg"], "a.xml", "A.JPG", "a.jpg"),
    (["caf\u00e9.png"], "cafe\u0301.xml", "", "caf\u00e9.png"),
    (["caf\u00e9.png"], "1.xml", "cafe\u0301.png", "caf\u00e9.png"),
    (["a.png", "b.png"], "a.xml", "B.png", "b.png"), (["x/a.jpg", "y/a.jpg"], "1.xml", "/data/Y/A.jpg", "y/a.jpg"),
])  # fmt: skip
def test_names_that_differ_in_case_or_unicode_form(
    tmp_path: Path, pictures: list[str], file: str, filename: str, described: str
) -> None:
    for name in pictures:
        picture(tmp_path / name)
    xml(tmp_path / file, f"<filename>{filename}</filename>{CAT}")
    assert FORMAT.recognise(Folder(tmp_path))
    found, ledger = read_all(tmp_path, FORMAT)
    assert [path for path, frame in found.items() if rois(frame)] == [described]
    assert told(ledger, "noticed") == [("frames", _ALIKE, 1)]
    assert ledger.complete


def test_names_that_differ_in_case_from_several_pictures(tmp_path: Path) -> None:
    for name in ("aB.jpg", "Ab.jpg"):
        picture(tmp_path / name)
    xml(tmp_path / "ab.xml", CAT)
    assert told(read_all(tmp_path, FORMAT)[1], "lost") == [
        ("boxes", "objects of an XML file that may belong to several pictures", 1)
    ]


@pytest.mark.parametrize(("filename", "described"), [("c.jpg", {"c.jpg": "dog", "c.png": "cat"}),
                                                      ("", {"c.jpg": "dog", "c.png": "cat"})])  # fmt: skip
def test_the_suffix_of_a_picture_in_the_name_of_its_file(
    tmp_path: Path, filename: str, described: dict[str, str]
) -> None:
    for name in described:
        picture(tmp_path / name)
    xml(tmp_path / "c.xml", f"<filename>c.png</filename>{CAT}")
    xml(tmp_path / "c.jpg.xml", f"<filename>{filename}</filename>{DOG}")
    found, ledger = read_all(tmp_path, FORMAT)
    assert {path: labels(frame) for path, frame in found.items()} == {path: [one] for path, one in described.items()}
    assert told(ledger, "lost") == told(ledger, "noticed") == []


@pytest.mark.parametrize(("files", "pairs"), [
    ({"JPEGImages/a.JPG": "", "Annotations/a.XML": ""}, {"JPEGImages/a.JPG": "Annotations/a.XML"}),
    ({"a.png": "", "b.png": "", "a.xml": ""}, {"a.png": "a.xml"}),
    ({"a.jpg": "", "a.png": "", "a.xml": "a.jpg"}, {"a.jpg": "a.xml"}),
    ({"JPEGImages/a.jpg": "", "Annotations/0001.xml": "a.jpg"}, {"JPEGImages/a.jpg": "Annotations/0001.xml"}),
    ({"a.jpg": "", "0001.xml": r"C:\Users\me\a.jpg"}, {"a.jpg": "0001.xml"}),
    ({"p/a.jpg": "", "q/a.jpg": "", "0001.xml": "/data/q/a.jpg"}, {"q/a.jpg": "0001.xml"}),
    ({f"{split}/{folder}/a.{suffix}": "" for split in ("train", "val")
      for folder, suffix in (("JPEGImages", "jpg"), ("Annotations", "xml"))},
     {"train/JPEGImages/a.jpg": "train/Annotations/a.xml", "val/JPEGImages/a.jpg": "val/Annotations/a.xml"}),
    ({f"VOCdevkit/VOC{year}/{folder}/a.{suffix}": "a.jpg" for year in ("2007", "2012")
      for folder, suffix in (("JPEGImages", "jpg"), ("Annotations", "xml"))},
     {f"VOCdevkit/VOC{year}/JPEGImages/a.jpg": f"VOCdevkit/VOC{year}/Annotations/a.xml" for year in ("2007", "2012")}),
    ({"images/train/a.jpg": "", "Annotations/train/a.xml": ""}, {"images/train/a.jpg": "Annotations/train/a.xml"}),
    ({"pics/a.jpg": "", "xmls/a.xml": ""}, {"pics/a.jpg": "xmls/a.xml"}),
    ({"a.jpg": "", "a.xml": "a"}, {"a.jpg": "a.xml"}),
])  # fmt: skip
def test_which_picture_a_file_describes(tmp_path: Path, files: dict[str, str], pairs: dict[str, str]) -> None:
    for path, filename in files.items():
        if path.lower().endswith("xml"):
            xml(tmp_path / path, f"<filename>{filename}</filename>{CAT}")
        else:
            picture(tmp_path / path)
    reading = Reading(Folder(tmp_path), Ledger())
    assert {each.path: each.place for each in FORMAT.read(reading) if each.place} == pairs
    assert told(reading.ledger, "lost") == told(reading.ledger, "noticed") == []
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence
    assert evidence.annotated == len(pairs)


@pytest.mark.parametrize(("files", "described", "weight", "note"), [
    ({"a.png": "", "gone.xml": "gone.png"}, [], "lost", "objects of an XML file whose picture is not there"),
    ({"train/a.png": "", "val/a.xml": ""}, [], "lost", "objects of an XML file whose picture is not there"),
    ({"p/a.png": "", "q/a.png": "", "x/a.xml": ""}, [], "lost",
     "objects of an XML file that may belong to several pictures"),
    ({"a.png": "", "a.jpg": "", "a.xml": ""}, [], "lost", "objects of an XML file that may belong to several pictures"),
    ({"a.png": "", "a.xml": "", "old/b.xml": "a.png"}, ["a.png"], "lost",
     "objects of a further XML file of the same picture"),
    ({"a.png": "", "a.xml": "old.png"}, ["a.png"], "noticed",
     "XML files that name a picture which is not there; taken for the picture of their own name"),
    ({"a.png": "", "b.png": "", "a.xml": "a.png", "b.xml": "a.png"}, ["a.png", "b.png"], "noticed",
     "XML files that name a picture which another one describes; taken for the picture of their own name"),
])  # fmt: skip
def test_doubts_about_pictures_are_told(
    tmp_path: Path, files: dict[str, str], described: list[str], weight: str, note: str
) -> None:
    for path, filename in files.items():
        if path.endswith("xml"):
            xml(tmp_path / path, f"<filename>{filename}</filename>{CAT}")
        else:
            picture(tmp_path / path)
    found, ledger = read_all(tmp_path, FORMAT)
    assert sorted(found) == sorted(path for path in files if not path.endswith("xml"))
    assert [path for path, frame in found.items() if rois(frame)] == described
    assert [reason for _, reason, _ in told(ledger, weight)] == [note]


def test_two_files_of_which_none_is_nearer(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    for name in ("1", "2"):
        xml(tmp_path / f"{name}.xml", f"<filename>a.png</filename><note>x</note>{CAT}")
    found, ledger = read_all(tmp_path, FORMAT)
    assert rois(found["a.png"]) == []
    assert told(ledger, "lost") == [
        ("attributes", "objects of several XML files of the same picture, none of which is nearer to it", 2),
        ("boxes", "objects of several XML files of the same picture, none of which is nearer to it", 2),
    ]


def test_a_file_without_objects_whose_picture_is_gone(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    xml(tmp_path / "b.xml", "")
    assert told(read_all(tmp_path, FORMAT)[1], "lost") == [
        ("frames", "XML files without objects whose picture is not there", 1)
    ]


# Splits


def sets(path: Path, **lists: str) -> None:
    for name in ("a", "b", "c"):
        picture(path / f"JPEGImages/{name}.png")
        xml(path / f"Annotations/{name}.xml", CAT)
    for name, content in lists.items():
        task, _, rest = name.partition("__")
        text(path / f"ImageSets/{task}/{rest}.txt", content)


def splits(path: Path) -> tuple[dict[str, Any], Ledger]:
    found, ledger = read_all(path, FORMAT)
    return {Path(name).stem: frame.get("meta", {}).get("split") for name, frame in found.items()}, ledger


def test_splits(tmp_path: Path) -> None:
    sets(tmp_path, Main__train="\ufeffa\r\nb  \r\n", Main__val="c.png\n", Main__trainval="a\nb\nc\n",
         Main__cat_train="a  1\nb -1\n", Layout__train="a 1\n", Segmentation__val="JPEGImages/c\n",
         Main__all="a\n")  # fmt: skip
    found, ledger = splits(tmp_path)
    assert found == {"a": "train", "b": "train", "c": "val"}
    assert told(ledger, "skipped") == [
        ("other files", "lists of the pictures of one class; the objects of the pictures say the same", 1)
    ]
    assert told(ledger, "lost") == []


def test_splits_of_a_devkit(tmp_path: Path) -> None:
    for year, split in (("2007", "train"), ("2012", "val")):
        sets(tmp_path / f"VOCdevkit/VOC{year}", **{f"Main__{split}": "a\n"})
    found, ledger = read_all(tmp_path, FORMAT)
    assert {path: frame["meta"]["split"] for path, frame in found.items() if "meta" in frame} == {
        "VOCdevkit/VOC2007/JPEGImages/a.png": "train", "VOCdevkit/VOC2012/JPEGImages/a.png": "val",
    }  # fmt: skip
    assert told(ledger, "lost") == []


def test_trainval_alone_is_kept(tmp_path: Path) -> None:
    sets(tmp_path, Main__trainval="a\nb\n", Main__test="c\n")
    assert splits(tmp_path)[0] == {"a": "trainval", "b": "trainval", "c": "test"}


def test_doubts_about_splits(tmp_path: Path) -> None:
    sets(tmp_path, Main__train="a\nb\ngone\n", Main__val="a\n", Segmentation__val="b\n", Main__fold1="c\n")
    found, ledger = splits(tmp_path)
    assert found == {"a": "train", "b": "train", "c": "fold1"}
    assert told(ledger, "lost") == [
        ("splits", "further splits of files that are said to be in several splits", 2),
        ("splits", "lines of a list of pictures that are not there", 1),
    ]


def test_each_further_split_of_a_picture_is_counted(tmp_path: Path) -> None:
    sets(tmp_path, Main__train="a\n", Main__val="a\n", Main__test="a\nb\n", Main__trainval="a\nb\n")
    found, ledger = splits(tmp_path)
    assert found["a"] == found["b"] == "test"
    assert [(note.place, note.detail.partition(" ")[0]) for note in ledger.losses()] == [
        ("JPEGImages/a.png", "train"), ("JPEGImages/a.png", "val"), ("JPEGImages/a.png", "trainval"),
        ("JPEGImages/b.png", "trainval"),
    ]  # fmt: skip
    assert ledger.read["splits"] == 6


def test_lists_outside_of_a_task_are_lost(tmp_path: Path) -> None:
    sets(tmp_path)
    text(tmp_path / "ImageSets/val.txt", "a\n")
    text(tmp_path / "ImageSets/readme.txt", "Lists.\n")
    _, ledger = splits(tmp_path)
    assert [(note.kind, note.place) for note in ledger.losses()] == [("annotation files", "ImageSets/val.txt")]


def test_a_list_that_cannot_be_read(tmp_path: Path) -> None:
    sets(tmp_path)
    text(tmp_path / "ImageSets/Main/train.txt", b"\xff\xff\xff")
    _, ledger = splits(tmp_path)
    assert told(ledger, "lost") == [("annotation files", "lists of pictures that cannot be read", 1)]


def test_folders_are_splits_and_lists_win(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        picture(tmp_path / split / f"{split}.png")
        xml(tmp_path / split / f"{split}.xml", CAT)
    text(tmp_path / "ImageSets/Main/test.txt", "train\n")
    found, ledger = splits(tmp_path)
    assert found == {"train": "test", "valid": "val"}
    assert told(ledger, "lost") == [("splits", "further splits of files that are said to be in several splits", 1)]


REPEATED = "elements that occur once, but are there several times; the first was taken"
UNREAD = "parts of VOC's own elements that have no meaning there"
RING = "".join(f"<x{n}>{n * n}</x{n}><y{n}>{n}</y{n}>" for n in (1, 2, 3))


@pytest.mark.parametrize(("body", "reason", "details"), [
    ("<size><width>9</width></size><size/>", REPEATED, ["<size>"]),
    ("<segmented>1</segmented><segmented>0</segmented>", REPEATED, ["<segmented>"]),
    ("<filename>a.png</filename>text", UNREAD, ["<annotation>: text"]),
    ("<size unit='px'><width>9</width><bits>8</bits></size>", UNREAD, ["<size>: @unit", "<size>: <bits>"]),
    *[(f"<object><name>cat</name>{BOX}{inner}</object>", reason, details) for inner, reason, details in [
        ("<pose>Left</pose><pose>Right</pose>", REPEATED, ["<pose>"]),
        ("<truncated>0</truncated><truncated>1</truncated>", REPEATED, ["<truncated>"]),
        ("<confidence>0.5</confidence><confidence>0.9</confidence>", REPEATED, ["<confidence>"]),
        ("<actions><run>1</run><run>0</run></actions>", REPEATED, ["<run>"]),
        (f"<polygon>{RING}<x1>7</x1></polygon>", REPEATED, ["<x1>"]),
        ("<name lang='de'>x</name>tail", UNREAD, ["<name>: @lang", "<object>: tail"]),
        ("<pose><b>x</b></pose>", UNREAD, ["<pose>: <b>"]),
    ]],
    (CAT.replace("<bndbox>", "<bndbox unit='px'>"), UNREAD, ["<bndbox>: @unit"]),
    (CAT.replace("</bndbox>", "<xmax>99</xmax></bndbox>"), REPEATED, ["<xmax>"]),
])  # fmt: skip
def test_what_vocs_own_elements_hold_beside_their_values_is_lost(
    tmp_path: Path, body: str, reason: str, details: list[str]
) -> None:
    _, ledger = one(tmp_path, body)
    found = [note.detail for note in ledger.losses() if note.reason == reason and note.kind == "attributes"]
    assert sorted(found) == sorted(details)


def test_masks_of_another_size_are_noticed(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages/a.png", (40, 30))
    picture(tmp_path / "SegmentationClass/a.png", (20, 15))
    _, ledger = read_all(tmp_path, FORMAT)
    assert [note.detail for note in ledger.notes if note.reason == OTHER_SIZE] == [
        "20 x 15; JPEGImages/a.png has 40 x 30"
    ]


def test_the_first_action_counts(tmp_path: Path) -> None:
    frame, _ = one(tmp_path, f"<object><name>cat</name>{BOX}<actions><run>1</run><run>0</run></actions></object>")
    assert rois(frame)[0]["meta"] == {"actions": {"run": True}}


# Masks


def mask(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("P", (WIDTH, HEIGHT)).save(path)


def test_masks_belong_to_their_picture(tmp_path: Path) -> None:
    for root in ("VOCdevkit/VOC2007", "VOCdevkit/VOC2012"):
        picture(tmp_path / root / "JPEGImages/a.jpg")
        xml(tmp_path / root / "Annotations/a.xml", f"<filename>a.jpg</filename>{CAT}")
        for kind in ("SegmentationClass", "SegmentationObject"):
            mask(tmp_path / root / kind / "a.png")
    found, ledger = read_all(tmp_path, FORMAT)
    for root in ("VOCdevkit/VOC2007", "VOCdevkit/VOC2012"):
        frame = found.pop(f"{root}/JPEGImages/a.jpg")
        assert labels(frame) == ["cat"]
        assert frame["sources"][0]["masks"] == [
            {"id": kind, "uri": f"file:{root}/{kind}/a.png"} for kind in ("SegmentationClass", "SegmentationObject")
        ]
    assert not found
    assert ledger.kept["masks"] == 4
    assert ledger.complete


def test_masks_without_or_with_several_pictures(tmp_path: Path) -> None:
    for name in ("a.jpg", "a.png"):
        picture(tmp_path / "JPEGImages" / name)
    for name in ("a", "b"):
        mask(tmp_path / f"SegmentationClass/{name}.png")
    found, ledger = read_all(tmp_path, FORMAT)
    assert sorted(found) == ["JPEGImages/a.jpg", "JPEGImages/a.png"]
    assert told(ledger, "lost") == [
        ("masks", "masks that may belong to several pictures", 1), ("masks", "masks whose picture is not there", 1),
    ]  # fmt: skip


def colours(path: Path) -> tuple[dict[str, Any], Ledger]:
    reading = Reading(Folder(path), Ledger())
    list(FORMAT.read(reading))
    return reading.mask_labels, reading.ledger


def test_the_palette_of_voc() -> None:
    named = palette()
    assert len(named) == 22
    assert [named[colour] for colour in ((0, 0, 0), (128, 0, 0), (0, 64, 128), (224, 224, 192))] == [
        "background", "aeroplane", "tvmonitor", "void",
    ]  # fmt: skip


def test_colours_by_the_palette(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages/a.jpg")
    mask(tmp_path / "SegmentationClass/a.png")
    xml(tmp_path / "Annotations/a.xml", CAT)
    found, ledger = colours(tmp_path)
    assert found == {"SegmentationClass": {colour: [name] for colour, name in palette().items()}}
    assert [note.kind for note in ledger.notes if note.weight == "noticed"] == ["masks"]


def test_colours_of_other_classes_are_not_guessed(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages/a.jpg")
    mask(tmp_path / "SegmentationClass/a.png")
    xml(tmp_path / "Annotations/a.xml", CAT.replace("cat", "lung"))
    found, ledger = colours(tmp_path)
    assert found == {}
    assert "add a labelmap.txt" in " ".join(reason for _, reason, _ in told(ledger, "noticed"))


def test_colours_by_a_label_map(tmp_path: Path) -> None:
    picture(tmp_path / "JPEGImages/a.jpg")
    mask(tmp_path / "SegmentationClass/a.png")
    text(tmp_path / "labelmap.txt", "# label:color_rgb:parts:actions\r\nbackground:0,0,0::\nlung:128,0,0:top:\n"
         "a:b:1,2,3::\nfree:::\nbad\nbad:300,0,0::\n")  # fmt: skip
    found, ledger = colours(tmp_path)
    assert found == {"SegmentationClass": {(0, 0, 0): ["background"], (128, 0, 0): ["lung"], (1, 2, 3): ["a:b"]}}
    assert told(ledger, "lost") == [
        ("attributes", "lines of a label map that are not name:red,green,blue:parts:actions", 2)
    ]
    assert ("attributes", "parts and actions that a label map declares; objects name their own", 1) in told(
        ledger, "skipped"
    )


# Writing


@examples(150)
@given(st.lists(frames(PLANE | ELSEWHERE, SOURCE), min_size=1, max_size=2))
def test_frames_come_back_exactly(given_frames: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        write(path, WRITTEN, given_frames, {"cat": 0})
        for number in range(len(given_frames)):
            picture(path / f"JPEGImages/{number}-default.png")
        found, ledger = read_all(path, FORMAT)
        back = [comparable(found[f"JPEGImages/{number}-default.png"]) for number in range(len(given_frames))]
        assert orjson.dumps(back, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
            list(map(comparable, given_frames)), option=orjson.OPT_SORT_KEYS
        )
        assert told(ledger, "lost") == []


def test_bccd_comes_back(tmp_path: Path) -> None:
    """Import, export, import."""
    if not BCCD.is_dir():
        pytest.skip("the data set is not here")
    small = tmp_path / "in"
    for source in sorted(BCCD.glob("Annotations/*.xml"))[:40]:
        text(small / "Annotations" / source.name, source.read_bytes())
        name = f"JPEGImages/{source.stem}.jpg"
        text(small / name, (BCCD / name).read_bytes())
    text(small / "ImageSets/Main/train.txt", (BCCD / "ImageSets/Main/train.txt").read_bytes())
    first, _ = read_all(small, FORMAT)
    written, names = tmp_path / "out", {}
    ledger, output = Ledger(), ToFolder(written)
    writer = WRITTEN.start(output, Subject("bccd", {}), ledger)
    for path, frame in first.items():
        writer.add(Placed(frame, {"default": path}, frame.get("meta", {}).get("split", "")))
        names[path] = (small / path).read_bytes()
    writer.finish()
    output.close()
    for path, content in names.items():
        text(written / path, content)
    again, _ = read_all(written, FORMAT)
    assert again == first
    assert ledger.notes == []


def frame(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    return normalise({"sources": [dict(SOURCE)], "annotations": list(annotations), **more})[0]  # type: ignore[return-value]


def written(path: Path, *placed: Placed, mask_labels: dict[str, Any] | None = None) -> Ledger:
    ledger, output = Ledger(), ToFolder(path)
    writer = WRITTEN.start(output, Subject("test", {}, mask_labels=mask_labels or {}), ledger)
    for each in placed:
        writer.add(each)
    writer.finish()
    output.close()
    return ledger


def test_the_file_is_what_other_tools_read(tmp_path: Path) -> None:
    one = frame(
        {"labels": ["cat"], "geometry": {"box": [1.5, 2, 3, 4]},
         "meta": {"difficult": True, "pose": "Left", "actions": {"run": True}, "attributes": {"age": "3"},
                  "country": "DE", "parts": [{"name": "head", "box": [1, 2, 2, 1]}]}},
        {"labels": ["dog"], "geometry": {"polygon": [[1, 1, 9, 1, 9, 9]]}}, meta={"segmented": True},
    )  # fmt: skip
    ledger = written(tmp_path, Placed(one, {"default": "JPEGImages/p/a.jpg"}, "train"))
    root = ET.parse(tmp_path / "Annotations/p/a.xml").getroot()
    assert root.tag == "annotation"
    assert [root.findtext(path) for path in ("folder", "filename", "size/width", "segmented")] == [
        "p", "a.jpg", str(WIDTH), "1",
    ]  # fmt: skip
    cat, dog = sorted(root.iter("object"), key=lambda each: each.findtext("name") or "")
    paths = ("pose", "truncated", "difficult", "bndbox/xmin", "bndbox/xmax", "actions/run", "country", "part/name",
             "part/bndbox/xmax", "attributes/attribute/value")  # fmt: skip
    assert [cat.findtext(path) for path in paths] == ["Left", "0", "1", "1.5", "4.5", "1", "DE", "head", "3", "3"]
    assert [dog.findtext(path) for path in ("bndbox/xmax", "polygon/x1", "polygon/y3")] == ["9", "1", "9"]
    assert (tmp_path / "ImageSets/Main/train.txt").read_text() == "a\n"
    assert ledger.notes == []
    assert (ledger.kept["boxes"], ledger.kept["polygons"], ledger.kept["frames"]) == (1, 1, 1)


def test_splits_of_an_export(tmp_path: Path) -> None:
    placed = [Placed(frame(meta={"split": split} if split else {}, timestamp=number), {"default": path}, split)
              for number, (path, split) in enumerate([
                  ("JPEGImages/a.png", "train"), ("JPEGImages/p/a.png", "val"), ("JPEGImages/b.png", "my split"),
                  ("JPEGImages/c.png", "cat_train"), ("JPEGImages/d.png", ""), ("JPEGImages/test/e.png", ""),
                  ("JPEGImages/f 1.png", "train"), ("JPEGImages/a.jpg", "test")])]  # fmt: skip
    written(tmp_path, *placed)
    for each in placed:
        picture(tmp_path / each.names["default"])
    found, ledger = read_all(tmp_path, FORMAT)
    assert {path: frame.get("meta", {}).get("split", "") for path, frame in found.items()} == {
        each.names["default"]: each.split for each in placed
    }
    assert sorted(path.name for path in (tmp_path / "ImageSets/Main").iterdir()) == [
        "cat_train.txt", "test.txt", "train.txt", "trainval.txt", "val.txt",
    ]  # fmt: skip
    assert told(ledger, "lost") == []


def test_another_split_than_that_of_the_export_is_lost(tmp_path: Path) -> None:
    ledger = written(tmp_path, Placed(frame(meta={"split": "a"}), {"default": "a.png"}, "b"))
    assert told(ledger, "lost") == [("splits", "splits in the metadata that are not those of the export", 1)]
    assert ledger.kept["splits"] == 0


def test_pictures_that_differ_by_their_suffix(tmp_path: Path) -> None:
    placed = [Placed(frame({"labels": [name], "geometry": {"box": [1, 2, 3, 4]}}, timestamp=number), {"default": name})
              for number, name in enumerate(("JPEGImages/a.jpg", "JPEGImages/a.png"))]  # fmt: skip
    export = written(tmp_path, *placed)
    for each in placed:
        picture(tmp_path / each.names["default"])
    found, ledger = read_all(tmp_path, FORMAT)
    assert {path: labels(frame) for path, frame in found.items()} == {name: [name] for name in found}
    assert len(found) == 2
    assert ledger.complete
    assert told(export) == [("frames", SAME_NAME, 1)]


def test_frames_of_one_picture(tmp_path: Path) -> None:
    placed = [Placed(frame({"labels": [name], "geometry": {"box": [1, 2, 3, 4]}}, timestamp=number),
                     {"default": "JPEGImages/c.jpg"}) for number, name in enumerate("xyz")]  # fmt: skip
    export = written(tmp_path, *placed)
    picture(tmp_path / "JPEGImages/c.jpg")
    found, ledger = read_all(tmp_path, FORMAT)
    assert [labels(frame) for frame in found.values()] == [["x"]]
    assert sorted(path.name for path in (tmp_path / "Annotations").iterdir()) == [
        "c.jpg-2.xml", "c.jpg.xml", "c.xml",
    ]  # fmt: skip
    assert told(export) == [("frames", SAME_PICTURE, 2)]
    assert told(ledger, "lost") == [("boxes", "objects of a further XML file of the same picture", 2)]


@pytest.mark.parametrize(("geometry", "reason"), [
    ({"ellipse": [9, 9, 3, 2, 10]}, "shapes that other tools see as their boxes"),
    ({"keypoints": [1, 1, 9, 9]}, "shapes that other tools see as their boxes"),
    ({"keypoints": [1, 1]}, "labels, spans and shapes kept under `hyperdatasets`, since VOC has no place for them"),
    ({"span": [1, 2]}, "labels, spans and shapes kept under `hyperdatasets`, since VOC has no place for them"),
    (None, "labels, spans and shapes kept under `hyperdatasets`, since VOC has no place for them"),
])  # fmt: skip
def test_what_other_tools_do_not_see_is_told(tmp_path: Path, geometry: Any, reason: str) -> None:
    one = frame({"labels": ["x"], **({"geometry": geometry} if geometry else {})})
    ledger = written(tmp_path, Placed(one, {"default": "a.png"}))
    assert [reason for _, reason, _ in told(ledger)] == [reason]
    assert ledger.complete


def test_a_change_by_another_tool_wins(tmp_path: Path) -> None:
    one = frame({"labels": ["x", "y"], "geometry": {"ellipse": [9, 9, 3, 2, 10]}, "origin": "model"})
    written(tmp_path, Placed(one, {"default": "a.png"}))
    file = tmp_path / "Annotations/a.xml"
    file.write_text(file.read_text().replace("<name>x</name>", "<name>z</name>"))
    picture(tmp_path / "a.png")
    found, ledger = read_all(tmp_path, FORMAT)
    (roi,) = rois(found["a.png"])
    assert (roi["labels"], roi["origin"], list(roi["geometry"])) == (["z", "y"], "model", ["box"])
    assert "changed after their export" in " ".join(reason for _, reason, _ in told(ledger, "noticed"))


def test_masks_and_colours_come_back(tmp_path: Path) -> None:
    source = {
        **SOURCE,
        "masks": [{"id": "organs", "uri": "file:m.png"}, {"id": "SegmentationClass", "uri": "file:c.png"}],
    }
    one = normalise({"sources": [source]})[0]
    names = {"default": "JPEGImages/a.jpg", "default/organs": "organs/m.png",
             "default/SegmentationClass": "SegmentationClass/a.png"}  # fmt: skip
    labelled = {
        "SegmentationClass": [{"value": [1, 2, 3], "labels": ["a", "b:c"]}],
        "org/ans": [{"value": [9, 9, 9], "labels": ["lung", " x"]}],
        "_all_": [{"value": [0, 0, 0], "labels": ["none"]}],
    }
    ledger = written(tmp_path, Placed(one, names), mask_labels=labelled)
    picture(tmp_path / "JPEGImages/a.jpg")
    mask(tmp_path / "organs/m.png")
    mask(tmp_path / "SegmentationClass/a.png")
    found, _ = read_all(tmp_path, FORMAT)
    assert list(found) == ["JPEGImages/a.jpg"]
    assert [(each["id"], each["uri"]) for each in found["JPEGImages/a.jpg"]["sources"][0]["masks"]] == [
        ("organs", "file:organs/m.png"), ("SegmentationClass", "file:SegmentationClass/a.png"),
    ]  # fmt: skip
    assert colours(tmp_path)[0] == {
        "SegmentationClass": {(1, 2, 3): ["a", "b:c"], (0, 0, 0): ["none"]}, "org/ans": {(9, 9, 9): ["lung"]},
    }  # fmt: skip
    assert told(ledger, "lost") == [("attributes", "names of colours that a label map cannot hold", 1)]


def test_masks_of_an_export_that_was_moved(tmp_path: Path) -> None:
    one = normalise(
        {"sources": [{**SOURCE, "masks": [{"id": "m", "uri": "file:m.png"}, {"id": "n", "uri": "file:n.png"}]}]}
    )[0]
    written(tmp_path / "x", Placed(one, {"default": "a.png", "default/m": "m/a.png", "default/n": "n/a.png"}))
    picture(tmp_path / "x/a.png")
    mask(tmp_path / "x/m/a.png")
    found, ledger = read_all(tmp_path, FORMAT)
    assert {path: frame["sources"][0].get("masks") for path, frame in found.items()} == {
        "x/a.png": [{"id": "m", "uri": "file:x/m/a.png"}]
    }
    assert [reason for _, reason, _ in told(ledger, "lost")] == [
        "masks that an XML file names, but are not there, or are there several times"
    ]


def test_parts_of_a_frame_are_joined(tmp_path: Path) -> None:
    whole = frame(
        {"labels": ["a"], "geometry": {"box": [1, 2, 3, 4]}}, {"labels": ["b"], "geometry": {"box": [1, 2, 3, 5]}}
    )
    parts = [{**whole, "annotations": [each]} for each in whole["annotations"]]
    written(tmp_path, *(Placed(part, {"default": "a.png"}, key="k") for part in parts))  # type: ignore[arg-type]
    picture(tmp_path / "a.png")
    assert comparable(read_all(tmp_path, FORMAT)[0]["a.png"]) == comparable(whole)


def test_groups_and_frames_without_a_picture(tmp_path: Path) -> None:
    box = {"geometry": {"box": [1, 2, 3, 4]}}
    group = normalise({
        "sources": [{**SOURCE, "id": "left"}, {**SOURCE, "id": "right", "uri": "file:y.png"},
                    {"id": "sound", "uri": "file:z.wav", "content_type": "audio/wav"}],
        "annotations": [{"labels": ["l"], "sources": ["left"], **box}, {"labels": ["both"], **box}],
    })[0]  # fmt: skip
    text_only = normalise({"blob": b"x", "annotations": [{"labels": ["t"]}]})[0]
    names = {"left": "l.png", "right": "r.png", "sound": "z.wav"}
    ledger = written(tmp_path, Placed(group, names), Placed(text_only, {}))
    for name in ("l", "r"):
        picture(tmp_path / f"{name}.png")
    found, _ = read_all(tmp_path, FORMAT)
    assert {path: labels(frame) for path, frame in found.items()} == {"l.png": ["both", "l"], "r.png": ["both"]}
    assert told(ledger, "lost") == [
        ("frames", "frames without a picture, left out", 1),
        ("frames", "groups, written as a picture for each source", 1),
        ("frames", "sources that are no pictures, left out", 1),
        ("labels", "frames without a picture, left out", 1),
    ]


def test_ids_that_were_given_come_back(tmp_path: Path) -> None:
    one = frame(id="mine", context_id="c", timestamp=5)
    written(tmp_path, Placed(one, {"default": "a.png"}))
    picture(tmp_path / "a.png")
    back = read_all(tmp_path, FORMAT)[0]["a.png"]
    assert (back["id"], back["context_id"], back["timestamp"]) == ("mine", "c", 5)


@examples(150)
@given(st.data())
def test_hostile_xml_never_raises(data: st.DataObject) -> None:
    tags = st.sampled_from(["object", "name", "bndbox", "xmin", "ymin", "xmax", "ymax", "polygon", "x1", "y1", "pt",
                            "x", "part", "actions", "attributes", "attribute", "value", "robndbox", "cx", "size",
                            "width", "source", "hyperdatasets", "segmented", "filename", "path", "split",
                            "zz"])  # fmt: skip
    values = st.sampled_from(["", "1", "-1", "nan", "1e999", "a.png", "../a.png", "x" * 30, "[]", '{"masks": 5}', "5",
                              '{"meta": 3}', '{"annotations": [1, {}]}', '{"seal": "x", "gone": []}', "null",
                              '{"masks": [{"path": [], "id": 3}]}', '{"split": 5, "id": []}', "\n",
                              "&amp;"])  # fmt: skip
    tree = st.builds("<{0}>{1}</{0}>".format, tags, values)
    for _ in range(3):
        tree |= st.builds("<{0}>{1}</{0}>".format, tags, st.lists(tree, max_size=4).map("".join))
    body = "".join(data.draw(st.lists(tree, max_size=5)))
    with tempfile.TemporaryDirectory() as name:
        frame, ledger = one(Path(name), body)
    assert frame["sources"]
    assert ledger.kept["frames"] == 1
