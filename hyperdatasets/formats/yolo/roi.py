"""A ROI as a line of a label file, and what it loses or changes by that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hyperdatasets.core.errors import InvalidFrame
from hyperdatasets.core.frames import Annotation
from hyperdatasets.core.geometry import bounding_box, corners
from hyperdatasets.core.normalise import normalise_annotation
from hyperdatasets.formats.agreement import from_shares
from hyperdatasets.formats.unfit import Unfit
from hyperdatasets.formats.written_box import labelled
from hyperdatasets.formats.yolo.lines import VISIBLE, Task, read_line, write_line

NO_PLACE = "ROIs that YOLO has no lines for, such as masks, spans and labels of whole frames"
OTHER_TASK = "ROIs of another task than most: a set of YOLO is for one task only"
OTHER_POINTS = "key points of another number than most: a set of YOLO has one number of points"
AS_BOX = "ellipses, written as their boxes"
AS_RING = "rotated boxes, written as polygons"
JOINED = "polygons with holes or parts, written as one ring with seams"
BOX_ADDED = "key points without a box of their own; the box around them is written"
MIXED = "boxes in a set of polygons: Ultralytics trains such sets as boxes only"
ROUNDED = "shapes that come back a little different: shares hold a billionth of a pixel"
OUTSIDE = "ROIs too far outside of their picture for YOLO"
_TASKS = {"keypoints": "pose", "turned": "obb", "polygon": "segment"}
_ALONE = frozenset({"box", "polygon", "ellipse", "keypoints"})


class Written(NamedTuple):
    """The numbers of a line without its class; `fault`: why there is no line; `told`: what changes."""

    text: str = ""
    fault: str = ""
    told: str = ""


@dataclass(slots=True)
class Pose:
    """The key points of a set.

    Attributes:
        count: how many each ROI has; 0 if it is no set of poses.
        names: class -> names of its points.
    """

    count: int
    names: dict[int, list[str]]

    def name(self, number: int, annotation: Annotation) -> None:
        """Takes the names of points that the first ROI of a class has."""
        names = names_in(annotation, self.count)
        if self.count and names:
            self.names.setdefault(number, names)

    def names_for(self, classes: int) -> dict[str, Any]:
        """The key of the YAML file, if any class has names."""
        named = {number: self.names[number] for number in range(classes) if number in self.names}
        return {"kpt_names": named} if named else {}


@dataclass(frozen=True, slots=True)
class Roi:
    """What is written.

    Attributes:
        shape: `box`, or `ring`, or `keypoints` with `box`; in pixels.
        visibility: of key points, or of none if there are only zeros.
        task: decides how the line is read again.
        whole: what reading must give back, without labels.
        held: metadata that the line holds.
        told: what is written otherwise.
    """

    shape: Mapping[str, Any]
    whole: Mapping[str, Any]
    task: Task
    visibility: Sequence[float] = ()
    held: frozenset[str] = frozenset()
    told: Sequence[str] = field(default_factory=tuple)

    def line(self, size: tuple[int, int], pose: Pose) -> Written:
        """The line for a picture of a size."""
        text = write_line(0, dict(self.shape), size, self.visibility)
        if pose.count and "keypoints" not in self.shape:
            text += " 0" * (3 * pose.count)
        try:
            read = from_shares({"labels": ["x"], **read_line(text.split(), self.task).plain}, *size)
            again = normalise_annotation(read, [])[0]
        except (Unfit, InvalidFrame):
            return Written(fault=OUTSIDE)
        same = again.get("geometry") == self.whole["geometry"] and again.get("meta", {}) == self.whole["meta"]
        known = same or not {AS_BOX, AS_RING}.isdisjoint(self.told)
        return Written(text.partition(" ")[2], told="" if known else ROUNDED)


def choose(shapes: Mapping[tuple[str, int], int]) -> tuple[str, int]:
    """The task of most ROIs, and of poses the number of points that most have; boxes fit into every task."""
    counts = {
        task: sum(count for (shape, _), count in shapes.items() if shape == name) for name, task in _TASKS.items()
    }
    task = max(counts, key=lambda each: counts[each])
    if not counts[task]:
        return "detect", 0
    points = {size: count for (shape, size), count in shapes.items() if shape == "keypoints"}
    return task, max(points, key=lambda size: (points[size], size)) if task == "pose" else 0


def roi_of(annotation: Annotation, task: str, pose: Pose) -> Roi | str:
    """What is written of an annotation, or why nothing is."""
    geometry = annotation.get("geometry")
    if not geometry or geometry.keys().isdisjoint(_ALONE):
        return NO_PLACE
    read_as = Task((pose.count, 3) if pose.count else None, task == "obb", task == "segment")
    if "keypoints" in geometry:
        return _points(annotation, read_as, pose) if task == "pose" else OTHER_TASK
    if "polygon" in geometry:
        return _polygon(geometry["polygon"], read_as) if task == "segment" else OTHER_TASK
    if "ellipse" in geometry:
        box = list(bounding_box(geometry) or ())
        return _box(box, {"geometry": {"box": box}, "meta": {}}, read_as, task, [AS_BOX])
    return _of_box(geometry["box"], read_as, task)


def names_in(annotation: Annotation, count: int) -> list[str]:
    """The names of its key points; empty if it has none, or not as many as points."""
    names = annotation.get("meta", {}).get("keypoint_names")
    fine = isinstance(names, list) and len(names) == count and all(isinstance(each, str) and each for each in names)
    return names if fine and isinstance(names, list) else []


def _of_box(box: list[float], read_as: Task, task: str) -> Roi | str:
    whole = {"geometry": {"box": box}, "meta": {}}
    if len(box) == 4:
        return _box(box, whole, read_as, task, [])
    if task == "obb":
        return Roi({"ring": corners(box)}, whole, read_as)
    if task == "segment":
        ring = corners(box)
        return Roi({"ring": ring}, {"geometry": {"polygon": [ring]}, "meta": {}}, read_as, told=(AS_RING,))
    return OTHER_TASK


def _box(box: list[float], whole: Mapping[str, Any], read_as: Task, task: str, told: Sequence[str]) -> Roi:
    if task == "obb":
        return Roi({"ring": corners([*box, 0.0])}, whole, read_as, told=told)
    return Roi({"box": box}, whole, read_as, told=(*told, MIXED) if task == "segment" else told)


def _polygon(rings: Sequence[Sequence[float]], read_as: Task) -> Roi:
    ring = list(rings[0]) if len(rings) == 1 else _joined(rings)
    whole = {"geometry": {"polygon": [ring]}, "meta": {}}
    return Roi({"ring": ring}, whole, read_as, told=() if len(rings) == 1 else (JOINED,))


def _joined(rings: Sequence[Sequence[float]]) -> list[float]:
    """One ring with the same area by the even-odd rule: seams run there and back from the first point."""
    first = list(rings[0][:2])
    joined = [*rings[0], *first]
    for ring in rings[1:]:
        joined += [*ring, *ring[:2], *first]
    return joined[:-2]


def _points(annotation: Annotation, read_as: Task, pose: Pose) -> Roi | str:
    points, meta = annotation["geometry"]["keypoints"], annotation.get("meta", {})
    if len(points) != 2 * pose.count:
        return OTHER_POINTS
    own, seen = _own_box(meta.get("box")), _visibility(meta.get("visibility"), pose.count)
    box = own or _around(labelled(points, meta.get("visibility")))
    has = {"box": own, "visibility": seen, "keypoint_names": names_in(annotation, pose.count)}
    kept = ({"box": box} if box[2] else {}) | ({"visibility": seen} if seen else {})
    whole = {"geometry": annotation["geometry"], "meta": kept}
    return Roi(
        {"keypoints": points, "box": box}, whole, read_as, seen or [VISIBLE] * pose.count,
        frozenset(name for name, value in has.items() if value), (BOX_ADDED,) if box[2] and not own else (),
    )  # fmt: skip


def _around(points: Sequence[float]) -> list[float]:
    """The box around points; no width and height at all where it would have only one of them."""
    x, y, width, height = bounding_box({"keypoints": list(points)}) or (0.0, 0.0, 0.0, 0.0)
    return [x, y, width, height] if width and height else [x, y, 0.0, 0.0]


def _visibility(value: Any, count: int) -> list[float]:
    """Visibilities as a line holds them; empty if all are visible, or a line cannot hold them."""
    if not isinstance(value, list) or len(value) != count or all(each == VISIBLE for each in value):
        return []
    fine = all(type(each) is int or (type(each) is float and each != int(each)) for each in value)
    return value if fine and any(value) else []


def _own_box(value: Any) -> list[float]:
    numbers = isinstance(value, list) and len(value) == 4 and all(type(each) in {int, float} for each in value)
    return list(map(float, value)) if numbers and value[2] > 0 and value[3] > 0 else []
