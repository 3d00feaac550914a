"""Frames as PyTorch data sets; an extra: `pip install 'hyperdatasets[torch]'`. Made by `view.dataset()`.

They work with DataLoader and with torchdata's StatefulDataLoader, in any number of worker processes, which share one
count of what was delivered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import index as as_index
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset, IterableDataset, get_worker_info


class Counts(Protocol):
    """Numbers that all processes share; see `client.delivery_counts.DeliveryCounts`."""

    @property
    def epoch(self) -> int | None: ...

    @property
    def delivered(self) -> int: ...

    @property
    def mismatched(self) -> int: ...

    @property
    def withdrawn(self) -> int: ...


class Supply(Protocol):
    """The positions of one epoch; see `client.frame_supply.FrameSupply`."""

    @property
    def counts(self) -> Counts: ...

    def __len__(self) -> int: ...

    def set_epoch(self, epoch: int) -> None: ...

    def nothing_came(self, indexes: Sequence[int]) -> Exception: ...

    def one(self, index: int) -> Any: ...

    def read(self, indexes: Sequence[int]) -> list[Any]: ...

    def stream(self, mark: tuple[int, int], *, worker: int, workers: int, block: int) -> Iterator[Any]: ...


class _Counted:
    """A data set over a supply: its length, its epoch, its counts."""

    _supply: Supply

    def __len__(self) -> int:
        """Positions of the epoch.

        Raises:
            InvalidArgument: the view repeats without end, and no epoch was set.
        """
        return len(self._supply)

    def __repr__(self) -> str:
        counts = self._supply.counts
        left_out = "".join(
            f", {count} {what}"
            for what, count in (("mismatched", counts.mismatched), ("withdrawn", counts.withdrawn)) if count
        )  # fmt: skip
        epoch = "" if counts.epoch is None else f"epoch {counts.epoch}, "
        return f"{type(self).__name__}({epoch}{counts.delivered} delivered{left_out})"

    def set_epoch(self, epoch: int) -> None:
        """Reads this epoch of a view that repeats from now on, in all workers; others have one epoch, read again.

        Raises:
            InvalidArgument: it is no whole number from 0, or past the end of the order.
        """
        self._supply.set_epoch(epoch)

    @property
    def delivered(self) -> int:
        """Positions that were handed to the loader so far, in all processes."""
        return self._supply.counts.delivered

    @property
    def mismatched(self) -> int:
        """Frames that were left out so far since their files changed after registration."""
        return self._supply.counts.mismatched

    @property
    def withdrawn(self) -> int:
        """Frames that were left out so far since they were withdrawn."""
        return self._supply.counts.withdrawn


class FrameDataset(_Counted, Dataset[Any]):  # type: ignore[misc]  # torch has no types here
    """A data set by index, for samplers that shuffle, `Subset` and `random_split`.

    A loader asks for whole batches, each with one request. A position whose frame is left out is missing in its batch
    and counted.
    """

    def __init__(self, supply: Supply, make: Callable[[Any, int], Any]) -> None:
        """`make`: makes an example of the frame (or clip) at a position, and of its index in the data set."""
        self._supply, self._make = supply, make

    def __getitem__(self, index: int) -> Any:
        """The example at an index; negative indexes count from the end.

        Raises:
            IndexError: there is no such position.
            TypeError: it is no whole number.
            SourceUnreadable: its frame is left out: its file changed, or it was withdrawn.
        """
        came = self._supply.one(as_index(index))
        return self._make(came.delivered, came.number)

    def __getitems__(self, indexes: Sequence[int]) -> list[Any]:
        """A batch; PyTorch calls it."""
        found = self._supply.read([as_index(each) for each in indexes])
        if indexes and not found:
            raise self._supply.nothing_came(indexes)
        return [self._make(each.delivered, each.number) for each in found]


class FrameStream(_Counted, IterableDataset[Any]):  # type: ignore[misc]
    """A data set in the view's order; worker w of W takes the blocks k with k % W == w.

    With `block` equal to the loader's batch size the loader delivers whole batches, the same ones with any number of
    workers. `state_dict` returns the place that this process has reached; StatefulDataLoader keeps it for each worker.
    """

    def __init__(self, supply: Supply, make: Callable[[Any, int], Any], *, block: int) -> None:
        """`make`: makes an example of the frame (or clip) at a position, and of its index in the data set."""
        self._supply, self._make, self._block = supply, make, block
        self._mark: tuple[int, int] = (0, 0)
        self._resumed = False

    def __iter__(self) -> Iterator[Any]:
        len(self)  # a view without end is refused
        self._mark = self._mark if self._resumed else (0, 0)
        self._resumed = False
        return self._from(self._mark)

    def _from(self, mark: tuple[int, int]) -> Iterator[Any]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        for came in self._supply.stream(mark, worker=worker, workers=workers, block=self._block):
            self._mark = (came.behind.site, came.behind.position)
            yield self._make(came.delivered, came.number)
        if info is None:  # a worker stays at its end: StatefulDataLoader asks it while others still have batches
            self._mark = (0, 0)

    def state_dict(self) -> dict[str, Any]:
        """The place that this process has reached, for `load_state_dict` of a data set over the same view."""
        return {"site": self._mark[0], "position": self._mark[1], "epoch": self._supply.counts.epoch}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from there at the next iteration."""
        self._mark, self._resumed = (int(state["site"]), int(state["position"])), True
        if state["epoch"] is not None:
            self.set_epoch(state["epoch"])


def tensor_of(array: NDArray[Any], *, bands_last: bool) -> torch.Tensor:
    """A picture as a tensor of shape (bands, height, width); of a clip (frames, bands, height, width).

    Args:
        bands_last: the last axis has the bands; else there is one band, which gets an axis.
    """
    moved = np.moveaxis(array, -1, -3) if bands_last else np.expand_dims(array, -3)
    return torch.from_numpy(np.ascontiguousarray(moved))


def detection_target(
    *,
    boxes: NDArray[np.float32],
    labels: NDArray[np.int64],
    areas: NDArray[np.float32],
    masks: NDArray[np.uint8] | None,
    image_id: int,
) -> dict[str, Any]:
    """Objects as torchvision's detection models take them.

    Returns:
        boxes (n, 4) as left, top, right, bottom; labels (n,); area (n,); iscrowd (n,), all 0; image_id; and masks
        (n, height, width), if there are any.
    """
    target = {
        "boxes": torch.from_numpy(boxes), "labels": torch.from_numpy(labels), "area": torch.from_numpy(areas),
        "iscrowd": torch.zeros(len(labels), dtype=torch.int64), "image_id": image_id,
    }  # fmt: skip
    return target if masks is None else target | {"masks": torch.from_numpy(masks)}
