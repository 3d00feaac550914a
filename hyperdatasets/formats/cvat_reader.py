"""Reads CVAT's XML 1.1: shapes of pictures, and tracks of a video whose frames are pictures in the folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hyperdatasets.formats.cvat_annotation import Given, Spec, item_of_shape, json_of, xml_text
from hyperdatasets.formats.cvat_shapes import KINDS
from hyperdatasets.formats.cvat_video import add_tracks
from hyperdatasets.formats.described import Described, split_of_subset
from hyperdatasets.formats.entry import Entry, Item
from hyperdatasets.formats.extension import OWN, add_frame_fields, own_of_frame
from hyperdatasets.formats.folder import Folder, Unreadable, parent, split_of
from hyperdatasets.formats.joining import join
from hyperdatasets.formats.ledger import Kind, Ledger
from hyperdatasets.formats.reading import Evidence, Format, Reading, counted
from hyperdatasets.formats.sampling import beginning_with, few

_ROOT = re.compile(rb"<annotations[\s>]")
_DESCRIBED = re.compile(rb"<image\s|<track\s")
_OLD_STYLE = re.compile(r"[@~](\w+)=([^:]+):")  # an attribute of version 1.0: `@select=quality:good,bad`
_SIDE = re.compile(r"0*[1-9]\d{0,8}", re.ASCII)
_HEAD = 4_096  # bytes
_PIECE = 1 << 22  # bytes that are searched at once
_OF_IMAGE = frozenset({"id", "name", "width", "height", "subset", OWN})
ABOUT = "what the file says of its task, such as its owner and its dates"
BROKEN = "CVAT files that cannot be read"
SIZE = "width and height that are no whole numbers"


def recognise(folder: Folder) -> Evidence | None:
    """XML files with the root `<annotations>`, which VOC does not have."""
    paths = folder.with_suffix(".xml")
    named = [path for path in paths if _is_of_a_picture(folder, path)]  # most are VOC
    others = sorted(set(paths).difference(named))
    used = [*beginning_with(folder, others, _ROOT), *beginning_with(folder, named, _ROOT)]
    if not used:
        return None
    looked_at = few(folder, used)
    described = sum(_count(folder, path) for path in looked_at) * len(used) // len(looked_at)
    annotated = min(described, len(folder.pictures))
    return Evidence(
        annotated,
        used,
        f"{counted(len(used), 'CVAT file')} with {counted(described, 'picture or track', 'pictures or tracks')}",
    )


def _is_of_a_picture(folder: Folder, path: str) -> bool:
    return path.removesuffix(".xml").rpartition("/")[2] in folder.by_stem


def _count(folder: Folder, path: str) -> int:
    """How many pictures and tracks a file has."""
    total, rest = 0, b""
    try:
        with folder.open(path) as file:
            while piece := file.read(_PIECE):
                total += len(_DESCRIBED.findall(rest + piece))
                rest = piece[-6:]  # shorter than what is searched
    except OSError:
        return total
    return total


def read(reading: Reading) -> Iterator[Entry]:
    described = Described(reading, reading.folder.pictures)
    for path in reading.folder.with_suffix(".xml"):
        if _ROOT.search(reading.folder.head(path, _HEAD)):
            reading.used.add(path)
            root = _parsed(reading.folder, path, reading.ledger)
            if root is not None:
                _Document(path, root, described).read()
    yield from described.entries()


def _parsed(folder: Folder, path: str, ledger: Ledger) -> Element | None:
    try:
        root: Element = fromstring(folder.read(path), forbid_dtd=True)
    except (ParseError, DefusedXmlException, Unreadable, ValueError, LookupError) as error:
        detail = "it has a DTD, which is not allowed" if isinstance(error, DefusedXmlException) else str(error)
        ledger.unreadable(path, BROKEN, detail)
        return None
    if root.tag != "annotations":
        ledger.unreadable(path, BROKEN, f"expected <annotations>, got <{root.tag[:60]}>")
        return None
    return root


class _Document:
    """One file of CVAT."""

    def __init__(self, path: str, root: Element, described: Described) -> None:
        self.path, self.root, self.described = path, root, described
        self.ledger = described.reading.ledger
        self.spec = spec_of(root.find("meta"))

    def read(self) -> None:
        if self.root.find("meta") is not None:
            self.ledger.skip("attributes", self.path, ABOUT)
        tracks = [element for element in self.root if element.tag == "track"]
        for number, element in enumerate(self.root):
            if element.tag == "image":
                self._image(element, f"{self.path}, image {element.get('id', number)}")
            elif element.tag not in {"track", "meta", "version"}:
                self.ledger.lose("attributes", self.path, "elements that are not known", f"<{element.tag[:60]}>")
        if tracks:
            add_tracks(self.path, self.root.find("meta"), tracks, self.spec, self.described)

    def _image(self, image: Element, place: str) -> None:
        said = Entry(self.path, items=list(self._items(image, place)))
        said.meta = {key: text for key, text in image.attrib.items() if key not in _OF_IMAGE}
        own = own_of_frame(json_of(image.get(OWN, "{}"), place, self.ledger), place, self.ledger)
        name, subset = image.get("name", ""), image.get("subset", "")
        split, folders = split_of_subset(subset), self._folders(subset)
        found = self.described.find(name, folders=folders, split=split)
        if len(found) != 1:
            self.described.lose(name, found, said, place)
            return
        entry = self.described.at(found[0], place)
        exact: str | None = own.get("split")
        if exact is not None and xml_text(exact) == subset:
            self.described.take_split(entry, exact, place)
        else:
            entry.add_split(split, place)
            entry.add_split(split_of(self.path), f"the folder of {self.path}")
        self.described.add_size(entry, self._size(image, place), place)
        add_frame_fields(said, own, place)
        self.described.add_masks(entry, own.get("masks"), folders=folders, place=place)
        join(entry, said, place, self.ledger)

    def _folders(self, subset: str) -> list[str]:
        """Where pictures lie: CVAT's exports have `images/` and, with several subsets, a folder for each."""
        top = parent(self.path)
        images = f"{top}/images" if top else "images"
        return [f"{images}/{subset}", images, top]

    def _size(self, image: Element, place: str) -> tuple[int, int] | None:
        if "width" not in image.attrib and "height" not in image.attrib:
            return None
        width, height = image.get("width", ""), image.get("height", "")
        if _SIDE.fullmatch(width) and _SIDE.fullmatch(height):
            return int(width), int(height)
        self.ledger.lose("attributes", place, SIZE, f"{width[:20]} x {height[:20]}")
        return None

    def _items(self, image: Element, place: str) -> Iterator[Item]:
        counts: dict[str, int] = {}
        for element in image:
            counts[element.tag] = number = counts.get(element.tag, 0) + 1
            where = f"{place}, {element.tag} {number}"
            if element.tag not in KINDS:
                self.ledger.lose(_unknown_kind(element), where, "shapes that are not known", f"<{element.tag[:60]}>")
            elif (item := item_of_shape(element, Given(self.spec), where, self.ledger)) is not None:
                yield item


def _unknown_kind(element: Element) -> Kind:
    return "attributes" if element.tag == "attribute" else "3-D shapes" if "3d" in element.tag else "polygons"


def spec_of(meta: Element | None) -> Spec:
    """The input types of the attributes of all labels."""
    found: dict[tuple[str, str], str] = {}
    for label in meta.iter("label") if meta is not None else ():
        name = label.findtext("name", "")
        for attribute in label.iter("attribute"):
            if old := _OLD_STYLE.match((attribute.text or "").strip()):
                found[name, old[2]] = old[1]
            else:
                found[name, attribute.findtext("name", "")] = attribute.findtext("input_type", "")
    return found


FORMAT = Format("cvat", "CVAT", recognise, read)
