"""Frames as users hold them: SingleFrame and FrameGroup, over the plain form."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import urllib.request
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple, cast

from hyperdatasets.client import storage
from hyperdatasets.client.arguments import Texts, milliseconds, normal, texts
from hyperdatasets.client.arguments import plain as plain_of
from hyperdatasets.core.errors import DestinationFailed, InvalidFrame, NoLocalSource, NotFound, SourceUnreadable
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.normalise import normalise_annotation
from hyperdatasets.core.uri import split as uri_parts

_TIMEOUT_S = 60
DEFAULT = "default"  # the name of the source of a single frame
MAX_REMOTE = 4 << 30  # bytes


class ImageAnnotation:
    """One annotation (ROI, or a label of the whole frame) in its plain form, `plain`."""

    def __init__(
        self,
        *,
        labels: Texts,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        id: str | None = None,
        origin: str = "",
        sources: Texts = (),
        **shape: Any,
    ) -> None:
        self.plain: dict[str, Any] = {"labels": texts(labels, "labels"), **_geometry(plain_of(shape))}
        for key, value in (("id", id), ("confidence", confidence), ("origin", origin), ("meta", metadata)):
            if value not in {None, ""} if not isinstance(value, Mapping) else value:
                self.plain[key] = plain_of(value)
        if sources:
            self.plain["sources"] = texts(sources, "sources")

    @property
    def id(self) -> str | None:
        return self.plain.get("id")

    @property
    def labels(self) -> list[str]:
        return cast("list[str]", self.plain["labels"])

    @property
    def confidence(self) -> float | None:
        return self.plain.get("confidence")

    @property
    def geometry(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.plain.get("geometry", {}))

    @property
    def metadata(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.plain.setdefault("meta", {}))

    def __repr__(self) -> str:
        return f"ImageAnnotation({self.plain})"


class Kept(NamedTuple):
    """Where a frame that was read is kept, in which revision, and when that was saved (milliseconds since 1970)."""

    dataset: str
    version: str
    revision: int
    saved_ms: int


class _Annotated:
    """What single frames and groups have in common; `plain` is the frame in its plain form."""

    plain: dict[str, Any]
    kept: Kept | None = None
    """Where it was read from; None for a new frame."""

    @property
    def dataset(self) -> str:
        """Id of the dataset that it was read from; empty for a new frame."""
        return self.kept.dataset if self.kept else ""

    @property
    def version(self) -> str:
        """Id of the version that it was read from; empty for a new frame."""
        return self.kept.version if self.kept else ""

    @property
    def etag(self) -> int | None:
        """The revision that was read, by which an edit is refused if somebody was faster; None for a new frame."""
        return self.kept.revision if self.kept else None

    @property
    def saved(self) -> datetime | None:
        """When that revision was saved, in UTC; None for a new frame."""
        return datetime.fromtimestamp(self.kept.saved_ms / 1000, UTC) if self.kept else None

    @property
    def id(self) -> str:
        return cast("str", self.plain.get("id", ""))

    @property
    def context_id(self) -> str:
        return cast("str", self.plain.get("context_id", ""))

    @property
    def timestamp(self) -> int | None:
        return self.plain.get("timestamp")

    @property
    def site(self) -> str:
        return cast("str", self.plain.get("site", ""))

    @property
    def metadata(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.plain.setdefault("meta", {}))

    @property
    def meta(self) -> dict[str, Any]:
        return self.metadata

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """The annotations in their plain form."""
        return cast("list[dict[str, Any]]", self.plain.setdefault("annotations", []))

    def add_annotation(
        self,
        *,
        labels: Texts,
        confidence: float | None = None,
        metadata: Mapping[str, Any] | None = None,
        id: str | None = None,
        origin: str = "",
        sources: Texts = (),
        **shape: Any,
    ) -> str:
        """Adds a ROI; without a shape a label of the whole frame. Returns its id.

        Shapes (one of): `box2d_xywh=(x, y, width, height[, angle])`, `poly2d_xy=[x0, y0, …]` or a list of rings,
        `ellipse2d_xyrrt=[cx, cy, rx, ry, theta]`, `points2d_xy=[…]`, `box3d_xyzwhxyzwh=[…]`, `poly3d_xyz=[…]`,
        `points3d_xyz=[…]`, `mask_rgb=(r, g, b)`, `span=(start, end)`.

        Raises:
            InvalidFrame: what is wrong with it; the frame stays as it was.
        """
        annotation = ImageAnnotation(
            labels=labels, confidence=confidence, metadata=metadata, id=id, origin=origin, sources=sources, **shape
        )
        plain, _ = normalise_annotation(annotation.plain, self.plain.get("sources", []))
        taken = {each.get("id") for each in self.annotations}
        base, number = plain.get("id") or f"roi-{len(taken)}", 2
        plain["id"] = base
        while id is None and plain["id"] in taken:
            plain["id"], number = f"{base}-{number}", number + 1
        self.annotations.append(plain)
        return cast("str", plain["id"])

    def add_global_annotation(self, annotation: ImageAnnotation) -> None:
        """Adds an annotation that lies on all sources."""
        self.annotations.append({key: value for key, value in annotation.plain.items() if key != "sources"})

    def get_annotations(
        self,
        *,
        id: str | None = None,
        index: int | None = None,
        label: str | None = None,
    ) -> list[dict[str, Any]]:
        """The annotations with this id, at this place, with this label; all of them without arguments."""
        listed = self.annotations if index is None else self.annotations[index : index + 1 or None]
        return [
            each for each in listed
            if (id is None or each.get("id") == id) and (label is None or label in each["labels"])
        ]  # fmt: skip

    def remove_annotation(self, *, index: int | None = None, id: str | None = None) -> None:
        found = self.get_annotations(id=id, index=index)
        if (index is None and id is None) or not found:
            raise NotFound("the frame has no such annotation", kind="annotation", name=str(id or index))
        self.annotations.remove(found[0])

    def remove_annotations(self, *, label: str | None = None, labels: Texts = ()) -> None:
        """Removes the annotations that carry any of these labels."""
        gone = {*texts(labels, "labels"), *([label] if label else [])}
        self.plain["annotations"] = [each for each in self.annotations if gone.isdisjoint(each["labels"])]

    def set_vector(self, name: str, values: Sequence[float]) -> None:
        """A vector that is written beside the frame, by `add_frames`; it is not part of the frame's digest."""
        self.vectors[name] = list(values)

    @property
    def vectors(self) -> dict[str, list[float]]:
        """The vectors to be written with the frame, by field; frames that are read come without."""
        return cast("dict[str, list[float]]", self.__dict__.setdefault("_vectors", {}))

    def check(self) -> None:
        """Raises InvalidFrame: it cannot be written as what it is."""

    def to_plain(self) -> Frame:
        """The frame in its normal, plain form; raises InvalidFrame."""
        self.check()
        return normal(self.plain)


class SingleFrame(_Annotated):
    """A frame with one source: a picture, a text, a recording."""

    def __init__(
        self,
        source: str | Path = "",
        *,
        width: int | None = None,
        height: int | None = None,
        preview_uri: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        annotations: Iterable[ImageAnnotation] | None = None,
        mask_source: str | None = None,
        context_id: str | None = None,
        timestamp: int | datetime | None = None,
        id: str | None = None,
        site: str = "",
        content_type: str = "",
        blob: bytes | None = None,
    ) -> None:
        first = {"id": DEFAULT, "uri": str(source), "width": width, "height": height, "preview": preview_uri,
                 "content_type": content_type}  # fmt: skip
        self.plain = {
            "id": id or "", "site": site, "context_id": context_id or "", "timestamp": milliseconds(timestamp),
            "sources": [{key: value for key, value in first.items() if value is not None}],
            "annotations": [each.plain for each in annotations or ()], "meta": plain_of(metadata or {}),
        }  # fmt: skip
        if blob is not None:
            self.plain["blob"] = blob
        if mask_source:
            self.masks_source = [mask_source]

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any], kept: Kept | None = None) -> SingleFrame | FrameGroup:
        """The object of a plain frame: a group if it has several sources, or one that is not called `default`."""
        names = [source.get("id") or DEFAULT for source in plain["sources"]]
        made: SingleFrame | FrameGroup = FrameGroup() if len(names) > 1 or names not in ([], [DEFAULT]) else cls()
        made.plain, made.kept = dict(plain), kept
        return made

    @property
    def preview_uri(self) -> str | None:
        return self._first.get("preview")

    @property
    def source(self) -> str:
        return cast("str", self._first["uri"])

    @source.setter
    def source(self, uri: str) -> None:
        self._first["uri"] = uri

    @property
    def width(self) -> int | None:
        return self._first.get("width")

    @width.setter
    def width(self, pixels: int) -> None:
        self._first["width"] = pixels

    @property
    def height(self) -> int | None:
        return self._first.get("height")

    @height.setter
    def height(self, pixels: int) -> None:
        self._first["height"] = pixels

    @property
    def blob(self) -> bytes | None:
        return self.plain.get("blob")

    @blob.setter
    def blob(self, content: bytes) -> None:
        self.plain["blob"] = content

    @property
    def masks_source(self) -> dict[str, str]:
        return {mask["id"]: mask["uri"] for mask in self._first.get("masks", [])}

    @masks_source.setter
    def masks_source(self, masks: Mapping[str, str] | Sequence[str]) -> None:
        named = masks if isinstance(masks, Mapping) else {f"{i:02d}": uri for i, uri in enumerate(masks)}
        self._first["masks"] = [{"id": name, "uri": uri} for name, uri in named.items()]

    def get_local_source(self) -> str:
        """Path of a local copy of the content; for frames without a site.

        Raises:
            NoLocalSource: the bytes of a site's frame come from its node.
        """
        if self.blob is not None:
            return _cached(f"blob:{hashlib.sha256(self.blob).hexdigest()}", lambda: self.blob)
        return local_copy(self.site, self.source)

    def get_local_mask_source(self, mask_id: str | None = None) -> str:
        masks = self.masks_source
        if not masks:
            raise NotFound("the frame has no mask", kind="mask", name=mask_id or "")
        return local_copy(self.site, masks[mask_id or next(iter(masks))])

    @property
    def _first(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.plain["sources"][0])

    def __repr__(self) -> str:
        return f"SingleFrame({self.id or self.source!r}, {len(self.annotations)} annotations)"


class FrameGroup(_Annotated, MutableMapping[str, SingleFrame]):
    """Sources taken at one time and place, by name; `group["front"] = SingleFrame(…)`.

    The metadata, the preview and the masks of a member are its source's; those of the group are the frame's. A group of
    one source is a group if that has another name than `default`.
    """

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def __init__(
        self,
        *,
        metadata: Mapping[str, Any] | None = None,
        context_id: str | None = None,
        timestamp: int | datetime | None = None,
        id: str | None = None,
        site: str = "",
    ) -> None:
        self.plain = {
            "id": id or "", "site": site, "context_id": context_id or "", "timestamp": milliseconds(timestamp),
            "sources": [], "annotations": [], "meta": plain_of(metadata or {}),
        }  # fmt: skip

    def __setitem__(self, name: str, frame: SingleFrame) -> None:
        """Adds a source under a name, with the annotations of the frame on that source."""
        others = [source for source in self.plain["sources"] if source["id"] != name]
        source = {**frame.plain["sources"][0], "id": name}
        if frame.metadata:
            source["meta"] = dict(frame.metadata)
        self.plain["sources"] = sorted([*others, source], key=lambda each: each["id"])
        mine = [each for each in self.annotations if each.get("sources") != [name]]
        self.plain["annotations"] = [*mine, *({**each, "sources": [name]} for each in frame.annotations)]

    def __delitem__(self, name: str) -> None:
        """Removes a source with the annotations that lie on it alone."""
        self[name]
        self.plain["sources"] = [source for source in self.plain["sources"] if source["id"] != name]
        left = [each for each in self.annotations if each.get("sources") != [name]]
        for each in left:
            if name in each.get("sources", ()):
                each["sources"] = [other for other in each["sources"] if other != name]
        self.plain["annotations"] = left

    def __iter__(self) -> Iterator[str]:
        return (source["id"] for source in self.plain["sources"])

    def __len__(self) -> int:
        return len(self.plain["sources"])

    def __contains__(self, name: object) -> bool:
        return any(source["id"] == name for source in self.plain["sources"])

    def __getitem__(self, name: str) -> SingleFrame:
        """The source of this name as a frame; what is changed in it is changed in the group."""
        for source in self.plain["sources"]:
            if source["id"] == name:
                return _Member(self, source)
        raise _NoSource(f"the group has no source `{name}`; it has {', '.join(self)}", kind="source", name=name)

    def check(self) -> None:
        """Raises InvalidFrame: its only source is called `default`, as that of a single frame."""
        if list(self) == [DEFAULT]:
            raise InvalidFrame(
                "a group of one source that is called `default` is a single frame: give the source another name, such "
                "as `front`, or write a SingleFrame"
            )

    def __repr__(self) -> str:
        return f"FrameGroup({self.id!r}, {', '.join(self)})"


class _NoSource(NotFound, KeyError):
    """As mappings have it."""

    __str__ = Exception.__str__


class _Member(SingleFrame):
    """One source of a group, which it shares with it; its metadata are the source's."""

    def __init__(self, group: FrameGroup, source: dict[str, Any]) -> None:
        super().__init__(site=group.site, context_id=group.context_id, timestamp=group.timestamp)
        self._group, self._name = group, source["id"]
        self.plain["sources"] = [source]
        self.kept = group.kept

    @property
    def metadata(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._first.setdefault("meta", {}))

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """Those that lie on this source; they are added and removed through the methods."""
        return [each for each in self._group.annotations if self._name in each.get("sources", [self._name])]

    def add_annotation(self, **annotation: Any) -> str:
        return self._group.add_annotation(**{**annotation, "sources": [self._name]})

    def remove_annotation(self, *, index: int | None = None, id: str | None = None) -> None:
        found = self.get_annotations(id=id, index=index)
        if (index is None and id is None) or not found:
            raise NotFound("the frame has no such annotation", kind="annotation", name=str(id or index))
        self._group.annotations.remove(found[0])

    def remove_annotations(self, *, label: str | None = None, labels: Texts = ()) -> None:
        gone = {*texts(labels, "labels"), *([label] if label else [])}
        for each in self.annotations:
            if not gone.isdisjoint(each["labels"]):
                self._group.annotations.remove(each)


def read_uri(uri: str) -> bytes:
    """The content of a `file://`, `https://` or object store's address, or of a local path.

    Raises:
        SourceUnreadable: with the reason.
    """
    parts = uri_parts(uri)
    try:
        if parts.scheme in {"http", "https"}:
            with urllib.request.urlopen(uri, timeout=_TIMEOUT_S) as answer:  # noqa: S310  # the scheme was looked at
                return cast("bytes", answer.read(MAX_REMOTE))
        if parts.scheme in {"", "file"}:
            return Path(urllib.request.url2pathname(parts.path) if parts.scheme else uri).read_bytes()
        if parts.scheme in storage.REMOTE and "::" not in uri:
            return storage.read(uri, MAX_REMOTE)
    except (OSError, ValueError, HTTPException, DestinationFailed) as error:
        raise SourceUnreadable(f"{uri}: cannot be read: {error}") from None
    raise SourceUnreadable(
        f"{uri}: only file://, http://, https:// and {'://, '.join(storage.REMOTE)}:// are read here"
    )


def local_copy(site: str, uri: str) -> str:
    """Path of a local file with the content of a URI.

    Raises:
        NoLocalSource: the bytes of a site's frame come from its node.
        SourceUnreadable: there is no such file.
    """
    if site:
        raise NoLocalSource(f"the bytes of site `{site}` come from its node: `view.open()` there")
    parts = uri_parts(uri)
    if parts.scheme in {"", "file"}:
        path = Path(urllib.request.url2pathname(parts.path) if parts.scheme else uri)
        if not path.exists():
            raise SourceUnreadable(f"{uri}: there is no such file")
        return str(path)
    return _cached(uri, lambda: read_uri(uri))


def _cached(key: str, content: Any) -> str:
    folder = Path(tempfile.gettempdir()) / f"hyperdatasets-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise SourceUnreadable(f"{folder} belongs to somebody else; set TMPDIR to a folder of your own")
    path = folder / (hashlib.sha256(key.encode()).hexdigest()[:32] + Path(uri_parts(key).path).suffix[:10])
    if not path.exists():
        data = content()
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(data)
        shutil.move(file.name, path)
    return str(path)


_SHAPES = {
    "box2d_xywh": "box", "poly2d_xy": "polygon", "ellipse2d_xyrrt": "ellipse", "points2d_xy": "keypoints",
    "box3d_xyzwhxyzwh": "box3d", "poly3d_xyz": "polygon3d", "points3d_xyz": "points3d", "mask_rgb": "mask",
    "span": "span",
}  # fmt: skip


def _geometry(shape: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in shape.items() if value is not None}
    if unknown := given.keys() - _SHAPES.keys():
        raise InvalidFrame(f"there is no shape {min(unknown)!r}; expected one of {', '.join(_SHAPES)}")
    if len(given) > 1:
        raise InvalidFrame(f"an annotation has one shape, not {len(given)}: {', '.join(given)}")
    for name, value in given.items():
        plain = list(value)
        if name == "poly2d_xy" and plain and not isinstance(plain[0], list | tuple):
            plain = [plain]
        return {"geometry": {_SHAPES[name]: plain}}
    return {}
