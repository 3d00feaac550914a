"""Questions that ask for much: bounded answers or clear errors, and others are answered meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path

import pytest

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import DeadlineExceeded, InvalidQuery
from hyperdatasets.engine import deadline
from hyperdatasets.v1 import frame_service_pb2 as pb
from metadata_service.config import ServiceConfig
from metadata_service.server import Service

FRAMES = 5_000
LIMIT_S = 1
HEAVY = " OR ".join(f"meta.name.keyword:{'ab' * 20}{number}~2" for number in range(280))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MetadataClient]:
    """A service that stops queries after a second, with frames that all have another name."""
    data: Path = tmp_path_factory.mktemp("limits")
    with Service(ServiceConfig(data=data / "service", port=0, query_seconds=LIMIT_S)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        Dataset.create("d", client=client)
        draft = DatasetVersion.get_current("d", client=client)
        assert not draft.write(
            {"id": f"f{n}", "sources": [{"uri": f"file:///{n}.jpg"}], "meta": {"name": "ab" * 20 + f"{n}", "n": n}}
            for n in range(FRAMES)
        )
        assert draft.count() == FRAMES
        yield client
        client.close()


def count(client: MetadataClient, query: str) -> int:
    return DatasetVersion.get_current("d", client=client).count(frame_query=query)


def test_a_heavy_query_is_stopped_and_others_are_answered_meanwhile(client: MetadataClient) -> None:
    with ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        heavy = pool.submit(count, client, HEAVY)
        answered = 0
        while not heavy.done():
            assert count(client, f"meta.n:{answered}") == 1
            answered += 1
        took_s = time.monotonic() - started
        with pytest.raises(DeadlineExceeded, match="the query was stopped after 1 s; narrow it"):
            heavy.result()
    assert answered >= 3
    assert took_s < 20 * LIMIT_S


@pytest.mark.slow
@pytest.mark.parametrize(
    "request_",
    [
        pb.ListFramesRequest, pb.QueryFramesRequest, pb.GroupFramesRequest, pb.GetStatisticsRequest,
        pb.SampleFramesRequest, pb.GetSchemaRequest,
    ],
)  # fmt: skip
def test_whatever_asks_a_heavy_query_is_stopped(client: MetadataClient, request_: type) -> None:
    more = {"by": "id"} if request_ in {pb.GroupFramesRequest, pb.SampleFramesRequest} else {}
    more |= {"per_value": 1} if request_ is pb.SampleFramesRequest else {}
    more |= {"field": "id"} if request_ is pb.GetStatisticsRequest else {}
    request = request_(dataset="d", filter=pb.FrameFilter(frame_query=HEAVY), **more)
    with pytest.raises(DeadlineExceeded, match="was stopped"):
        list(client.stream(request) if request_ in {pb.QueryFramesRequest, pb.SampleFramesRequest}
             else [client.send(request)])  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "wanted", "message"), [(60, False, "nobody waits"), (-1, True, "was stopped after")]
)
def test_what_is_late_or_not_wanted_is_not_computed(seconds: float, wanted: bool, message: str) -> None:  # noqa: FBT001
    def compute() -> None:
        deadline.begin(seconds, lambda: wanted)
        list(deadline.checked(range(5_000)))

    with pytest.raises(DeadlineExceeded, match=message):
        copy_context().run(compute)


def nested(depth: int) -> str:
    return "(" * depth + "meta.n:1" + ")" * depth


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("meta.n:1 " + "a" * (19_900), 0),
        (" OR ".join(f"meta.n:{n}" for n in range(1_300)), 1_300),
        (" ".join(["+x"] * 2_000), 0),
        (nested(99), 1),
        ("meta.name.keyword:/(a+)+$/", 0),
        ("meta.name.keyword:/((a|b)*)*[0-9]{4}/", 4_000),
        ("meta.name:/(a+)+(b+)+[0-9]/", 0),
        ("meta.name:*", FRAMES),
        ("meta.name.keyword:*4", FRAMES // 10),
        ("*", FRAMES),
        (f"meta.n:[{-(1 << 63)} TO {(1 << 63) - 1}]", FRAMES),
        (f"meta.n:>{1 << 63}", 0),
        (f"meta.n:<{10**300}", FRAMES),
    ],
    ids=lambda value: str(value)[:30],
)
@pytest.mark.filterwarnings("ignore::hyperdatasets.client.query_warnings.QueryWarning")
def test_just_below_the_limits_there_is_an_answer(client: MetadataClient, query: str, found: int) -> None:
    assert count(client, query) == found


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("meta.n:1 OR " + "a" * 20_000, "20,?000 characters"),
        (" ".join(["x"] * 2_001), "2,?000 clauses"),
        (nested(102), "100"),
        ("meta.name:/(a/", "regular expression"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_past_the_limits_there_is_a_clear_error(client: MetadataClient, query: str, message: str) -> None:
    with pytest.raises(InvalidQuery, match=message):
        count(client, query)


def test_offsets_and_limits_of_64_bits(client: MetadataClient) -> None:
    most = (1 << 63) - 1
    for offset, limit, expected in ((most, most, 0), (FRAMES - 2, most, 2), (most, 1, 0)):
        request = pb.QueryFramesRequest(dataset="d", offset=offset, limit=limit)
        assert sum(len(answer.frames) for answer in client.stream(request)) == expected
