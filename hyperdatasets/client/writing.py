"""Frame objects into a draft: their files first, where that is asked for, then frames, then their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hyperdatasets.client import bulk, vectors
from hyperdatasets.client.bulk import FailedFrame, WriteResult
from hyperdatasets.client.frames import FrameGroup, SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.progress import Advance
from hyperdatasets.client.uploads import Uploader
from hyperdatasets.core.errors import InvalidArgument

AnyFrame = SingleFrame | FrameGroup


def add(
    client: MetadataClient,
    frames: Iterable[AnyFrame],
    *,
    dataset: str,
    version: str,
    uploader: Uploader | None,
    progress: Advance,
) -> WriteResult:
    """Writes frames as the service takes them; those whose files or vectors are refused are among the failed."""
    indexes: list[int] = []
    unread: list[FailedFrame] = []
    given: dict[str, dict[str, Sequence[float]]] = {}
    numbers: dict[str, int] = {}

    def plain() -> Iterator[Mapping[str, Any]]:
        given_frames = _checked(bulk.iterated(frames))
        for index, frame in enumerate(given_frames) if uploader is None else uploader.place(given_frames, unread):
            for field, values in frame.vectors.items():
                frame_id = frame.id or frame.to_plain()["id"]
                given.setdefault(field, {})[frame_id] = values
                numbers[frame_id] = index
            indexes.append(index)
            yield frame.plain

    result = bulk.write(client, plain(), dataset=dataset, version=version, progress=progress)
    result[:] = [*unread, *(replace(each, index=indexes[each.index]) for each in result)]
    failed = {each.id for each in result}
    for field, of_field in given.items():
        kept = {frame_id: values for frame_id, values in of_field.items() if frame_id not in failed}
        refused = vectors.write(client, kept, field=field, dataset=dataset, version=version)
        result.extend(replace(each, index=numbers[each.id]) for each in refused)
    result.sort(key=lambda each: each.index)
    return result


def _checked(frames: Iterable[AnyFrame]) -> Iterator[AnyFrame]:
    for index, frame in enumerate(frames):
        if not isinstance(frame, SingleFrame | FrameGroup):
            raise InvalidArgument(
                f"frame {index}: expected a SingleFrame or a FrameGroup, got {type(frame).__name__}; "
                "frames in their plain form are written with `version.write`"
            )
        yield frame
