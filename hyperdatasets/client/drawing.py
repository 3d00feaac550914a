"""A picture with its annotations drawn onto it, for a person to look at."""

from __future__ import annotations

import colorsys
import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.frames import Geometry
from hyperdatasets.core.geometry import bounding_box, outline
from hyperdatasets.formats.raster import bitmap_of

Colour = tuple[int, int, int]
SIDE = 640  # pixels of the longer side, as a rule
_MAX_SIDE = 20_000
_OUTLINED = frozenset({"box", "polygon", "ellipse"})
_FILLED = frozenset({"polygon", "ellipse"})
_SHADE = 0.35  # of a filled shape
_MAX_WORDS = 60  # characters of a caption


def drawn(
    image: Image.Image, annotations: Iterable[Mapping[str, Any]], *, mask: NDArray[Any] | None = None, side: int = SIDE
) -> Image.Image:
    """The picture as RGB with boxes, outlines, key points, mask classes and their labels.

    A small picture is enlarged by a whole factor, a large one is reduced. Each label has a colour of its own, the same
    everywhere. Labels of the whole frame are at the top.

    Args:
        mask: pixels of the mask that the annotations' mask classes refer to, (height, width, 3).
        side: pixels of the longer side of the result, at most; from 1 to 20,000.

    Raises:
        InvalidArgument: `side` is out of this range.
    """
    if not 1 <= side <= _MAX_SIDE:
        raise InvalidArgument(f"side: expected 1 to {_MAX_SIDE} pixels, got {side}")
    canvas = _Canvas(image, side)
    whole = []
    for each in annotations:
        if geometry := cast("Geometry", each.get("geometry", {})):
            canvas.draw(geometry, _caption(each), colour_of(each["labels"]), mask)
        else:
            whole.append(each)
    for line, each in enumerate(whole):
        canvas.write(_caption(each), (0, line * (canvas.line_height + 1)), colour_of(each["labels"]))
    return canvas.image


def colour_of(labels: Iterable[str]) -> Colour:
    """The colour of the first label: its hue follows from the name, so it is the same on all pictures."""
    name = next(iter(labels), "")
    hue = int.from_bytes(hashlib.sha256(name.encode("utf-8", "replace")).digest()[:2], "big") / 65_536
    red, green, blue = colorsys.hls_to_rgb(hue, 0.55, 0.9)
    return round(red * 255), round(green * 255), round(blue * 255)


class _Canvas:
    """An enlarged or reduced copy of a picture, on which shapes are given in the pixels of the picture."""

    def __init__(self, image: Image.Image, side: int) -> None:
        longest = max(image.size)
        self._scale = side // longest if longest * 2 <= side else min(1.0, side / longest)
        size = (max(1, round(image.width * self._scale)), max(1, round(image.height * self._scale)))
        how = Image.Resampling.NEAREST if self._scale > 1 else Image.Resampling.LANCZOS
        self.image = image.convert("RGB").resize(size, how)
        self._pen = ImageDraw.Draw(self.image)
        self._font = ImageFont.load_default(max(10, min(16, max(size) // 40)))
        self.line_height = int(self._font.getbbox("Ag")[3]) + 3

    def draw(self, geometry: Geometry, words: str, colour: Colour, mask: NDArray[Any] | None) -> None:
        """Draws one shape with its words; spans and masks without pixels have no place on a picture."""
        if "mask" in geometry:
            if mask is not None:
                self._shade_class(mask, geometry["mask"], words, colour)
            return
        frame = bounding_box(geometry)
        if frame is None:
            return
        if not geometry.keys().isdisjoint(_OUTLINED):
            self._outline(geometry, colour)
        elif "keypoints" in geometry:
            self._points(geometry["keypoints"], colour)
        else:  # in space: the box around its projection
            self._outline({"box": list(frame)}, colour)
        self.write(words, (frame[0] * self._scale, frame[1] * self._scale - self.line_height), colour)

    def write(self, words: str, place: tuple[float, float], colour: Colour) -> None:
        """Writes words on a field of the colour, within the picture."""
        width = self._font.getlength(words) + 4
        left = max(0.0, min(place[0], self.image.width - width))
        top = max(0.0, min(place[1], self.image.height - self.line_height))
        self._pen.rectangle((left, top, left + width, top + self.line_height - 1), fill=colour)
        dark = sum(part * weight for part, weight in zip(colour, (0.3, 0.6, 0.1), strict=True)) < 128
        self._pen.text((left + 2, top + 1), words, font=self._font, fill="white" if dark else "black")

    def _outline(self, geometry: Geometry, colour: Colour) -> None:
        rings = [[each * self._scale for each in ring] for ring in outline(geometry)]
        if not geometry.keys().isdisjoint(_FILLED):
            self._shade(bitmap_of(rings, *self.image.size), colour)
        for ring in rings:
            points = list(zip(ring[::2], ring[1::2], strict=True))
            self._pen.line([*points, points[0]], fill=colour, width=2)

    def _points(self, keypoints: list[float], colour: Colour) -> None:
        for x, y in zip(keypoints[::2], keypoints[1::2], strict=True):
            at, down = x * self._scale, y * self._scale
            self._pen.ellipse((at - 3, down - 3, at + 3, down + 3), fill=colour, outline="white")

    def _shade_class(self, mask: NDArray[Any], value: list[int], words: str, colour: Colour) -> None:
        there = (mask == np.array(value)).all(axis=2)
        if not there.any():
            return
        size = self.image.size
        self._shade(np.asarray(Image.fromarray(there).resize(size, Image.Resampling.NEAREST)), colour)
        rows, columns = np.nonzero(there)
        self.write(words, (float(columns[0]) * self._scale, float(rows[0]) * self._scale), colour)

    def _shade(self, there: NDArray[np.bool_], colour: Colour) -> None:
        pixels = np.asarray(self.image).astype(np.float32)
        pixels[there] = pixels[there] * (1 - _SHADE) + np.array(colour, np.float32) * _SHADE
        self.image.paste(Image.fromarray(pixels.astype(np.uint8)))


def _caption(annotation: Mapping[str, Any]) -> str:
    """The labels, with confidence and origin of a prediction."""
    words = ", ".join(annotation["labels"])
    if "confidence" in annotation:
        words += f" {annotation['confidence']:.2f}"
    if annotation.get("origin"):
        words += f" ({annotation['origin']})"
    return words if len(words) <= _MAX_WORDS else words[: _MAX_WORDS - 1] + "…"
