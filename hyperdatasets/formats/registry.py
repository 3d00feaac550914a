"""All formats, by name."""

from __future__ import annotations

from hyperdatasets.formats import (
    coco,
    conll,
    croissant,
    cvat,
    cvat_video,
    described,
    file_rows,
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
from hyperdatasets.formats.coco import merging
from hyperdatasets.formats.reading import Format
from hyperdatasets.formats.voc import masks, pairing
from hyperdatasets.formats.writing import WrittenFormat
from hyperdatasets.formats.yolo import reader

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
MISSING = frozenset({
    merging.MISSING, pairing.MISSING, pairing.NO_PICTURE, masks.ORPHANS, reader.NO_PICTURE, described.MISSING,
    file_rows.NO_FILE, cvat_video.NO_PICTURE,
})  # fmt: skip
"""Reasons of losses: annotations of files that are not in the folder."""
WRITTEN: dict[str, WrittenFormat] = {each.name: each for each in _WRITTEN}

__all__ = ["DETECTED", "FALLBACK", "MISSING", "READ", "WRITTEN", "Format", "WrittenFormat"]
