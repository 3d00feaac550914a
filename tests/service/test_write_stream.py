"""What a writer sees of its stream: answers in order, each after its batch is kept."""

from __future__ import annotations

import queue
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument, VersionPublished
from hyperdatasets.v1 import frame_pb2
from hyperdatasets.v1 import frame_service_pb2 as pb
from hyperdatasets.v1.frame_service_pb2_grpc import FrameServiceStub


@pytest.fixture
def draft(client: MetadataClient) -> DatasetVersion:
    Dataset.create("d", client=client)
    return DatasetVersion.get_current("d", client=client)


def batch(draft: DatasetVersion, name: str, *, mode: int = 0) -> pb.WriteFramesRequest:
    frame = frame_pb2.Frame(id=name, sources=[frame_pb2.Source(uri="s3://b/1")])
    return pb.WriteFramesRequest(
        dataset=draft.dataset_id,
        version=draft.id,
        mode=mode,
        frames=[pb.FrameWrite(frame=frame)],  # type: ignore[arg-type]
    )


def answers(client: MetadataClient, requests: Iterator[pb.WriteFramesRequest]) -> Iterator[pb.WriteFramesResponse]:
    return client.connection.stream(lambda channel: FrameServiceStub(channel).WriteFrames, requests, timeout_s=20)


def test_what_came_before_a_wrong_batch_is_kept_and_acknowledged(client: MetadataClient, draft: DatasetVersion) -> None:
    found = answers(client, iter([batch(draft, "a"), batch(draft, "b"), batch(draft, "c", mode=77), batch(draft, "d")]))
    assert [next(found).added, next(found).added] == [1, 1]
    with pytest.raises(InvalidArgument, match="no mode 77"):
        next(found)
    assert draft.refresh().frame_count == 2


def test_a_stream_that_fails_ends_though_its_writer_waits(client: MetadataClient, draft: DatasetVersion) -> None:
    draft.publish_version("v1")
    outbox: queue.SimpleQueue[pb.WriteFramesRequest | None] = queue.SimpleQueue()
    outbox.put(batch(draft, "a"))
    with pytest.raises(VersionPublished):
        next(answers(client, iter(outbox.get, None)))
    outbox.put(None)


def test_each_batch_is_answered_before_the_next_is_sent(client: MetadataClient, draft: DatasetVersion) -> None:
    outbox: queue.SimpleQueue[pb.WriteFramesRequest | None] = queue.SimpleQueue()
    found = answers(client, iter(outbox.get, None))
    for number in range(3):
        outbox.put(batch(draft, f"f{number}"))
        assert next(found).added == 1
        assert draft.count() == number + 1
    outbox.put(None)
    assert list(found) == []


def test_what_is_kept_is_acknowledged_though_it_cannot_be_indexed(
    client: MetadataClient, draft: DatasetVersion, tmp_path: Path
) -> None:
    """Damage to an earlier block keeps queries from an answer, but not the writer of what is sound."""
    assert [each.added for each in answers(client, iter([batch(draft, "a")]))] == [1]
    with closing(sqlite3.connect(tmp_path / "service" / "metadata.db")) as connection, connection:
        connection.execute("UPDATE blocks SET payload = x'00'")
    with pytest.raises(HyperdatasetsError, match="unexpectedly"):
        draft.count()
    assert [each.added for each in answers(client, iter([batch(draft, "b")]))] == [1]
    assert draft.refresh().frame_count == 2
