"""Reads Pascal VOC: every picture is an entry, with the objects of its XML file and its masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element

from hyperdatasets.formats.entry import Entry, MaskFile
from hyperdatasets.formats.extension import add_frame_fields, own_of_frame
from hyperdatasets.formats.folder import Folder, Unreadable, name_of, posix, stem
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.mask_sizes import check_sizes
from hyperdatasets.formats.nearness import nearest
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted
from hyperdatasets.formats.sampling import sample
from hyperdatasets.formats.voc.documents import FOREIGN, Document, documents, looks_like_voc, root_of, segments_in
from hyperdatasets.formats.voc.elements import own_of
from hyperdatasets.formats.voc.image_sets import ImageSets
from hyperdatasets.formats.voc.masks import Masks, maps_in, name_colours
from hyperdatasets.formats.voc.objects import read_object
from hyperdatasets.formats.voc.pairing import pair
from hyperdatasets.formats.voc.picture import read_picture
from hyperdatasets.formats.voc.picture_names import PictureNames

REPEATED = "elements that only repeat what the picture's file says, such as folder and path"
PARTS = "parts of objects, kept in `parts` of the metadata of their object"
NO_MASK = "masks that an XML file names, but are not there, or are there several times"
_SAMPLE = 20


def recognise(folder: Folder) -> Evidence | None:
    """XML files with the root element of VOC that have a picture, and masks in `SegmentationClass`."""
    masks = Masks(folder, ())
    files = [path for path in folder.with_suffix(".xml") if not path.lower().endswith(".aux.xml")]
    if not files and not masks.paths:
        return None
    pictures = [path for path in folder.pictures if path not in masks.paths]
    stems, names = set(map(stem, pictures)), PictureNames(pictures)
    looked_at = dict.fromkeys((*sample(files, _SAMPLE), *sample(files[1:], _SAMPLE)))
    fitting = [path for path in looked_at if looks_like_voc(folder, path)]
    paired = [path for path in fitting if names.has_file_of(path) or _names_picture(folder, path, names)]
    described = len(files) * len(paired) // len(looked_at) if paired else 0
    masked = {stem(path) for path in masks.paths} & stems
    annotated = max(described, len(masked), len(paired))
    if not annotated:
        return None
    used = [path for path in files if path not in looked_at or path in fitting]
    return Evidence(
        annotated, [*used, *sorted(masks.paths), *maps_in(folder)], _told(used if paired else [], len(masked))
    )


def _names_picture(folder: Folder, path: str, names: PictureNames) -> bool:
    try:
        named = root_of(folder, path).findtext("filename") or ""
    except Unreadable:
        return False
    return names.has(name_of(posix(named)))


def _told(files: Sequence[str], masked: int) -> str:
    whose = "its picture" if len(files) == 1 else "their pictures"
    told = [f"{counted(len(files), 'XML file')} beside {whose}"] if files else []
    return ", ".join(told + ([f"masks of {counted(masked, 'picture')}"] if masked else []))


def read(reading: Reading) -> Iterator[Entry]:
    """Pictures by path; each XML file is read twice, so that memory holds names only."""
    yield from _Reader(reading).entries()


class _Reader:
    def __init__(self, reading: Reading) -> None:
        self._reading, self._folder, self._ledger = reading, reading.folder, reading.ledger
        self._documents = documents(reading)
        named = [mask for each in self._documents.values() for mask in each.masks]
        self._own_masks = {name: found for name in named if (found := _mask_named(self._folder, name))}
        self._masks = Masks(self._folder, (path for paths in self._own_masks.values() for path in paths))
        self._pictures = [path for path in self._folder.pictures if path not in self._masks.paths]
        self._labels: set[str] = set()
        self._repeated = self._parts = 0

    def entries(self) -> Iterator[Entry]:
        documents_of = pair(self._documents.values(), self._pictures, self._ledger, self._attributes_in)
        self._masks.give(self._pictures, self._ledger)
        splits = ImageSets(self._reading, self._pictures)
        self._reading.expected = len(self._pictures)
        for path in self._pictures:
            entry = Entry(path, masks=self._masks.of.get(path, []))
            splits.give(entry)
            document = documents_of.get(path)
            if document is None or not self._describe(entry, document, listed=splits.has(path)):
                splits.give_folder(entry)
            check_sizes(self._folder, path, entry.masks, self._ledger)
            yield entry
        self._finish()

    def _attributes_in(self, document: Document) -> int:
        """How much metadata a file has of its picture and its objects."""
        try:
            root = root_of(self._folder, document.path)
        except Unreadable:  # it was readable before
            return 0
        unheard = Ledger()
        objects = (read_object(element, "", unheard) for element in root.iterfind("object"))
        said = Entry(document.path, items=[item for item in objects if item])
        said.meta = read_picture(root, "", unheard).meta
        return said.held().get("attributes", 0)

    def _describe(self, entry: Entry, document: Document, *, listed: bool) -> bool:
        """Adds what an XML file says; whether our own data in it settles the split."""
        try:
            root = root_of(self._folder, document.path)
        except Unreadable as error:  # it was readable before
            self._ledger.unreadable(document.path, "XML files that changed while they were read", str(error))
            return False
        entry.place = document.path
        said = read_picture(root, document.path, self._ledger)
        entry.meta, entry.stated = said.meta, said.size
        split = entry.meta.pop("split") if isinstance(entry.meta.get("split"), str) and entry.meta["split"] else ""
        self._repeated += said.repeated
        for number, element in enumerate(root.iterfind("object"), start=1):
            item = read_object(element, f"{document.path}, object {number}", self._ledger)
            if item:
                entry.items.append(item)
                self._labels.update(map(str, item.plain["labels"]))
                parts = item.plain.get("meta", {}).get("parts")
                self._parts += len(parts) if isinstance(parts, list) else 0
        segments = [{"id": stem(name), "path": name} for name in segments_in(root)]
        entry.masks = [*entry.masks, *self._named_masks(entry, segments)]
        settled = self._add_own(entry, root, listed=listed)
        entry.add_split(split, document.path)
        return settled

    def _add_own(self, entry: Entry, root: Element, *, listed: bool) -> bool:
        """What our writer put into the file for us; whether it settles the split. A list may have changed since."""
        own = own_of_frame(own_of(root, entry.place, self._ledger), entry.place, self._ledger)
        entry.meta = {name: value for name, value in entry.meta.items() if name not in own.get("gone", ())}
        add_frame_fields(entry, own, entry.place)
        if "split" in own and not listed:
            entry.add_split(own["split"], entry.place)
        if "masks" in own:
            named = list(self._named_masks(entry, own["masks"]))
            entry.masks = named + [mask for mask in entry.masks if mask.path not in {each.path for each in named}]
        return "split" in own

    def _named_masks(self, entry: Entry, masks: Sequence[object]) -> Iterator[MaskFile]:
        for mask in masks:
            named = mask if isinstance(mask, dict) else {}
            found = nearest(entry.path, self._own_masks.get(str(named.get("path")), ()))
            if len(found) == 1:
                yield MaskFile(str(named.get("id", "")), found[0])
            else:
                self._ledger.lose("masks", entry.place, NO_MASK, str(named.get("path"))[:200])

    def _finish(self) -> None:
        reading, ledger = self._reading, self._ledger
        name_colours(reading, self._masks, self._labels)
        place = f"{counted(len(self._documents), 'XML file')}"
        if self._repeated:
            ledger.skip("attributes", place, REPEATED, count=self._repeated)
        if self._parts:
            ledger.notice("boxes", place, PARTS, count=self._parts)
        foreign = [path for path in self._folder.with_suffix(".xml") if path not in reading.used]
        for path in foreign:
            if path not in reading.unread:  # a file of another format, which is named as one
                reading.used.add(path)
                ledger.skip("other files", path, FOREIGN)
        reading.rest({*self._pictures, *self._masks.paths})


def _mask_named(folder: Folder, name: str) -> list[str]:
    """The files with the whole path that our writer gave a mask; the export may lie in a folder now."""
    return [path for path in folder.by_name.get(name_of(name), ()) if f"/{path}".endswith(f"/{name}")]


FORMAT = Format("voc", "Pascal VOC", recognise, read)
