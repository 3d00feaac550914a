"""Our service asked through the public client, with the same questions as the peers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.engine.filters import Filter
from benchmarks.engine.peers.protocol import Page, Peer
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.v1 import dataview_service_pb2 as views_pb
from hyperdatasets.v1 import frame_pb2
from hyperdatasets.v1 import frame_service_pb2 as pb

DATASET = "streets"
PAGE = 100


def connect(address: str) -> MetadataClient:
    return MetadataClient(ClientConfig(service=address, timeout_s=3_600))


@dataclass(frozen=True, slots=True)
class OurPeer:
    """One version of the dataset."""

    client: MetadataClient
    version: str

    def count(self, asked: Filter) -> int:
        if asked.count:  # ROIs per frame: a rule of a data view
            return self.union([asked])
        request = pb.CountFramesRequest(dataset=DATASET, version=self.version, filter=_filter(asked))
        return int(self.client.send(request).count)

    def page(self, asked: Filter, *, offset: int = 0, by_score: bool = False) -> Page:
        order = pb.SortKey(field="meta.score", descending=True) if by_score else None
        named: dict[str, Any] = {
            "dataset": DATASET,
            "version": self.version,
            "filter": _filter(asked),
            "order_by": order,
        }
        if offset:
            answers = self.client.stream(pb.QueryFramesRequest(**named, offset=offset, limit=PAGE))
            frames = [frame for answer in answers for frame in answer.frames]
        else:
            frames = list(self.client.send(pb.ListFramesRequest(**named, page_size=PAGE)).frames)
        return Page([each.frame.id for each in frames], [_score(each) for each in frames])

    def label_counts(self, asked: Filter) -> dict[str, int]:
        answer = self.client.send(pb.GetStatisticsRequest(
            dataset=DATASET, version=self.version, field="rois.label", filter=_filter(asked), limit=100
        ))  # fmt: skip
        return {each.value: each.count for each in answer.counts}

    def union(self, asked: Sequence[Filter]) -> int:
        target = views_pb.ViewOrSpec(spec=json.dumps(self.spec(asked)))
        return int(self.client.send(views_pb.ResolveDataViewRequest(target=target)).frames)

    def spec(self, asked: Sequence[Filter], *, repeat: bool = False) -> dict[str, object]:
        """A data view with these rules, weighted 1, 2, 3 …, in random order."""
        rules = [{**each.rule(), "weight": weight} for weight, each in enumerate(asked, start=1)]
        pinned = [{"dataset": DATASET, "version": self.version}]
        return {"versions": pinned, "rules": rules, "iteration": {"order": "random", "repeat": repeat}}

    def another(self) -> Peer:
        return OurPeer(connect(self.client.config.service), self.version)


def _filter(asked: Filter) -> pb.FrameFilter:
    return pb.FrameFilter(frame_query=asked.frame_query, roi_query=asked.roi_query)


def _score(stored: frame_pb2.StoredFrame) -> float:
    return float(json.loads(stored.frame.meta_json)["score"])
