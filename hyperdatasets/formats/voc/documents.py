"""The XML files of a folder: which of them are Pascal VOC, and what they name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hyperdatasets.formats.extension import OWN
from hyperdatasets.formats.folder import Folder, Unreadable
from hyperdatasets.formats.ledger import Kind, Ledger
from hyperdatasets.formats.reading import Reading
from hyperdatasets.formats.voc.elements import own_of, text_in
from hyperdatasets.formats.voc.picture_names import PictureNames
from hyperdatasets.formats.voc.shapes import kind_in

BROKEN = "XML files that cannot be read"
FOREIGN = "XML files that are no Pascal VOC"
OTHER_ROOT = "XML files whose root element is not `annotation`, so that they are no Pascal VOC; not read"
_ROOT = "annotation"
_MARK = b"\xef\xbb\xbf"
_BLANKS = b" \t\r\n"
_BEGINNING = re.compile(rb"<(?:[\w.-]+:)?annotation[\s>/]")
_DECLARATION = re.compile(rb"""^<\?xml[^>]*encoding\s*=\s*["']([A-Za-z0-9._-]+)["'][^>]*\?>""")


class Document(NamedTuple):
    """What an XML file names.

    Attributes:
        path: of the XML file.
        names: of the picture, as `<filename>` and `<path>` give them; empty ones are left out.
        folder: text of `<folder>`.
        masks: mask pictures, by their paths in our own data, and by their names in LabelMe's `<segm>`.
        kinds: of its objects, in their order.
    """

    path: str
    names: Sequence[str]
    folder: str = ""
    masks: Sequence[str] = ()
    kinds: Sequence[Kind] = ()


def documents(reading: Reading) -> dict[str, Document]:
    """VOC files by path; names in the ledger the XML files that cannot be read or are something else."""
    found: dict[str, Document] = {}
    names = PictureNames(reading.folder.media)
    for path in reading.folder.with_suffix(".xml"):
        try:
            root = root_of(reading.folder, path)
        except Unreadable as error:
            _tell_broken(reading, path, names, str(error))
            continue
        if root.tag == _ROOT:
            reading.used.add(path)
            found[path] = _document(root, path)
        else:
            _tell_other(reading, path, names, root.tag)
    return found


def _document(root: Element, path: str) -> Document:
    names = [text for tag in ("filename", "path") if (text := text_in(root, tag))]
    own = own_of(root, path, Ledger()) if root.find(OWN) is not None else None
    found = own.get("masks") if isinstance(own, dict) else None
    listed = found if isinstance(found, list) else []
    masks = [str(mask["path"]) for mask in listed if isinstance(mask, dict) and "path" in mask]
    masks += segments_in(root)
    kinds = [kind_in(element) for element in root.iterfind("object")]
    return Document(path, names, text_in(root, "folder"), masks, kinds)


def segments_in(root: Element) -> list[str]:
    """Names of the pictures that hold the masks of single objects."""
    return [text for element in root.iterfind("object/segm") if (text := text_in(element, "mask"))]


def _tell_broken(reading: Reading, path: str, names: PictureNames, why: str) -> None:
    """A broken file is an error if it may be VOC: by its beginning, or since a picture has its name."""
    if looks_like_voc(reading.folder, path) or names.has_file_of(path):
        reading.used.add(path)
        reading.ledger.unreadable(path, BROKEN, why)


def _tell_other(reading: Reading, path: str, names: PictureNames, tag: str) -> None:
    """A file of another dialect is a loss if it may describe a picture; the other formats name their own files."""
    if path not in reading.unread and (looks_like_voc(reading.folder, path) or names.has_file_of(path)):
        reading.used.add(path)
        reading.ledger.lose("annotation files", path, OTHER_ROOT, f"its root element is `{tag[:60]}`")


def root_of(folder: Folder, path: str) -> Element:
    """The root element of an XML file; the tags of all its elements are without a namespace.

    Raises:
        Unreadable: it is broken, or has declarations that can do harm.
    """
    content = folder.read(path).removeprefix(_MARK).lstrip(_BLANKS)
    try:
        return _without_namespaces(_parsed(content))
    except DefusedXmlException:
        raise Unreadable("it has a DOCTYPE or entities, which are not allowed") from None
    except (ParseError, ValueError, LookupError, RecursionError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from None


def _without_namespaces(root: Element) -> Element:
    """The same tree, with the bare name of each element: `{http://x}object` becomes `object`."""
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _parsed(content: bytes) -> Element:
    """Parses XML; encodings that the parser does not know, such as GB2312, are decoded first."""
    try:
        return fromstring(content, forbid_dtd=True)
    except (DefusedXmlException, ParseError):
        raise
    except (ValueError, LookupError):
        declared = _DECLARATION.match(content)
        if not declared:
            raise
        text = content[declared.end() :].decode(declared[1].decode("ascii"))
        return fromstring(text, forbid_dtd=True)


def looks_like_voc(folder: Folder, path: str) -> bool:
    """Whether the beginning of a file has the root element of VOC."""
    return bool(_BEGINNING.search(folder.head(path).replace(b"\0", b"")))
