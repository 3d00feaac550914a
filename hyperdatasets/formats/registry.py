"""All formats, by name."""

from __future__ import annotations

from hyperdatasets.formats import (
    coco,
    conll,
    croissant,
    cvat,
    files,
    imagefolder,
    jsonl,
    labelme,
    labelstudio,
    maskfolder,
    parquet,
    voc,
    yolo,
)
from hyperdatasets.formats.reading import Format
from hyperdatasets.formats.writing import WrittenFormat

DETECTED: tuple[Format, ...] = (
    coco.FORMAT, voc.FORMAT, yolo.FORMAT, cvat.FORMAT, labelme.FORMAT, labelstudio.FORMAT, croissant.FORMAT,
    jsonl.FORMAT, parquet.FORMAT, maskfolder.FORMAT, conll.FORMAT, imagefolder.FORMAT,
)  # fmt: skip
FALLBACK = files.FORMAT
READ: dict[str, Format] = {each.name: each for each in (*DETECTED, FALLBACK)}
_WRITTEN = (
    jsonl.WRITTEN, coco.WRITTEN, voc.WRITTEN, yolo.WRITTEN, cvat.WRITTEN, labelstudio.WRITTEN, parquet.WRITTEN,
    croissant.WRITTEN,
)  # fmt: skip
WRITTEN: dict[str, WrittenFormat] = {each.name: each for each in _WRITTEN}

__all__ = ["DETECTED", "FALLBACK", "READ", "WRITTEN", "Format", "WrittenFormat"]
