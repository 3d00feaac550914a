"""Bringing data in: a COCO file against pycocotools and Pillow, detection against a walk over the folder."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import random
import time
import warnings
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from benchmarks import pictures
from benchmarks.measure import Figure, paired, seconds, server
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.importing import import_frames
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.formats import registry
from hyperdatasets.formats.detection import detect
from hyperdatasets.formats.folder import Folder

_PER_PICTURE = 50  # annotations
_RUNS = 5


def run(folder: Path, *, scale: float) -> list[Figure]:
    return [*_coco(folder / "coco", int(4_000 * scale)), _detection(folder / "many", int(100_000 * scale))]


def _coco(folder: Path, count: int) -> list[Figure]:
    """Times of the client's process: by the clock, while the service works in its own, and of its processors."""
    from pycocotools.coco import COCO

    pictures.jpegs(folder / "data", count)
    listed = _annotations(folder / "data")

    def baseline() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            COCO(str(listed))
        for path in (folder / "data").rglob("*.jpg"):
            content = path.read_bytes()
            hashlib.sha256(content).digest()
            with Image.open(io.BytesIO(content)) as image:
                assert image.size

    with server("metadata_service", "--data", str(folder / "service"), "--port", "0") as address:
        client = MetadataClient(ClientConfig(service=address, timeout_s=3_600))

        def bring(number: int) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ledger = import_frames(folder / "data", dataset_name=f"coco-{number}", client=client)
            assert ledger.kept["boxes"] + ledger.kept["polygons"] == count * _PER_PICTURE, ledger

        took = [_both(lambda number=number: bring(number)) for number in range(_RUNS)]
        plain = [_both(baseline) for _ in range(_RUNS)]
        client.close()
    what = f"import a COCO file with {count * _PER_PICTURE} annotations over {count} pictures"
    figures = []
    for place, of in ((0, "by the clock"), (1, "processor time of the client")):
        ours, theirs = min(each[place] for each in took), min(each[place] for each in plain)
        figures.append(Figure(
            f"{what}, {of}, best of {_RUNS}", f"{ours:.1f} s",
            f"{theirs:.1f} s: pycocotools loads it, Pillow opens and SHA-256 reads each file",
            f"{ours / theirs:.2f}", "2",
        ))  # fmt: skip
    return figures


def _both(work: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the clock, and of this process's processors."""
    before = time.process_time()
    took = seconds(work)
    return took, time.process_time() - before


def _annotations(folder: Path) -> Path:
    """Half boxes, half polygons of eight points."""
    rng = random.Random(7)
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))
    listed = []
    for number in range(len(names) * _PER_PICTURE):
        x, y, w, h = rng.uniform(0, 500), rng.uniform(0, 350), rng.uniform(5, 100), rng.uniform(5, 100)
        one = {"id": number, "image_id": number // _PER_PICTURE, "category_id": number % 80, "iscrowd": 0,
               "bbox": [round(each, 2) for each in (x, y, w, h)], "area": round(w * h, 2)}  # fmt: skip
        if number % 2:
            ring = [
                x,
                y,
                x + w / 2,
                y,
                x + w,
                y,
                x + w,
                y + h / 2,
                x + w,
                y + h,
                x + w / 2,
                y + h,
                x,
                y + h,
                x,
                y + h / 2,
            ]
            one["segmentation"] = [[round(each, 2) for each in ring]]
        listed.append(one)
    content = {
        "images": [{"id": n, "file_name": name, "width": 640, "height": 480} for n, name in enumerate(names)],
        "annotations": listed, "categories": [{"id": n, "name": f"kind {n}"} for n in range(80)],
    }  # fmt: skip
    path = folder / "instances.json"
    path.write_text(json.dumps(content))
    return path


def _detection(folder: Path, count: int) -> Figure:
    """Half pictures, half label files, in a hundred folders each."""
    for number in range(count // 2):
        for kind, suffix, text in (("images", "jpg", ""), ("labels", "txt", "0 .5 .5 .1 .1\n")):
            path = folder / kind / f"{number % 100:02}" / f"{number:06}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    (folder / "data.yaml").write_text("names: [cat]\n")

    def look() -> None:
        found = detect(Folder(folder), registry.DETECTED, registry.FALLBACK)
        assert found.format.name == "yolo"

    def walk() -> None:
        for current, _, names in os.walk(folder):
            for name in names:
                os.stat(f"{current}/{name}")  # noqa: PTH116  # what is measured

    took, plain = paired(look, walk)
    return Figure(
        f"find the format of {count} files", f"{took:.2f} s", f"{plain:.2f} s: os.walk with stat",
        f"{took / plain:.2f}", "2",
    )  # fmt: skip
