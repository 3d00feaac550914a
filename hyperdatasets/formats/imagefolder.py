"""Media in a folder per label (torchvision), or with metadata beside them (Hugging Face)."""

from __future__ import annotations

from collections.abc import Iterator

from hyperdatasets.formats import metadata_files
from hyperdatasets.formats.entry import Entry, Item
from hyperdatasets.formats.file_rows import FileRows
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.folder_labels import FolderLabels, folder_labels, nearest_split, tell
from hyperdatasets.formats.mask_pairs import pairs
from hyperdatasets.formats.mask_sizes import check_sizes
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted

WITHOUT_ROW = "files without a row of metadata"
BOTH = "labels from folders, kept although there are files of metadata; Hugging Face leaves such labels out"
LABELS_IN_ROWS = "names of folders, not taken as labels: the metadata has labels"
ONE_FOLDER = "the name of a folder, not taken as a label: there is one such folder only"
CASES = "names of folders, not taken as labels: folders of scans that all have a number are cases"
OF_MASK = "rows of a file that is the mask of another one"
_WEAK = 0.5


def _recognise(folder: Folder) -> Evidence | None:
    described, count = metadata_files.likely_metadata(folder)
    if described:
        return Evidence(count, described, f"{counted(len(described), 'file')} of metadata that name files")
    found = folder_labels(folder)
    if found.clear and (masks := pairs(folder.pictures)).near:
        found = found.without({mask.path for mask in masks.masks})
    if not found.clear:
        return None
    names = len(set(found.labels.values()))
    return Evidence(len(found.labels), (), f"files in {counted(names, 'folder')} of a label", _WEAK)


def _read(reading: Reading) -> Iterator[Entry]:
    folder = reading.folder
    rows = metadata_files.read_rows(reading, described := metadata_files.metadata_files(folder))
    labels = _labels(reading, rows, with_metadata=bool(described))
    masks = {path: list(metadata_files.masks_of(rows, path)) for path in rows.rows}
    are_masks = {mask.path for each in masks.values() for mask in each}
    if described:
        for path in rows.without(folder.media):
            if path not in are_masks:
                reading.ledger.notice("frames", path, WITHOUT_ROW)
    for path in sorted(are_masks.intersection(rows.rows)):
        reading.ledger.lose("table rows", rows.rows[path].place, OF_MASK, path)
    data = sorted({*folder.media, *labels})
    reading.expected = sum(path not in are_masks for path in data)
    for path in data:
        if path in are_masks:
            continue
        entry = Entry(path, split=nearest_split(path), masks=masks.get(path, []))
        check_sizes(folder, path, entry.masks, reading.ledger)
        metadata_files.add_row(entry, rows, reading.ledger)
        if label := labels.get(path):
            entry.items.append(Item({"labels": [label]}, "labels", path, from_folder=True))
        yield entry
    reading.rest(data)


def _labels(reading: Reading, rows: FileRows, *, with_metadata: bool) -> dict[str, str]:
    """Labels from folders, by path."""
    found, ledger = folder_labels(reading.folder), reading.ledger
    if not found.labels:
        return {}
    if with_metadata and (reason := _why_not(found, rows)):
        ledger.notice("labels", _first(found), reason, _named(found), count=len(found.labels))
        return {}
    if with_metadata:
        ledger.notice("labels", _first(found), BOTH, _named(found), count=len(found.labels))
    tell(found, reading.folder, ledger)
    return dict(found.labels)


def _why_not(found: FolderLabels, rows: FileRows) -> str:
    """Why names of folders beside metadata are no labels; empty if they are."""
    if metadata_files.gives_labels(rows):
        return LABELS_IN_ROWS
    return "" if found.clear else CASES if found.cases else ONE_FOLDER


def _first(found: FolderLabels) -> str:
    return next(iter(found.labels))


def _named(found: FolderLabels) -> str:
    names = sorted(set(found.labels.values()))
    return ", ".join(f"`{name[:40]}`" for name in names[:5]) + ("" if len(names) <= 5 else ", …")


FORMAT = Format("imagefolder", "files in a folder per label, or with metadata", _recognise, _read)
