"""Views that were published under earlier rules: they verify and stream as they did, for ever.

`data/semantics-1.tar.xz` is the data folder of a service that knew these rules alone, with a view for each rule that
has changed since, and one for each change of how text is read.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hyperdatasets.cli.main import run
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.query_warnings import QueryWarning
from metadata_service.config import ServiceConfig
from metadata_service.server import Service

_ARCHIVE = Path(__file__).parents[1] / "data" / "semantics-1.tar.xz"
SELECTED = {
    "uris": ["plain"],
    "days": ["second"],
    "times": ["minute", "second"],
    "lone minus": ["other"],
    "escapes": ["code"],
    "rois": ["alone"],
    "splits": ["double11", "double2", "double3", "double4", "double8", "double9",
               "whole0", "whole1", "whole11", "whole5", "whole6", "whole9"],
}  # fmt: skip
"""What each view selected when it was published."""
NOW = SELECTED | {
    "uris": ["escaped", "plain"],
    "days": ["later", "minute", "second"],
    "lone minus": ["film"],
    "escapes": ["bird"],
    "rois": ["dash"],
    "splits": ["double0", "double1", "double11", "double5", "double6", "double9",
               "whole0", "whole1", "whole11", "whole5", "whole6", "whole9"],
}  # fmt: skip
"""What the same specification selects now."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(_ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder / "service"


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[MetadataClient]:
    with Service(ServiceConfig(data=folder, port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        yield client
        client.close()


def ids(view: DataView) -> list[str]:
    return sorted(frame.id for frame in view)


def test_the_data_folder_is_whole(folder: Path) -> None:
    assert run(["admin", "check", str(folder)]) == 0


@pytest.mark.parametrize("name", SELECTED)
def test_a_view_keeps_the_rules_of_its_time(client: MetadataClient, name: str) -> None:
    old = DataView.get(name=name, client=client)
    assert ids(old) == SELECTED[name]
    same, differences = old.verify()
    assert same, differences
    assert len(old) == len(SELECTED[name])


@pytest.mark.parametrize("name", SELECTED)
def test_a_copy_takes_the_rules_of_today_and_says_so(client: MetadataClient, name: str) -> None:
    old = DataView.get(name=name, client=client)
    with pytest.warns(QueryWarning) as said:
        new = old.clone(name=f"{name} again").publish()
    assert any("semantics 1" in str(each.message) for each in said)
    assert ids(new) == NOW[name]
    found = old.compare(new)
    assert found["changes"] == {"semantics": (1, 2)}
    assert found["only_here"] == len(set(SELECTED[name]) - set(NOW[name]))
    assert found["only_there"] == len(set(NOW[name]) - set(SELECTED[name]))
    assert new.verify()[0]
    new.clone(name=f"{name} once more")
