"""A line of a label file: a class and numbers, whose count says what they are."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hyperdatasets.formats.decimals import DECIMAL
from hyperdatasets.formats.ledger import Kind
from hyperdatasets.formats.unfit import Unfit

NO_NUMBERS = "lines that are not a class and numbers with blanks between them"
NOT_FINITE = "lines with numbers that are NaN, infinite or enormous"
BAD_CLASS = "lines whose class is no whole number"
BAD_LENGTH = "lines with a count of numbers that no task of YOLO has"
NO_SHARES = "lines with numbers that are no shares of the picture's sides, which run from 0 to 1"
DEGENERATE = "boxes that are degenerate: their width or height is not above 0"
POSE_BOX = "boxes of key points that have no width or height"
BAD_CONFIDENCE = "confidences that do not lie between 0 and 1"
TRACK = "lines of a class and six numbers, taken as a box with its confidence and track, not as a triangle"
CONFIDENCE = "boxes followed by a whole number that may be a confidence or a track, taken as a confidence"
TRACKED = "boxes followed by a whole number above 1, taken as their track"
MAYBE_CUT_BOX = "boxes with a confidence in a set of polygons, which may be polygons that were cut"
MAYBE_CUT = "polygons followed by one more number, taken as their confidence or track; half of a point may be missing"
ORIENTED = (
    "lines of a class and eight numbers, taken as polygons of four points; for rotated boxes, add `task: obb` to the "
    "YAML file"
)
NOT_POSE = "lines that do not have the numbers of `kpt_shape`"
NO_POINTS = "lines of a set of key points whose `kpt_shape` is not known; write it into the YAML file"
NOT_CORNERS = (
    "lines of a set of rotated boxes that have neither the 4 numbers of a box nor the 8 numbers of its corners; if the "
    "set has no rotated boxes, write `task: detect` or `task: segment` into the YAML file"
)
VISIBILITY = "key points with another visibility than 0, 1 or 2, which is kept as it is"
POINTS = "lines of key points by their visibilities 0, 1 and 2; add `kpt_shape` to the YAML file to say so"
VISIBLE = 2
_WHOLE = re.compile(r"\+?\d{1,15}", re.ASCII)
_NOT_FINITE = frozenset({"nan", "inf", "infinity"})
_FAR = 2.0  # shares beyond it are pixels


class Task(NamedTuple):
    """What decides between readings of a line.

    Attributes:
        points: of a pose: how many key points, and 2 or 3 numbers for each.
        pose: the set has key points, though `points` may not be known.
        oriented: eight numbers are the corners of a rotated box.
        polygons: the set certainly has polygons.
        tracks: a whole number at the end is certainly a track.
    """

    points: tuple[int, int] | None = None
    oriented: bool = False
    polygons: bool = False
    tracks: bool = False
    pose: bool = False


class Line(NamedTuple):
    """A line as an annotation without a label, in shares of the sides.

    Attributes:
        number: of its class.
        doubt: what was guessed; empty if nothing was.
        lost: parts that are not kept.
    """

    number: int
    plain: dict[str, Any]
    kind: Kind
    doubt: str = ""
    lost: Sequence[Unfit] = ()


def read_line(words: Sequence[str], task: Task) -> Line:
    """What a line says.

    Raises:
        Unfit: nothing of it can be kept.
    """
    first, *values = [_number(word) for word in words]
    if guessed := _looks_like_pose(values, task):
        task = task._replace(points=((len(values) - 4) // 3, 3))
    kind = kind_of(len(values), task)
    if not values:
        raise Unfit(NO_NUMBERS, " ".join(words)[:60], kind)
    if first != int(first):
        raise Unfit(BAD_CLASS, words[0], kind)
    _check_count(values, words, task)
    line = _reader(words, task)(values, words, task)
    return line._replace(number=int(first), doubt=POINTS if guessed else line.doubt)


def kind_of(count: int, task: Task) -> Kind:
    """What a line with so many numbers counts as."""
    posed = task.pose or task.points is not None
    if count < 6 or (task.oriented and not posed):
        return "boxes"
    return "key points" if posed else "polygons"


def looks_like_line(words: Sequence[str]) -> bool:
    """Whether words may be a line: a whole number and at least four others."""
    return len(words) > 4 and all(map(DECIMAL.fullmatch, words)) and float(words[0]).is_integer()


def is_tracked(words: Sequence[str]) -> bool:
    """Whether a line ends with a number that can only be a track."""
    return len(words) > 5 and bool(_WHOLE.fullmatch(words[-1])) and int(words[-1]) > 1


def _number(word: str) -> float:
    if word.lower().lstrip("+-") in _NOT_FINITE:
        raise Unfit(NOT_FINITE, word)
    if not DECIMAL.fullmatch(word):
        raise Unfit(NO_NUMBERS, f"`{word[:40]}`")
    if not math.isfinite(value := float(word)):
        raise Unfit(NOT_FINITE, word[:40])
    return value


def _check_count(values: Sequence[float], words: Sequence[str], task: Task) -> None:
    """In a set of poses or rotated boxes, a line is a box or has exactly the numbers of its task.

    Raises:
        Unfit: it is neither.
    """
    if task.pose and not task.points and len(values) != 4:
        raise Unfit(NO_POINTS, f"found {len(values)} numbers after the class", kind_of(len(values), task))
    exact = 4 + task.points[0] * task.points[1] if task.points else 8 if task.oriented else 0
    if not exact or len(values) == 4 or (len(values) >= exact and _is_said(values[exact:], words)):
        return
    reason = NOT_POSE if task.points else NOT_CORNERS
    raise Unfit(
        reason, f"expected 4 or {exact} numbers after the class, found {len(values)}", kind_of(len(values), task)
    )


def _is_said(rest: Sequence[float], words: Sequence[str]) -> bool:
    """Whether numbers behind a shape are nothing, a confidence, a track, or a confidence and a track."""
    if not rest:
        return True
    tracked = bool(_WHOLE.fullmatch(words[-1]))
    return (0 <= rest[0] <= 1 or (tracked and len(rest) == 1)) and (len(rest) == 1 or (tracked and len(rest) == 2))


def _reader(words: Sequence[str], task: Task) -> Callable[[Sequence[float], Sequence[str], Task], Line]:
    """What reads a line whose count of numbers is checked."""
    if len(words) < 7 or (_is_track(words, task) and not task.points):
        return _box
    return _pose if task.points else _polygon


def _looks_like_pose(values: Sequence[float], task: Task) -> bool:
    """Whether a box and triples follow, each with a visibility of 0, 1 or 2: a ring of shares has no 2."""
    seen = values[6::3]
    return task.points is None and len(values) % 3 == 1 and VISIBLE in seen[:-1] and {0, 1, VISIBLE}.issuperset(seen)


def _is_track(words: Sequence[str], task: Task) -> bool:
    """Whether six numbers are a box with confidence and track: a polygon does not end with a whole number above 1."""
    if len(words) != 7 or not _WHOLE.fullmatch(words[-1]):
        return False
    return int(words[-1]) > 1 or task.tracks or not task.polygons


def _box(values: Sequence[float], words: Sequence[str], task: Task) -> Line:
    if len(values) < 4:
        raise Unfit(BAD_LENGTH, f"{len(values)} numbers")
    box, (said, lost) = _corner(values[:4]), _said(values[4:], words, task)
    if box[2] <= 0 or box[3] <= 0:
        raise Unfit(DEGENERATE, f"{box[2]:g} x {box[3]:g} of the sides")
    return Line(0, {"geometry": {"box": box}, **said}, "boxes", _doubt_of_box(values, words, task), lost)


def _doubt_of_box(values: Sequence[float], words: Sequence[str], task: Task) -> str:
    whole = bool(_WHOLE.fullmatch(words[-1]))
    if len(values) == 5 and whole and values[-1] > 1:
        return TRACKED
    if len(values) > 4 and whole and values[-1] <= 1 and not task.tracks:
        return TRACK if len(values) == 6 else CONFIDENCE
    return MAYBE_CUT_BOX if len(values) == 5 and task.polygons else ""


def _polygon(values: Sequence[float], words: Sequence[str], task: Task) -> Line:
    end = 8 if task.oriented else len(values)
    if not task.oriented and _WHOLE.fullmatch(words[-1]) and (values[-1] > 1 or task.tracks):
        end -= 1
    end -= end % 2
    kind = kind_of(end, task)
    ring, (said, lost) = _shares(values[:end], kind), _said(values[end:], words, task)
    if end == 8 and task.oriented:
        return Line(0, {"geometry": {"corners": ring}, **said}, "boxes", "", lost)
    doubt = MAYBE_CUT if end == len(values) - 1 else ORIENTED if end == 8 and not task.polygons else ""
    return Line(0, {"geometry": {"polygon": [ring]}, **said}, "polygons", doubt, lost)


def _pose(values: Sequence[float], words: Sequence[str], task: Task) -> Line:
    count, size = task.points or (0, 2)
    end = 4 + count * size
    box, flat, (said, lost) = _corner(values[:4]), values[4:end], _said(values[end:], words, task)
    points = _shares([part for place in range(0, len(flat), size) for part in flat[place : place + 2]], "key points")
    visibility = flat[2::3] if size == 3 else []
    sized = box[2] > 0 and box[3] > 0
    doubt = "" if {0, 1, VISIBLE}.issuperset(visibility) else VISIBILITY
    if visibility and not any(visibility) and not any(points) and sized:
        return Line(0, {"geometry": {"box": box}, **said}, "boxes", "", lost)
    meta = {**said.pop("meta", {}), **({"box": box} if sized else {})}
    if any(each != VISIBLE for each in visibility):
        meta["visibility"] = [int(each) if each == int(each) else each for each in visibility]
    if not sized and (box[2] or box[3]):
        lost = (*lost, Unfit(POSE_BOX, f"{box[2]:g} x {box[3]:g} of the sides"))
    plain = {"geometry": {"keypoints": points}, **said, **({"meta": meta} if meta else {})}
    return Line(0, plain, "key points", doubt, lost)


def _corner(box: Sequence[float]) -> list[float]:
    """A box by its middle as one by its upper left corner."""
    x, y, width, height = _shares(box, "boxes")
    return [x - width / 2, y - height / 2, width, height]


def _shares(values: Sequence[float], kind: Kind) -> list[float]:
    far = next((value for value in values if abs(value) > _FAR), None)
    if far is not None:
        raise Unfit(NO_SHARES, f"{far:g}", kind)
    return list(values)


def _said(values: Sequence[float], words: Sequence[str], task: Task) -> tuple[dict[str, Any], Sequence[Unfit]]:
    """What follows a shape: a confidence, a track, or both."""
    said: dict[str, Any] = {}
    lost: list[Unfit] = []
    rest = list(values)
    if rest and _WHOLE.fullmatch(words[-1]) and (len(rest) == 2 or rest[-1] > 1 or task.tracks):
        said["meta"] = {"track": int(rest.pop())}
    for value in rest:
        if 0 <= value <= 1:
            said["confidence"] = value
        else:
            lost.append(Unfit(BAD_CONFIDENCE, f"{value:g}", "attributes"))
    return said, lost


def write_line(number: int, geometry: dict[str, Any], size: tuple[int, int], extra: Sequence[float] = ()) -> str:
    """A line of a box, a ring of corners, or key points with the box around them in `box`.

    Args:
        size: width and height of the picture.
        extra: visibility of key points.
    """
    width, height = size
    values: list[float] = []
    if "box" in geometry:
        x, y, w, h = geometry["box"]
        values += [(x + w / 2) / width, (y + h / 2) / height, w / width, h / height]
    points = geometry.get("ring") or geometry.get("keypoints") or ()
    for place in range(0, len(points), 2):
        values += [points[place] / width, points[place + 1] / height, *extra[place // 2 : place // 2 + 1]]
    return " ".join([str(number), *(_digits(value) for value in values)])


def _digits(value: float) -> str:
    """Whole numbers without a point only where they are visibilities, which are ints."""
    return str(value) if isinstance(value, int) else repr(value + 0.0)
