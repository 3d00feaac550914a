"""Reads COCO: all JSON files of a folder describe one set of pictures."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

from hyperdatasets.formats.coco.documents import looks_like_coco
from hyperdatasets.formats.coco.merging import Merger
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.folder import Folder, Unreadable, split_of
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted, sample


def recognise(folder: Folder) -> Evidence | None:
    """JSON files with `images`, `annotations` and `categories`, in any order."""
    used, names, objects = [], 0, 0
    for path in sample(folder.with_suffix(".json")):
        try:
            content = folder.read(path)
        except Unreadable:  # told when it is read
            continue
        if looks_like_coco(content):
            used.append(path)
            names += content.count(b'"file_name"')
            objects += content.count(b'"image_id"')
    if not used:
        return None
    annotated = min(names, len(folder.media))
    files = counted(len(used), "JSON file that lists", "JSON files that list")
    return Evidence(annotated, used, f"{files} {counted(objects, 'annotation')} of {counted(annotated, 'picture')}")


def read(reading: Reading) -> Iterator[Entry]:
    """Pictures that the documents name, each once with what all of them say, and those that none names."""
    merger = Merger(reading)
    with unscanned():
        yield from _entries(reading, merger)


@contextmanager
def unscanned() -> Iterator[None]:
    """What is in memory now is not looked through for garbage: of millions of parsed objects none is, and looking
    through them again and again takes more time than all the rest.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _entries(reading: Reading, merger: Merger) -> Iterator[Entry]:
    data = sorted({*reading.folder.media, *merger.pictures} - merger.masks)
    for path in data:
        picture = merger.pictures.pop(path, None)
        if picture is not None:
            yield merger.entry(picture)
        else:
            if merger.documents:
                reading.ledger.notice("frames", path, "pictures that no annotation file names")
            yield Entry(path, split=split_of(path))
    reading.rest({*data, *merger.masks})


FORMAT = Format("coco", "COCO", recognise, read)
