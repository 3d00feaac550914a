"""Bitmaps, the rings around their pixels, and the run lengths in which COCO writes them; all exact.

A pixel is the unit square to the right of and below its corner. Rings run along the edges of pixels and follow the
even-odd rule, so holes and separate parts are further rings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.formats.media.model import MAX_PIXELS

Bitmap = NDArray[np.bool_]
_CROSSINGS = 1 << 22  # edges times rows that are worked on at once
_DIGITS = 7  # of 5 bits each in a compressed number: more than any allowed picture needs


def rings_of(bitmap: Bitmap) -> list[list[float]]:
    """The rings around the set pixels, each x0, y0, x1, y1, … without a repeated end.

    A ring begins at its topmost, then leftmost corner and runs to the right; rings are sorted by that corner. Pixels
    that touch only at a corner belong to separate rings.

    Raises:
        ValueError: the bitmap has more pixels than `MAX_PIXELS`.
    """
    _check_size(bitmap.shape[1], bitmap.shape[0])
    y, x, vertical = _corners(bitmap)
    mates = vertical.tolist()
    points = np.stack((x, y), axis=1).astype(np.float64)
    return [points[ring].ravel().tolist() for ring in _cycles(mates)]


def bitmap_of(rings: Sequence[Sequence[float]], width: int, height: int) -> Bitmap:
    """The pixels with their centre inside of the rings, by the even-odd rule; what lies outside is cut off.

    Raises:
        ValueError: more pixels than `MAX_PIXELS`, or coordinates that are no pairs of finite numbers.
    """
    _check_size(width, height)
    flips = np.zeros((height, width + 1), dtype=np.uint8)
    for rows, columns in _crossings(_edges(rings), width, height):
        places, times = np.unique(rows * (width + 1) + columns, return_counts=True)
        flips.ravel()[places[times % 2 == 1]] ^= 1
    return np.bitwise_xor.accumulate(flips, axis=1)[:, :width].astype(np.bool_)


def runs_to_bitmap(counts: Sequence[int], height: int, width: int) -> Bitmap:
    """The bitmap of COCO's run lengths: column by column, pixels that are not set first.

    Raises:
        ValueError: more pixels than `MAX_PIXELS`, or counts that do not add up to the size.
    """
    _check_size(width, height)
    if not all(type(count) is int and 0 <= count <= MAX_PIXELS for count in counts):
        raise ValueError("run lengths are whole numbers from 0")
    if (total := sum(counts)) != height * width:
        raise ValueError(f"the runs have {total} pixels, {width} x {height} has {height * width}")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, np.asarray(counts, dtype=np.int64)).reshape(width, height).T


def bitmap_to_runs(bitmap: Bitmap) -> list[int]:
    """Inverse of `runs_to_bitmap`, with as few runs as possible.

    Raises:
        ValueError: more pixels than `MAX_PIXELS`.
    """
    _check_size(bitmap.shape[1], bitmap.shape[0])
    flat = np.asarray(bitmap, dtype=np.bool_).ravel(order="F")
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    first = [0] if flat.size and flat[0] else []  # runs begin with pixels that are not set
    return first + np.diff(np.concatenate(([0], changes, [flat.size]))).tolist()  # type: ignore[no-any-return]


def string_to_runs(text: str | bytes) -> list[int]:
    """The run lengths in COCO's compressed text: digits of 5 bits from the lowest, differences to the last but one.

    Raises:
        ValueError: the text is not of this form.
    """
    try:
        codes = np.frombuffer(text.encode("ascii") if isinstance(text, str) else text, dtype=np.uint8)
    except UnicodeEncodeError:
        raise ValueError("compressed run lengths have ASCII characters only") from None
    if not codes.size:
        return []
    digits = codes.astype(np.int64) - 48
    ends = np.flatnonzero((digits & 0x20) == 0)
    if digits.min() < 0 or digits.max() > 63 or not ends.size or ends[-1] != digits.size - 1:
        raise ValueError("the compressed run lengths are cut, or have characters that do not belong there")
    return _undone(_numbers(digits, ends))


def runs_to_string(counts: Sequence[int]) -> str:
    """Inverse of `string_to_runs`."""
    differences = [count - (counts[index - 2] if index > 2 else 0) for index, count in enumerate(counts)]
    return "".join(map(_compressed, differences))


def _check_size(width: int, height: int) -> None:
    if width < 0 or height < 0 or width * height > MAX_PIXELS:
        raise ValueError(f"{width} x {height} pixels; at most {MAX_PIXELS} in all are allowed")


def _corners(bitmap: Bitmap) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the corners of all rings, sorted; and for each corner the one above or below it.

    The corners of a row are joined in pairs: each even one with its right neighbour. Where two set pixels touch at a
    corner, that corner is there twice: first for the edge to its left, then for the edge to its right.
    """
    around = np.pad(np.asarray(bitmap, dtype=np.bool_), 1)
    across = around[:-1] != around[1:]  # horizontal edges, one column more on either side than there are pixels
    upright = around[:-1, 1:] != around[:-1, :-1]  # the vertical edge above each corner
    simple, double = across[:, 1:] != across[:, :-1], _saddles(across, upright)
    flat = np.flatnonzero(simple | double)
    copies = np.where(double.ravel()[flat], 2, 1)
    places = np.repeat(flat, copies)
    second = np.arange(places.size) - np.repeat(np.cumsum(copies) - copies, copies) == 1
    twice = np.repeat(copies == 2, copies)
    y, x = np.divmod(places, around.shape[1] - 1)
    left_above = around[y, x]  # then the edge to the left is the lower one of that pixel, and goes on upwards
    downwards = np.where(twice, second == left_above, False)
    order = np.lexsort((downwards, y, x))
    mates = np.empty(places.size, dtype=np.int64)
    mates[order[0::2]], mates[order[1::2]] = order[1::2], order[0::2]
    return y, x, mates


def _saddles(across: Bitmap, upright: Bitmap) -> Bitmap:
    """Where edges go out in all four directions."""
    both: Bitmap = across[:, 1:] & across[:, :-1] & upright
    return both


def _cycles(vertical: list[int]) -> Iterator[list[int]]:
    """Rings of corners; horizontal edges join each even corner with the next one."""
    seen = bytearray(len(vertical))
    for start in range(0, len(vertical), 2):
        if seen[start]:
            continue
        ring: list[int] = []
        corner = start
        while not seen[corner]:
            across = corner ^ 1
            seen[corner] = seen[across] = 1
            ring += (corner, across)
            corner = vertical[across]
        yield ring


def _edges(rings: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Rows of x0, y0, x1, y1, with y0 < y1; level edges are left out."""
    found = [np.zeros((0, 4))]
    for ring in rings:
        points = np.asarray(ring, dtype=np.float64)
        if points.ndim != 1 or points.size % 2 or not np.isfinite(points).all():
            raise ValueError("a ring is a list of finite numbers x0, y0, x1, y1, …")
        points = points.reshape(-1, 2)
        found.append(np.hstack((points, np.roll(points, -1, axis=0))))
    edges = np.concatenate(found)
    edges = np.where((edges[:, 1] > edges[:, 3])[:, None], edges[:, [2, 3, 0, 1]], edges)
    return edges[edges[:, 1] < edges[:, 3]]


def _crossings(
    edges: NDArray[np.float64], width: int, height: int
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Where edges cross the centre lines of rows: the row, and the first column with its centre right of the edge."""
    first = np.ceil(np.clip(edges[:, 1] - 0.5, 0, height)).astype(np.int64)
    counts = np.ceil(np.clip(edges[:, 3] - 0.5, 0, height)).astype(np.int64) - first
    for part in _parts(counts):
        x0, y0, x1, y1 = (np.repeat(side, counts[part]) for side in edges[part].T)
        steps = np.arange(x0.size) - np.repeat(np.cumsum(counts[part]) - counts[part], counts[part])
        rows = np.repeat(first[part], counts[part]) + steps
        x = np.where(x0 == x1, x0, x0 + (rows + 0.5 - y0) / (y1 - y0) * (x1 - x0))
        yield rows, np.ceil(np.clip(x - 0.5, 0, width)).astype(np.int64)


def _parts(counts: NDArray[np.int64]) -> Iterator[slice]:
    """Slices with about `_CROSSINGS` in each."""
    chunks = (np.cumsum(counts) // _CROSSINGS).tolist()
    start = 0
    for end in [*np.flatnonzero(np.diff(chunks)) + 1, len(chunks)]:
        if start < end:
            yield slice(start, int(end))
        start = int(end)


def _numbers(digits: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Signed numbers of digits that end at these places."""
    lengths = np.diff(ends, prepend=-1)
    if lengths.max() > _DIGITS:
        raise ValueError("a compressed run length is larger than any picture")
    places = np.arange(digits.size) - np.repeat(ends - lengths + 1, lengths)
    values = np.add.reduceat((digits & 0x1F) << (5 * places), ends - lengths + 1)
    negative = (digits[ends] & 0x10) != 0
    return np.where(negative, values - (1 << (5 * lengths)), values)


def _undone(differences: NDArray[np.int64]) -> list[int]:
    """The numbers whose differences to the last but one are given, from the fourth on."""
    counts = differences.copy()
    counts[1::2] = np.cumsum(counts[1::2])
    counts[2::2] = np.cumsum(counts[2::2])
    return counts.tolist()  # type: ignore[no-any-return]


def _compressed(number: int) -> str:
    text = ""
    while True:
        digit, number = number & 0x1F, number >> 5
        last = number == (-1 if digit & 0x10 else 0)
        text += chr(48 + digit + (0 if last else 0x20))
        if last:
            return text
