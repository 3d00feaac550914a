"""Folders of data in any known layout: found out, and read entry by entry.

| format | layout |
|---|---|
| voc | `*.xml` in Pascal VOC form, beside the pictures or in `Annotations/` |
| coco | one or more `*.json` with `images` and `annotations` |
| yolo | `data.yaml` or `classes.txt`, a `.txt` per picture in `labels/` or beside it |
| jsonl | `*.jsonl`, a frame in its plain form per line |
| imagefolder | a folder per label |
| files | any files, each perhaps with `<name>.json` beside it (labels, spans, meta) |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from hyperdatasets.core.errors import InvalidArgument, NotFound
from hyperdatasets.core.names import did_you_mean, nearest
from hyperdatasets.formats import coco, files, jsonl, voc, yolo
from hyperdatasets.formats.entry import Entry

Reader = Callable[[Path], Iterator[Entry]]

READERS: dict[str, Reader] = {
    "voc": voc.read,
    "coco": coco.read,
    "yolo": yolo.read,
    "jsonl": jsonl.read,
    "imagefolder": files.read_labelled,
    "files": files.read,
}
_DETECTORS: tuple[tuple[str, Callable[[Path], bool]], ...] = (
    ("jsonl", jsonl.detect),
    ("yolo", yolo.detect),
    ("voc", voc.detect),
    ("coco", coco.detect),
    ("imagefolder", files.detect_labelled),
)


def read(folder: Path, format_name: str = "auto") -> Iterator[Entry]:
    """The entries of a folder, by path; files that are there without annotations come too.

    Raises:
        NotFound: there is no such folder.
        InvalidArgument: the format is unknown.
    """
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder}", kind="folder", name=str(folder))
    name = format_name if format_name not in {"", "auto"} else detect(folder)
    reader = READERS.get(name)
    if reader is None:
        close = did_you_mean(nearest(name, READERS)) or f" There are: {', '.join(READERS)}."
        raise InvalidArgument(f"there is no format `{name}`.{close}")
    return reader(folder)


def detect(folder: Path) -> str:
    """The format of a folder; `files` if nothing speaks for another."""
    return next((name for name, holds in _DETECTORS if holds(folder)), "files")
