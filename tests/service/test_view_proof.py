"""Published views evaluated again: what is proven, and what a person reads when something was tampered with."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyroaring import BitMap

from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.v1 import dataview_service_pb2 as pb
from metadata_service.catalog import datasets, view_proof, view_publication, views, withdrawals
from metadata_service.catalog.caller import LOCAL_ADMIN
from metadata_service.server import Service, opened

KINDS = [
    {"order": "sequential"},
    {"order": "random", "limit": 9},
    {"order": "sequential", "rois": "frame_per_roi"},
    {"order": "random", "rois": "frame_per_roi"},
    {"order": "sequential", "clip": {"frames": 3}},
    {"order": "random", "clip": {"length_ms": 10}},
]


@pytest.fixture(autouse=True)
def version(client: MetadataClient) -> DatasetVersion:
    use(client)
    Dataset.create("cells", dataset_project="clinic")
    frames = []
    for number in range(20):
        frame = SingleFrame(f"s3://b/{number}", id=f"f{number:02}", context_id=f"c{number % 3}", timestamp=-number,
                            metadata={"n": number})  # fmt: skip
        for place in range(number % 3):
            frame.add_annotation(box2d_xywh=(place, 0, 1, 1), labels=[("RBC", "WBC")[place]])
        frames.append(frame)
    DatasetVersion.get_current("cells").add_frames(frames)
    return DatasetVersion.create_snapshot("cells", publish_name="v1")


def published(rois: str = "all_in_frame", **iteration: Any) -> DataView:
    view = DataView("v")
    view.add_query(dataset_name="cells", version_name="v1", frame_query="meta.n:<12")
    view.add_query(dataset_name="cells", version_name="v1", roi_query="WBC")
    view.set(iteration=iteration, output_rois=rois)
    return view.publish()


@pytest.fixture
def database(service: Service, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """The service's own, as somebody with access to its disk would change it."""
    with closing(sqlite3.connect(tmp_path / "service" / "metadata.db", isolation_level=None)) as connection:
        yield connection


@pytest.mark.parametrize("kind", KINDS)
def test_all_is_proven(kind: dict[str, Any]) -> None:
    view = published(**kind)
    before = view.to_dict()
    assert view.verify() == (True, [])
    assert view.to_dict() == before


def test_what_is_withdrawn_while_a_view_is_published_is_not_in_its_digest(service: Service, tmp_path: Path) -> None:
    """Digests are made before the transaction; a withdrawal that comes between makes them anew."""
    view = DataView("v")
    view.add_query(dataset_name="cells", version_name="v1", frame_query="meta.n:<12")
    view.store()
    service.stop()
    store, deployment = opened(tmp_path / "service")
    with store.reading() as reading:
        row = views.find(reading, LOCAL_ADMIN, "v")
        before = view_publication.prepare(deployment, reading, LOCAL_ADMIN, row)
        dataset = datasets.find(reading, LOCAL_ADMIN, "cells")
    assert [site.count for site in before.sites] == [12]
    with store.writing() as writing:
        withdrawals.withdraw(deployment, writing, LOCAL_ADMIN, dataset, ["f03"], why="consent")
    with store.writing() as writing:
        row, _ = view_publication.publish(deployment, writing, LOCAL_ADMIN, row, etag="", prepared=before)
    with store.reading() as reading:
        assert [site.count for site in views.stored_sites(reading, row)] == [11]
        assert view_proof.verify(deployment, reading, LOCAL_ADMIN, row).ok
    store.close()


def test_a_changed_selection_is_explained(database: sqlite3.Connection) -> None:
    view = published(order="random")
    ((stored,),) = database.execute("SELECT revisions FROM selections WHERE rule = 0").fetchall()
    changed = BitMap.deserialize(stored)
    changed.remove(3)
    changed.add(19)
    database.execute("UPDATE selections SET revisions = ? WHERE rule = 0", (changed.serialize(),))
    ok, said = view.verify()
    assert not ok
    gone, come = "1 no longer selected (such as `f19`)", "1 selected now and not before (such as `f03`)"
    assert said == [f"rule 0, frames without a site: {gone}; {come}"]
    answer = view._client.send(pb.VerifyDataViewRequest(view="v"))
    (rule,) = answer.rules
    assert (rule.rule, rule.site, rule.missing, rule.added) == (0, "", 1, 1)
    assert [(each.frame_id, each.revision) for each in rule.missing_examples] == [("f19", 19)]


@pytest.mark.parametrize("kind", [each for each in KINDS if "limit" not in each])
def test_a_changed_order_is_told(database: sqlite3.Connection, kind: dict[str, Any]) -> None:
    view = published(**kind)
    ((stored,),) = database.execute("SELECT tables FROM view_orders").fetchall()
    arrays = dict(np.load(BytesIO(stored)))
    column = "0.ranks" if kind["order"] == "sequential" and "clip" not in kind else "0.frames"
    arrays[column][[4, 9]] = arrays[column][[9, 4]]
    file = BytesIO()
    np.savez(file, **arrays)
    database.execute("UPDATE view_orders SET tables = ?", (file.getvalue(),))
    assert view.verify() == (False, ["frames without a site: the order differs from unit 4 of its sequence on"])
    database.execute("DELETE FROM view_orders")
    assert view.verify() == (False, ["the stored order is missing"])


def test_a_changed_record_is_told(database: sqlite3.Connection) -> None:
    view = published()
    database.execute("UPDATE views SET digest = ?", (f"sha256:{'0' * 64}",))
    assert DataView.get(name="v").verify() == (False, ["the signed record has another digest than the view"])
    database.execute("UPDATE views SET digest = ?", (view.digest,))
    database.execute("UPDATE records SET payload = CAST(payload || ' ' AS BLOB) WHERE kind = 'view'")
    assert view.verify() == (False, ["the record's signature is not that of this deployment"])


@pytest.mark.parametrize("kind", KINDS)
def test_withdrawn_frames_leave_the_rest_proven(database: sqlite3.Connection, kind: dict[str, Any]) -> None:
    view = published(**kind)
    Dataset.get("cells").withdraw_frames(["f05", "f08"], why="consent")
    assert view.verify() == (True, [])
    assert view.withdrawn == 2
    if kind["order"] == "sequential" and "clip" not in kind:
        ((stored,),) = database.execute("SELECT tables FROM view_orders").fetchall()
        arrays = dict(np.load(BytesIO(stored)))
        arrays["0.ranks"] = arrays["0.ranks"][::-1]
        file = BytesIO()
        np.savez(file, **arrays)
        database.execute("UPDATE view_orders SET tables = ?", (file.getvalue(),))
        assert "order differs from unit 0" in view.verify()[1][0]


def test_compare_names_frames(version: DatasetVersion) -> None:
    draft = DatasetVersion.get_current("cells")
    draft.update_by_query(frame_query="meta.n:<3", set_meta={"seen": True})
    DatasetVersion.create_snapshot("cells", publish_name="v2")
    one, other = published(), DataView("w")
    other.add_query(dataset_name="cells", version_name="v2", frame_query="meta.n:<8")
    found = one.compare(other, examples=2)
    assert found["changes"]["rules[0].frame_query"] == ("meta.n:<12", "meta.n:<8")
    assert found["changes"]["rules[0].version"] == ("v1", "v2")
    assert found["changes"]["rules[1]"][1] is None
    assert (found["only_here"], found["only_there"], found["both"], found["other_revision"]) == (9, 3, 5, 3)
    assert (found["only_here_examples"], found["only_there_examples"]) == (["f00", "f01"], ["f00", "f01"])
    assert one.compare(one)["changes"] == {}
    with pytest.raises(InvalidArgument, match="from 0 to 1000"):
        one.compare(other, examples=-1)
