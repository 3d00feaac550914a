"""Which node, view and part of it a client of a federated run reads: arguments, messages, simulations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flwr.app import ConfigRecord, Message, RecordDict
from flwr.supercore.task_identity import TaskIdentity
from PIL import Image

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.cli.main import run as command
from hyperdatasets.client import admin
from hyperdatasets.client.experiment import Experiment, UnpinnedWarning
from hyperdatasets.client.node import NodeClient
from hyperdatasets.core.errors import InvalidArgument, InvalidConfig, InvalidReference, Unavailable
from hyperdatasets.flower import site_view
from tests.flower_context import Context

FRAMES = {"east": 5, "north": 6, "west": 7}


@dataclass
class Federation:
    """Three sites with one dataset; `train` selects all frames in a random order, `few` every site's first three."""

    deployment: testing.Deployment
    nodes: Path
    train: str
    few: str

    def context(self, client: int, clients: int, **run: Any) -> Context:
        simulated = {"partition-id": client, "num-partitions": clients}
        return Context(simulated, {"view-train": self.train, "nodes": str(self.nodes), **run})

    def at(self, site: str, **run: Any) -> Context:
        return Context({"node-address": self.deployment.nodes[site].node.address}, {"view-train": self.train, **run})


@pytest.fixture(autouse=True, scope="module")
def _identity() -> None:
    """A message knows the run that its process works for."""
    TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 1, 1


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    folder = tmp_path_factory.mktemp("federation")
    with testing.deployment(folder) as deployment:
        for site, count in FRAMES.items():
            for number in range(count):
                path = folder / site / f"{number}.png"
                path.parent.mkdir(exist_ok=True)
                Image.new("L", (4, 4), number * 30).save(path)
            deployment.add_site(site, {"scans": folder / site}).register("scans", dataset="clinic/scans")
        hd.DatasetVersion.create_snapshot("clinic/scans", publish_name="v1")
        references = []
        for name, more in (("all", {}), ("few", {"iteration_limit": 3})):
            view = hd.DataView(name, project="clinic", iteration_order="random", **more)
            view.add_query(dataset_name="clinic/scans", version_name="v1")
            references.append(view.publish().reference)
        nodes = folder / "nodes.toml"
        tables = {site: node.node.address for site, node in deployment.nodes.items()}
        nodes.write_text("".join(f'[{site}]\naddress = "{address}"\n' for site, address in tables.items()))
        yield Federation(deployment, nodes, *references)


def read(view: Any) -> Counter[str]:
    with view:
        return Counter(sample.id for sample in view)


def test_arguments_win_over_the_message_and_that_over_the_run(three: Federation) -> None:
    context = three.at("north", experiment="of the run", purpose="research")
    record = ConfigRecord({"view-train": three.few, "experiment": "of the message", "server-round": 1})
    message = Message(RecordDict({"config": record}), dst_node_id=1, message_type="train")
    assert len(site_view(context, "train")) == 6
    assert len(site_view(context, "train", message=message)) == 3
    assert len(site_view(context, "train", message=message, reference=three.train)) == 6
    assert len(site_view(context, reference=three.few)) == 3

    def told(**more: Any) -> tuple[str, str]:
        view = site_view(context, "train", **more)
        return view.settings["experiment"], view.settings["purpose"]

    assert told() == ("of the run", "research")
    assert told(message=message) == ("of the message", "research")
    assert told(message=message, experiment="given", purpose="") == ("given", "")


def test_an_experiment_reaches_the_sessions_and_says_which_site_it_lost(
    three: Federation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its id and its views travel with the messages; the nodes' signed reports name it."""
    with hd.Experiment.start(project="clinic", name="federated") as run:
        run.connect(hd.DataView.get(name=three.few), name="train")
        record = ConfigRecord(run.run_config)
        assert run.sites == {"east": False, "north": False, "west": False}
        for site in ("east", "north"):
            message = Message(RecordDict({"config": record}), dst_node_id=1, message_type="train")
            context = three.at(site, **{"view-train": ""})
            assert sum(read(site_view(context, "train", message=message)).values()) == 3
        with site_view(three.at("west"), "train", message=message) as opened:
            assert len(opened) == 3  # and nothing is read
    for node in three.deployment.nodes.values():
        node.node._send_reports()
    found = {each.site: each.content for each in admin.session_reports(experiment=run.id)}
    assert {site: content["view"] for site, content in found.items()} == dict.fromkeys(FRAMES, three.few)
    assert run.refresh().sites == {"east": True, "north": True, "west": False}
    assert run.outcome == "completed with 2 of 3 sites"
    assert repr(run) == "Experiment('federated', completed with 2 of 3 sites)"
    assert "sites that took part" in run._repr_html_()
    assert Experiment.list(text="federated")[0].outcome == run.outcome
    monkeypatch.setenv("HYPERDATASETS_SERVICE", three.deployment.service.address)
    assert command(["experiment", "list"]) == 0
    assert "completed with 2 of 3 sites" in capsys.readouterr().out
    other = run.clone(name="other")
    assert (other.sites, other.outcome) == (dict.fromkeys(FRAMES, False), "created")
    read(site_view(three.at("west"), reference=three.few, experiment=run.id))
    three.deployment.nodes["west"].node._send_reports()
    assert (run.refresh().outcome, all(run.sites.values())) == ("completed", True)
    run.delete()


def test_a_run_that_no_node_served_counts_no_sites(
    three: Federation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with hd.Experiment.start(project="clinic", name="at the service") as run:
        view = run.connect(hd.DataView.get(name=three.few), name="train")
        assert len(list(view)) == 9
    assert run.refresh().outcome == "completed"
    assert "sites" not in run._repr_html_()
    monkeypatch.setenv("HYPERDATASETS_SERVICE", three.deployment.service.address)
    assert command(["experiment", "show", run.id]) == 0
    assert "sites" not in capsys.readouterr().out
    view = site_view(three.at("west"), reference=three.few)
    assert repr(view) == f"SiteView('{three.few}' at {view.node.address})"
    with view:
        assert repr(view.session) == "Session('west', 3 positions)"


def test_an_unpinned_view_of_an_experiment_is_told_where_it_is_read(three: Federation) -> None:
    view = hd.DataView("drafts")
    view.add_query(dataset_name="clinic/scans", version_name="Current")
    with hd.Experiment.start(project="clinic", name="unpinned") as run, pytest.warns(UnpinnedWarning):
        run.connect(view, name="train")
    record = ConfigRecord(run.run_config)
    message = Message(RecordDict({"config": record}), dst_node_id=1, message_type="train")
    with pytest.raises(InvalidReference, match="`view-train`: `drafts` has no digest"):
        site_view(three.at("west"), "train", message=message)


def test_parts_of_a_site_are_disjoint_and_together_whole(three: Federation) -> None:
    context = three.at("west")
    whole = read(site_view(context, "train"))
    parts = [read(site_view(context, "train", partition=(rank, 3))) for rank in range(3)]
    assert sum(parts, Counter()) == whole
    assert set(whole.values()) == {1}
    assert sorted(sum(part.values()) for part in parts) == [2, 2, 3]


@pytest.mark.parametrize("partition", [(2, 2), (-1, 2), (0, 0), "01", (0,), (0.0, 2), 2])
def test_a_part_that_is_none_is_refused(three: Federation, partition: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"partition: expected \(i, n\)"):
        site_view(three.at("west"), "train", partition=partition)
    with pytest.raises(InvalidArgument, match=r"partition: expected \(i, n\)"):
        three.deployment.nodes["west"].client.open(view=three.train, partition=partition)


@pytest.mark.parametrize("epoch", [-1, 1.5, "1"])
def test_an_epoch_that_is_none_is_refused(three: Federation, epoch: Any) -> None:
    with pytest.raises(InvalidArgument, match="epoch: expected a whole number from 0"):
        len(site_view(three.at("west"), "train", epoch=epoch))


def test_one_simulated_client_for_each_site_reads_every_frame_once(three: Federation) -> None:
    each = [read(site_view(three.context(client, 3), "train")) for client in range(3)]
    assert [sum(found.values()) for found in each] == [5, 6, 7]
    assert set(sum(each, Counter()).values()) == {1}


def test_simulated_clients_that_share_sites_read_every_frame_once(three: Federation) -> None:
    each = [read(site_view(three.context(client, 6), "train", partition=(client % 2, 2))) for client in range(6)]
    together = sum(each, Counter())
    assert len(together) == 18
    assert set(together.values()) == {1}
    assert [sum(each[2 * site].values()) + sum(each[2 * site + 1].values()) for site in range(3)] == [5, 6, 7]


@pytest.mark.parametrize(
    ("clients", "partition", "message"),
    [
        (2, None, r"nobody would read `west`\. Set `options\.num-supernodes` .* to 3"),
        (1, None, r"nobody would read `north`, `west`\. Set `options\.num-supernodes`"),
        (4, None, r"read twice.*`partition=\(i, n\)`.*Set `options\.num-supernodes` .* to 3"),
        (6, None, "read twice"),
        (6, (0, 3), r"to 3; for 3 clients at each site, to 9"),
        (6, (1, 2), r"client 0 of 6 reads part 0 of its site: partition=\(0, 2\), not \(1, 2\)"),
    ],
)
def test_another_number_of_simulated_clients_is_refused(
    three: Federation, clients: int, partition: Any, message: str
) -> None:
    with pytest.raises(InvalidConfig, match=message):
        site_view(three.context(0, clients), "train", partition=partition)


def test_a_supernode_without_an_address_reads_nobody_elses_site(three: Federation) -> None:
    context = three.context(0, 3)
    context.node_config.clear()
    with pytest.raises(InvalidConfig, match="has no `node-address`"):
        site_view(context, "train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no site in it"),
        ("x", "cannot be read"),
        ("[north]\n", r"north\.address: expected the address of the site's node"),
        ('[north]\naddress = "127.0.0.1:1"\ncertificate = "x"\n', r"north\.certificate: there is no such key"),
        ("north = 3\n", "north: expected names with values"),
    ],
)
def test_a_file_of_nodes_that_is_wrong_is_told_with_its_place(
    three: Federation, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "nodes.toml").write_text(text)
    with pytest.raises(InvalidConfig, match=rf"nodes: .*nodes\.toml: {message}"):
        site_view(three.context(0, 1, nodes=str(tmp_path / "nodes.toml")), "train")


def test_an_address_of_another_site_is_told(three: Federation, tmp_path: Path) -> None:
    (tmp_path / "nodes.toml").write_text(three.nodes.read_text().replace("[east]", "[aachen]"))
    view = site_view(three.context(0, 3, nodes=str(tmp_path / "nodes.toml")), "train")
    with pytest.raises(InvalidConfig, match=r"node at 127.* configured for site `aachen`, is that of site `east`"):
        len(view)


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        ("all", "`all` has no digest"),
        ("all@sha256:12ab", "has 4 digits"),
        ("all@latest", "something else than a digest"),
        ("all@sha256:" + "g" * 64, "something else than a digest"),
        ("all@", "something else than a digest"),
        ("@sha256:" + "0" * 64, "has no name"),
        ("", "no data view is named"),
    ],
)
def test_a_reference_without_its_whole_digest_is_refused_before_anybody_is_asked(
    three: Federation, reference: str, problem: str
) -> None:
    nobody = NodeClient("127.0.0.1:1")
    with pytest.raises(InvalidReference, match=rf"{problem}.*`view\.reference`"):
        nobody.open(view=reference)
    with pytest.raises(Unavailable):
        NodeClient("127.0.0.1:1", timeout_s=1).open(view=three.train)
    if reference:
        with pytest.raises(InvalidReference, match=f"run configuration, `view-x`.*{problem}"):
            site_view(three.at("east", **{"view-x": reference}), "x")
        with pytest.raises(InvalidReference, match=f"reference: .*{problem}"):
            site_view(three.at("east"), reference=reference)
