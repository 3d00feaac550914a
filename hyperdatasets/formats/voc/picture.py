"""What an `<annotation>` says of its picture as a whole: size, source, owner, and our own data."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, SubElement

from hyperdatasets.core.frames import Source
from hyperdatasets.formats.decimals import number
from hyperdatasets.formats.extension import OWN
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.voc.elements import FLAGS, add_text, add_value, flag, is_tag, is_writable, text_in
from hyperdatasets.formats.voc.objects import others
from hyperdatasets.formats.voc.unread import TEXT, Known, tell_unread

BAD_SIZE = "sizes that are not two numbers above 0; not used"
_FILE = ("folder", "path", "filename")
_KNOWN = frozenset({*_FILE, "size", "imagesize", "object", "segmented", OWN})
_READ = Known(
    dict.fromkeys(_KNOWN - {"object"}, TEXT)
    | {"size": Known(dict.fromkeys(("width", "height", "depth"), TEXT)),
       "imagesize": Known(dict.fromkeys(("ncols", "nrows"), TEXT))},
    rest=True,
)  # fmt: skip
_NOTHING = frozenset({"unknown", "unspecified"})  # texts of `source` that say nothing, in lower case
_MAX_PX = 10**9


class Said(NamedTuple):
    """Metadata of a picture, the size that its boxes were made for, and how many elements only repeat what its file
    says itself."""

    meta: dict[str, Any]
    size: tuple[int, int] | None
    repeated: int


def read_picture(root: Element, place: str, ledger: Ledger) -> Said:
    """What a picture's elements say; what is not kept is written into the ledger."""
    tell_unread(root, _READ, place, ledger)
    meta = others(root, _KNOWN, place, ledger)
    if segmented := text_in(root, "segmented"):
        meta["segmented"] = flag(segmented)
    for name, text in root.attrib.items():
        known = name == "verified"  # as LabelImg writes it
        meta["verified" if known else f"@{name}"] = FLAGS.get(text.lower(), text) if known else text
    repeated = sum(bool(text_in(root, name)) for name in _FILE) + bool(text_in(root, "size/depth"))
    source = meta.get("source")
    if isinstance(source, dict):
        known_of = {name: value for name, value in source.items() if not _says_nothing(value)}
        repeated += len(source) - len(known_of)
        meta = {name: value for name, value in meta.items() if name != "source"}
        meta |= {"source": known_of} if known_of else {}
    return Said(meta, _size(root, place, ledger), repeated)


def write_picture(path: str, source: Source, meta: Mapping[str, Any]) -> Element:
    """The root element of a picture, without its objects; `add_own` adds what it does not say."""
    root = Element("annotation")
    folder, _, name = path.rpartition("/")
    add_text(root, "folder", folder.rpartition("/")[2])
    add_text(root, "filename", name if name.isprintable() else "")
    if meta.get("verified") is True:
        root.set("verified", "yes")
    if source.get("width") and source.get("height"):
        size = SubElement(root, "size")
        add_text(size, "width", str(source["width"]))
        add_text(size, "height", str(source["height"]))
    for key, value in meta.items():
        if key not in _KNOWN | {"verified"} and is_tag(key) and is_writable(value):
            add_value(root, key, value)
    if isinstance(meta.get("segmented"), bool):
        add_text(root, "segmented", "1" if meta["segmented"] else "0")
    return root


def add_own(root: Element, own: dict[str, Any], meta: Mapping[str, Any]) -> None:
    """Adds what the elements do not say of the metadata, and whatever else VOC has no place for."""
    said = read_picture(root, "", Ledger()).meta
    more = {name: value for name, value in meta.items() if name not in said or not _same(said[name], value)}
    gone = [name for name in said if name not in meta]
    own = own | ({"meta": more} if more else {}) | ({"gone": gone} if gone else {})
    if own:
        add_text(root, OWN, json.dumps(own))


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON text: 1, 1.0 and true are three values."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _says_nothing(value: Any) -> bool:
    return isinstance(value, str) and value.lower() in _NOTHING


def _size(root: Element, place: str, ledger: Ledger) -> tuple[int, int] | None:
    """The size that is stated; None if none is, or it is 0 as of tools that do not know it."""
    for width_tag, height_tag in (("size/width", "size/height"), ("imagesize/ncols", "imagesize/nrows")):
        texts = text_in(root, width_tag), text_in(root, height_tag)
        width, height = map(number, texts)
        if width is not None and height is not None and 1 <= width <= _MAX_PX and 1 <= height <= _MAX_PX:
            return int(width), int(height)
        if any(texts) and not (width == 0 or height == 0):
            ledger.notice("attributes", place, BAD_SIZE, " x ".join(text[:20] or "nothing" for text in texts))
    return None
