"""Coordinates and pixels agree: turned, scaled, or it is said why not."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from hyperdatasets.formats.agreement import (
    MAY_BE_PIXELS,
    OTHER_SIZE,
    PROPORTIONAL,
    TURNED,
    UNDECIDED,
    Agreement,
    placed,
)
from hyperdatasets.formats.entry import Entry, Item
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.media import Media, probe

SIZE = (100, 60)  # as stored


def media(orientation: int = 1, size: tuple[int, int] = SIZE) -> Media:
    shown = size[::-1] if orientation >= 5 else size
    return Media("image/jpeg", 1, *shown, orientation=orientation)


def moved(
    geometry: dict[str, Any], orientation: int = 1, *, stated: tuple[int, int] | None = None, shares: bool = False,
    rules: Agreement | None = None, size: tuple[int, int] = SIZE, **meta: Any,
) -> tuple[dict[str, Any], list[str]]:  # fmt: skip
    ledger = Ledger()
    plain = {"labels": ["a"], "geometry": geometry} | ({"meta": meta} if meta else {})
    entry = Entry("a.jpg", items=[Item(plain, "boxes", "a.txt, line 1")], stated=stated, shares=shares)
    (item,) = placed(entry, media(orientation, size), rules or Agreement(), ledger)
    return item.plain, [note.reason for note in ledger.notes]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_box_on_the_stored_picture_is_turned_as_the_pixels_are(orientation: int) -> None:
    pixels = np.zeros(SIZE[::-1], np.uint8)
    pixels[5:20, 70:90] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", exif=exif, quality=100)
    shown = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(out.getvalue()))))
    probed = probe(io.BytesIO(out.getvalue()), "a.jpg", len(out.getvalue()))
    assert (probed.orientation, probed.stored_size, (probed.height, probed.width)) == (orientation, SIZE, shown.shape)
    plain, _ = moved({"box": [70, 5, 20, 15]}, orientation, stated=SIZE, rules=Agreement(boxes_as="stored"))
    x, y, width, height = map(int, plain["geometry"]["box"])
    assert shown[y : y + height, x : x + width].min() > 200
    assert (shown > 128).sum() == width * height


@pytest.mark.parametrize(
    ("orientation", "stated", "boxes_as", "box", "reason"),
    [
        (1, SIZE, "", [70, 5, 20, 15], ""),
        (1, None, "stored", [70, 5, 20, 15], ""),
        (6, (60, 100), "", [70, 5, 20, 15], ""),
        (6, (60, 100), "stored", [70, 5, 20, 15], ""),
        (6, SIZE, "", [40, 70, 15, 20], "annotations turned like their picture (EXIF)"),
        (6, SIZE, "shown", [40, 70, 15, 20], "annotations turned like their picture (EXIF)"),
        (6, None, "", [70, 5, 20, 15], UNDECIDED),
        (6, None, "stored", [40, 70, 15, 20], TURNED),
        (3, SIZE, "", [70, 5, 20, 15], UNDECIDED),
        (3, SIZE, "shown", [70, 5, 20, 15], ""),
        (3, SIZE, "stored", [10, 40, 20, 15], TURNED),
        (2, SIZE, "stored", [10, 5, 20, 15], TURNED),
    ],
)
def test_the_size_decides_where_it_can(
    orientation: int, stated: tuple[int, int] | None, boxes_as: Any, box: list[float], reason: str
) -> None:
    plain, reasons = moved({"box": [70, 5, 20, 15]}, orientation, stated=stated, rules=Agreement(boxes_as=boxes_as))
    assert plain["geometry"]["box"] == box
    assert reasons == ([reason] if reason else [])


def test_of_a_square_the_size_cannot_decide() -> None:
    _, reasons = moved({"box": [1, 2, 3, 4]}, 6, stated=(50, 50), size=(50, 50))
    assert reasons == [UNDECIDED]


def test_proportional_annotations_are_scaled_when_asked() -> None:
    plain, reasons = moved({"box": [35, 2.5, 10, 7.5]}, stated=(50, 30))
    assert (plain["geometry"]["box"], reasons) == ([35, 2.5, 10, 7.5], [PROPORTIONAL])
    plain, reasons = moved({"box": [35, 2.5, 10, 7.5]}, stated=(50, 30), rules=Agreement(scale=True))
    assert (plain["geometry"]["box"], reasons) == ([70, 5, 20, 15], ["annotations scaled to their picture"])


def test_scaled_and_turned_at_once() -> None:
    plain, _ = moved({"box": [35, 2.5, 10, 7.5]}, 6, stated=(50, 30), rules=Agreement(scale=True))
    assert plain["geometry"]["box"] == [40, 70, 15, 20]


def test_any_other_size_is_told_once_for_a_picture() -> None:
    plain, reasons = moved({"box": [1, 2, 3, 4]}, stated=(64, 64), rules=Agreement(scale=True))
    assert (plain["geometry"]["box"], reasons) == ([1, 2, 3, 4], [OTHER_SIZE])


def test_shares_are_of_the_picture_as_shown() -> None:
    plain, reasons = moved({"box": [0.7, 0.25, 0.2, 0.25]}, shares=True)
    assert plain["geometry"]["box"] == pytest.approx([70, 15, 20, 15])
    assert not reasons
    plain, reasons = moved({"box": [0.5, 0.5, 0.5, 0.5]}, 6, shares=True)
    assert (plain["geometry"]["box"], reasons) == ([30, 50, 30, 50], [UNDECIDED])
    plain, _ = moved({"box": [0.7, 0, 0.3, 0.5]}, 6, shares=True, rules=Agreement(boxes_as="stored"))
    assert plain["geometry"]["box"] == pytest.approx([30, 70, 30, 30])


def test_shares_of_a_picture_without_a_size_are_lost_and_named() -> None:
    ledger = Ledger()
    item = Item({"labels": ["a"], "geometry": {"box": [0, 0, 1, 1]}}, "boxes", "a.txt, line 1")
    assert not placed(Entry("a.bin", items=[item], shares=True), Media("x/y", 1), Agreement(), ledger)
    assert ledger.lost == {"boxes": 1}


def test_shapes_in_metadata_move_along() -> None:
    plain, _ = moved({"keypoints": [0, 0, 100, 60]}, 6, stated=SIZE, box=[70, 5, 20, 15], polygon=[[0, 0, 1, 0, 1, 1]])
    assert plain["geometry"] == {"keypoints": [60, 0, 0, 100]}
    assert plain["meta"] == {"box": [40, 70, 15, 20], "polygon": [[60, 0, 60, 1, 59, 1]]}


POINTS = st.tuples(st.floats(0, 100), st.floats(0, 60))


@given(st.integers(1, 8), POINTS, st.floats(1, 20), st.floats(1, 20), st.floats(-180, 180))
def test_a_turned_box_keeps_its_corners(
    orientation: int, middle: tuple[float, float], width: float, height: float, angle: float
) -> None:
    from hyperdatasets.core.geometry import corners

    box = [middle[0] - width / 2, middle[1] - height / 2, width, height, angle]
    rules = Agreement(boxes_as="stored")
    turned, _ = moved({"box": box}, orientation, stated=SIZE, rules=rules)
    ring, _ = moved({"polygon": [corners(box)]}, orientation, stated=SIZE, rules=rules)
    one, other = corners(turned["geometry"]["box"]), ring["geometry"]["polygon"][0]

    def points(flat: list[float]) -> list[tuple[float, ...]]:
        return sorted((round(x, 6) + 0.0, round(y, 6) + 0.0) for x, y in zip(flat[::2], flat[1::2], strict=True))

    assert np.allclose(points(one), points(other), atol=1e-4)


def test_bad_numbers_are_left_to_the_check() -> None:
    plain, _ = moved({"box": ["a", None]}, 6, stated=SIZE)
    assert plain["geometry"]["box"] == ["a", None]


def test_the_stated_area_is_scaled_with_the_geometry() -> None:
    rules, geometry = Agreement(scale=True), {"box": [10, 10, 30, 10]}
    plain, _ = moved(geometry, 1, stated=(200, 120), rules=rules, area=120, box=[10, 10, 30, 10])
    assert plain["meta"] == {"area": 30.0, "box": [5, 5, 15, 5]}
    plain, _ = moved(geometry, 6, stated=SIZE, rules=rules, area=120)
    assert plain["meta"] == {"area": 120}
    plain, _ = moved(geometry, 1, stated=(200, 120), rules=rules, area="downtown")
    assert plain["meta"] == {"area": "downtown"}


def test_an_attribute_beside_shares_is_no_area_in_pixels() -> None:
    plain, _ = moved({"box": [0.1, 0.1, 0.2, 0.2]}, 1, shares=True, area=5)
    assert plain["meta"] == {"area": 5}


def test_lists_of_numbers_that_may_be_pixels_are_named_if_the_annotation_moves() -> None:
    meta: dict[str, Any] = {"face_box": [1, 2, 3, 4], "visibility": [2, 2], "skeleton": [[1, 2]], "one": [1]}
    plain, reasons = moved({"box": [10, 10, 30, 10]}, 6, stated=SIZE, **meta)
    assert plain["meta"] == meta
    assert MAY_BE_PIXELS in reasons
    _, reasons = moved({"box": [10, 10, 30, 10]}, 1, stated=SIZE, **meta)
    assert reasons == []
