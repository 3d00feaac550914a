"""Several nodes on one machine: each site is read from its own, with its own certificates, and none twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hyperdatasets.client import config
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.node import NodeClient, local_node
from hyperdatasets.client.registering import ledger_of, register
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidArgument, InvalidConfig, NotFound, Unavailable
from hyperdatasets.v1 import node_service_pb2 as pb
from metadata_service.server import Service
from node import clients
from tests.node.conftest import SiteUnderTest, made, pictures

POLICY = '[[allow]]\ndatasets = ["clinic/cells"]\nprincipals = ["trainer"]\npurposes = ["research"]\n'


@dataclass
class Machine:
    """An open node `north` with 12 frames and a strict one `south` with 6; `settings` is the client's file."""

    north: SiteUnderTest
    south: SiteUnderTest
    view: DataView
    settings: Path

    def write(self, **tables: str) -> None:
        self.settings.write_text("".join(f"[nodes.{site}]\n{text}\n" for site, text in tables.items()))

    @property
    def table_of_north(self) -> str:
        return f'address = "{self.north.node.address}"'

    @property
    def table_of_south(self) -> str:
        folder = self.south.folder / "clients" / "trainer"
        files = {"ca": "ca.pem", "cert": "client.pem", "key": "client.key"}
        return f'address = "{self.south.node.address}"\n' + "".join(
            f'{key} = "{folder / name}"\n' for key, name in files.items()
        )

    def sites(self) -> Counter[str]:
        return Counter(frame.plain["site"] for frame in self.view.open(purpose="research"))


@pytest.fixture
def machine(
    tmp_path: Path, service: Service, client: MetadataClient, site: SiteUnderTest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machine]:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HYPERDATASETS_HOME", str(home))
    south = made(tmp_path, service, client, profile="strict", site="south")
    for path in sorted(south.data.rglob("*.png"))[6:]:
        path.unlink()
    (south.folder / "policy.toml").write_text(POLICY)
    folder = clients.add(south.folder, "trainer")["ca"].parent
    with south.node:
        site.register()
        reader = NodeClient(
            south.node.address, ca=str(folder / "ca.pem"), cert=str(folder / "client.pem"),
            key=str(folder / "client.key"),
        )  # fmt: skip
        secret = (south.folder / "operator.secret").read_text()
        request = pb.RegisterRequest(path="scans", dataset="clinic/cells")
        ledger_of(reader.register(request, operator_secret=secret))
        yield Machine(site, south, site.published_view(), home / "client.toml")


def test_each_site_is_read_from_its_own_node_with_its_own_certificates(machine: Machine) -> None:
    machine.write(north=machine.table_of_north, south=machine.table_of_south)
    assert machine.sites() == {"north": 12, "south": 6}


def test_sites_without_a_node_here_are_named(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.write(north=machine.table_of_north)
    with pytest.warns(UserWarning, match="sites not read: `south`; their own nodes serve their frames"):
        assert machine.sites() == {"north": 12}
    machine.settings.unlink()
    monkeypatch.setenv("HYPERDATASETS_NODE", machine.north.node.address)
    with pytest.warns(UserWarning, match="sites not read: `south`"):
        assert machine.sites() == {"north": 12}


def test_nodes_are_given_by_their_addresses_too(machine: Machine) -> None:
    """The certificates for an address are those of the file."""
    machine.write(north=machine.table_of_north, south=machine.table_of_south)
    north, south = machine.north.node.address, machine.south.node.address
    opened = machine.view.open([north, south], purpose="research")
    assert Counter(frame.plain["site"] for frame in opened) == {"north": 12, "south": 6}
    with pytest.warns(UserWarning, match="sites not read: `south`"):
        assert len(machine.view.open(north)) == 12
    with pytest.raises(InvalidArgument, match="node: expected a NodeClient or an address, got 7410"):
        machine.view.open([7410])  # type: ignore[list-item]


def test_the_environment_names_several_nodes(
    machine: Machine, tmp_path: Path, service: Service, client: MetadataClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be among those of the file, which then knows their certificates."""
    machine.write(south=machine.table_of_south)
    addresses = f"{machine.north.node.address}, {machine.south.node.address},{machine.north.node.address}"
    monkeypatch.setenv("HYPERDATASETS_NODE", addresses)
    assert machine.sites() == {"north": 12, "south": 6}


def test_a_node_of_another_site_than_configured_is_named(machine: Machine) -> None:
    machine.write(south=machine.table_of_north, north=machine.table_of_south)
    message = rf"node at {machine.south.node.address}, configured for site `north`, is that of site `south`"
    with pytest.raises(InvalidConfig, match=message):
        machine.view.open(purpose="research")
    client = NodeClient(machine.north.node.address, site="south")
    with pytest.raises(InvalidConfig, match="is that of site `north`"):
        client.open(view=machine.view.reference)


def test_a_site_is_not_read_twice(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    port = machine.north.node.address.rpartition(":")[2]
    monkeypatch.setenv("HYPERDATASETS_NODE", f"127.0.0.1:{port},localhost:{port}")
    with pytest.raises(InvalidConfig, match=rf"nodes at 127.*:{port} and localhost:{port} are both of site `north`"):
        machine.view.open()


@pytest.mark.parametrize(
    ("address", "error", "message"),
    [
        ("127.0.0.1:1", Unavailable, r"the node at 127\.0\.0\.1:1 cannot be reached"),
        ("http://x", InvalidConfig, "'http://x' is no address"),
    ],
)
def test_a_wrong_address_is_named(machine: Machine, address: str, error: type[Exception], message: str) -> None:
    machine.write(north=machine.table_of_north, south=f'address = "{address}"')
    with pytest.raises(error, match=message):
        machine.view.open()


def test_one_of_several_is_picked_to_register_at(machine: Machine, client: MetadataClient) -> None:
    machine.write(north=machine.table_of_north, south=machine.table_of_south)
    pictures(machine.north.data / "more", 4)
    with pytest.raises(InvalidConfig, match=r"several nodes \(`north`, `south`\): say which, by `site=`"):
        register("scans/more", dataset_name="clinic/cells")
    with pytest.raises(NotFound, match=r"no configured node of site `nort`\. Did you mean north"):
        register("scans/more", dataset_name="clinic/cells", site="nort")
    with pytest.raises(InvalidArgument, match="say one of them"):
        register("scans/more", dataset_name="clinic/cells", site="north", node="127.0.0.1:1")
    assert register("scans/more", dataset_name="clinic/cells", site="north").frames["added"] == 4
    secret = (machine.south.folder / "operator.secret").read_text()
    again = {"dataset_name": "clinic/cells", "operator_secret": secret}
    assert register("scans", **again, site="south").frames["unchanged"] == 6
    assert register("scans", **again, node=machine.south.node.address).frames["unchanged"] == 6
    assert DatasetVersion.get_current("clinic/cells", client=client).site_counts() == {"north": 16, "south": 6}


def test_the_site_of_a_node_that_only_the_environment_names_is_asked(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYPERDATASETS_NODE", machine.north.node.address)
    assert local_node(site="north").address == machine.north.node.address
    with pytest.raises(NotFound, match="no configured node of site `south`"):
        local_node(site="south")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nodes = 3", r"client\.toml: nodes: expected a table for each site"),
        ("[nodes]", "nodes: expected a table for each site"),
        ("[nodes.north]", r"nodes\.north\.address: expected the address"),
        ("[nodes.north]\nadress = 'x'", r"nodes\.north\.adress: there is no such key\. Did you mean address"),
        ("node = 'x'\n[nodes.north]\naddress = 'x'", "node, nodes: give the node of one site"),
    ],
)
def test_nodes_that_are_written_wrongly_are_told_with_their_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "client.toml").write_text(text)
    with pytest.raises(InvalidConfig, match=message):
        config.load(environment={"HYPERDATASETS_HOME": str(tmp_path)})


def test_without_any_setting_there_is_one_node_on_loopback(tmp_path: Path) -> None:
    found = config.load(environment={"HYPERDATASETS_HOME": str(tmp_path)})
    assert [each.address for each in found.site_nodes] == ["127.0.0.1:7410"]
