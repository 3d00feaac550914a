"""How frames show themselves: with their content, drawn, and in a notebook."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.client.drawing import colour_of
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.core.errors import InvalidArgument, InvalidFrame, NoLocalSource, NotFound, SourceUnreadable

GREY = (120, 120, 120)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "picture.png"
    Image.new("RGB", (40, 30), GREY).save(path)
    return path


def pixel(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    return np.asarray(image)[int(y), int(x)].tolist()


def changed(image: Image.Image) -> np.ndarray:
    return (np.asarray(image) != np.array(GREY)).any(axis=2)


def test_content_is_inline_or_at_its_uri(picture: Path) -> None:
    assert hd.SingleFrame(picture).content() == picture.read_bytes()
    assert hd.SingleFrame(blob=b"inline").content() == b"inline"
    assert hd.SingleFrame(picture).image().size == (40, 30)
    assert hd.SingleFrame(picture).array(mode="L").shape == (30, 40)
    with pytest.raises(SourceUnreadable, match="gone"):
        hd.SingleFrame("/gone.png").content()
    with pytest.raises(NoLocalSource, match=r"view\.open"):
        hd.SingleFrame("site://north/a", site="north").content()
    with pytest.raises(NotFound, match="default"):
        hd.SingleFrame(picture).content("front")


def test_text_counts_characters_as_spans_do(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("Zürich", encoding="utf-16")
    assert hd.SingleFrame(path).text() == "Zürich"
    path.write_bytes("Zürich".encode("latin-1"))
    with pytest.raises(SourceUnreadable, match="byte 1"):
        hd.SingleFrame(path).text()
    assert hd.SingleFrame(path).text(encoding="latin-1") == "Zürich"
    with pytest.raises(SourceUnreadable, match="no encoding 'utf-9'"):
        hd.SingleFrame(path).text(encoding="utf-9")


def test_members_of_a_group_have_their_own_content(picture: Path, tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    Image.new("RGB", (40, 30), (1, 1, 1)).save(mask)
    group = hd.FrameGroup()
    group["back"] = hd.SingleFrame(blob=None, source="/gone.png")
    group["front"] = hd.SingleFrame(picture, mask_source=str(mask))
    assert group["front"].content() == group.content("front") == picture.read_bytes()
    assert group["front"].mask() == group.mask("00") == mask.read_bytes()
    with pytest.raises(SourceUnreadable):
        group.content()  # the first one, by name
    with pytest.raises(NotFound, match="no mask"):
        group["back"].mask()


@pytest.mark.parametrize(("shape", "inside", "outside"), [
    ({"box2d_xywh": (10, 10, 20, 10)}, (10, 15), (20, 15)),
    ({"poly2d_xy": [10, 10, 30, 10, 30, 20, 10, 20]}, (20, 15), (35, 25)),
    ({"ellipse2d_xyrrt": [20, 15, 10, 5, 0]}, (20, 15), (35, 25)),
    ({"points2d_xy": [10, 20, 30, 20]}, (30, 20), (20, 25)),
    ({"box3d_xyzwhxyzwh": [10, 10, 0, 10, 5, 12, 12, 9, 10, 5]}, (10, 15), (35, 25)),
])  # fmt: skip
def test_each_shape_is_drawn(
    picture: Path, shape: dict[str, object], inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    frame = hd.SingleFrame(picture, width=40, height=30)
    frame.add_annotation(labels="cell", **shape)
    drawn = frame.plot(side=40 * 8)
    assert drawn.size == (320, 240)
    assert changed(drawn)[inside[1] * 8, inside[0] * 8]
    assert pixel(drawn, outside[0] * 8, outside[1] * 8) == list(GREY)
    assert colour_of(["cell"]) in {tuple(each) for each in np.asarray(drawn).reshape(-1, 3).tolist()}


def test_classes_of_a_mask_are_drawn(picture: Path, tmp_path: Path) -> None:
    content = Image.new("RGB", (40, 30), (0, 0, 0))
    content.paste((2, 2, 2), (20, 20, 30, 30))
    content.save(tmp_path / "mask.png")
    frame = hd.SingleFrame(picture, mask_source=str(tmp_path / "mask.png"))
    frame.add_annotation(labels="wall", mask_rgb=(2, 2, 2))
    drawn = changed(frame.plot(side=320))
    assert drawn[28 * 8, 28 * 8]
    assert not drawn[28 * 8, 35 * 8]
    (tmp_path / "mask.png").unlink()
    assert not changed(frame.plot(side=320)).any()  # without the mask there is nothing to draw


def test_a_large_picture_is_reduced(tmp_path: Path) -> None:
    Image.new("L", (3_000, 1_000)).save(tmp_path / "large.png")
    frame = hd.SingleFrame(tmp_path / "large.png")
    frame.add_annotation(labels="all")
    assert frame.plot().size == (640, 213)


def test_what_is_no_picture_cannot_be_drawn(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(SourceUnreadable, match="no picture"):
        hd.SingleFrame(tmp_path / "a.txt").plot()


def test_a_notebook_shows_the_picture_and_its_fields(picture: Path) -> None:
    frame = hd.SingleFrame(picture, metadata={"city": "<b>Bremen</b>"})
    frame.add_annotation(labels="cell", box2d_xywh=(1, 2, 3, 4), confidence=0.5)
    shown = frame._repr_html_()
    assert "data:image/png;base64," in shown
    assert "&lt;b&gt;Bremen" in shown
    assert "box: [1, 2, 3, 4]" in shown
    assert "origin" not in shown  # a column without anything


def test_a_notebook_shows_a_text_with_its_spans(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Harry & <Sally> met")
    frame = hd.SingleFrame(tmp_path / "a.txt", content_type="text/plain")
    frame.add_annotation(labels="PER", span=(0, 5))
    frame.add_annotation(labels="PER", span=(3, 7))  # overlaps the first one
    shown = frame._repr_html_()
    assert ">Harry <small>PER</small></mark> &amp; &lt;Sally&gt; met</div>" in shown


@pytest.mark.parametrize("frame", [
    hd.SingleFrame("https://example.org/a.png"), hd.SingleFrame("/gone.png"), hd.SingleFrame(blob=b"no picture"),
    hd.SingleFrame("site://north/a", site="north"), hd.FrameGroup(),
])  # fmt: skip
def test_what_cannot_be_seen_is_shown_without_a_picture(frame: hd.SingleFrame) -> None:
    shown = frame._repr_html_()
    assert "<img" not in shown
    assert ("view.open()" in shown) == (frame.site == "north")


def test_versions_and_views_show_their_first_frames(client: MetadataClient, picture: Path) -> None:
    version = hd.DatasetVersion.create_new_dataset("a", client=client)
    frame = hd.SingleFrame(picture)
    frame.add_annotation(labels="cell", box2d_xywh=(1, 2, 3, 4))
    version.add_frames([frame, hd.SingleFrame("site://north/a", site="")])
    view = hd.DataView("v", client=client)
    view.add_query(dataset_name="a", version_name="Current")
    for shown in (version, view):
        assert shown._repr_html_().count("<img") == 1
    assert view.status == "local"


def test_a_frame_of_a_view_is_not_written_back(client: MetadataClient, picture: Path) -> None:
    version = hd.DatasetVersion.create_new_dataset("a", client=client)
    frame = hd.SingleFrame(picture)
    frame.add_annotation(labels="cell")
    version.add_frames([frame])
    view = hd.DataView("v", client=client)
    view.add_query(dataset_name="a", version_name="Current")
    view.add_mapping_rule(from_labels=["cell"], to_label="thing")
    (read,) = view
    (failed,) = version.update_frames([read])
    assert "read it from its version" in failed.message
    with pytest.raises(InvalidFrame, match="data view"):
        read.to_plain()
    assert version[read.id].annotations[0]["labels"] == ["cell"]
    read.remove_annotations(label="thing")  # as if the view showed none of them
    (failed,) = version.update_frames([read])
    assert "read it from its version" in failed.message
    assert version[read.id].annotations[0]["labels"] == ["cell"]


def test_all_ways_to_read_give_the_same_classes(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    buffer = io.BytesIO()
    Image.new("L", (4, 3)).save(buffer, "PNG")
    (tmp_path / "data" / "a.png").write_bytes(buffer.getvalue())
    with testing.deployment(tmp_path) as deployment:
        node = deployment.add_site("here", {"data": tmp_path / "data"})
        node.register("data", dataset="p/a")
        version = hd.DatasetVersion.create_snapshot("p/a", publish_name="v1")
        view = hd.DataView("v")
        view.add_query(dataset_name="p/a", version_name="v1")
        view.publish()
        with node.client.open(view=view.reference) as session:
            read = [*version, *view, *view.open(node.client), *session]
    assert {type(frame) for frame in read} == {hd.SingleFrame}
    assert {(frame.id, frame.source, frame.site) for frame in read} == {(read[0].id, read[0].source, "here")}
    assert [frame.parts is None for frame in read] == [True, True, False, False]
    assert read[3].content() == buffer.getvalue()
    assert {(frame.dataset, frame.version, frame.etag) for frame in read} == {(version.dataset_id, version.id, 0)}
    assert [frame.saved is None for frame in read] == [False, False, True, True]


def test_members_of_a_group_that_came_with_its_bytes_show_them(tmp_path: Path) -> None:
    for name in ("a_front.png", "a_rear.png"):
        Image.new("L", (4, 3)).save(tmp_path / name)
    group = hd.FrameGroup(site="here")
    group["front"] = hd.SingleFrame("site://here/a_front.png")
    group["rear"] = hd.SingleFrame("site://here/a_rear.png", mask_source="site://here/m.png")
    assert "view.open()" in group["rear"]._repr_html_()
    group.parts = [b"", (tmp_path / "a_rear.png").read_bytes(), b"mask"]
    assert "<img" in group["rear"]._repr_html_()
    assert pickle.loads(pickle.dumps(group["rear"])).parts == group.parts[1:]


def test_frames_with_numbered_annotations_make_a_group(client: MetadataClient, picture: Path) -> None:
    group = hd.FrameGroup()
    for name in ("front", "rear"):
        frame = hd.SingleFrame(picture)
        frame.add_annotation(labels=name, box2d_xywh=(1, 1, 5, 5))
        frame.add_annotation(labels=f"{name} too", box2d_xywh=(2, 2, 5, 5))
        group[name] = frame
    assert [each["labels"] for each in group["rear"].annotations] == [["rear"], ["rear too"]]
    assert len({each["id"] for each in group.annotations}) == 4
    group["rear"] = group["rear"]
    assert len({each["id"] for each in group.annotations}) == len(group.annotations) == 4
    version = hd.DatasetVersion.create_new_dataset("a", client=client)
    assert not version.add_frames([group])
    same = hd.SingleFrame(picture)
    same.add_annotation(labels="x", id="mine", box2d_xywh=(1, 1, 5, 5))
    group["front"] = group["rear"] = same
    (failed,) = version.add_frames([group])  # an id that somebody gave is not changed
    assert "'mine' occurs twice" in failed.message


@pytest.mark.parametrize("never", ["pipe", "http://10.255.255.1/never.png"])
def test_showing_a_frame_waits_for_nothing(picture: Path, tmp_path: Path, never: str) -> None:
    if never == "pipe":
        never = str(tmp_path / "pipe")
        os.mkfifo(never)
    assert "<img" not in hd.SingleFrame(never)._repr_html_()
    for masked in (hd.SingleFrame(picture, mask_source=never),
                   hd.SingleFrame(blob=picture.read_bytes(), mask_source=never)):  # fmt: skip
        masked.add_annotation(labels="a", mask_rgb=(1, 1, 1))
        assert "<img" not in masked._repr_html_()
    gone = hd.SingleFrame(picture, mask_source="/gone.png")
    gone.add_annotation(labels="a", mask_rgb=(1, 1, 1))
    assert "<img" in gone._repr_html_()


@pytest.mark.parametrize("side", [0, -1, 1_000_000])
def test_a_plot_has_a_size_that_fits_into_memory(picture: Path, side: int) -> None:
    with pytest.raises(InvalidArgument, match="side"):
        hd.SingleFrame(picture).plot(side=side)
