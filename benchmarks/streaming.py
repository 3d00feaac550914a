"""Frames from a node to a client, against reading the same files in a Python loop (and with torch's DataLoader)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import pictures
from benchmarks.measure import Figure, paired
from benchmarks.sites import site
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.v1 import node_service_pb2 as pb


def run(folder: Path, *, scale: float) -> list[Figure]:
    count = int(2_000 * scale)
    figures = []
    for kind, make, goal in (("jpg", pictures.jpegs, "0.28"), ("png", pictures.pngs, "0.65")):
        place = folder / kind
        data = place / "data"
        make(data, count)
        with site(place, data) as (client, node):
            figures += _measured(client, node, data, kind, goal)
    return figures


def _measured(client: MetadataClient, node: NodeClient, data: Path, kind: str, goal: str) -> list[Figure]:
    list(node.register(pb.RegisterRequest(path="data", dataset="bench/pictures")))
    DatasetVersion.create_snapshot("bench/pictures", publish_name="v1", client=client)
    view = DataView("all", project="bench", iteration_order="random", client=client)
    view.add_query(dataset_name="bench/pictures", version_name="v1")
    reference = view.publish().reference
    session = node.open(view=reference)
    files = sorted(data.rglob(f"*.{kind}"))
    size = sum(path.stat().st_size for path in files)
    streamed, read = paired(
        lambda: sum(len(sample.content()) for sample in session.stream()),
        lambda: sum(len(path.read_bytes()) for path in files),
    )
    first = min(_first(session.stream) for _ in range(10))
    shown = f"{size / len(files) / 1000:.1f} kB"
    figures = [
        Figure(f"stream {len(files)} {kind.upper()}s of {shown} from the node", f"{len(files) / streamed:.0f} frames/s",
               f"{len(files) / read:.0f} files/s: a loop over the local files", f"{read / streamed:.2f}", goal),
        Figure(f"first frame of that stream ({kind.upper()})", f"{first * 1000:.1f} ms", "", "", "20 ms"),
    ]  # fmt: skip
    loader = _torch(files)
    if loader is not None and kind == "jpg":
        streamed, loaded = paired(lambda: sum(len(s.content()) for s in session.stream()), loader, runs=3)
        figures.append(Figure("the same stream", f"{len(files) / streamed:.0f} frames/s",
                              f"{len(files) / loaded:.0f} files/s: torch DataLoader, 2 workers, the same files",
                              f"{loaded / streamed:.2f}", "2"))  # fmt: skip
    return figures


def _first(stream: Callable[..., object]) -> float:
    started = time.perf_counter()
    iterator = stream()
    next(iterator)
    took = time.perf_counter() - started
    iterator.close()
    return took


def _torch(files: list[Path]) -> Callable[[], object] | None:
    try:
        from torch.utils.data import DataLoader, Dataset
    except ImportError:
        return None

    class Files(Dataset):
        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, index: int) -> bytes:
            return files[index].read_bytes()

    return lambda: sum(len(each) for batch in DataLoader(Files(), 32, num_workers=2, collate_fn=list) for each in batch)
