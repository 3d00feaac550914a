"""Data views with `vector`: resolved exactly, stored at publication, checked by nodes."""

from __future__ import annotations

import pytest

from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidVector, InvalidView, NotFound
from tests.node.conftest import SiteUnderTest, site

__all__ = ["site"]


@pytest.fixture
def version(client: MetadataClient) -> DatasetVersion:
    Dataset.create("cells", client=client)
    draft = DatasetVersion.get_current("cells", client=client)
    draft.add_frames(SingleFrame(f"s3://b/{n}", id=f"f{n:02}", metadata={"n": n}) for n in range(20))
    draft.set_vectors("clip", {f"f{n:02}": [1.0, n] for n in range(15)})
    return draft.publish_version("v1")


def view_of(client: MetadataClient, *, name: str = "v", frame_query: str = "", **vector: object) -> DataView:
    view = DataView(name, client=client)
    wanted = {"field": "clip", "near": "f05", "k": 3, "metric": "l2"} | vector
    view.add_rule(dataset="cells", version="v1", vector=wanted, frame_query=frame_query)
    return view


@pytest.mark.parametrize(
    ("frame_query", "vector", "expected"),
    [
        ("", {}, {4, 6, 3}),
        ("meta.n:>8", {}, {9, 10, 11}),
        ("", {"near": [1.0, 2.4], "k": 2}, {2, 3}),
        ("", {"k": 100}, set(range(15)) - {5}),
        ("meta.n:>15", {}, set()),
    ],
)
def test_the_nearest_among_what_matches_the_rest(
    client: MetadataClient, version: DatasetVersion, frame_query: str, vector: dict, expected: set
) -> None:
    view = view_of(client, frame_query=frame_query, **vector)
    assert {frame.id for frame in view} == {f"f{n:02}" for n in expected}


def test_a_published_view_stays_what_it_was(client: MetadataClient, version: DatasetVersion) -> None:
    view = view_of(client, frame_query="meta.n:>10").publish()
    before = [frame.id for frame in view]
    assert set(before) == {"f11", "f12", "f13"}
    version.set_vectors("clip", {f"f{n}": [1.0, 5.0] for n in range(15, 20)})
    assert [frame.id for frame in view] == before
    assert view.verify() == (True, [])
    assert {frame.id for frame in view_of(client, name="w", frame_query="meta.n:>10")} == {"f15", "f16", "f17"}


@pytest.mark.parametrize(
    ("vector", "error", "message"),
    [
        ({"field": "clpi"}, NotFound, "clip"),
        ({"near": "nobody"}, NotFound, "no version of the rule has a frame"),
        ({"near": "f17"}, NotFound, "has no vector"),
        ({"near": [1.0, 2.0, 3.0]}, InvalidVector, "expected 2 numbers"),
        ({"near": [0.0, 0.0], "metric": "cosine"}, InvalidVector, "no direction"),
        ({"k": 100_001}, InvalidView, "to 100000"),
    ],
)
def test_bad_vectors_of_rules(
    client: MetadataClient, version: DatasetVersion, vector: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        list(view_of(client, **vector))


def test_a_node_serves_what_was_stored(site: SiteUnderTest) -> None:
    site.register()
    draft = DatasetVersion.get_current("clinic/cells", client=site.client)
    listed = sorted(frame.id for frame in draft.frames())
    draft.set_vectors("clip", {frame_id: [1.0, place] for place, frame_id in enumerate(listed)})
    view = site.published_view(vector={"field": "clip", "near": [1.0, 4.2], "k": 3, "metric": "l2"})
    session = site.reader.open(view=f"{view.name}@{view.digest}", purpose="research")
    assert sorted(sample.id for sample in session.stream()) == sorted(listed[3:6])
