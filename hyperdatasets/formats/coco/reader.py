"""Reads COCO: all JSON files of a folder describe one set of pictures."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hyperdatasets.formats.coco.documents import MAY_BE, looks_like_coco, problem_of, utf8
from hyperdatasets.formats.coco.merging import Merger
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.folder import Folder, Unreadable, split_of, stem
from hyperdatasets.formats.mask_sizes import check_sizes
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted
from hyperdatasets.formats.sampling import all_or_found, beginning_with, few, sample

_THRESHOLD = (100_000, 20, 20)  # of the garbage collector
_LAST = 1e-9  # weight of evidence that counts only where no other format fits


def recognise(folder: Folder) -> Evidence | None:
    """JSON files with `images`, `annotations` and `categories`, in any order."""
    found, damaged, names, objects = [], [], 0, 0
    paths = folder.with_suffix(".json")
    likely = beginning_with(folder, paths, MAY_BE)
    looked_at = few(folder, likely)
    for path in dict.fromkeys((*looked_at, *sample(paths))):
        try:
            content = utf8(folder.read(path))
        except Unreadable:  # told when it is read
            continue
        if looks_like_coco(content):
            found.append(path)
            names += content.count(b'"file_name"')
            objects += content.count(b'"image_id"')
        elif stem(path) not in folder.by_stem and problem_of(content):
            damaged.append(path)
    if not found:
        return _damaged(damaged) if folder.data == folder.media else None
    used = all_or_found(likely, looked_at, found)
    names, objects = (number * len(used) // len(found) for number in (names, objects))
    annotated = min(names, len(folder.media))
    files = counted(len(used), "JSON file that lists", "JSON files that list")
    told = f"{files} {counted(objects, 'annotation')} of {counted(annotated, 'picture')}"
    return Evidence(annotated, used, told) if annotated else Evidence(max(1, names), used, told, _LAST)


def _damaged(paths: Sequence[str]) -> Evidence | None:
    """Damaged files count as COCO where no other format fits, so that the run names them and fails."""
    told = counted(len(paths), "JSON file that cannot be read", "JSON files that cannot be read")
    return Evidence(len(paths), paths, told, _LAST) if paths else None


def read(reading: Reading) -> Iterator[Entry]:
    """Pictures that the documents name, each once with what all of them say, and those that none names."""
    with unscanned() as freeze:
        merger = Merger(reading)
        freeze()
        yield from _entries(reading, merger)


@contextmanager
def unscanned() -> Iterator[Callable[[], None]]:
    """What is made from here until the given function is called is not looked through for garbage: of millions of
    parsed objects none is, and looking through them again and again takes more time than all the rest. What is made
    after that is looked through less often.
    """
    enabled, threshold = gc.isenabled(), gc.get_threshold()
    gc.disable()
    gc.set_threshold(*_THRESHOLD)

    def freeze() -> None:
        gc.freeze()
        if enabled:
            gc.enable()

    try:
        yield freeze
    finally:
        gc.unfreeze()
        gc.set_threshold(*threshold)
        if enabled:
            gc.enable()


def _entries(reading: Reading, merger: Merger) -> Iterator[Entry]:
    data = sorted({*reading.folder.media, *merger.pictures} - merger.masks)
    reading.expected = len(data)
    for path in data:
        picture = merger.pictures.pop(path, None)
        if picture is not None:
            entry = merger.entry(picture)
            check_sizes(reading.folder, path, entry.masks, reading.ledger)
            yield entry
        else:
            if merger.documents:
                reading.ledger.notice("frames", path, "pictures that no annotation file names")
            yield Entry(path, split=split_of(path))
    reading.rest({*data, *merger.masks})


FORMAT = Format("coco", "COCO", recognise, read)
