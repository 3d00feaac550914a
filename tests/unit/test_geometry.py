"""What shapes measure."""

import math

import pytest

from hyperdatasets.core.geometry import area, bounding_box, shape

SQUARE = [0.0, 0.0, 10.0, 0.0, 10.0, 10.0, 0.0, 10.0]
HOLE = [2.0, 2.0, 2.0, 4.0, 4.0, 4.0, 4.0, 2.0]


@pytest.mark.parametrize(
    ("geometry", "box", "size"),
    [
        ({"box": [1.0, 2.0, 3.0, 4.0]}, (1, 2, 3, 4), 12),
        ({"box": [0.0, 0.0, 4.0, 2.0, 90.0]}, (1, -1, 2, 4), 8),
        ({"polygon": [SQUARE, HOLE]}, (0, 0, 10, 10), 96),
        ({"ellipse": [5.0, 5.0, 3.0, 2.0, 90.0]}, (3, 2, 4, 6), 6 * math.pi),
        ({"keypoints": [1.0, 5.0, 4.0, 2.0]}, (1, 2, 3, 3), None),
        ({"points3d": [1.0, 5.0, 9.0, 4.0, 2.0, 9.0]}, (1, 2, 3, 3), None),
        ({"box3d": [0.0, 0.0, 0.0, 2.0, 2.0, 1.0, 1.0, 5.0, 2.0, 2.0]}, (0, 0, 3, 3), None),
    ],
)
def test_boxes_and_areas(geometry, box, size):
    assert bounding_box(geometry) == pytest.approx(box)
    assert area(geometry) == (pytest.approx(size) if size is not None else None)


def test_masks_and_spans_have_neither():
    for geometry in ({"mask": [1, 2, 3]}, {"span": [0, 5]}):
        assert bounding_box(geometry) is None
        assert area(geometry) is None


def test_a_frame_label_has_a_shape_of_its_own():
    assert shape({"box": [0, 0, 1, 1]}) == "box"
