"""What a view promises over several sites and versions, each sentence by itself."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pytest
from PIL import Image

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.client import admin
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.query_warnings import QueryWarning
from hyperdatasets.core.errors import InvalidQuery, NotFound, SelectionMismatch
from hyperdatasets.core.selection import SiteSelection, view_digest
from hyperdatasets.flower import site_view
from hyperdatasets.v1 import dataview_service_pb2 as pb
from metadata_service.catalog.records import Signer
from tests.flower_context import Context

pytestmark = pytest.mark.slow
COUNTS = {"north": 9, "south": 4}


@pytest.fixture
def sites(tmp_path: Path) -> Iterator[testing.Deployment]:
    """Two sites with pictures, and three frames without a site, as `lab/all`, version v1."""
    with testing.deployment(tmp_path) as deployment:
        for site, count in COUNTS.items():
            for number in range(count):
                path = tmp_path / site / ("cat" if number % 2 else "dog") / f"{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("L", (8, 8 + number), number).save(path)
            deployment.add_site(site, {"data": tmp_path / site}).register("data", dataset="lab/all")
        hd.DatasetVersion.get_current("lab/all").add_frames(
            [hd.SingleFrame(f"s3://b/{number}", id=f"open{number}", width=8, height=8) for number in range(3)]
        )
        hd.DatasetVersion.create_snapshot("lab/all", publish_name="v1")
        yield deployment


def view_of(name: str, rules: list[dict[str, Any]] | None = None, **iteration: Any) -> hd.DataView:
    view = hd.DataView(name)
    view.add_version(dataset_name="lab/all", version_name="v1")
    view.set(rules=rules or [{}], iteration=iteration)
    return view


def read(view: hd.DataView, site: str | None = None) -> list[tuple[int, str, str]]:
    """Position, site and id of each entry."""
    request = pb.ReadDataViewRequest(target=pb.ViewOrSpec(view=view.id), site=site)
    return [
        (entry.position, entry.frame.frame.site, entry.frame.frame.id)
        for answer in view._client.stream(request)
        for entry in answer.entries
    ]


@pytest.mark.parametrize(
    "iteration",
    [{"order": "sequential"}, {"order": "random"}, {"order": "random", "limit": 3}, {"clip": {"frames": 2}}],
)
def test_a_sites_order_is_a_part_of_the_whole(sites: testing.Deployment, iteration: dict[str, Any]) -> None:
    view = view_of("v", **iteration).publish()
    whole = read(view)
    lengths = {"": 3, **COUNTS}
    if "limit" in iteration:
        lengths = dict.fromkeys(lengths, 3)
    assert len(view) == sum(lengths.values())
    assert len(whole) == sum(lengths.values())
    for site, length in lengths.items():
        alone = [frame for _, _, frame in read(view, site)]
        assert alone == [frame for _, here, frame in whole if here == site]
        assert len(alone) == length
        if site:
            session = sites.nodes[site].client.open(view=view.reference)
            delivered = list(session)
            samples = [each for clip in delivered for each in clip] if session.clips else delivered
            assert [sample.id for sample in samples] == alone


def test_a_rule_without_frames_at_a_site_drops_out_there(sites: testing.Deployment) -> None:
    rules = [{"frame_query": "rois.label:cat", "weight": 3}, {"frame_query": "site:south"}]
    view = view_of("v", rules, order="random", limit=8, repeat=True).publish()
    assert {site: frames for (rule, site), (frames, _) in view.resolve().rules.items() if rule == 1} == {
        "north": 0, "south": 4,
    }  # fmt: skip
    session = sites.nodes["north"].client.open(view=view.reference, epoch=0)
    assert len(list(session)) == 8


def test_a_draft_has_counts_and_no_digest(sites: testing.Deployment) -> None:
    view = view_of("v").store()
    assert view.resolve().sites == {site: (count, "") for site, count in {"": 3, **COUNTS}.items()}
    assert all(digest.startswith("sha256:") for _, digest in view.publish().resolve().sites.values())


def test_frames_without_a_site_are_left_out_with_a_warning(sites: testing.Deployment) -> None:
    view = view_of("v").publish()
    context = Context({"node-address": sites.nodes["south"].node.address}, {"view-train": view.reference})
    with pytest.warns(UserWarning, match="3 frames of .* have no site"):
        assert len(list(site_view(context, "train"))) == 4
    sited = view_of("sited", [{"frame_query": "site:*"}]).publish()
    context.run_config["view-train"] = sited.reference
    assert len(list(site_view(context, "train"))) == 4


def test_local_conditions_make_counts_upper_bounds(sites: testing.Deployment) -> None:
    rules = [{"local_query": "age:>=18", "frame_query": "site:*"}, {}]
    answer = sites.client.send(pb.ResolveDataViewRequest(target=view_of("v", rules)._target))
    assert {(each.rule, each.at_most) for each in answer.counts} == {(0, True), (1, False)}
    for place in ("frame_query", "source_query"):
        with pytest.raises(InvalidQuery, match="local"):
            view_of("w", [{place: "local.age:>=18"}]).resolve()


def test_a_node_serves_nothing_if_it_selects_otherwise(sites: testing.Deployment) -> None:
    """The centre signs a selection that does not follow from the view, with its own key and a digest that fits."""
    view = view_of("v").publish()
    folder = sites.folder / "service"
    with closing(sqlite3.connect(folder / "metadata.db", isolation_level=None)) as database:
        ((payload,),) = database.execute("SELECT payload FROM records WHERE kind = 'view'").fetchall()
        record = orjson.loads(payload)
        record["sites"] = [[site, count - (site == "north"), digest] for site, count, digest in record["sites"]]
        digest = record["digest"] = view_digest([SiteSelection(*each) for each in record["sites"]])
        payload = orjson.dumps(record, option=orjson.OPT_SORT_KEYS)
        signature = Signer.open(folder / "keys" / "records.key").sign("view", payload)
        database.execute("UPDATE records SET payload = ?, signature = ? WHERE kind = 'view'", (payload, signature))
        database.execute("UPDATE views SET digest = ?", (digest,))
    with pytest.raises(SelectionMismatch, match="other frames here than the centre signed"):
        sites.nodes["north"].client.open(view=f"v@{digest}")
    assert len(list(sites.nodes["south"].client.open(view=f"v@{digest}"))) == 4
    assert not hd.DataView.get(name="v").verify()[0]
    assert view.digest != digest


def test_two_revisions_of_a_frame_come_twice_and_are_told(sites: testing.Deployment) -> None:
    draft = hd.DatasetVersion.get_current("lab/all")
    draft.update_by_query(frame_query="id:(open0 OR open1)", set_meta={"seen": True})
    hd.DatasetVersion.create_snapshot("lab/all", publish_name="v2")
    view = hd.DataView("both")
    for version in ("v1", "v2"):
        view.add_query(dataset_name="lab/all", version_name=version, frame_query="id:open*")
    resolved = view.resolve()
    assert resolved.warnings == ["versions: 2 frames are selected in two revisions and come twice"]
    assert resolved.frames == 5
    with pytest.warns(QueryWarning, match="come twice") as told:
        assert [frame.id for frame in view] == ["open0", "open0", "open1", "open1", "open2"]
    view.set_iteration_parameters(clip_length=5)
    with pytest.warns(QueryWarning, match="come twice") as told_of_clips:
        assert len(list(view)) == 5
    assert {each.filename for each in (*told, *told_of_clips)} == {__file__}


def test_all_parts_of_a_rule_and_any_of_the_rules(sites: testing.Deployment) -> None:
    parts: dict[str, Any] = {
        "frame_query": "site:north", "source_query": "height:<14", "roi_rules": [{"query": "cat"}],
        "split": {"by": "id", "share": [0, 1]},
    }  # fmt: skip
    assert len(view_of("all", [parts])) == 3
    for key in parts:
        rest = {part: value for part, value in parts.items() if part != key}
        assert len(view_of("some", [rest])) >= 3
    assert len(view_of("any", [parts, {"frame_query": "id:open0"}])) == 4
    assert len(view_of("none", [parts | {"roi_rules": [{"query": "cat"}, {"query": "dog"}]}])) == 0
    assert len(view_of("no rois", [{"filter_by_roi": "no_rois"}])) == 3


def test_a_view_never_grants_reading(sites: testing.Deployment) -> None:
    hd.Dataset.create("else", dataset_project="open")
    view = hd.DataView("v", project="open")
    view.add_query(dataset_name="lab/all", version_name="v1")
    view.publish()
    admin.add_user("ann", roles={"open": "viewer"})
    token = admin.create_token("ann")
    ann = MetadataClient(ClientConfig(service=sites.service.address, token=token))
    found = hd.DataView.get(name="v", client=ann)
    for reading in (found.resolve, found.verify, found.to_list, lambda: found.compare(found)):
        with pytest.raises(NotFound, match="dataset"):
            reading()
    ann.close()
