"""Frame objects into a draft: their files first, where that is asked for, then frames with their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from hyperdatasets.client import bulk, vectors
from hyperdatasets.client.bulk import FailedFrame, WriteResult
from hyperdatasets.client.frames import FrameGroup, SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.progress import Advance
from hyperdatasets.client.uploads import Uploader
from hyperdatasets.core.errors import InvalidArgument, InvalidVector

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
    refused: list[FailedFrame] = []

    def with_vectors() -> Iterator[bulk.WithVectors]:
        given = _checked(bulk.iterated(frames))
        for index, frame in enumerate(given) if uploader is None else uploader.place(given, refused):
            indexes.append(index)
            yield frame.plain, _vectors(index, frame, refused)

    result = bulk.write_with_vectors(client, with_vectors(), dataset=dataset, version=version, progress=progress)
    result[:] = [*refused, *(replace(each, index=indexes[each.index]) for each in result)]
    result.sort(key=lambda each: each.index)
    return result


def _vectors(index: int, frame: AnyFrame, refused: list[FailedFrame]) -> dict[str, Sequence[float]]:
    found = {}
    for field, values in frame.vectors.items():
        try:
            found[field] = vectors.numbers_of(values)
        except InvalidVector as error:
            refused.append(FailedFrame(index, frame.id or frame.to_plain()["id"], error.reason, error.message))
    return found


def _checked(frames: Iterable[AnyFrame]) -> Iterator[AnyFrame]:
    for index, frame in enumerate(frames):
        if not isinstance(frame, SingleFrame | FrameGroup):
            raise InvalidArgument(
                f"frame {index}: expected a SingleFrame or a FrameGroup, got {type(frame).__name__}; "
                "frames in their plain form are written with `version.write`"
            )
        yield frame
