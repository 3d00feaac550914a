"""Vectors through the SDK and a real service."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import AlreadyExists, InvalidArgument, InvalidVector, NotFound
from hyperdatasets.v1 import frame_pb2
from hyperdatasets.v1 import frame_service_pb2 as pb
from hyperdatasets.v1.frame_service_pb2_grpc import FrameServiceStub
from metadata_service.config import ServiceConfig
from metadata_service.server import Service


def frame(number: int, **more: object) -> SingleFrame:
    made = SingleFrame(f"s3://b/{number}", id=f"f{number}", metadata={"n": number, **more})
    made.set_vector("clip", around(number))
    return made


def around(number: int) -> list[float]:
    """A point on a circle, ten degrees apart."""
    return [math.cos(math.radians(10 * number)), math.sin(math.radians(10 * number))]


@pytest.fixture
def draft(client: MetadataClient) -> DatasetVersion:
    Dataset.create("cells", client=client)
    made = DatasetVersion.get_current("cells", client=client)
    assert not made.add_frames(frame(number) for number in range(10))
    return made


def ids(found: list) -> list[str]:
    return [each.id for each, _ in found]


def test_the_nearest_come_first_with_their_value(draft: DatasetVersion) -> None:
    found = draft.nearest("clip", to=[1.0, 0.1], k=3)
    assert ids(found) == ["f1", "f0", "f2"]
    assert found[0][1] == pytest.approx(math.cos(math.radians(10) - math.atan(0.1)))
    assert (found.metric, found.searched, found.matching, found.approximate) == ("cosine", 10, 10, False)
    assert ids(draft.nearest("clip", to=[1.0, 0.1], k=2, metric="l2")) == ["f1", "f0"]
    assert ids(draft.nearest("clip", to=[10.0, 10.0], k=2, metric="inner_product")) == ["f4", "f5"]


def test_vectors_of_a_deleted_dataset_leave_no_index(
    draft: DatasetVersion, client: MetadataClient, tmp_path: Path
) -> None:
    assert draft.nearest("clip", to="f5", k=1)
    folder = tmp_path / "service" / "index" / "vectors"
    assert [each.is_dir() for each in folder.iterdir()] == [True]
    Dataset.delete("cells", delete_all_versions=True, force=True, client=client)
    assert not list(folder.iterdir())


def test_near_a_frame_under_a_filter(draft: DatasetVersion) -> None:
    assert ids(draft.nearest("clip", to="f5", k=2)) == ["f4", "f6"]
    found = draft.nearest("clip", to="f5", k=3, frame_query="meta.n:<3", exact=True)
    assert ids(found) == ["f2", "f1", "f0"]
    assert found.matching == 3


def test_vectors_are_added_later_also_to_a_published_version(client: MetadataClient, draft: DatasetVersion) -> None:
    published = draft.publish_version("v1")
    digest = published.digest
    result = published.set_vectors("other", {f"f{number}": [number, 1, 2] for number in range(5)})
    assert (result.added, list(result)) == (5, [])
    assert published.refresh().digest == digest
    assert published.get_vectors("other", ["f4", "f9"]) == {"f4": [4, 1, 2]}
    assert published.nearest("other", to="f0", k=9).searched == 4
    child = DatasetVersion.create_version(
        dataset_name="cells", version_name="v2", parent_version_names=["v1"], client=client
    )
    assert ids(child.nearest("other", to="f0", k=1)) == ["f1"]


def test_a_vector_is_written_once(draft: DatasetVersion) -> None:
    again = draft.set_vectors("clip", {"f1": around(1), "f2": around(3), "gone": around(1)})
    assert (again.added, again.unchanged) == (0, 1)
    assert [(each.index, each.id, each.reason) for each in again] == [
        (1, "f2", "VECTOR_EXISTS"), (2, "gone", "NOT_FOUND"),
    ]  # fmt: skip
    assert draft.get_vectors("clip", ["f2"])["f2"] == pytest.approx(around(2))


def test_bad_vectors_are_told_and_the_others_kept(draft: DatasetVersion) -> None:
    draft.add_frames(SingleFrame(f"s3://x/{number}", id=f"x{number}") for number in range(5))
    bad = draft.set_vectors("clip", {
        "x0": [1, 2, 3], "x1": [math.nan, 1], "x2": [math.inf, 1], "x3": [0, 0], "x4": [3, 4],
    })  # fmt: skip
    assert bad.added == 1
    assert [(each.id, each.reason) for each in bad] == [(f"x{number}", "INVALID_VECTOR") for number in range(4)]
    assert "expected 2 numbers, got 3" in bad[0].message


@pytest.mark.parametrize(
    ("to", "more", "error", "message"),
    [
        ([1.0], {}, InvalidVector, "expected 2 numbers"),
        ([math.nan, 1.0], {}, InvalidVector, "nan"),
        ([0.0, 0.0], {}, InvalidVector, "no direction"),
        ([1.0, 1.0], {"k": 10_001}, InvalidArgument, "10000"),
        ([1.0, 1.0], {"metric": "manhattan"}, InvalidArgument, "expected cosine"),
        ([1.0, 1.0], {"frame_query": "a AND"}, InvalidArgument, "expected"),
        ("nobody", {}, NotFound, "no frame `nobody`"),
        ("bare", {}, NotFound, "has no vector `clip`"),
    ],
)
def test_bad_searches(draft: DatasetVersion, to: object, more: dict, error: type, message: str) -> None:
    draft.add_frames([SingleFrame("s3://bare", id="bare")])
    with pytest.raises(error, match=message):
        draft.nearest("clip", to=to, **more)


def test_an_unknown_field_names_the_nearest(draft: DatasetVersion) -> None:
    with pytest.raises(NotFound, match="clip"):
        draft.nearest("clpi", to=[1.0, 2.0])


def test_fields_are_declared(client: MetadataClient, draft: DatasetVersion) -> None:
    dataset = Dataset.get("cells", client=client)
    dataset.add_vector_field("depth", dimensions=3, metric="l2")
    assert dataset.vector_fields() == {
        "clip": {"dimensions": 2, "metric": "cosine"}, "depth": {"dimensions": 3, "metric": "l2"},
    }  # fmt: skip
    assert draft.set_vectors("depth", {"f0": [0, 0, 0], "f1": [1, 1]}).added == 1
    assert draft.nearest("depth", to=[0, 0, 2], k=1)[0][1] == 2.0
    with pytest.raises(AlreadyExists):
        dataset.add_vector_field("depth", dimensions=4)
    with pytest.raises(InvalidVector, match="1 to"):
        dataset.add_vector_field("none", dimensions=0)


def test_a_wrong_first_vector_declares_nothing(client: MetadataClient, draft: DatasetVersion) -> None:
    assert draft.set_vectors("new", {"f0": [0.0, 0.0]})[0].reason == "INVALID_VECTOR"
    assert "new" not in Dataset.get("cells", client=client).vector_fields()


def test_an_edit_keeps_the_vector_and_a_new_source_does_not(draft: DatasetVersion) -> None:
    draft.update_by_query(frame_query="id:f1", set_meta={"city": "ulm"})
    assert draft.get_vectors("clip", ["f1"])["f1"] == pytest.approx(around(1))
    assert ids(draft.nearest("clip", to="f1", k=2)) == ["f0", "f2"]
    draft.add_frames([SingleFrame("s3://b/another", id="f2")])
    assert draft.get_vectors("clip", ["f2"]) == {}
    assert not draft.set_vectors("clip", {"f2": around(7)})
    assert ids(draft.nearest("clip", to="f7", k=1)) == ["f2"]


def test_copies_take_their_vectors_along(client: MetadataClient, draft: DatasetVersion) -> None:
    Dataset.create("others", client=client)
    others = DatasetVersion.get_current("others", client=client)
    others.copy_frames(draft, frame_query="meta.n:<4")
    assert ids(others.nearest("clip", to=around(3), k=2)) == ["f3", "f2"]


def test_frames_are_written_with_vectors_over_grpc(client: MetadataClient, draft: DatasetVersion) -> None:
    def write(number: int, *values: float) -> pb.FrameWrite:
        source = frame_pb2.Source(id="default", uri=f"s3://w/{number}")
        named = pb.NamedVector(field="clip", values=values)
        return pb.FrameWrite(frame=frame_pb2.Frame(id=f"w{number}", sources=[source]), vectors=[named])

    request = pb.WriteFramesRequest(
        dataset="cells", version=draft.id, request_id="r1", frames=[write(0, 1, 0), write(1, 1, 2, 3)]
    )
    for _ in range(2):
        (answer,) = client.connection.stream(
            lambda channel: FrameServiceStub(channel).WriteFrames, iter([request])
        )  # fmt: skip
        assert answer.added == 2
        assert [(each.index, each.reason) for each in answer.failures] == [(1, "INVALID_VECTOR")]
    assert draft.get_vectors("clip", ["w0", "w1"]) == {"w0": [1, 0]}


def test_the_index_is_derived(service: Service, client: MetadataClient, draft: DatasetVersion, tmp_path: Path) -> None:
    before = draft.nearest("clip", to=[1.0, 0.1], k=5)
    service.stop()
    assert (tmp_path / "service" / "index" / "vectors").exists()
    shutil.rmtree(tmp_path / "service" / "index")
    with Service(ServiceConfig(data=tmp_path / "service", port=0)) as again:
        other = MetadataClient(ClientConfig(service=again.address))
        version = DatasetVersion.get_current("cells", client=other)
        found = version.nearest("clip", to=[1.0, 0.1], k=5)
        assert [(each.id, value) for each, value in found] == [(each.id, value) for each, value in before]
        other.close()


def test_a_deleted_dataset_takes_its_vectors_along(client: MetadataClient, draft: DatasetVersion) -> None:
    Dataset.delete("cells", delete_all_versions=True, force=True, client=client)
    Dataset.create("cells", client=client)
    assert Dataset.get("cells", client=client).vector_fields() == {}
