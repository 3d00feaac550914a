"""One refusal of the service, in the words of the command line and in those of Python."""

from __future__ import annotations

import pytest

from hyperdatasets.cli.main import run
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient, use
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument, VersionNotPublished, VersionPublished


@pytest.fixture(autouse=True)
def _cells(client: MetadataClient) -> None:
    use(client)
    Dataset.create("lab/cells")
    version = DatasetVersion.get_version("lab/cells")
    version.add_frames([SingleFrame("s3://b/1", id="f1")])
    version.publish_version("v1")
    DatasetVersion.create_version("lab/cells", "v2", parent_version_names=["v1"])
    view = DataView("lab/open")
    view.add_query("lab/cells", "v2")
    view.store()


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run([*arguments]) != 0
    return " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(("kind", "call", "argument", "command", "flag"), [
    (VersionPublished, lambda: DatasetVersion.get_version("lab/cells", "v1").delete_frames("f1"),
     "(`DatasetVersion.create_version`)", ["frames", "delete", "lab/cells", "f1", "--version", "v1"],
     "(`hyperdatasets version create`)"),
    (VersionNotPublished, lambda: DataView.get("open").publish(),
     "`DatasetVersion.create_snapshot`", ["view", "publish", "open"], "`hyperdatasets version snapshot`"),
    (InvalidArgument, lambda: Dataset.delete("lab/cells"),
     "`delete_all_versions=True` deletes them all", ["dataset", "delete", "lab/cells"], "`--force` deletes them all"),
    (InvalidArgument, lambda: DatasetVersion.get_version("lab/cells", "v2").update_by_query(),
     '`frame_query="*"` means all', ["frames", "update", "lab/cells", "--add-label", "a"], "`--query '*'` means all"),
])  # fmt: skip
def test_advice_in_the_words_of_the_place(
    kind: type[HyperdatasetsError], call: object, argument: str, command: list[str], flag: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert callable(call)
    with pytest.raises(kind) as raised:
        call()
    assert argument in str(raised.value)
    assert "`option " in raised.value.message or "`command " in raised.value.message
    assert flag in said(capsys, *command)
