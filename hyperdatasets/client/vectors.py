"""Vectors of frames: written in batches on one stream, read by id, searched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypedDict

import numpy as np

from hyperdatasets.client.bulk import FailedFrame, WriteResult
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.client.long_reads import read_at_one_go
from hyperdatasets.client.metadata import MetadataClient, new_request_id
from hyperdatasets.client.stored import frame_of
from hyperdatasets.core.errors import InvalidArgument, InvalidVector
from hyperdatasets.core.tables import Table
from hyperdatasets.core.wording import counted
from hyperdatasets.v1 import frame_service_pb2 as pb
from hyperdatasets.v1.frame_service_pb2_grpc import FrameServiceStub

METRICS = {
    int(pb.VECTOR_METRIC_COSINE): "cosine",
    int(pb.VECTOR_METRIC_L2): "l2",
    int(pb.VECTOR_METRIC_INNER_PRODUCT): "inner_product",
}
_NUMBERS = {name: number for number, name in METRICS.items()} | {"": int(pb.VECTOR_METRIC_UNSPECIFIED)}
_BATCH = 1_000  # vectors
_BATCH_NUMBERS = 1 << 20
READ = 1_000  # ids asked for at once


class VectorField(TypedDict):
    """A declared field."""

    dimensions: int
    metric: str


class Neighbours(list[tuple[AnyFrame, float]]):
    """(frame, value of the metric), the nearest first; with how it was searched."""

    def __init__(self) -> None:
        super().__init__()
        self.metric, self.approximate, self.searched, self.matching = "", False, 0, 0
        self.warnings: list[Any] = []

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        how = "by a graph" if self.approximate else "exact"
        title = f"Neighbours({len(self)} of {counted(self.searched, 'vector')}; {how})"
        return Table(title, ("frame", self.metric or "value"), [(frame.id, value) for frame, value in self])


def metric_number(metric: str) -> Any:
    if metric not in _NUMBERS:
        raise InvalidArgument(f"metric: expected cosine, l2 or inner_product, got {metric[:60]!r}")
    return _NUMBERS[metric]


def write(
    client: MetadataClient, vectors: Mapping[str, Sequence[float]], *, dataset: str, version: str, field: str
) -> WriteResult:
    """Writes a vector for each frame id; what is wrong with one does not stop the others."""
    result = WriteResult()
    places = {frame_id: index for index, frame_id in enumerate(vectors)}
    requests = _requests(vectors, result, dataset=dataset, version=version, field=field)
    for answer in client.connection.stream(lambda channel: FrameServiceStub(channel).SetVectors, requests):
        result.added += answer.added
        result.unchanged += answer.unchanged
        result.extend(
            FailedFrame(places[each.frame_id], each.frame_id, each.reason, each.message) for each in answer.failures
        )
    result.sort(key=lambda failed: failed.index)
    return result


def read(
    client: MetadataClient, frame_ids: Sequence[str], *, dataset: str, version: str, field: str
) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for start in range(0, len(frame_ids), READ):
        part = frame_ids[start : start + READ]
        answer = client.send(pb.BatchGetVectorsRequest(dataset=dataset, version=version, field=field, frame_ids=part))
        rows = np.asarray(answer.values, np.float32).reshape(-1, answer.dimensions)
        found |= zip(answer.frame_ids, rows.tolist(), strict=True)
    return found


def search(
    client: MetadataClient,
    *,
    dataset: str,
    version: str,
    field: str,
    to: str | Sequence[float],
    k: int,
    metric: str,
    exact: bool,
    filter: pb.FrameFilter,
) -> Neighbours:
    target: dict[str, Any] = {"frame_id": to} if isinstance(to, str) else {"vector": numbers_of(to).tolist()}
    request = pb.SearchVectorsRequest(
        dataset=dataset, version=version, field=field, k=k, metric=metric_number(metric), exact=exact, filter=filter,
        **target,
    )  # fmt: skip
    return read_at_one_go(client, request, partial(_neighbours, dataset=dataset, version=version))


def _neighbours(answers: Iterator[pb.SearchVectorsResponse], *, dataset: str, version: str) -> Neighbours:
    found = Neighbours()
    for number, answer in enumerate(answers):
        if not number:
            found.metric, found.approximate = METRICS[answer.metric], answer.approximate
            found.searched, found.matching = answer.searched, answer.matching
            found.warnings = list(answer.warnings)
        for each in answer.neighbours:
            found.append((frame_of(each.frame, dataset=dataset, version=version), each.value))
    return found


def _requests(
    vectors: Mapping[str, Sequence[float]], result: WriteResult, *, dataset: str, version: str, field: str
) -> Iterator[pb.SetVectorsRequest]:
    """Batches of vectors of one length each: the service says which length is wrong."""
    numbered = enumerate(vectors.items())
    while part := list(islice(numbered, _BATCH)):
        by_length: dict[int, list[tuple[str, Any]]] = {}
        for index, (frame_id, values) in part:
            try:
                numbers = numbers_of(values)
            except InvalidVector as error:
                result.append(FailedFrame(index, frame_id, error.reason, error.message))
                continue
            by_length.setdefault(len(numbers), []).append((frame_id, numbers))
        for length, listed in by_length.items():
            size = max(1, _BATCH_NUMBERS // length)
            for start in range(0, len(listed), size):
                some = listed[start : start + size]
                yield pb.SetVectorsRequest(
                    dataset=dataset, version=version, field=field, frame_ids=[each[0] for each in some],
                    values=np.concatenate([each[1] for each in some]).tolist(), request_id=new_request_id(),
                )  # fmt: skip


def numbers_of(values: Sequence[float]) -> Any:
    """A vector as an array; raises InvalidVector."""
    try:
        numbers = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise InvalidVector("a vector is a list of numbers") from None
    if numbers.ndim != 1 or not numbers.size:
        raise InvalidVector(f"a vector is a flat list of at least one number, not of shape {numbers.shape}")
    return numbers
