"""`hd.register` with every way to write a folder, from every current folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.core.errors import InvalidArgument


@pytest.fixture
def node(tmp_path: Path) -> Iterator[testing.RunningNode]:
    for name in ("raw/a", "raw/b", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "one.txt").write_text(name)
    with testing.deployment(str(tmp_path / "deployment")) as running:
        yield running.add_site("north", {"scans": str(tmp_path / "raw")})


def registered(node: testing.RunningNode, path: str | Path) -> int:
    ledger = hd.register(path, dataset_name="texts", dataset_project="p", node=node.client)
    return ledger.frames["added"] + ledger.frames["unchanged"]


@pytest.mark.parametrize(("here", "path", "count"), [
    (".", "scans", 2), (".", "scans/a", 1), (".", "raw", 2), (".", "raw/a", 1), (".", "./raw/a", 1), ("raw", ".", 2),
    ("raw", "a", 1), ("raw/a", "..", 2), ("raw/a", "../b", 1), ("elsewhere", Path("../raw/b"), 1),
])  # fmt: skip
def test_a_relative_path_is_meant_from_here(
    node: testing.RunningNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: str, path: str | Path, count: int
) -> None:
    monkeypatch.chdir(tmp_path / here)
    assert registered(node, path) == count
    assert node.register(tmp_path / "raw", dataset="p/all").frames["added"] == 2


def test_what_is_no_root_and_not_here_says_what_to_do(
    node: testing.RunningNode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgument, match=rf"no root of this node; there are: scans; .* no {tmp_path}/none: begin"):
        registered(node, "none")
    with pytest.raises(InvalidArgument, match=r"elsewhere lies below no root of this node \(roots: scans = "):
        registered(node, "elsewhere")
    with pytest.raises(InvalidArgument, match="no root of this node"):
        registered(node, "")
