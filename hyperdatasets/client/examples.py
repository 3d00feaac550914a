"""Training examples of frames: a picture as input; a number, a vector of labels, or boxes and masks as target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from hyperdatasets.client.clips import Delivered
from hyperdatasets.client.frame_content import mask_pixels
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.core.errors import InvalidArgument, SourceUnreadable
from hyperdatasets.core.frames import Geometry
from hyperdatasets.core.geometry import area, bounding_box, outline
from hyperdatasets.formats.media.pixels import Mode
from hyperdatasets.formats.raster import Bitmap, bitmap_of

Target = Literal["label", "multi_hot", "detection"]
TARGETS = ("label", "multi_hot", "detection")
MODES = ("default", "RGB", "L", "raw")


def picture(delivered: Delivered, *, mode: Mode = "default", source: str = "") -> NDArray[Any]:
    """The picture as shown, (height, width) or (height, width, bands); the pictures of a clip are stacked.

    Raises:
        SourceUnreadable: the source is not a picture, or cannot be decoded; names the frame.
        InvalidArgument: the pictures of a clip are of different sizes.
    """
    if not isinstance(delivered, list):
        return delivered.array(source, mode=mode)
    shapes = Shapes()
    return np.stack([shapes.checked(each.array(source, mode=mode), each) for each in delivered])


def first_label(delivered: Delivered, *, source: str = "") -> int:
    """The number of the first label; -1 without one."""
    frames = delivered if isinstance(delivered, list) else [delivered]
    return next((ids[0] for frame in frames for ids in _label_ids(frame, source) if ids), -1)


def multi_hot(delivered: Delivered, numbers: Mapping[str, int], *, source: str = "") -> NDArray[np.float32]:
    """1.0 for each label that the frame carries, in the order of the labels' numbers from 0; shape (numbers,).

    The number -1 is that of labels without one, so it has no place.
    """
    frames = delivered if isinstance(delivered, list) else [delivered]
    there = {number for frame in frames for ids in _label_ids(frame, source) for number in ids}
    return np.array([number in there for number in sorted(set(numbers.values())) if number >= 0], np.float32)


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a picture that have a label number and a place, in the order of the annotations.

    Attributes:
        boxes: (n, 4) float32: left, top, right, bottom in pixels.
        labels: (n,) int64: the number of each one's first label.
        masks: (n, height, width) uint8, or None if no object has an outline or a mask.
        areas: (n,) float32, square pixels.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    masks: NDArray[np.uint8] | None
    areas: NDArray[np.float32]


def objects(frame: AnyFrame, *, source: str = "", size: tuple[int, int]) -> Objects:
    """The objects of a frame, as detection models take them.

    Labels of the whole frame, labels without a number, key points and objects without a width or height are left out.

    Args:
        source: of groups, the source whose objects they are; empty = the first one.
        size: width and height of the picture.

    Raises:
        SourceUnreadable: the mask is no picture, or not of the size of the picture; names the frame.
    """
    source = source or next((each["id"] for each in frame.plain["sources"]), "")
    found = [each for each in map(_Placed(frame, source, size), _on(frame, source)) if each is not None]
    outlined = any(each.outlined for each in found)
    masks = np.array([each.bitmap(size) for each in found], np.uint8) if outlined else None
    return Objects(
        np.array([each.box for each in found], np.float32).reshape(-1, 4),
        np.array([each.label for each in found], np.int64),
        masks,
        np.array([each.area for each in found], np.float32),
    )


@dataclass(frozen=True, slots=True)
class _Object:
    label: int
    box: tuple[float, float, float, float]
    area: float
    geometry: Geometry
    drawn: Bitmap | None

    @property
    def outlined(self) -> bool:
        return "box" not in self.geometry

    def bitmap(self, size: tuple[int, int]) -> Bitmap:
        return self.drawn if self.drawn is not None else bitmap_of(outline(self.geometry), *size)


@dataclass(frozen=True, slots=True)
class _Placed:
    """Finds the place of an annotation of this frame."""

    frame: AnyFrame
    source: str
    size: tuple[int, int]
    _masks: dict[str, NDArray[Any]] = field(default_factory=dict)

    def __call__(self, annotation: Mapping[str, Any]) -> _Object | None:
        geometry = cast("Geometry", annotation.get("geometry", {}))
        ids = annotation.get("label_ids", [])
        if not ids or ids[0] < 0 or geometry.keys().isdisjoint({"box", "polygon", "ellipse", "mask"}):
            return None
        if "mask" in geometry:
            return self._of_mask(ids[0], geometry)
        if (around := bounding_box(geometry)) is None:
            return None
        left, top, width, height = around
        if width <= 0 or height <= 0:
            return None
        box = (left, top, left + width, top + height)
        return _Object(ids[0], box, area(geometry) or width * height, geometry, None)

    def _of_mask(self, label: int, geometry: Geometry) -> _Object | None:
        drawn = (self._mask_pixels() == np.array(geometry["mask"])).all(axis=2)
        rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
        if not len(rows):
            return None
        box = (float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1))
        return _Object(label, box, float(drawn.sum()), geometry, drawn)

    def _mask_pixels(self) -> NDArray[Any]:
        """The pixels of the source's first mask, which is read once."""
        if "" not in self._masks:
            self._masks[""] = self._checked(mask_pixels(self.frame, self.source))
        return self._masks[""]

    def _checked(self, mask: NDArray[Any]) -> NDArray[Any]:
        height, width = mask.shape[:2]
        if (width, height) != self.size:
            raise SourceUnreadable(
                f"frame {self.frame.id}: its mask has {width} x {height} pixels, its picture {self.size[0]} x "
                f"{self.size[1]}; register a mask of the picture's size"
            )
        return mask


class Shapes:
    """The shapes of arrays that must be equal to form one array, with the first frame of each shape."""

    def __init__(self) -> None:
        self._first: dict[tuple[int, ...], str] = {}

    def checked(self, made: Any, delivered: Delivered) -> Any:
        """Return the array; raise InvalidArgument, which names the frame, if its shape differs from earlier ones."""
        if message := self.difference(made, delivered):
            raise InvalidArgument(
                f"{message}: they make no array. Select frames of one size in the view, or make them equal, as by a "
                "`transform` that resizes"
            )
        return made

    def difference(self, made: Any, delivered: Delivered) -> str:
        """A sentence about a shape that differs from the first frame's; empty for an equal one or a repetition."""
        shape = tuple(np.shape(made))
        if shape in self._first:
            return ""
        name = delivered[0].id if isinstance(delivered, list) else delivered.id
        first = next(iter(self._first.items()), None)
        self._first[shape] = name
        return "" if first is None else f"frame {name} has the shape {shape}, frame {first[1]} has {first[0]}"


def _label_ids(frame: AnyFrame, source: str) -> Iterable[list[int]]:
    return (each.get("label_ids", []) for each in _on(frame, source))


def _on(frame: AnyFrame, source: str) -> list[dict[str, Any]]:
    """The annotations that lie on a source; all of them if none is named."""
    return [each for each in frame.annotations if not source or source in each.get("sources", [source])]
