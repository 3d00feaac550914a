"""Folders of pictures with mask pictures: CamVid, Cityscapes and their like."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from hyperdatasets.formats.entry import Entry, MaskFile
from hyperdatasets.formats.folder import Folder, stem, suffix
from hyperdatasets.formats.folder_labels import folder_labels, nearest_split
from hyperdatasets.formats.ledger import Ledger, listed
from hyperdatasets.formats.mask_colours import NO_LIST, NOT_USED, colours, lists_of_classes, other_lists
from hyperdatasets.formats.mask_pairs import Mask, Pairs, pairs
from hyperdatasets.formats.mask_sizes import check_sizes
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted
from hyperdatasets.formats.suffixes import PICTURES

LONELY = "masks without a picture"
UNCLEAR = "masks that fit several pictures"
UNMASKED = "pictures without a mask"
NOT_TAKEN = "names of folders, not taken as labels; `option format=imagefolder` takes them, but reads no masks"
LOSSY = "masks stored as JPEG, whose colours are not exact"
_LOSSY = frozenset({".jpg", ".jpeg", ".jpe", ".jfif"})


def _recognise(folder: Folder) -> Evidence | None:
    found = pairs(folder.pictures)
    if not found.near:
        return None
    masks = [mask.path for mask in found.masks]
    told = f"{counted(len(masks), 'mask picture')} of {counted(len(found.of), 'picture')}"
    return Evidence(len(found.of), [*masks, *lists_of_classes(folder)], told)


def _read(reading: Reading) -> Iterator[Entry]:
    folder, ledger = reading.folder, reading.ledger
    found = pairs(folder.pictures)
    masks = {mask.path for mask in (*found.masks, *found.lonely, *found.unclear)}
    _tell(found, ledger)
    _tell_labels(folder, masks, ledger)
    kinds: set[str] = set()
    data = [path for path in folder.media if path not in masks]
    reading.expected = len(data)
    for path in data:
        files = _mask_files(found.of.get(path, ()))
        kinds.update(mask.id for mask in files)
        if not files and suffix(path) in PICTURES:
            ledger.notice("frames", path, UNMASKED)
        check_sizes(folder, path, files, ledger)
        yield Entry(path, split=nearest_split(path), masks=files)
    reading.used |= masks
    _name_colours(reading, sorted(kinds))
    reading.rest(data)


def _tell(found: Pairs, ledger: Ledger) -> None:
    for mask in found.lonely:
        ledger.lose("masks", mask.path, LONELY)
    for mask in found.unclear:
        ledger.lose("masks", mask.path, UNCLEAR)
    for mask in found.masks:
        if suffix(mask.path) in _LOSSY:
            ledger.notice("masks", mask.path, LOSSY)


def _tell_labels(folder: Folder, masks: set[str], ledger: Ledger) -> None:
    """Pictures may lie in a folder per label, too; that is another format."""
    labels = folder_labels(folder)
    labelled = {path: label for path, label in labels.labels.items() if path not in masks}
    if len(set(labelled.values())) > 1:
        told = listed(f"`{label[:40]}`" for label in sorted(set(labelled.values())))
        ledger.notice("labels", next(iter(labelled)), NOT_TAKEN, told, count=len(labelled))


def _mask_files(masks: Sequence[Mask]) -> list[MaskFile]:
    """Masks with ids; several of one kind are told apart by their names."""
    times = Counter(mask.kind for mask in masks)
    named = [f"{mask.kind}/{stem(mask.path)}" if times[mask.kind] > 1 else mask.kind for mask in masks]
    again = Counter(named)
    return [
        MaskFile(mask.path if again[name] > 1 else name, mask.path)
        for mask, name in zip(masks, named, strict=True)
    ]  # fmt: skip


def _name_colours(reading: Reading, kinds: Sequence[str]) -> None:
    lists = lists_of_classes(reading.folder)
    reading.used.update(lists)
    labels = colours(reading.folder, lists, reading.ledger)
    for path in other_lists(reading.folder):
        reading.used.add(path)
        reading.ledger.notice("table rows", path, NOT_USED)
    if labels:
        for kind in kinds:
            reading.mask_labels[kind] = {colour: list(names) for colour, names in labels.items()}
    elif kinds:
        reading.ledger.notice("masks", kinds[0], NO_LIST, ", ".join(kinds[:5]))


FORMAT = Format("masks", "pictures with mask pictures", _recognise, _read)
