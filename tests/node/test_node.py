"""An open node, from registration to samples, beside a real service."""

from __future__ import annotations

import io
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from pathlib import Path

import orjson
import pytest
from PIL import Image

from hyperdatasets.client import admin
from hyperdatasets.client.connection import Connection
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import (
    AlreadyExists,
    DigestMismatch,
    InvalidArgument,
    InvalidConfig,
    NotFound,
    Refused,
    SourceUnreadable,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    VersionPublished,
)
from hyperdatasets.v1 import node_service_pb2 as pb
from hyperdatasets.v1.node_service_pb2_grpc import NodeServiceStub
from metadata_service.server import Service
from node import audit, setup
from node.config import FILE, load
from node.server import Node
from tests.node.conftest import SiteUnderTest


def test_registered_pictures_come_back_byte_for_byte(site: SiteUnderTest) -> None:
    done = site.register()
    assert (done.read["frames"], done.frames["added"], done.notes) == (12, 12, [])
    view = site.published_view(frame_query="rois.label:rbc")
    with site.reader.open(view=view.reference, purpose="test") as session:
        samples = list(session)
    assert (session.count, len(samples), session.labels) == (8, 8, {"rbc": 1})
    assert session.digest == {each.site: each.digest for each in view.sites}["north"]
    for sample in samples:
        path = site.data / sample.source.removeprefix("site://north/scans/")
        assert sample.content() == path.read_bytes()
        assert sample.label_ids == [[1]]
        assert sample.width > 31


def test_registering_again_changes_nothing_and_keeps_corrections(site: SiteUnderTest) -> None:
    site.register()
    draft = DatasetVersion.get_current("clinic/cells", client=site.client)
    assert draft.update_by_query(roi_query="wbc", relabel={"wbc": "platelet"}) == 4
    again = site.register()
    assert (again.frames["added"], again.frames["updated"], again.frames["unchanged"]) == (0, 0, 12)
    assert draft.count(roi_query="platelet") == 4
    replaced = site.register(replace_annotations=True)
    assert replaced.frames["updated"] == 4
    assert draft.count(roi_query="platelet") == 0


def test_a_published_dataset_gets_a_new_draft(site: SiteUnderTest) -> None:
    site.register()
    DatasetVersion.get_current("clinic/cells", client=site.client).publish_version("v1")
    (site.data / "raw" / "new.bin").write_text("a text")
    assert site.register().frames["added"] == 1
    assert DatasetVersion.get_current("clinic/cells", client=site.client).frame_count == 13
    with pytest.raises(VersionPublished):
        site.register(version="v1")


def test_a_changed_file_is_left_out_and_the_stream_goes_on(site: SiteUnderTest) -> None:
    site.register()
    view = site.published_view()
    (site.data / "rbc" / "01.png").write_bytes(b"something else")
    (site.data / "rbc" / "02.png").unlink()
    with site.reader.open(view=view.reference) as session, pytest.warns(UserWarning, match="left out"):
        assert len(list(session)) == 10
    assert session.mismatched == 2
    with site.reader.open(view=view.reference) as session, pytest.raises((DigestMismatch, SourceUnreadable)):
        list(session.stream(strict=True))


def test_a_touched_file_is_hashed_and_served(site: SiteUnderTest) -> None:
    site.register()
    view = site.published_view()
    os.utime(site.data / "rbc" / "01.png")
    assert len(list(site.reader.open(view=view.reference))) == 12


def test_ranks_workers_and_offsets_are_the_whole_with_nothing_twice(site: SiteUnderTest) -> None:
    site.register()
    view = site.published_view()
    whole = [sample.id for sample in site.reader.open(view=view.reference)]
    ranks = [[s.id for s in site.reader.open(view=view.reference, partition=(i, 3))] for i in range(3)]
    assert Counter(frame for rank in ranks for frame in rank) == Counter(whole)
    session = site.reader.open(view=view.reference)
    workers = [[s.id for s in session.stream(worker=i, workers=2, block=4)] for i in range(2)]
    assert workers[0] == whole[:4] + whole[8:12]
    assert sorted(workers[0] + workers[1]) == sorted(whole)
    assert [s.id for s in session.stream(start=5, limit=3)] == whole[5:8]


def test_readers_that_ask_at_the_same_time(site: SiteUnderTest) -> None:
    site.register()
    view = site.published_view()
    with ThreadPoolExecutor(8) as pool:
        opened = pool.map(lambda _: [sample.id for sample in site.reader.open(view=view.reference)], range(8))
        assert len({tuple(ids) for ids in opened}) == 1


def test_epochs_of_a_repeating_view(site: SiteUnderTest) -> None:
    site.register()
    view = site.published_view()
    endless = view.clone(name="endless")
    endless.set(iteration={"order": "random", "repeat": True, "seed": 1})
    endless.publish()
    epochs = [[s.id for s in site.reader.open(view=endless.reference, epoch=e)] for e in (0, 1)]
    assert sorted(epochs[0]) == sorted(epochs[1])
    assert epochs[0] != epochs[1]
    session = site.reader.open(view=endless.reference)
    assert session.count == -1
    assert [s.id for s in session.stream(limit=24)] == epochs[0] + epochs[1]
    assert [[s.id for s in session.stream(epoch=e)] for e in (0, 1)] == epochs
    assert [s.id for s in session.stream(epoch=1, start=10, limit=5)] == epochs[1][10:]
    for wrong, why in (
        ({"epoch": -1}, "a number from 0"), ({"epoch": 0, "start": 13}, "an epoch has positions 0 to 11"),
        ({"epoch": 1 << 40}, "past position"),
    ):  # fmt: skip
        with pytest.raises(InvalidArgument, match=why):
            next(session.stream(**wrong))
    parts = [site.reader.open(view=endless.reference, partition=(part, 5)) for part in range(5)]
    for epoch in range(4):
        assert sorted(s.id for part in parts for s in part.stream(epoch=epoch)) == sorted(epochs[0])
    with pytest.raises(InvalidArgument, match="when opening it"):
        next(site.reader.open(view=endless.reference, epoch=0).stream(epoch=0))


def test_large_files_come_in_pieces(site: SiteUnderTest) -> None:
    content = os.urandom(3_500_000)
    (site.data / "raw" / "large.bin").write_bytes(content)
    site.register()
    view = site.published_view()
    sizes = {len(sample.content()) for sample in site.reader.open(view=view.reference)}
    assert max(sizes) == 3_500_000
    (large,) = (s for s in site.reader.open(view=view.reference) if len(s.content()) > 1_000_000)
    assert large.content() == content


def test_ranges_and_previews(site: SiteUnderTest) -> None:
    content = os.urandom(2_500_000)
    (site.data / "raw" / "large.bin").write_bytes(content)
    site.register()
    session = site.reader.open(view=site.published_view(frame_query="sources.size_bytes:2500000").reference)
    assert session.read_range(0) == content
    assert session.read_range(0, start=1_999_999, length=10) == content[1_999_999:2_000_009]
    assert session.read_range(0, start=2_499_990, length=1_000) == content[-10:]
    with pytest.raises(InvalidArgument, match="position 7"):
        session.read_range(7)
    with pytest.raises(SourceUnreadable):
        session.read_range(0, part=3)
    with pytest.raises(Unimplemented):
        session.preview(0)
    (site.data / "raw" / "large.bin").write_bytes(content[::-1])
    with pytest.raises(DigestMismatch):
        session.read_range(0)
    pictures = site.reader.open(view=site.published_view("pictures", frame_query="rois.label:wbc").reference)
    with Image.open(io.BytesIO(pictures.preview(0))) as image:
        assert image.format == "JPEG"


def test_only_published_views_by_whole_digest(site: SiteUnderTest) -> None:
    site.register()
    view = site.published_view()
    connection, messages = Connection(site.node.address), set()  # the client itself refuses such references
    for wrong in ("all", "nothing@sha256:" + "0" * 64, f"other@{view.digest}", view.reference[:-1]):
        with pytest.raises(Refused) as caught:
            connection.call(lambda channel: NodeServiceStub(channel).OpenSession, pb.OpenSessionRequest(view=wrong))
        messages.add(str(caught.value)[:-8])
        assert "rule" not in caught.value.fields
    connection.close()
    assert len(messages) == 1
    refused = [entry for entry in audit.entries(site.folder) if entry["event"] == "refused"]
    assert [entry["rule"] for entry in refused] == ["reference", "unknown-view", "unknown-view", "reference"]


def test_a_policy_file_decides_and_is_read_again(site: SiteUnderTest) -> None:
    site.register()
    view = site.published_view()
    policy = site.folder / "policy.toml"
    policy.write_text('[[allow]]\ndatasets = ["clinic/*"]\nprincipals = ["*"]\npurposes = ["research"]\n')
    with pytest.raises(Refused):
        site.reader.open(view=view.reference, purpose="marketing")
    session = site.reader.open(view=view.reference, purpose="research")
    assert len(list(session.stream(limit=2))) == 2
    policy.write_text("")
    with pytest.raises(Refused):
        list(chain.from_iterable(session.stream() for _ in range(10_000)))
    with pytest.raises(Refused):
        site.reader.open(view=view.reference, purpose="research")


def test_local_conditions_stay_at_the_site(site: SiteUnderTest) -> None:
    lines = ["file,age,consent"] + [
        f"{number:02}.png,{20 + number},{str(number % 2 == 0).lower()}" for number in range(12)
    ]
    (site.data / "patients.csv").write_text("\n".join(lines))
    done = site.register(columns_file="patients.csv", context_column="age")
    assert done.frames["added"] == 12
    view = site.published_view(local_query="age:>=25 AND consent:true", frame_query="rois.label:(rbc OR wbc)")
    session = site.reader.open(view=view.reference)
    assert {sample.context_id for sample in session} == {"26", "28", "30"}


def test_reports_reach_the_centre_and_the_audit_holds(site: SiteUnderTest) -> None:
    site.register()
    view = site.published_view()
    with site.reader.open(view=view.reference, experiment="e1") as session:
        list(session)
    site.node.stop()
    (report,) = admin.session_reports(site="north", client=site.client)
    assert report.content["frames"] == 12
    assert report.content["delivered"] == [[0, 11]]
    assert report.content["view_digest"] == view.digest
    assert report.content["bytes"] == sum(path.stat().st_size for path in site.data.rglob("*.png"))
    count, problem = audit.verify(site.folder)
    assert (count, problem) == (3, "")
    lines = (site.folder / "audit.log").read_bytes().splitlines(keepends=True)
    (site.folder / "audit.log").write_bytes(lines[0] + lines[2])
    assert audit.verify(site.folder)[1]
    assert orjson.loads(lines[0])


def test_the_service_receives_metadata_only(site: SiteUnderTest, tmp_path: Path) -> None:
    site.register()
    stored = b"".join(path.read_bytes() for path in (tmp_path / "service").rglob("*") if path.is_file())
    for path in site.data.rglob("*.png"):
        assert path.read_bytes()[16:60] not in stored


@pytest.mark.parametrize("path", ["../secrets", "/etc", "scans/../..", "scans\0", "nowhere"])
def test_paths_outside_of_a_root_are_refused(site: SiteUnderTest, path: str) -> None:
    request = pb.RegisterRequest(path=path, dataset="clinic/cells")
    with pytest.raises((InvalidArgument, NotFound)):
        list(site.reader.register(request))


def test_links_out_of_a_root_are_not_followed(site: SiteUnderTest, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    (site.data / "raw" / "link.bin").symlink_to(secret)
    done = site.register()
    assert done.frames["added"] == 12
    assert any("link.bin" in note.place for note in done.losses())


def test_bad_files_are_reported_and_the_others_kept(site: SiteUnderTest) -> None:
    folder = site.data / "rbc"
    good = (folder / "01.png").read_bytes()
    (folder / "empty.png").write_bytes(b"")
    (folder / "cut.png").write_bytes(good[: len(good) // 2])
    (folder / "text.jpg").write_text("no picture")
    (folder / os.fsdecode(b"bad\xff.png")).write_bytes(good)
    done = site.register()
    assert done.frames["added"] == 12
    reasons: dict[str, str] = {}
    for note in done.losses():
        name = note.place.rpartition("/")[2]
        reasons[name] = f"{reasons.get(name, '')} {note}"
    assert "empty" in reasons["empty.png"]
    assert "picture" in reasons["cut.png"]
    assert "content is none" in reasons["text.jpg"]
    assert any("not UTF-8" in reason for reason in reasons.values())


def test_two_nodes_cannot_have_one_site(
    site: SiteUnderTest, service: Service, client: MetadataClient, tmp_path: Path
) -> None:
    with pytest.raises(AlreadyExists, match="has a node already"):
        admin.add_site("north", projects=["clinic"], client=client)
    other = tmp_path / "other"
    setup.init(other, site="north", service=service.address, roots={"scans": site.data})
    with pytest.raises(Unauthenticated, match="token"):
        setup.enrol(other, token="hd_site_guess")


def test_what_was_admitted_is_served_without_the_centre(site: SiteUnderTest, service: Service) -> None:
    site.register()
    view = site.published_view()
    assert len(list(site.reader.open(view=view.reference))) == 12
    site.node.stop()
    service.stop()
    with Node(site.folder) as again:
        site.node = again
        assert len(list(site.reader.open(view=view.reference))) == 12


def test_nobody_there() -> None:
    with pytest.raises(Unavailable, match=r"the node at 127\.0\.0\.1:1 cannot be reached"):
        NodeClient("127.0.0.1:1").open(view="x@sha256:" + "0" * 64)


def test_other_roots_change_no_other_setting(tmp_path: Path) -> None:
    """`serve --with-node` gives the node its folder anew at each start."""
    for name in ("before", "after"):
        (tmp_path / name).mkdir()
    (tmp_path / "ca.pem").touch()
    setup.init(
        tmp_path / "node", site="north", service="127.0.0.1:7400", roots={"scans": tmp_path / "before"},
        listen="0.0.0.0:7410", service_ca=str(tmp_path / "ca.pem"), hostname="node-north,ward",
    )  # fmt: skip
    path = tmp_path / "node" / FILE
    path.write_text(path.read_text().replace("publish_fields = []", 'publish_fields = ["age"]'))
    before = load(tmp_path / "node")
    setup.change(tmp_path / "node", service="127.0.0.1:7499", roots={"scans": tmp_path / "after"})
    after = load(tmp_path / "node")
    assert after == replace(before, service="127.0.0.1:7499", roots={"scans": tmp_path / "after"})
    assert (after.hostname, after.publish_fields) == ("node-north,ward", ("age",))


@pytest.mark.parametrize("wrong", [
    {"listen": "127.0.0.1:99999"}, {"listen": "nonsense"}, {"service": "http://127.0.0.1:7400"}, {"service": "x:0"},
])  # fmt: skip
def test_addresses_that_are_none_are_refused_when_they_are_given(tmp_path: Path, wrong: dict[str, str]) -> None:
    given = {"service": "127.0.0.1:7400", "listen": "127.0.0.1:0"}
    setup.init(tmp_path / "fine", site="north", roots={}, **given)
    with pytest.raises(InvalidConfig, match="expected host:port"):
        setup.init(tmp_path / "wrong", site="north", roots={}, **given | wrong)
    assert not (tmp_path / "wrong").exists()
    ((name, value),) = wrong.items()
    settings = tmp_path / "fine" / "node.toml"
    settings.write_text(settings.read_text().replace(given[name], value))
    with pytest.raises(InvalidConfig, match="expected host:port"):
        load(tmp_path / "fine")


@pytest.mark.slow
def test_a_view_gets_no_other_content_than_it_selected(site: SiteUnderTest) -> None:
    """A file that was changed and registered again is another revision: an older view does not get it."""
    site.register()
    view = site.published_view()
    path = site.data / "rbc" / "01.png"
    before = path.read_bytes()
    for time in range(2):  # what was streamed before the change must not decide
        Image.new("RGB", (33, 24), (1, 2, 3)).save(path)
        assert site.register().frames["updated"] == 1
        with site.reader.open(view=view.reference) as session, pytest.warns(UserWarning, match="left out"):
            assert len(list(session)) == 11
        assert session.mismatched == 1
        newer = site.published_view(f"newer{time}", frame_query="sources.width:33")
        with site.reader.open(view=newer.reference) as session:
            assert [sample.content() for sample in session] == [path.read_bytes()]
        path.write_bytes(before)
        site.register()
        with site.reader.open(view=view.reference) as session:
            assert len(list(session)) == 12
