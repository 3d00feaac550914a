"""The facts of point clouds: number of points and their fields, from the headers of PCD and PLY files."""

from __future__ import annotations

from typing import Any, BinaryIO

from hyperdatasets.formats.media.model import Media, UnreadableMedia

_MAX_HEADER = 64 << 10


def points(file: BinaryIO, size_bytes: int, content_type: str) -> Media:
    """Describe a point cloud.

    Raises:
        UnreadableMedia: its header is damaged or cut.
    """
    head = file.read(_MAX_HEADER)
    try:
        extra = _pcd(head) if content_type == "application/x-pcd" else _ply(head)
    except (ValueError, KeyError, IndexError):
        raise UnreadableMedia("the point cloud cannot be read: its header is damaged or cut") from None
    return Media(content_type, size_bytes, extra=extra)


def _pcd(head: bytes) -> dict[str, Any]:
    """Read lines `NAME values` up to `DATA`."""
    header: dict[str, list[str]] = {}
    for line in head.splitlines():
        words = line.decode("ascii").split()
        if words and not words[0].startswith("#"):
            header[words[0].upper()] = words[1:]
        if words[:1] == ["DATA"]:
            break
    count = header["POINTS"] if "POINTS" in header else header["WIDTH"]
    return _checked(int(count[0]), header["FIELDS"], header["DATA"][0])


def _ply(head: bytes) -> dict[str, Any]:
    """Read the `element vertex` and its properties, up to `end_header`."""
    lines = [line.decode("ascii").split() for line in head[: head.index(b"end_header")].splitlines()]
    encoding = next(words[1] for words in lines if words[:1] == ["format"])
    count, faces, fields, element = 0, 0, [], ""
    for words in lines:
        if words[:1] == ["element"]:
            element = words[1]
            count = int(words[2]) if element == "vertex" else count
            faces = int(words[2]) if element == "face" else faces
        elif words[:1] == ["property"] and element == "vertex":
            fields.append(words[-1])
    return _checked(count, fields, encoding) | ({"faces": faces} if faces else {})


def _checked(count: int, fields: list[str], encoding: str) -> dict[str, Any]:
    if count < 0 or not fields:
        raise ValueError(count)
    return {"points": count, "fields": fields, "encoding": encoding}
