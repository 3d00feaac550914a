"""Views as PyTorch data sets, against the same DataLoader over the same local files; both sides decode the pictures."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import pictures
from benchmarks.measure import Figure, paired
from benchmarks.sites import site
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.client.opened_view import OpenedView
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.formats.media import pixels
from hyperdatasets.v1 import node_service_pb2 as pb

BATCH = 32


def run(folder: Path, *, scale: float) -> list[Figure]:
    try:
        import torch  # noqa: F401
    except ImportError:
        return []
    figures = []
    for kind, make in (("jpg", pictures.jpegs), ("png", pictures.pngs)):
        place = folder / kind
        make(place / "data", int(2_000 * scale))
        files = sorted((place / "data").rglob(f"*.{kind}"))
        with site(place, place / "data") as (client, node):
            view = _view(client, node).open(node)
            for workers in (0, 2):
                figures += _measured(view, files, kind, workers)
            view.close()
    return figures


def _view(client: MetadataClient, node: NodeClient) -> DataView:
    list(node.register(pb.RegisterRequest(path="data", dataset="bench/pictures")))
    DatasetVersion.create_snapshot("bench/pictures", publish_name="v1", client=client)
    view = DataView("all", project="bench", client=client)
    view.add_query(dataset_name="bench/pictures", version_name="v1")
    return view.publish()


def _measured(view: OpenedView, files: list[Path], kind: str, workers: int) -> list[Figure]:
    figures = []
    for how, iterable, shuffled in (("by index, shuffled", False, True), ("in order", True, False)):
        data = view.dataset(frames=True, transform=_of_frame, iterable=iterable, batch_size=BATCH)
        local = _Files(files)
        ours, theirs = paired(
            partial(_epoch, data, workers, shuffled=shuffled),
            partial(_epoch, local, workers, shuffled=shuffled),
            runs=3,
        )
        figures.append(Figure(
            f"epoch over {len(files)} {kind.upper()}s, {how}, {workers} workers", f"{len(files) / ours:.0f} frames/s",
            f"{len(files) / theirs:.0f} files/s: the same loader over the local files", f"{theirs / ours:.2f}", "0.7",
        ))  # fmt: skip
    return figures


def _of_frame(frame: Any) -> int:
    return int(frame.array().nbytes)


class _Files:
    """The files, decoded by the same rules."""

    def __init__(self, files: list[Path]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> int:
        return int(pixels.decode(self._files[index].read_bytes()).nbytes)


def _epoch(data: Any, workers: int, *, shuffled: bool) -> int:
    from torch.utils.data import DataLoader

    loader = DataLoader(data, BATCH, shuffle=shuffled, num_workers=workers, collate_fn=list)
    return sum(size for batch in loader for size in batch)
