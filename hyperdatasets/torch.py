"""Samples of a site as a PyTorch dataset; an extra: `pip install 'hyperdatasets[torch]'`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch.utils.data import IterableDataset, get_worker_info

from hyperdatasets.client.node import open_session


class SiteDataset(IterableDataset):  # type: ignore[misc]  # torch has no types here
    """Reads from the node in the process that iterates; worker w of W takes blocks k with k % W == w.

    With `block` equal to the loader's batch size the loader delivers the very batches that one reader would get.
    """

    def __init__(
        self,
        node: Mapping[str, str],
        settings: Mapping[str, str],
        epoch: int | None,
        transform: Callable[[Any], Any],
        block: int,
    ) -> None:
        self._node, self._settings, self._epoch = dict(node), dict(settings), epoch
        self._transform, self._block = transform, block

    def __iter__(self) -> Iterator[Any]:
        info = get_worker_info()
        worker, workers = (0, 1) if info is None else (info.id, info.num_workers)
        with open_session(self._node, self._settings, self._epoch) as session:
            for sample in session.stream(worker=worker, workers=workers, block=self._block):
                yield self._transform(sample)
