"""Folders of pictures with mask pictures, in the layouts that are in use."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from hyperdatasets.formats import mask_colours, mask_sizes, maskfolder
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.maskfolder import FORMAT
from tests.reference.format_runs import Run, picture, read_all, text


def read(root: Path, *paths: str) -> Run:
    for path in paths:
        picture(root / path)
    return read_all(root, FORMAT)


def masks(found: Run, path: str) -> dict[str, str]:
    return {
        mask["id"]: mask["uri"].removeprefix("file:///") for mask in found.frames[path]["sources"][0].get("masks", [])
    }


@pytest.mark.parametrize(
    ("image", "mask", "kind"),
    [
        ("train/a.png", "trainannot/a.png", "annot"),  # CamVid
        ("train/a.png", "train_labels/a_L.png", "L"),  # CamVid
        ("images/a.jpg", "labels/a_P.png", "P"),  # CamVid of fast.ai
        ("images/a.jpg", "masks/a.png", "masks"),
        ("Images/a.JPG", "Masks/a.PNG", "Masks"),
        ("train/images/a.jpg", "train/masks/a_mask.png", "mask"),
        ("images/train/a.jpg", "masks/train/a.png", "masks"),
        ("images/training/a.jpg", "annotations/training/a.png", "annotations"),  # ADE20K
        ("train/a.jpg", "train_masks/a_mask.gif", "mask"),  # Carvana
        ("a.png", "a_mask.png", "mask"),
        ("a.png", "a_labelIds.png", "labelIds"),
        ("x/scan-1.tif", "x/scan-1-mask.tif", "mask"),
        ("train/a_sat.jpg", "train/a_mask.png", "mask"),  # DeepGlobe
        ("leftImg8bit/train/ulm/u_1_leftImg8bit.png", "gtFine/train/ulm/u_1_gtFine_labelIds.png", "gtFine_labelIds"),
        ("bottle/test/large/000.png", "bottle/ground_truth/large/000_mask.png", "mask"),  # MVTec
        ("stage1_train/7f/images/7f.png", "stage1_train/7f/masks/e3.png", "masks"),  # Data Science Bowl 2018
        ("images/a_p.png", "masks/a_p.png", "masks"),  # the ending is part of the name
    ],
)
def test_layouts(tmp_path: Path, image: str, mask: str, kind: str) -> None:
    found = read(tmp_path, image, mask)
    assert list(found.frames) == [image], "masks never become frames"
    assert masks(found, image) == {kind: mask}
    assert found.ledger.complete
    evidence = FORMAT.recognise(Folder(tmp_path))
    assert evidence is not None
    assert (evidence.annotated, list(evidence.used)) == (1, [mask])


def test_splits(tmp_path: Path) -> None:
    found = read(tmp_path, "train/a.png", "trainannot/a.png", "val/a.png", "valannot/a.png")
    assert masks(found, "train/a.png") == {"annot": "trainannot/a.png"}
    assert masks(found, "val/a.png") == {"annot": "valannot/a.png"}
    assert found.meta("val/a.png") == {"split": "val"}


def test_several_masks_of_a_picture(tmp_path: Path) -> None:
    found = read(tmp_path, "a.png", "a_labelIds.png", "a_color.png", "7/images/x.png", "7/masks/1.png", "7/masks/2.png")
    assert masks(found, "a.png") == {"labelIds": "a_labelIds.png", "color": "a_color.png"}
    assert masks(found, "7/images/x.png") == {"masks/1": "7/masks/1.png", "masks/2": "7/masks/2.png"}
    found = read(tmp_path, "masks/sub/b.png", "masks/b.png", "images/b.png")
    assert sorted(masks(found, "images/b.png").values()) == ["masks/b.png", "masks/sub/b.png"]


def test_what_has_no_partner_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, "images/a.png", "images/b.png", "masks/a.png", "masks/c.png")
    assert sorted(found.frames) == ["images/a.png", "images/b.png"]
    assert found.said("lost") == {maskfolder.LONELY: ["masks/c.png"]}
    assert found.said("noticed")[maskfolder.UNMASKED] == ["images/b.png"]
    assert found.ledger.read["masks"] == 2
    assert found.ledger.kept["masks"] == 1


def test_a_mask_that_fits_two_pictures_is_told(tmp_path: Path) -> None:
    found = read(tmp_path, "images/a.png", "images/a.jpg", "masks/a.png")
    assert found.said("lost") == {maskfolder.UNCLEAR: ["masks/a.png"]}
    assert len(found.frames) == 2


@pytest.mark.parametrize(
    "paths",
    [
        ("with_mask/1.png", "without_mask/1.png"), ("cat/1.png", "dog/1.png"), ("a.png", "b.png"),
        ("a_L.png", "a_R.png"), ("images/a.png", "labels/b.png"), ("mask/1.png", "nomask/1.png"),
        ("JPEGImages/a.jpg", "SegmentationClass/a.png"),
    ],
)  # fmt: skip
def test_what_is_no_mask(tmp_path: Path, paths: tuple[str, ...]) -> None:
    for path in paths:
        picture(tmp_path / path)
    assert FORMAT.recognise(Folder(tmp_path)) is None


COLOURS = {
    "class_dict.csv": "name,r,g,b\nroad, 128,64,128\ncar park,0,0,142\n",
    "label_colors.txt": "128 64 128\troad\n0 0 142\t\tcar park\n",
    "Label_Colors.TXT": "# r g b name\n128 64 128 road\r\n\r\n0 0 142 car park\r\n",
    "labelmap.txt": "# label:color_rgb:parts:actions\nroad:128,64,128::\ncar park:0,0,142:a,b:c\n",
}


@pytest.mark.parametrize("name", COLOURS)
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_colours(tmp_path: Path, name: str, mark: str) -> None:
    text(tmp_path / name, mark + COLOURS[name])
    found = read(tmp_path, "images/a.png", "masks/a.png")
    assert found.reading.mask_labels == {"masks": {(128, 64, 128): ["road"], (0, 0, 142): ["car park"]}}
    assert not found.ledger.notes
    assert name in FORMAT.recognise(Folder(tmp_path)).used  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["classes.txt", "codes.txt"])
def test_grey_values(tmp_path: Path, name: str) -> None:
    text(tmp_path / name, "void\nroad\ncar park\n")
    found = read(tmp_path, "images/a.png", "masks/a.png")
    assert found.reading.mask_labels == {"masks": {(0, 0, 0): ["void"], (1, 1, 1): ["road"], (2, 2, 2): ["car park"]}}


def test_a_list_of_colours_wins_over_one_of_numbers(tmp_path: Path) -> None:
    text(tmp_path / "codes.txt", "void\n")
    text(tmp_path / "label_colors.txt", "1 2 3 road\n")
    found = read(tmp_path, "images/a.png", "masks/a.png")
    assert found.reading.mask_labels == {"masks": {(1, 2, 3): ["road"]}}
    assert found.said("noticed") == {mask_colours.NOT_USED: ["codes.txt"]}


def test_masks_without_a_list_are_kept_and_it_is_said(tmp_path: Path) -> None:
    found = read(tmp_path, "images/a.png", "masks/a.png")
    assert found.reading.mask_labels == {}
    assert found.said("noticed") == {mask_colours.NO_LIST: ["masks"]}


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("class_dict.csv", "road,1,2"), ("class_dict.csv", "road,1,2,256"), ("class_dict.csv", "a,b,1,2,3"),
        ("label_colors.txt", "1 2 road"), ("label_colors.txt", "1 2 300 road"), ("labelmap.txt", "road:1,2::"),
        ("labelmap.txt", ":1,2,3::"), ("labelmap.txt", "road"), ("label_colors.txt", "-1 2 3 road"),
        ("class_dict.csv", "road,1e9,2,3"), ("label_colors.txt", "\u0661 2 3 road"),
    ],
)  # fmt: skip
def test_bad_lines_of_a_list_are_told(tmp_path: Path, name: str, line: str) -> None:
    text(tmp_path / name, f"{COLOURS[name]}{line}\n")
    found = read(tmp_path, "images/a.png", "masks/a.png")
    number = COLOURS[name].count("\n") + 1
    assert found.said("lost") == {mask_colours.BAD_LINE: [f"{name}, line {number}"]}
    assert len(found.reading.mask_labels["masks"]) == 2


def test_more_grey_values_than_there_are(tmp_path: Path) -> None:
    text(tmp_path / "classes.txt", "".join(f"c{n}\n" for n in range(258)))
    found = read(tmp_path, "images/a.png", "masks/a.png")
    assert len(found.reading.mask_labels["masks"]) == 256
    assert len(found.said("lost")[mask_colours.BAD_LINE]) == 2


def test_a_colour_with_two_names_has_both(tmp_path: Path) -> None:
    text(tmp_path / "label_colors.txt", "1 2 3 road\n1 2 3 street\n1 2 3 road\n")
    found = read(tmp_path, "images/a.png", "masks/a.png")
    assert found.reading.mask_labels == {"masks": {(1, 2, 3): ["road", "street"]}}
    assert found.said("noticed") == {mask_colours.TWICE: ["label_colors.txt, line 2"]}


def test_a_list_in_another_encoding_is_unreadable(tmp_path: Path) -> None:
    text(tmp_path / "label_colors.txt", "1 2 3 Straße\n".encode("latin-1"))
    found = read(tmp_path, "images/a.png", "masks/a.png")
    assert found.ledger.failed
    assert masks(found, "images/a.png")


def test_lossy_masks_and_other_files(tmp_path: Path) -> None:
    text(tmp_path / "README.txt", "x")
    text(tmp_path / "images" / "Thumbs.db", b"\0")
    found = read(tmp_path, "images/a.png", "masks/a.jpg")
    assert maskfolder.LOSSY in found.said("noticed")
    assert found.said("skipped") == {"files that are no data of this format": ["README.txt"]}


def test_folders_that_may_be_labels_are_told(tmp_path: Path) -> None:
    found = read(tmp_path, "cat/a.png", "cat/a_mask.png", "dog/a.png", "dog/a_mask.png")
    assert masks(found, "cat/a.png") == {"mask": "cat/a_mask.png"}
    (note,) = [note for note in found.ledger.notes if note.reason == maskfolder.NOT_TAKEN]
    assert (note.count, note.detail) == (2, "`cat`, `dog`")


def test_masks_of_another_size_than_their_picture_are_named(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, size, options in (
        ("images/a.jpg", (40, 30), {"exif": exif}),
        ("images/b.png", (40, 30), {}),
        ("images/c.png", (40, 30), {}),
        ("images/d.png", (40, 30), {}),
        ("masks/a.png", (30, 40), {}),
        ("masks/b.png", (20, 15), {}),
        ("masks/c.png", (40, 30), {}),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("L", size).save(tmp_path / name, **options)
    (tmp_path / "masks/d.png").write_bytes(b"no picture")
    ledger = read_all(tmp_path, FORMAT).ledger
    notes = {(note.place, note.reason, note.detail) for note in ledger.notes if note.place.startswith("masks/")}
    assert notes == {
        ("masks/b.png", mask_sizes.OTHER_SIZE, "20 x 15; images/b.png has 40 x 30"),
        ("masks/d.png", mask_sizes.NO_SIZE, "named like a picture, but its content is none"),
    }
