"""The facts of point clouds: number of points and their fields, from the headers of PCD and PLY files."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from hyperdatasets.formats.media.model import Media, UnreadableMedia

CUT = "the point cloud is cut: it is shorter than it says"
_MAX_HEADER = 64 << 10
_MAX_COUNTED = 1 << 28  # bytes; the numbers of a longer text are not counted
_PIECE = 1 << 20
_MAX_LISTS = 100_000  # whose lengths are looked at one by one
_SIZES = {
    "char": 1, "uchar": 1, "int8": 1, "uint8": 1, "short": 2, "ushort": 2, "int16": 2, "uint16": 2, "int": 4, "uint": 4,
    "int32": 4, "uint32": 4, "float": 4, "float32": 4, "double": 8, "float64": 8,
}  # fmt: skip
_COUNTS = {1: "B", 2: "H", 4: "I"}  # bytes of the length of a list -> how it is unpacked


@dataclass(slots=True)
class _Element:
    """A kind of rows of a PLY file: how many, the types of their numbers, and of the lengths and items of lists."""

    name: str
    count: int
    scalars: list[str] = field(default_factory=list)
    lists: list[tuple[str, str]] = field(default_factory=list)


def points(file: BinaryIO, size_bytes: int, content_type: str) -> Media:
    """Describe a point cloud.

    Raises:
        UnreadableMedia: its header is damaged, or it is cut.
    """
    head = file.read(_MAX_HEADER)
    try:
        extra, is_cut = (_pcd if content_type == "application/x-pcd" else _ply)(file, head, size_bytes)
    except (ValueError, KeyError, IndexError, struct.error):
        raise UnreadableMedia("the point cloud cannot be read: its header is damaged or cut") from None
    if is_cut:
        raise UnreadableMedia(CUT)
    return Media(content_type, size_bytes, extra=extra)


def _pcd(file: BinaryIO, head: bytes, size_bytes: int) -> tuple[dict[str, Any], bool]:
    """Read lines `NAME values` up to `DATA`."""
    header: dict[str, list[str]] = {}
    start = 0
    for line in head.splitlines(keepends=True):
        start += len(line)
        words = line.decode("ascii").split()
        if words and not words[0].startswith("#"):
            header[words[0].upper()] = words[1:]
        if words[:1] == ["DATA"]:
            break
    count = header["POINTS"] if "POINTS" in header else header["WIDTH"]
    extra = _checked(int(count[0]), header["FIELDS"], header["DATA"][0])
    return extra, _pcd_is_cut(file, header, extra, start, size_bytes)


def _pcd_is_cut(
    file: BinaryIO, header: dict[str, list[str]], extra: dict[str, Any], start: int, size_bytes: int
) -> bool:
    counts = [*map(int, header.get("COUNT", ["1"] * len(extra["fields"])))]
    if extra["encoding"] == "ascii":
        return _has_fewer_words(file, start, size_bytes, extra["points"] * sum(counts))
    if extra["encoding"] == "binary_compressed":
        file.seek(start)
        packed: int = struct.unpack("<I4x", file.read(8))[0]
        return start + 8 + packed > size_bytes
    sizes = [*map(int, header.get("SIZE", ()))]
    end: int = start + extra["points"] * sum(a * b for a, b in zip(sizes, counts, strict=False))
    return end > size_bytes


def _ply(file: BinaryIO, head: bytes, size_bytes: int) -> tuple[dict[str, Any], bool]:
    """Read the elements and their properties, up to `end_header`."""
    end = head.index(b"end_header")
    lines = [line.decode("ascii").split() for line in head[:end].splitlines()]
    start = end + len(head[end:].splitlines(keepends=True)[0])
    encoding = next(words[1] for words in lines if words[:1] == ["format"])
    fields, elements = [], list[_Element]()
    for words in lines:
        if words[:1] == ["element"]:
            elements.append(_Element(words[1], int(words[2])))
        elif words[:2] == ["property", "list"]:
            elements[-1].lists.append((words[2], words[3]))
        elif words[:1] == ["property"]:
            elements[-1].scalars.append(words[1])
        if words[:1] == ["property"] and elements[-1].name == "vertex":
            fields.append(words[-1])
    counts = {each.name: each.count for each in elements}
    extra = _checked(counts.get("vertex", 0), fields, encoding)
    extra |= {"faces": counts["face"]} if counts.get("face") else {}
    return extra, _ply_is_cut(file, elements, encoding, start, size_bytes)


def _ply_is_cut(file: BinaryIO, elements: Sequence[_Element], encoding: str, start: int, size_bytes: int) -> bool:
    if encoding == "ascii":
        least = sum(each.count * (len(each.scalars) + len(each.lists)) for each in elements)
        return _has_fewer_words(file, start, size_bytes, least)
    order = ">" if encoding.endswith("big_endian") else "<"
    at = start
    for place, each in enumerate(elements):
        fixed = sum(_SIZES[kind] for kind in each.scalars)
        if len(each.lists) == 1 and not fixed and place == len(elements) - 1 and each.count <= _MAX_LISTS:
            return _lists_end(file, at, each, order) > size_bytes
        at += each.count * (fixed + sum(_SIZES[length] for length, _ in each.lists))
    return at > size_bytes


def _lists_end(file: BinaryIO, at: int, element: _Element, order: str) -> int:
    """Where the lists of faces end; behind the file if there is one that does not fit."""
    length, item = (_SIZES[kind] for kind in element.lists[0])
    for _ in range(element.count):
        file.seek(at)
        head = file.read(length)
        if len(head) < length:
            return at + length
        at += length + item * int(struct.unpack(f"{order}{_COUNTS[length]}", head)[0])
    return at


def _has_fewer_words(file: BinaryIO, start: int, size_bytes: int, least: int) -> bool:
    """Whether a text has fewer numbers than it should."""
    if size_bytes - start > _MAX_COUNTED:
        return False
    file.seek(start)
    found, inside = 0, False
    while found < least and (piece := file.read(_PIECE)):
        found += len(piece.split()) - (inside and not piece[:1].isspace())
        inside = not piece[-1:].isspace()
    return found < least


def _checked(count: int, fields: list[str], encoding: str) -> dict[str, Any]:
    if count < 0 or not fields:
        raise ValueError(count)
    return {"points": count, "fields": fields, "encoding": encoding}
