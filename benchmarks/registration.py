"""Registering pictures at a node, against a plain loop that reads, hashes and thumbnails them with Pillow."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from PIL import Image

from benchmarks import pictures
from benchmarks.measure import Figure, seconds
from benchmarks.sites import site
from hyperdatasets.v1 import node_service_pb2 as pb


def run(folder: Path, *, scale: float) -> list[Figure]:
    count = int(2_000 * scale)
    data = folder / "data"
    pictures.jpegs(data, count)
    with site(folder, data) as (_, node):
        plain = seconds(lambda: _loop(data))
        took = seconds(lambda: list(node.register(pb.RegisterRequest(path="data", dataset="bench/jpegs"))))
        plain = min(plain, seconds(lambda: _loop(data)))
    return [Figure(
        f"register {count} JPEGs at a node",
        f"{count / took:.0f} images/s", f"{count / plain:.0f} /s: a loop with Pillow", f"{plain / took:.2f}", "1.5",
    )]  # fmt: skip


def _loop(data: Path) -> None:
    for path in sorted(data.rglob("*.jpg")):
        content = path.read_bytes()
        hashlib.sha256(content).digest()
        with Image.open(io.BytesIO(content)) as image:
            image.thumbnail((256, 256))
            image.save(io.BytesIO(), "JPEG", quality=80)
