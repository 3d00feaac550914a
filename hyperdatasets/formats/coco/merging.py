"""COCO documents on their way to pictures: each picture once, each object once, with what all documents say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hyperdatasets.formats.coco.annotation import (
    beside_caption,
    described,
    given_kind,
    is_caption,
    read_annotation,
    sealed,
    usual,
    without_bad_meta,
)
from hyperdatasets.formats.coco.documents import Document, Id, id_of, load, split_in_name
from hyperdatasets.formats.coco.image import meta_of, size_of, untrue_size
from hyperdatasets.formats.coco.shapes import UNSURE, Lost, size_of_runs
from hyperdatasets.formats.entry import Entry, Item, MaskFile
from hyperdatasets.formats.extension import OWN, add_frame_fields, item_of, own_of_frame, restored, seal_of
from hyperdatasets.formats.folder import name_of, parent, posix, split_of, stem
from hyperdatasets.formats.joining import add_meta, join
from hyperdatasets.formats.lookup import Lookup
from hyperdatasets.formats.media.model import MAX_PIXELS
from hyperdatasets.formats.reading import Reading

PANOPTIC = "panoptic"  # id of the mask of a panoptic annotation
_SAME_PX = 1.0
_NOT_UNIQUE = "pictures that are named, but several files have that name"
MISSING = "pictures that are named, but missing"
_ALIKE = "names that differ from their files' by case, Unicode normalisation or %-escapes"
_NAMES_ALIKE = "pictures that are named, but several names resemble the name of one file"
_CHANGED = "fields of images that were changed after their export; the fields are taken"
_SEVERAL_NAMES = "category id names several"


class _Image(NamedTuple):
    """An image in a document."""

    content: Mapping[str, Any]
    document: Document
    number: int
    id: Id

    @property
    def place(self) -> str:
        return f"{self.document.path}, image {self.content.get('id', f'number {self.number}')}"

    @property
    def name(self) -> str:
        return str(self.content.get("file_name"))


class _Said(NamedTuple):
    """An annotation in a document."""

    content: Mapping[str, Any]
    document: Document
    number: int
    others: tuple[Document, ...] = ()  # which say the same object, too

    @property
    def place(self) -> str:
        return self.document.place(self.content, self.number)


@dataclass(slots=True)
class Picture:
    """What all documents say of a picture."""

    entry: Entry
    said: list[_Said] = field(default_factory=list)
    known: dict[Id, list[int]] = field(default_factory=dict)  # annotation id -> places in `said`


class Merger:
    """Documents on their way to pictures."""

    def __init__(self, reading: Reading) -> None:
        self.folder, self.ledger = reading.folder, reading.ledger
        self.documents = list(load(reading.folder, reading.ledger, reading.unread))
        reading.used.update(document.path for document in self.documents)
        self.pictures: dict[str, Picture] = {}
        self.masks: set[str] = set()
        self._lookup = Lookup(reading.folder.files)
        self._paths: dict[str, dict[Id, list[str]]] = {}  # document -> image id -> paths; empty for a missing one
        self._everywhere: dict[Id, list[str]] = {}
        self._listing: dict[Id, list[Document]] = {}  # image id -> documents that list it
        self._doubtful: list[_Image] = []
        for document in self.documents:
            self._add_images(document)
        self._add_doubtful()
        self._several = sum(bool(document.annotations) for document in self.documents) > 1
        for document in self.documents:
            self._add_annotations(document)

    def _add_images(self, document: Document) -> None:
        self._paths[document.path] = {}
        for number, content in enumerate(document.images):
            image_id = id_of(content.get("id"))
            listing = self._listing.setdefault(image_id, [])
            if not listing or listing[-1] is not document:
                listing.append(document)
            image = _Image(content, document, number, image_id)
            self._add_image(image, self._located(image))

    def _add_image(self, image: _Image, path: str) -> None:
        others = self._paths[image.document.path].setdefault(image.id, [])
        if path and path not in others:
            others.append(path)
        everywhere = self._everywhere.setdefault(image.id, [])
        if path and path not in everywhere:
            everywhere.append(path)
        if path:
            self._describe(self._picture(path), image.document, image.content)
        if path and len(others) > 1:
            self.ledger.lose(
                "attributes", image.document.path, "an image id that is given twice", f"id {image.content.get('id')}"
            )

    def _located(self, image: _Image) -> str:
        name = image.content.get("file_name")
        if not isinstance(name, str) or not name.strip():
            self.ledger.lose("frames", image.place, "images without a `file_name`")
            return ""
        found = self._lookup.find(name, beside=parent(image.document.path), split=image.document.split)
        if not found:
            self._doubtful.append(image)
        elif len(found) > 1:
            self._lose_image(image, found)
        return found[0] if len(found) == 1 else ""

    def _add_doubtful(self) -> None:
        """Images whose names only resemble a file's, if no image has the very name of that file."""
        named = set(self.pictures)
        meant: dict[str, set[str]] = {}  # file -> names that may mean it
        found: list[list[str]] = []
        for image in self._doubtful:
            near, split = parent(image.document.path), image.document.split
            paths = [each for each in self._lookup.alike(image.name, beside=near, split=split) if each not in named]
            found.append(paths)
            for path in paths:
                meant.setdefault(path, set()).add(name_of(posix(image.name)))
        for image, paths in zip(self._doubtful, found, strict=True):
            if len(paths) == 1 and len(meant[paths[0]]) == 1:
                self.ledger.notice("frames", image.place, _ALIKE, f"{image.name!a} is {paths[0]!a}")
                self._add_image(image, paths[0])
            else:
                self._lose_image(image, paths)

    def _lose_image(self, image: _Image, found: Sequence[str]) -> None:
        detail = f"`{image.name}`" + (f": {', '.join(found[:3])}" if found else "")
        reason = MISSING if not found else _NOT_UNIQUE if len(found) > 1 else _NAMES_ALIKE
        self.ledger.lose("frames", image.place, reason, detail)

    def _picture(self, path: str) -> Picture:
        if path not in self.pictures:
            self.pictures[path] = Picture(Entry(path))
        return self.pictures[path]

    def _describe(self, picture: Picture, document: Document, image: Mapping[str, Any]) -> None:
        entry, place = picture.entry, f"{document.path}, image {image.get('id')}"
        entry.place = entry.place or place
        stated = size_of(image)
        if stated and entry.stated not in {None, stated}:
            self.ledger.notice("frames", place, "files state different sizes of a picture; the first is used")
        entry.stated = entry.stated or stated
        if untrue := untrue_size(image):
            self.ledger.notice("frames", place, "sizes that cannot be true, not used", untrue)
        own = own_of_frame(image.get(OWN), place, self.ledger)
        meta = meta_of(image)
        if "meta" in own:
            meta = self._own_meta(own, meta, place)
        split = meta.pop("split") if isinstance(meta.get("split"), str) and meta["split"] else ""
        self._add_splits(entry, split, own, document)
        for key, value in meta.items():
            add_meta(entry, key, value, place, self.ledger)
        if own:
            self._describe_own(entry, own, place)

    def _own_meta(self, own: Mapping[str, Any], said: dict[str, Any], place: str) -> dict[str, Any]:
        """The metadata that our export kept, and what was changed since in the fields; `coco_url` is the export's."""
        if (seal := seal_of(said)) and own.get("seal") == seal:
            return dict(own["meta"])
        changed = {key: value for key, value in said.items() if key != "coco_url" and own["meta"].get(key) != value}
        if changed:
            self.ledger.notice("attributes", place, _CHANGED, ", ".join(sorted(changed))[:100], count=len(changed))
        return {**own["meta"], **changed}

    def _add_splits(self, entry: Entry, split: str, own: Mapping[str, Any], document: Document) -> None:
        """By its field, the name of the file of annotations, the folders of both; what our export says settles it."""
        entry.add_split(split, f"{document.path} (field `split`)")
        if isinstance(own.get("split"), str):
            entry.add_split(own["split"], document.path)
            return
        entry.add_split(split_in_name(document.path), f"the name of {document.path}")
        entry.add_split(split_of(document.path), f"the folder of {document.path}")
        entry.add_split(split_of(entry.path))

    def _describe_own(self, entry: Entry, own: Mapping[str, Any], place: str) -> None:
        said = Entry(entry.path)
        add_frame_fields(said, {key: value for key, value in own.items() if key != "meta"}, place)
        join(entry, said, place, self.ledger)
        for each in own.get("masks", ()):
            mask = each if isinstance(each, dict) else {}
            found = self._lookup.find(str(mask.get("file_name", "")), beside=parent(place))
            if len(found) == 1:
                entry.masks.append(MaskFile(str(mask.get("id", "")), found[0]))
                self.masks.add(found[0])
            else:
                self.ledger.lose("masks", place, "masks that are named, but missing", str(mask.get("file_name")))

    def _add_annotations(self, document: Document) -> None:
        of_image = self._paths[document.path].items()
        clear = {image_id: self.pictures[paths[0]].said for image_id, paths in of_image if len(paths) == 1}
        for number, content in enumerate(document.annotations):
            said = _Said(content, document, number)
            image_id = content.get("image_id")
            if type(image_id) is int and image_id in clear and not self._several and "segments_info" not in content:
                clear[image_id].append(said)  # as nearly all are
                continue
            path = self._picture_of(said)
            if path and "segments_info" in content:
                self._add_panoptic(self.pictures[path].entry, said)
            elif path:
                self._add(self.pictures[path], said)

    def _picture_of(self, said: _Said) -> str:
        image_id = id_of(said.content.get("image_id"))
        own = self._paths[said.document.path]
        paths = own.get(image_id) if image_id in own else self._everywhere.get(image_id)
        if paths is not None and len(paths) == 1:
            return paths[0]
        reason = (
            "annotations of an image that is not listed" if paths is None
            else "annotations of an image id that names several pictures" if paths
            else "annotations of a picture that is missing"
        )  # fmt: skip
        self.ledger.lose(given_kind(said.content), said.place, reason, f"image_id {said.content.get('image_id')}")
        return ""

    def _add(self, picture: Picture, said: _Said) -> None:
        """One more annotation, unless another document has the same one: then both are one object."""
        known = picture.known.setdefault(id_of(said.content.get("id")), [])
        for place in known if said.content.get("id") is not None else ():
            other = picture.said[place]
            if other.document is not said.document and self._is_same(other, said):
                documents = (*other.others, said.document)
                picture.said[place] = other._replace(content=self._joined(other, said), others=documents)
                return
        known.append(len(picture.said))
        picture.said.append(said)

    def _is_same(self, one: _Said, other: _Said) -> bool:
        if is_caption(one.content) or is_caption(other.content):
            return False
        first, second = self._category(one), self._category(other)
        if isinstance(first, Lost) or isinstance(second, Lost):
            return False
        return first.get("name") == second.get("name") and _near(one.content.get("bbox"), other.content.get("bbox"))

    def _joined(self, one: _Said, other: _Said) -> Mapping[str, Any]:
        """Both contents; of what both say differently the first stays."""
        joined = dict(other.content) | {key: value for key, value in one.content.items() if value not in (None, [])}
        for key in one.content.keys() & other.content.keys() - {"id", "image_id", "category_id", "bbox", "area"}:
            if one.content[key] not in (None, []) and joined[key] != other.content[key] not in (None, []):
                self.ledger.lose(
                    "attributes", other.place, "files say different things of an object; the first is kept", key
                )
        return joined

    def _category(self, said: _Said) -> Mapping[str, Any] | Lost:
        """The category of an annotation: of its own documents, of those that list its image, or else of any other."""
        category_id = id_of(said.content.get("category_id"))
        own = said.document.categories.get(category_id)
        if own is None:
            listing = self._listing.get(id_of(said.content.get("image_id")), [])
            return self._clear(said, category_id, listing) or self._clear(said, category_id, self.documents) or {}
        for document in said.others:
            own = {**document.categories.get(category_id, {}), **own}
        return own

    def _clear(self, said: _Said, category_id: Id, documents: Sequence[Document]) -> Mapping[str, Any] | Lost | None:
        """The category that documents give an id; None if none of them does."""
        known = [each for document in documents if (each := document.categories.get(category_id)) is not None]
        names = dict.fromkeys(str(each.get("name")) for each in known)
        if len(names) > 1:
            detail = f"category {category_id}: {', '.join(f'`{name}`' for name in names)}"
            return Lost(given_kind(said.content), _SEVERAL_NAMES, detail)
        return known[0] if known else None

    def _add_panoptic(self, entry: Entry, said: _Said) -> None:
        """A picture whose colours are segments: each becomes a ROI by its colour (id = R + 256 G + 65,536 B)."""
        name = str(said.content.get("file_name", ""))
        beside = f"{parent(said.document.path)}/{stem(said.document.path)}".lstrip("/")
        found = self._lookup.find(name, beside=beside, split=said.document.split)
        found = [path for path in found if path != entry.path] or found
        segments = _objects(said.content, "segments_info")
        if len(found) != 1 or found[0] == entry.path:
            self.ledger.lose(
                "masks", said.place, "masks that are named, but missing", name, count=max(1, len(segments))
            )
            return
        entry.masks.append(MaskFile(PANOPTIC, found[0]))
        self.masks.add(found[0])
        for segment in segments:
            content = {"image_id": said.content.get("image_id"), **segment}
            self._add_segment(entry, said._replace(content=content))

    def _add_segment(self, entry: Entry, said: _Said) -> None:
        number = said.content.get("id")
        if not isinstance(number, int) or not 0 <= number < 1 << 24:
            self.ledger.lose("masks", said.place, "panoptic segments without a colour", f"id {number}")
            return
        category = self._category(said)
        plain = category if isinstance(category, Lost) else described(said.content, category, said.document.origin)
        if isinstance(plain, Lost):
            self.ledger.lose("masks", said.place, plain.reason, plain.detail)
            return
        colour = [number & 255, number >> 8 & 255, number >> 16 & 255]
        meta = {name: said.content[key] for name, key in (("box", "bbox"), ("area", "area")) if key in said.content}
        plain |= {"geometry": {"mask": colour}, "meta": plain.get("meta", {}) | meta}
        for kind, reason, detail in without_bad_meta(plain):
            self.ledger.lose(kind, said.place, reason, detail)
        entry.items.append(Item(plain, "masks", said.place))

    def entry(self, picture: Picture) -> Entry:
        """The finished entry of a picture."""
        captions: list[str] = []
        entry, stated = picture.entry, _stated(picture)
        entry.stated = entry.stated or (None if stated == UNSURE else stated)
        for said in picture.said:
            if is_caption(said.content):
                self._caption(said, captions)
            elif (item := self._item(said, stated)) is not None:
                entry.items.append(item)
        if captions:
            self._add_captions(entry, captions)
        picture.said.clear()
        return entry

    def _add_captions(self, entry: Entry, captions: list[str]) -> None:
        known = entry.meta.get("captions", [])
        if not isinstance(known, list):
            detail = f"`captions`: {known!r:.60}"
            self.ledger.lose("attributes", entry.where, "a field of an image where captions belong", detail)
            known = []
        entry.meta["captions"] = [*known, *captions]

    def _caption(self, said: _Said, captions: list[str]) -> None:
        text = said.content["caption"]
        if others := beside_caption(said.content):
            self.ledger.lose("attributes", said.place, "fields of captions beside their text", ", ".join(others))
        if isinstance(text, str) and not said.document.origin:
            captions.append(text)
        else:
            reason = "captions by a model" if said.document.origin else "captions that are no text"
            self.ledger.lose("captions", said.place, reason)

    def _item(self, said: _Said, stated: tuple[int, int] | None) -> Item | None:
        """The annotation; None if nothing of it is kept, or if it is a copy that our own export wrote."""
        category, own = self._category(said), said.content.get(OWN)
        if isinstance(category, Lost):
            self.ledger.lose(category.kind, said.place, category.reason, category.detail)
            return None
        if not said.document.origin and (plain := usual(said.content, category)) is not None:
            return Item(plain, "polygons" if "polygon" in plain["geometry"] else "boxes", said.place)
        seal = sealed(said.content, category) if own is not None else ""
        if isinstance(own, Mapping) and seal and own.get("copy") == seal:
            return None
        found = read_annotation(said.content, category, said.document.origin, stated=stated)
        for kind, reason, detail in found.lost:
            self.ledger.lose(kind, said.place, reason, detail)
        for kind, reason, detail in found.noticed if own is None else ():
            self.ledger.notice(kind, said.place, reason, detail)
        if found.plain is None:
            return None
        if own is not None:
            plain = restored(
                found.plain, own, seal, kind=found.kind, place=said.place, ledger=self.ledger, once_a_label=True
            )
            for kind, reason, detail in without_bad_meta(plain):
                self.ledger.lose(kind, said.place, reason, detail)
            return item_of(plain, said.place)
        if found.kind == "masks":
            self.ledger.notice(
                "masks", said.place, "run-length masks, kept as polygons along the edges of their pixels"
            )
        return Item(found.plain, found.kind, said.place)


def _stated(picture: Picture) -> tuple[int, int] | None:
    """The size that a picture states, or else the one of its run lengths; `UNSURE` if these have several."""
    if picture.entry.stated:
        return picture.entry.stated
    runs = (each.content["segmentation"] for each in picture.said if type(each.content.get("segmentation")) is dict)
    sizes = {size for each in runs if (size := size_of_runs(each)) and size[0] * size[1] <= MAX_PIXELS}
    return next(iter(sizes), None) if len(sizes) < 2 else UNSURE


def _near(one: Any, other: Any) -> bool:
    """Whether two boxes are the same; one that is missing fits any."""
    if not one or not other:
        return True
    try:
        return all(abs(a - b) <= _SAME_PX for a, b in zip(one, other, strict=True))
    except (TypeError, ValueError):
        return False


def _objects(plain: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    value = plain.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
