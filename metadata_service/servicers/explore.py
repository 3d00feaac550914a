"""What frames have in common, as messages: statistics, schema, groups and samples; and what may be asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.query.parse import parse
from hyperdatasets.core.query.tree import Node
from hyperdatasets.engine import field_warnings, pairs
from hyperdatasets.engine.counting import Count
from hyperdatasets.engine.distinct import Distinct
from hyperdatasets.engine.schema import FieldSchema, schema
from hyperdatasets.engine.statistics import histogram, quantiles, statistics
from hyperdatasets.engine.value_groups import Sample, sampled
from hyperdatasets.v1 import common_pb2 as common
from hyperdatasets.v1 import frame_service_pb2 as pb
from metadata_service.catalog.queries import Found
from metadata_service.servicers import encode

_VALUES, _BINS, _QUANTILES, _PAIRED, _TOP = 10_000, 1_000, 100, 50, 100  # at most
_QUARTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def statistics_of(request: pb.GetStatisticsRequest, found: Found) -> pb.GetStatisticsResponse:
    limit, bins = _up_to("limit", request.limit, _VALUES, 100), _up_to("bins", request.bins, _BINS, 20)
    shares = _shares(request.quantiles)
    rois = rois_of(request.filter)
    measured = statistics(found.index, named("field", request.field), found.revisions, rois=rois)
    counted = measured.counted
    top = counted.top(limit)
    response = pb.GetStatisticsResponse(
        frames=len(found.revisions), values=counted.total, distinct=counted.distinct, elements=measured.elements,
        missing=measured.missing, counts=[_count(each) for each in top], quantiles=quantiles(measured.numbers, shares),
        histogram=[
            pb.HistogramBin(low=each.low, high=each.high, count=int(each.count))
            for each in histogram(measured.numbers, bins)
        ],
        warnings=warnings(found, request.field),
    )  # fmt: skip
    if len(measured.dates):
        response.dates.CopyFrom(_dates(measured.dates, bins, shares))
    if request.pairs:
        texts = [each.text for each in top[:_PAIRED]]
        listed = pairs.pairs(found.index, request.field, found.revisions, texts, rois=rois)
        response.pairs.extend(
            pb.ValuePair(first=each.first, second=each.second, count=each.elements, frames=each.frames)
            for each in listed
        )
    return response


def schema_of(request: pb.GetSchemaRequest, found: Found) -> pb.GetSchemaResponse:
    listed = schema(found.index, found.revisions, top=_up_to("top", request.top, _TOP, 10))
    return pb.GetSchemaResponse(fields=[_field(each) for each in listed], frames=len(found.revisions))


def sample_of(request: pb.SampleFramesRequest, found: Found) -> Sample:
    if (request.per_value > 0) == (request.share > 0) or request.per_value < 0:
        raise InvalidArgument("give either per_value, a number of frames above 0, or share, a part above 0")
    if not 0 <= request.share <= 1:
        raise InvalidArgument(f"`option share`: expected a number above 0 and at most 1, got {request.share:g}")
    return sampled(
        found.index, named("by", request.by), found.revisions, seed=request.seed, per_value=request.per_value,
        share=request.share, rois=rois_of(request.filter),
    )  # fmt: skip


def named(argument: str, field: str) -> str:
    if not field:
        raise InvalidArgument(f"{argument}: name a field, such as rois.label or meta.score")
    return field


def rois_of(wanted: pb.FrameFilter) -> Node | None:
    return parse(wanted.roi_query, "roi").node if wanted.roi_query else None


def warnings(found: Found, field: str) -> list[common.Warning]:
    """Those of the query, and one if no frame has the field."""
    unknown = [common.Warning(message=text, where="field") for text in field_warnings.unknown(found.index, field)]
    return [*encode.warnings(found.warnings), *unknown]


def _up_to(name: str, asked: int, most: int, default: int) -> int:
    if not 0 <= asked <= most:
        raise InvalidArgument(f"{name}: expected a number from 0 to {most:,}, got {asked}; 0 means {default}")
    return asked or default


def _shares(asked: Sequence[float]) -> Sequence[float]:
    if len(asked) > _QUANTILES or not all(math.isfinite(each) and 0 <= each <= 1 for each in asked):
        raise InvalidArgument(f"quantiles: expected up to {_QUANTILES} numbers from 0 to 1")
    return asked or _QUARTILES


def _count(count: Count) -> pb.ValueCount:
    return pb.ValueCount(value=count.text, count=count.elements, frames=count.frames)


def _field(field: FieldSchema) -> pb.SchemaField:
    top: Iterable[pb.ValueCount] = map(_count, field.top)
    return pb.SchemaField(path=field.name, types=field.types, frames=field.frames, distinct=field.distinct, top=top)


def _dates(dates: Distinct, bins: int, shares: Sequence[float]) -> pb.DateStatistics:
    bars = [
        pb.DateBin(low=_moment(each.low), high=_moment(each.high), count=int(each.count))
        for each in histogram(dates, bins)
    ]
    at = [_moment(each) for each in quantiles(dates, shares)]
    return pb.DateStatistics(count=int(dates.elements.sum()), histogram=bars, quantiles=at)


def _moment(microseconds: float) -> Timestamp:
    seconds, rest = divmod(round(microseconds), 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1_000)
