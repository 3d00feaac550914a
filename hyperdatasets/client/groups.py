"""Frame groups as users hold them: sources taken at one time and place, by name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from datetime import datetime
from typing import Any, cast

from hyperdatasets.client import frame_content
from hyperdatasets.client.annotated_frame import AnnotatedFrame, Kept
from hyperdatasets.client.arguments import Texts, milliseconds, texts
from hyperdatasets.client.arguments import plain as plain_of
from hyperdatasets.client.frames import DEFAULT, SingleFrame
from hyperdatasets.core.errors import InvalidFrame, NotFound

_NUMBERED = re.compile(r"roi-\d+(-\d+)?")  # ids that `add_annotation` gives


class FrameGroup(AnnotatedFrame, MutableMapping[str, SingleFrame]):
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
        """Adds a source under a name, with the annotations of the frame on that source.

        An annotation that `add_annotation` numbered (`roi-0`) gets another number if one of another source has it.
        """
        others = [source for source in self.plain["sources"] if source["id"] != name]
        source = {**frame.plain["sources"][0], "id": name}
        if frame.metadata:
            source["meta"] = dict(frame.metadata)
        self.plain["sources"] = sorted([*others, source], key=lambda each: each["id"])
        mine = [each for each in self.annotations if each.get("sources") != [name]]
        new = _numbered(frame.annotations, {each.get("id") for each in mine})
        self.plain["annotations"] = [*mine, *({**each, "sources": [name]} for each in new)]

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
        """The source of this name as a frame; changes to it are changes to the group."""
        for source in self.plain["sources"]:
            if source["id"] == name:
                return _Member(self, source)
        raise NoSuchSource(f"the group has no source `{name}`; it has {', '.join(self)}", kind="source", name=name)

    def check(self) -> None:
        """Raises InvalidFrame: its only source is called `default`, as that of a single frame."""
        super().check()
        if list(self) == [DEFAULT]:
            raise InvalidFrame(
                "a group of one source that is called `default` is a single frame: give the source another name, such "
                "as `front`, or write a SingleFrame"
            )

    def __repr__(self) -> str:
        return f"FrameGroup({self.id!r}, {', '.join(self)})"


def _numbered(annotations: Iterable[dict[str, Any]], taken: set[str | None]) -> Iterator[dict[str, Any]]:
    """Annotations, with new numbers for those whose numbers are taken."""
    for each in annotations:
        name, number = each.get("id"), len(taken)
        while name in taken and _NUMBERED.fullmatch(name or ""):
            name, number = f"roi-{number}", number + 1
        taken.add(name)
        yield each if name == each.get("id") else {**each, "id": name}


class NoSuchSource(NotFound, KeyError):
    """A NotFound that is a KeyError too, as mappings raise it."""

    __str__ = Exception.__str__


class _Member(SingleFrame):
    """A source of a group as a frame. Both share the source; the metadata of the frame is the source's."""

    def __init__(self, group: FrameGroup, source: dict[str, Any]) -> None:
        super().__init__(site=group.site, context_id=group.context_id, timestamp=group.timestamp)
        self._group, self._name = group, source["id"]
        self.plain["sources"] = [source]
        self.kept = group.kept
        if group.parts is not None:
            first = frame_content.source_place(group.plain["sources"], self._name).number
            self.parts = group.parts[first : first + 1 + len(source.get("masks", ()))]

    @property
    def metadata(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self._first.setdefault("meta", {}))

    @property
    def annotations(self) -> list[dict[str, Any]]:
        """The annotations that lie on this source; methods of this frame add and remove them."""
        return [each for each in self._group.annotations if self._name in each.get("sources", [self._name])]

    def content(self, source: str = "") -> bytes:
        return self._group.content(source or self._name)

    def mask(self, mask: str = "", *, source: str = "") -> bytes:
        return self._group.mask(mask, source=source or self._name)

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


AnyFrame = SingleFrame | FrameGroup


def frame_of_plain(
    plain: dict[str, Any],
    *,
    kept: Kept | None = None,
    parts: frame_content.Parts | None = None,
    position: int | None = None,
) -> AnyFrame:
    """The object over a plain frame: a group if it has several sources, or one that is not called `default`."""
    sources = plain["sources"]
    is_group = len(sources) > 1 or (len(sources) == 1 and (sources[0].get("id") or DEFAULT) != DEFAULT)
    frame: AnyFrame = FrameGroup.__new__(FrameGroup) if is_group else SingleFrame.__new__(SingleFrame)
    frame.plain, frame.kept, frame.parts, frame.position = plain, kept, parts, position
    return frame
