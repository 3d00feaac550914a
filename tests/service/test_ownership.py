"""A frame has two owners: its site, and the people at the centre."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hyperdatasets.client import admin, bulk
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import NotFound, PermissionDenied, RawInMetadata
from hyperdatasets.v1 import site_service_pb2 as pb
from metadata_service.server import Service
from tests.service.csr import request_for_certificate


@pytest.fixture
def north(service: Service, client: MetadataClient) -> MetadataClient:
    return as_node(service, client, "north")


def as_node(service: Service, client: MetadataClient, name: str) -> MetadataClient:
    """A client with the credential of an approved node."""
    _, token = admin.add_site(name, projects=["p"], client=client)
    answer = client.send(pb.EnrolNodeRequest(site=name, token=token, csr_pem=request_for_certificate()))
    admin.approve_site(name, fingerprint=answer.fingerprint, client=client)
    return MetadataClient(ClientConfig(service=service.address, token=answer.credential))


def frame(number: int, site: str = "north", **more: Any) -> dict[str, Any]:
    return {"id": f"f{number}", "site": site, "sources": [{"uri": f"site://{site}/{number}"}], **more}


def write(client: MetadataClient, *frames: dict[str, Any], mode: str = "upsert") -> list[str]:
    draft = DatasetVersion.get_current("p/d", client=client)
    result = bulk.write(client, frames, dataset=draft.dataset_id, version=draft.id, mode=mode)
    return [each.reason for each in result]


def test_only_a_sites_node_writes_its_frames(client: MetadataClient, north: MetadataClient, service: Service) -> None:
    Dataset.create("d", dataset_project="p", client=client)
    assert write(north, frame(1), frame(2)) == []
    assert write(client, frame(3)) == ["FRAME_OF_OTHER_SITE"]
    assert write(north, frame(4, "south"), frame(5, "")) == ["FRAME_OF_OTHER_SITE", "FRAME_OF_OTHER_SITE"]
    south = as_node(service, client, "south")
    assert write(south, {**frame(1), "site": "south"}) == ["FRAME_OF_OTHER_SITE"]


def test_no_frame_is_given_to_another_site(client: MetadataClient, north: MetadataClient) -> None:
    Dataset.create("d", dataset_project="p", client=client)
    assert write(client, frame(1, "")) == []
    assert write(north, frame(2)) == []
    assert write(client, frame(1)) == ["FRAME_OF_OTHER_SITE"]
    assert write(north, frame(2, "south"), frame(2, "")) == ["FRAME_OF_OTHER_SITE"] * 2
    draft = DatasetVersion.get_current("p/d", client=client)
    assert [draft.get_frame(name).site for name in ("f1", "f2")] == ["", "north"]


def test_people_edit_the_shared_part_alone(client: MetadataClient, north: MetadataClient) -> None:
    Dataset.create("d", dataset_project="p", client=client)
    write(north, frame(1, meta={"site": {"ward": "a"}}, context_id="c"))
    same = frame(1, meta={"site": {"ward": "a"}, "checked": True}, context_id="c", annotations=[{"labels": ["x"]}])
    assert write(client, same) == []
    for change in ({"context_id": "z"}, {"meta": {"site": {"ward": "b"}}}, {"sources": [{"uri": "other"}]}):
        assert write(client, same | change) == ["SITE_OWNED_FIELD"]
    assert write(client, {**frame(1), "annotations": [{"labels": ["y"]}]}, mode="shared_part") == []
    held = DatasetVersion.get_current("p/d", client=client).get_frame("f1")
    assert held.context_id == "c"
    assert held.annotations[0]["labels"] == ["y"]
    assert write(client, frame(9), mode="shared_part") == ["NOT_FOUND"]


def test_registering_again_keeps_what_people_wrote(client: MetadataClient, north: MetadataClient) -> None:
    Dataset.create("d", dataset_project="p", client=client)
    write(north, frame(1, annotations=[{"labels": ["wrong"]}]), mode="register")
    write(client, {**frame(1), "annotations": [{"labels": ["right"]}], "meta": {"note": 1}}, mode="shared_part")
    changed = frame(1, annotations=[{"labels": ["wrong"]}], timestamp=5)
    assert write(north, changed, mode="register") == []
    held = DatasetVersion.get_current("p/d", client=client).get_frame("f1")
    assert (held.timestamp, held.annotations[0]["labels"], held.metadata) == (5, ["right"], {"note": 1})
    write(north, changed, mode="register_replacing_annotations")
    assert DatasetVersion.get_current("p/d", client=client).get_frame("f1").annotations[0]["labels"] == ["wrong"]


def test_raw_data_of_a_site_never_enters(client: MetadataClient) -> None:
    with pytest.raises(RawInMetadata, match="stays at the site"):
        SingleFrame("site://north/1", site="north", blob=b"raw").to_plain()


def test_a_node_works_in_its_projects_only(client: MetadataClient, north: MetadataClient) -> None:
    with pytest.raises(PermissionDenied, match="was not added for project"):
        Dataset.create("d", dataset_project="elsewhere", client=north)
    with pytest.raises(PermissionDenied):
        admin.add_site("x", projects=["p"], client=north)
    with pytest.raises(PermissionDenied, match="only the node"):
        client.send(pb.HeartbeatRequest())
    with pytest.raises(NotFound, match="Did you mean north"):
        admin.site("norht", client=client)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sources": []}, "at least one source"),
    ({"annotations": [{"labels": ["a"], "geometry": {"box": [math.nan, 0, 1, 1]}}]}, "NaN"),
    ({"annotations": [{"labels": ["a"], "geometry": {"box": [0, 0, -1, 1]}}]}, "above 0"),
    ({"annotations": [{"labels": []}]}, "at least one label"),
    ({"annotations": [{"labels": ["a"], "confidence": 1.5}]}, "from 0 to 1"),
    ({"annotations": [{"id": "x", "labels": ["a"]}, {"id": "x", "labels": ["b"]}]}, "occurs twice"),
    ({"sources": [{"uri": "u", "width": 10, "height": 10}],
      "annotations": [{"labels": ["a"], "geometry": {"box": [50, 50, 5, 5]}}]}, "wholly outside"),
    ({"meta": {"x": "y" * 5_000_000}}, "bytes of metadata"),
    ({"meta": {"x": math.inf}}, "NaN and infinity"),
    ({"id": "a\0b"}, "control characters"),
    ({"nonsense": 1}, "there is no field"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG)
def test_a_wrong_frame_is_refused_with_its_reason(client: MetadataClient, change: dict[str, Any], message: str) -> None:
    Dataset.create("d", client=client)
    draft = DatasetVersion.get_current("d", client=client)
    plain = {"id": "f", "sources": [{"uri": "u"}], **change}
    good = {"id": "good", "sources": [{"uri": "u"}]}
    result = draft.write([plain, good])
    assert [each.index for each in result] == [0]
    assert message in result[0].message
    assert draft.frame_count == 1


def test_a_box_partly_outside_is_kept_with_a_warning(client: MetadataClient) -> None:
    Dataset.create("d", client=client)
    draft = DatasetVersion.get_current("d", client=client)
    plain = {"id": "f", "sources": [{"uri": "u", "width": 10, "height": 10}],
             "annotations": [{"labels": ["a"], "geometry": {"box": [8, 8, 5, 5]}}]}  # fmt: skip
    result = draft.write([plain])
    assert not result
    assert "partly outside" in result.warnings[0]
