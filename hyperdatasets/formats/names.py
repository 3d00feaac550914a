"""The names of all formats; `registry.py` has what reads and writes them."""

from __future__ import annotations

READ = (
    "coco", "voc", "yolo", "cvat", "labelme", "labelstudio", "croissant", "jsonl", "parquet", "masks", "conll",
    "imagefolder", "files",
)  # fmt: skip
WRITTEN = ("jsonl", "coco", "voc", "yolo", "cvat", "labelstudio", "parquet", "croissant")
