"""Withdrawal: nothing of a withdrawn frame is left, and everything else stays as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hyperdatasets.cli.main import app
from hyperdatasets.cli.main import run as cli_run
from hyperdatasets.client import admin
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidArgument, PermissionDenied
from hyperdatasets.v1 import dataview_service_pb2 as pb
from metadata_service.config import ServiceConfig
from metadata_service.server import Service
from tests import stored_blocks

SECRET = "Zanzibarquux"  # what the withdrawn frame says, nowhere else
GONE = "f03"


def frame(number: int) -> SingleFrame:
    name = SECRET if f"f{number:02}" == GONE else f"name{number}"
    made = SingleFrame(f"s3://b/{name}", id=f"f{number:02}", metadata={"name": name, "n": number}, context_id=name,
                       timestamp=100 - number)  # fmt: skip
    made.add_annotation(box2d_xywh=(number, 0, 1, 1), labels=["cell"], metadata={"by": name})
    made.set_vector("clip", [float(number), 1.0])
    return made


@pytest.fixture
def version(client: MetadataClient) -> DatasetVersion:
    """Version v1 with two revisions of each frame behind it, and its draft child."""
    return written(client)


def written(client: MetadataClient) -> DatasetVersion:
    Dataset.create("cells", dataset_project="clinic", client=client)
    draft = DatasetVersion.get_current("cells", client=client)
    draft.add_frames([frame(number) for number in range(10)])
    draft.update_by_query(frame_query="*", add_labels=["seen"])
    return DatasetVersion.create_snapshot("cells", publish_name="v1", client=client)


def view_of(client: MetadataClient, order: str, output_rois: str = "all_in_frame") -> DataView:
    view = DataView(f"view-{order}", client=client)
    view.add_version(dataset_name="clinic/cells", version_name="v1")
    view.add_query(frame_query="meta.n:<6", roi_query="cell")
    view.set(iteration={"order": order, "seed": 3}, output_rois=output_rois)
    return view.publish()


def entries(client: MetadataClient, view: DataView) -> list[tuple[int, str, int, str]]:
    request = pb.ReadDataViewRequest(target=pb.ViewOrSpec(view=view.id))
    return [
        (entry.position, entry.frame.frame.id, entry.frame.revision, entry.frame.digest)
        for answer in client.stream(request)
        for entry in answer.entries
    ]


def withdraw(client: MetadataClient) -> None:
    assert Dataset.get("cells", client=client).withdraw_frames([GONE, "nobody"], why="consent") == (2, ("nobody",))


def everything_on_disk(folder: Path) -> bytes:
    """Every byte of a data folder, and of the database's compressed columns."""
    found = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    return found + stored_blocks.contents(folder / "metadata.db")


@pytest.mark.parametrize("output_rois", ["all_in_frame", "frame_per_roi"])
@pytest.mark.parametrize("order", ["sequential", "random"])
def test_orders_and_digests_stay_and_the_entry_is_empty(
    client: MetadataClient, version: DatasetVersion, order: str, output_rois: str
) -> None:
    view = view_of(client, order, output_rois)
    before, digest = entries(client, view), version.digest
    withdraw(client)
    assert entries(client, view) == before
    request = pb.ReadDataViewRequest(target=pb.ViewOrSpec(view=view.id))
    (tombstone,) = [e.frame for a in client.stream(request) for e in a.entries if e.frame.withdrawn]
    assert tombstone.frame.id == GONE
    assert not tombstone.frame.sources
    assert SECRET not in str(tombstone)
    assert [each.id for each in view] == [name for _, name, _, _ in before if name != GONE]
    assert view.withdrawn == 1
    assert DatasetVersion.get_version(dataset_name="cells", version_name="v1", client=client).digest == digest
    assert view.verify() == (True, [])
    assert view.withdrawn == 1
    answer = client.send(pb.ResolveDataViewRequest(target=pb.ViewOrSpec(view=view.id)))
    assert [(each.count, each.withdrawn) for each in answer.sites] == [(6, 1)]
    assert answer.counts[0].rois == 5


def test_queries_statistics_and_children_are_without_it(client: MetadataClient, version: DatasetVersion) -> None:
    withdraw(client)
    v1 = DatasetVersion.get_version(dataset_name="cells", version_name="v1", client=client)
    draft = DatasetVersion.get_current("cells", client=client)
    child = DatasetVersion.create_version(
        dataset_name="cells", version_name="w", parent_version_names=["v1"], client=client
    )
    assert v1.frame_count == 10
    assert draft.frame_count == child.frame_count == 9
    for each in (v1, draft, child):
        assert each.count() == 9
        assert each.count(frame_query=f"meta.name:{SECRET}") == 0
        assert GONE not in {found.id for found in each.frames()}
        assert SECRET not in str(each.statistics("meta.name"))
        assert SECRET not in str(each.schema())
    near = v1.nearest("clip", to=[3.0, 1.0], k=10)
    assert GONE not in {found.id for found, _ in near}
    child.revert()
    assert child.count() == 9
    fresh = DataView("fresh", client=client)
    fresh.add_query(dataset_name="cells", version_name="v1")
    assert len(fresh) == 9


def test_it_does_not_come_back(client: MetadataClient, version: DatasetVersion) -> None:
    withdraw(client)
    draft = DatasetVersion.get_current("cells", client=client)
    failed = draft.add_frames([frame(3), frame(20)])
    assert [(each.id, each.reason) for each in failed] == [(GONE, "FRAME_WITHDRAWN")]
    assert draft.refresh().frame_count == 10
    assert Dataset.get("cells", client=client).withdraw_frames([GONE], why="again") == (0, (GONE,))
    with pytest.raises(InvalidArgument, match="why"):
        Dataset.get("cells", client=client).withdraw_frames(["f01"], why=" ")


def test_copies_go_with_it_and_namesakes_stay(client: MetadataClient, version: DatasetVersion) -> None:
    for name in ("copies", "namesakes"):
        Dataset.create(name, dataset_project="clinic", client=client)
    copies, namesakes = (DatasetVersion.get_current(name, client=client) for name in ("copies", "namesakes"))
    copies.copy_frames(DatasetVersion.get_version(dataset_name="cells", version_name="v1", client=client))
    namesakes.add_frames([SingleFrame("s3://elsewhere", id=GONE)])
    revisions, _ = Dataset.get("cells", client=client).withdraw_frames([GONE], why="consent")
    assert revisions == 3
    assert copies.refresh().frame_count == 9
    assert namesakes.refresh().frame_count == 1


def test_nothing_is_left_on_disk_and_a_restart_knows(tmp_path: Path) -> None:
    data = tmp_path / "service"
    with serving(data) as client:
        written(client)
        view = view_of(client, "sequential")
        before = entries(client, view)
        DatasetVersion.get_version(dataset_name="cells", version_name="v1", client=client).count(frame_query=SECRET)
        older = run("backup", data, tmp_path / "older")
        withdraw(client)
        run("backup", data, tmp_path / "newer")
    assert SECRET.encode() in everything_on_disk(data)
    run("compact", data)
    assert "restore" in older
    list_of = tmp_path / "newer" / "withdrawals.jsonl"
    run("restore", tmp_path / "older", tmp_path / "restored", "--withdrawn", list_of)
    for folder in (data, tmp_path / "restored"):
        with serving(folder) as client:
            again = DataView.get(name="view-sequential", client=client)
            assert entries(client, again) == before
            assert again.verify() == (True, [])
            assert again.withdrawn == 1
            v1 = DatasetVersion.get_version(dataset_name="cells", version_name="v1", client=client)
            assert v1.count(frame_query="meta.n:>=0") == 9
        assert SECRET.encode() not in everything_on_disk(folder)
        assert "in order" in run("check", folder)


@contextmanager
def serving(data: Path) -> Iterator[MetadataClient]:
    with Service(ServiceConfig(data=data, port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        yield client
        client.close()


def run(command: str, *arguments: object) -> str:
    result = CliRunner().invoke(app, ["admin", command, *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_only_an_admin_withdraws(service: Service, client: MetadataClient, version: DatasetVersion) -> None:
    admin.add_user("ann", roles={"clinic": "editor"}, client=client)
    token = admin.create_token("ann", client=client)
    ann = MetadataClient(ClientConfig(service=service.address, token=token))
    with pytest.raises(PermissionDenied, match="admin"):
        Dataset.get("cells", client=ann).withdraw_frames([GONE], why="consent")
    ann.close()
    assert version.count() == 10


def test_as_a_person_types_it(
    client: MetadataClient, version: DatasetVersion, capsys: pytest.CaptureFixture[str]
) -> None:
    use(client)
    view = view_of(client, "random")
    assert cli_run(["frames", "withdraw", "cells", GONE, "--reason", "consent"]) == 0
    assert "2 revisions are erased" in capsys.readouterr().out
    assert cli_run(["view", "verify", view.name]) == 0
    assert "1 withdrawn" in capsys.readouterr().out
