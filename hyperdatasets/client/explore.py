"""What the frames of a version have in common: statistics, schema, groups by value, samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from google.protobuf.timestamp_pb2 import Timestamp

from hyperdatasets.client.field_facts import DateStatistics, SchemaField, SchemaTable, Statistics, StatisticsTables
from hyperdatasets.client.groups import AnyFrame
from hyperdatasets.client.long_reads import read_at_one_go
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.query_warnings import tell
from hyperdatasets.client.stored import frame_of
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.core.tables import Table
from hyperdatasets.core.wording import counted
from hyperdatasets.v1 import frame_service_pb2 as pb

_ORDERS = {"count": pb.GROUP_ORDER_COUNT, "value": pb.GROUP_ORDER_VALUE}


@dataclass(frozen=True, slots=True)
class FrameSet:
    """The frames that hold a value: how many, how many elements (frames, ROIs or sources) hold it, the first frame."""

    value: str
    frames: int
    count: int
    first: AnyFrame


class Sample(list[AnyFrame]):
    """Frames that were drawn, by revision.

    `values` is how many different values there are, `matching` how many frames the query selects, `missing` how many of
    these have no value.
    """

    values, matching, missing = 0, 0, 0

    def __repr__(self) -> str:
        return self._table().text()

    def _repr_html_(self) -> str:
        return self._table().html()

    def _table(self) -> Table:
        values = f"{counted(self.values, 'value')}, {self.missing} without one"
        title = f"Sample({len(self)} of {counted(self.matching, 'frame')}; {values})"
        return Table(title, ("frame", "metadata"), [(frame.id, frame.plain.get("meta", {})) for frame in self])


def statistics(client: MetadataClient, *, field: str, **asked: Any) -> Statistics:
    answer = client.send(pb.GetStatisticsRequest(field=field, **asked))
    tell(answer.warnings, above=2)
    found: Statistics = {
        "frames": answer.frames, "elements": answer.elements, "missing": answer.missing,
        "values": answer.values, "distinct": answer.distinct,
        "counts": {each.value: each.count for each in answer.counts},
        "frame_counts": {each.value: each.frames for each in answer.counts},
        "histogram": [(each.low, each.high, each.count) for each in answer.histogram],
        "quantiles": list(answer.quantiles),
        "dates": _dates(answer.dates) if answer.HasField("dates") else None,
        "pairs": [(each.first, each.second, each.count, each.frames) for each in answer.pairs],
    }  # fmt: skip
    return cast("Statistics", StatisticsTables(field, found))


def schema(client: MetadataClient, **asked: Any) -> dict[str, SchemaField]:
    answer = client.send(pb.GetSchemaRequest(**asked))
    return SchemaTable({
        each.path: {
            "types": list(each.types), "count": each.frames, "distinct": each.distinct,
            "top": {value.value: value.count for value in each.top},
        }
        for each in answer.fields
    })  # fmt: skip


def sample(client: MetadataClient, **asked: Any) -> Sample:
    whole = not asked["projection"]
    read = partial(_sample, dataset=asked["dataset"], version=asked["version"], whole=whole)
    return read_at_one_go(client, pb.SampleFramesRequest(**asked), read)


def groups(client: MetadataClient, *, order: str, **asked: Any) -> Iterator[FrameSet]:
    if order not in _ORDERS:
        raise InvalidArgument(f"`option order`: expected count or value, got {order[:60]!r}")
    request = pb.GroupFramesRequest(order=_ORDERS[order], **asked)
    answer = client.send(request)
    tell(answer.warnings, above=2)
    while True:
        for each in answer.groups:
            first = frame_of(each.first, dataset=asked["dataset"], version=asked["version"])
            yield FrameSet(each.value, each.frames, each.count, first)
        if not answer.next_page_token:
            return
        request.page_token = answer.next_page_token
        answer = client.send(request)


def _sample(answers: Iterator[pb.SampleFramesResponse], *, dataset: str, version: str, whole: bool) -> Sample:
    found = Sample()
    for answer in answers:
        tell(answer.warnings, above=4)
        if not answer.frames:
            found.values, found.matching, found.missing = answer.values, answer.matching, answer.missing
        found += [frame_of(stored, dataset=dataset, version=version, whole=whole) for stored in answer.frames]
    return found


def _dates(dates: pb.DateStatistics) -> DateStatistics:
    return {
        "count": dates.count,
        "histogram": [(_moment(each.low), _moment(each.high), each.count) for each in dates.histogram],
        "quantiles": [_moment(each) for each in dates.quantiles],
    }


def _moment(time: Timestamp) -> datetime:
    return datetime.fromtimestamp(time.seconds, UTC).replace(microsecond=time.nanos // 1_000)
