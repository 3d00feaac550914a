"""What single frames and groups have in common, over the plain form: fields, content, annotations, vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hyperdatasets.client import drawing, frame_content, frame_pages
from hyperdatasets.client.annotations import ImageAnnotation
from hyperdatasets.client.arguments import Texts, normal, texts
from hyperdatasets.client.arguments import plain as plain_of
from hyperdatasets.core.errors import InvalidFrame, NoLocalSource, NotFound, SourceUnreadable
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.normalise import normalise_annotation
from hyperdatasets.formats.media.pixels import Mode


class Kept(NamedTuple):
    """The place of a frame that was read: dataset, version, revision, and the time when it was saved.

    Attributes:
        saved_ms: milliseconds since 1970; None where only the service knows.
        whole: whether all parts of the frame came, as they do without a projection.
    """

    dataset: str
    version: str
    revision: int
    saved_ms: int | None = None
    whole: bool = True


class AnnotatedFrame:
    """A frame with one or several sources: what single frames and groups share. `plain` is its plain form."""

    plain: dict[str, Any]
    kept: Kept | None = None
    """The place that the frame was read from; None for a new frame."""
    parts: frame_content.Parts | None = None
    """The bytes that came with the frame: each source, followed by its masks; None if it came without bytes."""
    position: int | None = None
    """Its position, from 0, in the order of the data view that delivered it; None for a frame from elsewhere."""

    @property
    def dataset(self) -> str:
        """The id of the dataset that the frame was read from; empty for a new frame."""
        return self.kept.dataset if self.kept else ""

    @property
    def version(self) -> str:
        """The id of the version that the frame was read from; empty for a new frame."""
        return self.kept.version if self.kept else ""

    @property
    def etag(self) -> int | None:
        """The revision that was read, which guards an edit against a faster one; None for a new frame."""
        return self.kept.revision if self.kept else None

    @property
    def saved(self) -> datetime | None:
        """The time (UTC) when the revision was saved; None for a new frame, and for one that came from a node."""
        saved_ms = self.kept.saved_ms if self.kept else None
        return None if saved_ms is None else datetime.fromtimestamp(saved_ms / 1000, UTC)

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

    @property
    def label_ids(self) -> list[list[int]]:
        """For each annotation the numbers of its labels in the data view that delivered the frame.

        -1 stands for a label without a number. A frame that no view delivered has no numbers: empty lists.
        """
        return [each.get("label_ids", []) for each in self.annotations]

    # --- content

    def content(self, source: str = "") -> bytes:
        """The bytes of a source: they came with the frame, are inline, or are read from its URI.

        Args:
            source: its name; empty = the first one.

        Raises:
            NoLocalSource: the frame is a site's and came without its bytes; they come from the site's node.
            SourceUnreadable: there is nothing at the URI, or the site leaves this source out.
            NotFound: the frame has no such source.
        """
        return frame_content.read(self, frame_content.source_place(self.plain["sources"], source))

    def mask(self, mask: str = "", *, source: str = "") -> bytes:
        """The bytes of a mask, as a picture file.

        Args:
            mask: its id; empty = the first one.
            source: only a mask of the source of this name; empty = of any source.

        Raises:
            As `content`; NotFound: the frame has no such mask.
        """
        return frame_content.read(self, frame_content.mask_place(self.plain["sources"], mask, source))

    def image(self, source: str = "", *, mode: frame_content.ImageMode = "default") -> Image.Image:
        """A picture as shown, decoded by the rules of `docs/formats.md` (orientation applied, 8 bits).

        Args:
            source: its name; empty = the first one.
            mode: `default` (mode `RGB` of Pillow, or `L` for grey pictures), `RGB`, or `L`.

        Raises:
            As `content`; SourceUnreadable: the source is not a picture, or cannot be decoded.
        """
        return frame_content.image(self, source, mode)

    def array(self, source: str = "", *, mode: Mode = "default") -> NDArray[np.generic]:
        """A picture as shown: (height, width, 3), or (height, width) for grey ones, as uint8.

        Args:
            source: its name; empty = the first one.
            mode: `default`, `RGB`, `L`, or `raw` (the stored depth and bands).

        Raises:
            As `image`.
        """
        return frame_content.array(self, source, mode)

    def text(self, source: str = "", *, encoding: str = "") -> str:
        """A text, so that `span` annotations count its characters.

        Args:
            source: its name; empty = the first one.
            encoding: as Python names it; empty: that of its byte order mark, or UTF-8.

        Raises:
            As `content`; SourceUnreadable: the source is not text in this encoding.
        """
        return frame_content.text(self, source, encoding)

    def plot(self, source: str = "", *, side: int = drawing.SIDE) -> Image.Image:
        """The picture with its objects drawn onto it, as an image of Pillow; notebooks show it.

        Args:
            source: its name; empty = the first one.
            side: pixels of the longer side, at most; small pictures are enlarged.

        Raises:
            As `image`.
        """
        name = source or next((each["id"] for each in self.plain["sources"]), "")
        shown = [each for each in self.annotations if name in each.get("sources", [name])]
        is_classified = any("mask" in each.get("geometry", {}) for each in shown)
        mask = None
        with suppress(NotFound, NoLocalSource, SourceUnreadable):  # then the classes of a mask are not drawn
            mask = frame_content.mask_pixels(self, name) if is_classified else None
        return drawing.drawn(self.image(source), shown, mask=mask, side=side)

    def _repr_html_(self) -> str:
        return frame_pages.page(self, repr(self))

    # --- annotations

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
            InvalidFrame: the annotation is wrong, and how; the frame does not change.
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
        """Sets a vector, which `add_frames` writes with the frame; it is not part of the frame's digest."""
        self.vectors[name] = list(plain_of(values))

    @property
    def vectors(self) -> dict[str, list[float]]:
        """The vectors to be written with the frame, by field; frames that are read come without."""
        return cast("dict[str, list[float]]", self.__dict__.setdefault("_vectors", {}))

    def check(self) -> None:
        """Raises InvalidFrame if writing the frame would lose something: it came from a data view, or in parts."""
        if self.kept is not None and not self.kept.whole:
            raise InvalidFrame(
                "this frame was read with a projection, and writing it would delete the parts that did not come; to "
                "change it, read it whole: `version[frame.id]`"
            )
        if self.position is not None or any("label_ids" in each for each in self.annotations):
            raise InvalidFrame(
                "this frame came from a data view, which may show other labels, or fewer, than are stored; to change "
                "it, read it from its version: `version[frame.id]`"
            )

    def __getstate__(self) -> dict[str, Any]:
        """The frame with the bytes that came with it; it holds no connection and no credentials."""
        parts = None if self.parts is None else [None if each is None else bytes(each) for each in self.parts]
        return {**self.__dict__, "parts": parts}

    def to_plain(self) -> Frame:
        """The frame in its normal, plain form; raises InvalidFrame."""
        self.check()
        return normal(self.plain)
