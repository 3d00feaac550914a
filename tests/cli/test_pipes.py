"""What goes into a pipe is whole, whatever the width of a window; a terminal gets lines that fit."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.cli.main import run
from node.audit import Audit

_LONG = "long-" * 24 + "name"  # 124 characters
_TEXT = ("a long text " * 40).strip()


@pytest.fixture
def deployment(tmp_path: Path) -> Iterator[testing.Deployment]:
    (tmp_path / "raw").mkdir()
    with testing.deployment(tmp_path / "d") as running:
        draft = hd.DatasetVersion.create_new_dataset(_LONG, dataset_project="p", description=("words " * 60).strip())
        text = _TEXT
        assert not draft.write([{"id": f"f{n}", "sources": [{"uri": f"s3://{_LONG}/{n}"}], "meta": {"text": text}}
                                for n in range(3)])  # fmt: skip
        draft.publish_version(f"v-{_LONG}"[:120])
        later = hd.DatasetVersion.create_version(
            dataset_name=f"p/{_LONG}", version_name="next", parent_version_names=[draft.name]
        )
        later.update_by_query(frame_query="id:f0", set_meta={"text": text + "!"})
        view = hd.DataView(_LONG)
        view.add_query(dataset_name=f"p/{_LONG}", version_name=draft.name)
        view.publish()
        with hd.Experiment.start(project="p", name=_LONG) as experiment:
            experiment.connect(view, name=_LONG)
        running.add_site("north", {_LONG: tmp_path / "raw"})
        yield running


def _calls(deployment: testing.Deployment) -> list[tuple[str, ...]]:
    dataset = f"p/{_LONG}"
    first = hd.DatasetVersion.get_versions(dataset)[0].name
    node = str(deployment.folder / "node-north")
    return [
        ("dataset", "list"), ("dataset", "show", dataset), ("dataset", "schema", dataset), ("version", "list", dataset),
        ("version", "tree", dataset), ("version", "diff", dataset, first, "next"), ("frames", "list", dataset),
        ("frames", "find", dataset), ("frames", "group", dataset, "--by", "meta.text"),
        ("frames", "sample", dataset, "--by", "meta.text", "--per-value", "3"), ("frames", "show", dataset, "f0"),
        ("version", "stats", dataset, "meta.text"), ("view", "list"), ("view", "show", _LONG),
        ("view", "resolve", _LONG), ("experiment", "list"), ("experiment", "show", _LONG), ("site", "list"),
        ("user", "list"), ("node", "files", node), ("node", "audit", node), ("dataset", "show", f"{dataset}x"[:130]),
        ("view", "show", f"{_LONG}x"), ("frames", "show", dataset, "nothing"),
    ]  # fmt: skip


def test_no_width_cuts_what_is_piped(
    deployment: testing.Deployment, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Audit(deployment.folder / "node-north").add("allowed", view=f"{_LONG}@sha256:{'a' * 64}", session="s" * 32)
    for call in _calls(deployment):
        said = []
        for width in ("20", "80", "1000"):
            monkeypatch.setenv("COLUMNS", width)
            run(list(call))
            captured = capsys.readouterr()
            said.append(captured.out + captured.err)
        assert said[0] == said[1] == said[2], call
        assert "…" not in said[0], call
        assert not any(line != line.rstrip() for line in said[0].splitlines() if "error" not in line), call


def test_what_is_piped_has_all_of_it(deployment: testing.Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    Audit(deployment.folder / "node-north").add("allowed", view=f"{_LONG}@sha256:{'a' * 64}", session="s" * 32)
    node, dataset = str(deployment.folder / "node-north"), f"p/{_LONG}"
    for call, part in (
        (("version", "diff", dataset, hd.DatasetVersion.get_versions(dataset)[0].name, "next"), f'"{_TEXT}!"'),
        (("version", "tree", dataset), f"v-{_LONG}"[:120] + ": 3 frames"),
        (("node", "audit", node), f"session {'s' * 32}, view {_LONG}@sha256:{'a' * 64}"),
        (("frames", "list", dataset), f"s3://{_LONG}/2"),
        (("view", "show", f"{_LONG}x"), f"there is no view `{_LONG}x`. Did you mean {_LONG}?"),
    ):  # fmt: skip
        run(list(call))
        captured = capsys.readouterr()
        assert part in captured.out + captured.err, call


def test_a_terminal_gets_lines_that_fit_and_whole_ids(deployment: testing.Deployment) -> None:
    above, below = pty.openpty()
    environment = {
        **os.environ, "COLUMNS": "60", "TERM": "xterm", "HYPERDATASETS_SERVICE": deployment.service.address,
    }  # fmt: skip
    code = "from hyperdatasets.cli.main import main; main()"
    subprocess.run(
        [sys.executable, "-c", code, "frames", "list", f"p/{_LONG}"], stdout=below, stderr=subprocess.DEVNULL,
        env=environment, timeout=60, check=True,
    )  # fmt: skip
    os.close(below)
    said = b""
    try:
        while piece := os.read(above, 1 << 16):
            said += piece
    except OSError:  # the other end is closed
        pass
    os.close(above)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", said.decode()).splitlines()
    assert max(map(len, lines)) == 60
    assert any("f2" in line for line in lines)


def test_json_is_the_same_in_a_pipe(deployment: testing.Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dataset", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["name"] == f"p/{_LONG}"
