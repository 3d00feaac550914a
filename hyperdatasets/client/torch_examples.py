"""Examples as a PyTorch data set returns them: pairs of image and target, dictionaries, or frames; needs torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import Any

import torch

from hyperdatasets.client.clips import Delivered
from hyperdatasets.client.examples import Shapes, Target, first_label, multi_hot, objects, picture
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.formats.media.pixels import Mode
from hyperdatasets.torch import detection_target, tensor_of


class TorchExamples:
    """Makes an example of the frame (or clip) at a position; can be pickled. See `OpenedView.dataset`."""

    def __init__(
        self,
        *,
        image: Mode,
        transform: Callable[[Any], Any] | None,
        target: Callable[[Any], Any] | Target,
        target_transform: Callable[[Any], Any] | None,
        columns: Sequence[str] | None,
        frames: bool,
        source: str,
        labels: Mapping[str, int],
    ) -> None:
        self._image, self._transform, self._frames, self._source = image, transform, frames, source
        self._target, self._target_transform, self._labels = target, target_transform, dict(labels)
        self._columns = _two(columns)
        self._shapes = Shapes()

    def __call__(self, delivered: Delivered, index: int) -> Any:
        """`index`: in the data set."""
        if self._frames:
            return delivered if self._transform is None else self._transform(delivered)
        x, y = self._input(delivered), self._of_target(delivered, index)
        if self._target_transform is not None:
            y = self._target_transform(y)
        return (x, y) if self._columns is None else {self._columns[0]: x, self._columns[1]: y}

    def _input(self, delivered: Delivered) -> Any:
        if self._transform is not None:
            if isinstance(delivered, list):
                return self._transform([self._shown(each) for each in delivered])
            return self._transform(self._shown(delivered))
        array = picture(delivered, mode=self._image, source=self._source)
        self._tell_difference(array, delivered)
        return tensor_of(array, bands_last=array.ndim == (4 if isinstance(delivered, list) else 3))

    def _shown(self, frame: AnyFrame) -> Any:
        """The argument of `transform`: an image of Pillow, or for `raw` the stored values as an array."""
        if self._image == "raw":
            return frame.array(self._source, mode="raw")
        return frame.image(self._source, mode=self._image)

    def _of_target(self, delivered: Delivered, index: int) -> Any:
        if callable(self._target):
            return self._target(delivered)
        if self._target == "label":
            return first_label(delivered, source=self._source)
        if self._target == "multi_hot":
            return torch.from_numpy(multi_hot(delivered, self._labels, source=self._source))
        if isinstance(delivered, list):
            raise InvalidArgument("target: `detection` is for single frames, and this view delivers clips")
        return self._detection(delivered, index)

    def _detection(self, frame: AnyFrame, index: int) -> dict[str, Any]:
        found = objects(frame, source=self._source, size=self._size(frame))
        return detection_target(
            boxes=found.boxes, labels=found.labels, areas=found.areas, masks=found.masks, image_id=index
        )

    def _size(self, frame: AnyFrame) -> tuple[int, int]:
        """Width and height of the picture as shown: as registered, or else decoded."""
        named = (each for each in frame.plain["sources"] if self._source in {"", each["id"]})
        for each in islice(named, 1):
            if each.get("width") and each.get("height"):
                return each["width"], each["height"]
        return frame.image(self._source).size

    def _tell_difference(self, array: Any, delivered: Delivered) -> None:
        """Warns of a frame whose shape breaks a batch, since PyTorch's own error does not name it."""
        if message := self._shapes.difference(array, delivered):
            warnings.warn(
                f"{message}: a batch cannot hold both; give a `transform` that makes them equal", stacklevel=2
            )


def _two(columns: Sequence[str] | None) -> tuple[str, str] | None:
    if columns is None:
        return None
    if isinstance(columns, str) or len(columns) != 2 or columns[0] == columns[1]:
        raise InvalidArgument(f"columns: expected two names, of the image and of the target, got {columns!r:.60}")
    return columns[0], columns[1]
