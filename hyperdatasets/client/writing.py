"""Frame objects into a draft: their files first, where that is asked for, then frames with their vectors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from hyperdatasets.client import bulk, vectors
from hyperdatasets.client.bulk import FailedFrame, WriteResult
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.progress import Advance
from hyperdatasets.client.uploads import Uploader
from hyperdatasets.core.errors import InvalidArgument, InvalidFrame, InvalidVector


def add(
    client: MetadataClient,
    frames: Iterable[AnyFrame],
    *,
    dataset: str,
    version: str,
    uploader: Uploader | None,
    progress: Advance,
    etag: bool = False,
) -> WriteResult:
    """Writes frames as the service takes them; those whose files or vectors are refused are among the failed.

    Args:
        etag: frames are refused that were changed since they were read.
    """
    indexes: list[int] = []
    refused: list[FailedFrame] = []

    def writes() -> Iterator[bulk.Write]:
        given = _checked(bulk.iterated(frames), dataset if etag else "")
        for index, frame in enumerate(given) if uploader is None else uploader.place(given, refused):
            try:
                frame.check()
            except InvalidFrame as error:
                refused.append(FailedFrame(index, frame.id, error.reason, error.message))
                continue
            indexes.append(index)
            yield bulk.Write(frame.plain, _vectors(index, frame, refused), frame.etag if etag else None)

    result = bulk.write_each(client, writes(), dataset=dataset, version=version, progress=progress)
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


def _checked(frames: Iterable[AnyFrame], dataset: str) -> Iterator[AnyFrame]:
    """The frames, which must have been read from this dataset, if one is given."""
    for index, frame in enumerate(frames):
        if not isinstance(frame, AnyFrame):
            raise InvalidArgument(
                f"frame {index}: expected a SingleFrame or a FrameGroup, got {type(frame).__name__}; "
                "frames in their plain form are written with `version.write`"
            )
        if dataset and frame.dataset != dataset:
            raise InvalidArgument(
                f"frame {index}: it was not read from this dataset, so that it has no etag; read it from the "
                "version, or write it without `etag`"
            )
        yield frame
