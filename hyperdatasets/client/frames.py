"""Single frames as users hold them, over the plain form."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import Any, cast

from hyperdatasets.client.annotated_frame import AnnotatedFrame
from hyperdatasets.client.annotations import ImageAnnotation
from hyperdatasets.client.arguments import milliseconds
from hyperdatasets.client.arguments import plain as plain_of
from hyperdatasets.client.local_files import cached, local_copy
from hyperdatasets.core.errors import NotFound

DEFAULT = "default"  # the name of the source of a single frame


class SingleFrame(AnnotatedFrame):
    """A frame with one source: a picture, a text, a recording."""

    def __init__(
        self,
        source: str | Path = "",
        *,
        width: int | None = None,
        height: int | None = None,
        preview_uri: str | Path | None = None,
        metadata: Mapping[str, Any] | None = None,
        annotations: ImageAnnotation | Iterable[ImageAnnotation] | None = None,
        mask_source: str | Path | None = None,
        context_id: str | None = None,
        timestamp: int | datetime | None = None,
        id: str | None = None,
        site: str = "",
        content_type: str = "",
        blob: bytes | None = None,
    ) -> None:
        listed = [annotations] if isinstance(annotations, ImageAnnotation) else annotations
        first = {"id": DEFAULT, "uri": str(source), "width": width, "height": height, "preview": preview_uri,
                 "content_type": content_type}  # fmt: skip
        self.plain = {
            "id": id or "", "site": site, "context_id": context_id or "", "timestamp": milliseconds(timestamp),
            "sources": [{key: value for key, value in first.items() if value is not None}],
            "annotations": [each.plain for each in listed or ()], "meta": plain_of(metadata or {}),
        }  # fmt: skip
        if blob is not None:
            self.plain["blob"] = blob
        if mask_source:
            self.masks_source = [mask_source]

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
    def masks_source(self, masks: Mapping[str, str | Path] | Sequence[str | Path] | str | Path) -> None:
        listed = [masks] if isinstance(masks, str | PathLike) else masks
        named = listed if isinstance(listed, Mapping) else {f"{i:02d}": uri for i, uri in enumerate(listed)}
        self._first["masks"] = [{"id": name, "uri": plain_of(uri)} for name, uri in named.items()]

    def get_local_source(self) -> str:
        """Path of a local copy of the content; for frames without a site.

        Raises:
            NoLocalSource: the bytes of a site's frame come from its node.
        """
        if (blob := self.blob) is not None:
            return cached(f"blob:{hashlib.sha256(blob).hexdigest()}", lambda: blob)
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
