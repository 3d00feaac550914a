"""Vectors as messages: what FrameService answers about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from pyroaring import BitMap

from hyperdatasets.core.dataview import Metric
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.vectors import Vector, checked
from hyperdatasets.engine.vectors import Found
from hyperdatasets.v1 import frame_service_pb2 as pb
from metadata_service.store.protocol import Row

MAX_NEIGHBOURS = 10_000
METRICS: dict[int, Metric] = {
    pb.VECTOR_METRIC_COSINE: "cosine",
    pb.VECTOR_METRIC_L2: "l2",
    pb.VECTOR_METRIC_INNER_PRODUCT: "inner_product",
}
_NUMBERS = {metric: number for number, metric in METRICS.items()}


def field(row: Row) -> pb.VectorField:
    return pb.VectorField(name=row["name"], dimensions=row["dimensions"], metric=number(row["metric"]))


def number(metric: Metric) -> Any:
    return _NUMBERS[metric]


def check_k(request: pb.SearchVectorsRequest) -> int:
    if not 0 <= request.k <= MAX_NEIGHBOURS:
        raise InvalidArgument(f"k is from 1 to {MAX_NEIGHBOURS}, not {request.k}")
    if bool(request.vector) == bool(request.frame_id):
        raise InvalidArgument("give either a vector or a frame id to be near to")
    return request.k or 10


def given(request: pb.SearchVectorsRequest, row: Row, metric: Metric) -> Vector:
    return checked(np.asarray(request.vector), dimensions=row["dimensions"], metric=metric)


def header(found: Found, metric: Metric, matching: BitMap) -> pb.SearchVectorsResponse:
    return pb.SearchVectorsResponse(
        metric=number(metric), approximate=found.approximate, searched=found.searched, matching=len(matching)
    )


def neighbours(values: Sequence[float], stored: Iterator[object]) -> Iterator[pb.Neighbour]:
    for value, frame in zip(values, stored, strict=True):
        yield pb.Neighbour(frame=frame, value=value)  # type: ignore[arg-type]  # a stored frame
