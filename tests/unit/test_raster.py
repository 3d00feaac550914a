from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hyperdatasets.formats.media.model import MAX_PIXELS
from hyperdatasets.formats.raster import (
    bitmap_of,
    bitmap_to_runs,
    rings_of,
    runs_to_bitmap,
    runs_to_string,
    string_to_runs,
)
from tests.conftest import module_of_dev

mask_utils = module_of_dev("pycocotools.mask")
BITMAPS = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


def bitmap(*rows: str) -> np.ndarray:
    return np.array([[char == "#" for char in row] for row in rows])


@given(BITMAPS)
def test_rings_give_the_bitmap_back(one: np.ndarray) -> None:
    rings = rings_of(one)
    assert (bitmap_of(rings, one.shape[1], one.shape[0]) == one).all()


@given(BITMAPS)
def test_rings_are_canonical(one: np.ndarray) -> None:
    rings = rings_of(one)
    starts = [(ring[1], ring[0]) for ring in rings]
    assert starts == sorted(starts)
    for ring in rings:
        points = list(zip(ring[1::2], ring[::2], strict=True))
        assert len(points) >= 4
        assert points[0] == min(points)
        for index, (y, x) in enumerate(points):  # horizontal and vertical edges in turn: no point is superfluous
            next_y, next_x = points[(index + 1) % len(points)]
            assert (y == next_y, x == next_x) == (index % 2 == 0, index % 2 == 1)


def test_a_pixel_a_hole_and_pixels_that_touch_at_a_corner() -> None:
    assert rings_of(bitmap("..", ".#")) == [[1, 1, 2, 1, 2, 2, 1, 2]]
    assert rings_of(bitmap("###", "#.#", "###")) == [[0, 0, 3, 0, 3, 3, 0, 3], [1, 1, 2, 1, 2, 2, 1, 2]]
    assert rings_of(bitmap("#.", ".#")) == [[0, 0, 1, 0, 1, 1, 0, 1], [1, 1, 2, 1, 2, 2, 1, 2]]
    assert rings_of(bitmap(".#", "#.")) == [[1, 0, 2, 0, 2, 1, 1, 1], [0, 1, 1, 1, 1, 2, 0, 2]]
    assert rings_of(bitmap("..")) == []
    assert rings_of(np.zeros((0, 0), dtype=np.bool_)) == []


def test_a_polygon_that_is_cut_off_by_the_picture() -> None:
    assert (bitmap_of([[-5, -5, 2, -5, 2, 1, -5, 1]], 3, 2) == bitmap("##.", "...")).all()
    assert (bitmap_of([[1, 0, 1e12, 0, 1e12, 1e12, 1, 1e12]], 3, 2) == bitmap(".##", ".##")).all()
    assert (bitmap_of([[0, 0, 4, 0, 0, 4]], 4, 4) == bitmap("###.", "##..", "#...", "....")).all()


@given(st.lists(st.floats(-5, 15), min_size=6, max_size=12).map(lambda ring: ring[: len(ring) // 2 * 2]))
def test_any_polygon_has_the_pixels_whose_centres_are_inside(ring: list[float]) -> None:
    filled = bitmap_of([ring], 10, 9)
    points = list(zip(ring[::2], ring[1::2], strict=True))
    for y, x in np.ndindex(9, 10):
        inside = sum(
            min(y0, y1) <= y + 0.5 < max(y0, y1) and x0 + (y + 0.5 - y0) / (y1 - y0) * (x1 - x0) <= x + 0.5
            for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True)
            if y0 != y1
        )
        near = any(
            abs(x0 + (y + 0.5 - y0) / (y1 - y0) * (x1 - x0) - x - 0.5) < 1e-6
            for (x0, y0), (x1, y1) in zip(points, points[1:] + points[:1], strict=True)
            if y0 != y1
        )
        assert near or filled[y, x] == inside % 2


@given(BITMAPS)
def test_runs_are_those_of_coco(one: np.ndarray) -> None:
    height, width = one.shape
    counts = bitmap_to_runs(one)
    encoded = mask_utils.encode(np.asfortranarray(one.astype(np.uint8)))
    assert runs_to_string(counts).encode() == encoded["counts"]
    assert string_to_runs(encoded["counts"]) == string_to_runs(encoded["counts"].decode()) == counts
    assert (runs_to_bitmap(counts, height, width) == one).all()
    assert mask_utils.frPyObjects({"size": [height, width], "counts": counts}, height, width) == encoded


@given(st.lists(st.integers(0, MAX_PIXELS), max_size=30))
def test_compressed_runs_of_any_size(counts: list[int]) -> None:
    assert string_to_runs(runs_to_string(counts)) == counts


def test_a_large_mask_takes_milliseconds() -> None:
    y, x = np.ogrid[:1000, :1000]
    disc = (x - 500) ** 2 + (y - 480) ** 2 < 400**2
    started = time.perf_counter()
    rings = rings_of(disc)
    back = bitmap_of(rings, 1000, 1000)
    assert time.perf_counter() - started < 1  # about 10 ms; the limit only tells a loop over pixels
    assert (back == disc).all()
    assert (runs_to_bitmap(string_to_runs(runs_to_string(bitmap_to_runs(disc))), 1000, 1000) == disc).all()


def test_many_edges_are_worked_on_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(7).random((60, 70)) < 0.5
    monkeypatch.setattr("hyperdatasets.formats.raster._CROSSINGS", 50)
    assert (bitmap_of(rings_of(noise), 70, 60) == noise).all()


def test_the_runs_of_a_wide_mask_that_is_set_at_its_first_pixel() -> None:
    assert bitmap_to_runs(bitmap("#.#")) == [0, 1, 1, 1]
    assert bitmap_to_runs(bitmap("...")) == [3]
    assert runs_to_bitmap([2, 0, 1], 1, 3).tolist() == [[False] * 3]


@pytest.mark.parametrize("counts", [[3], [5], [-1, 5], [True, 3], [2.0, 2], [10**30], ["4"]])
def test_runs_that_do_not_fit_are_refused(counts: list[int]) -> None:
    with pytest.raises(ValueError, match="run"):
        runs_to_bitmap(counts, 2, 2)


@pytest.mark.parametrize("text", ["ä", "\x00", "P", "oooooooooooo0", "p", "~"])
def test_compressed_text_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"compressed"):
        string_to_runs(text)


def test_sizes_are_bounded() -> None:
    for call in (lambda: runs_to_bitmap([1], 10**6, 10**6), lambda: bitmap_of([], 10**9, 10**9)):
        with pytest.raises(ValueError, match="at most"):
            call()
    with pytest.raises(ValueError, match="at most"):
        bitmap_of([], -1, 3)
    with pytest.raises(ValueError, match="at most"):
        rings_of(np.broadcast_to(np.zeros((1, 1), dtype=np.bool_), (20_000, 20_000)))


@pytest.mark.parametrize("ring", [[0, 0, 1], [0, 0, float("nan"), 1, 1, 1], [[0, 0], [1, 1]]])
def test_rings_that_are_none_are_refused(ring: list[float]) -> None:
    with pytest.raises(ValueError, match="ring"):
        bitmap_of([ring], 3, 3)
