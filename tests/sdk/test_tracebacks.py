"""A report of an error of ours shows the lines of the user's code alone: in scripts, threads, IPython and pytest."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import hyperdatasets.testing
from hyperdatasets import Dataset, DatasetVersion, SingleFrame
from tests.conftest import module_of_dev

pytestmark = pytest.mark.slow

START = """import threading
import hyperdatasets as hd
from hyperdatasets.client.metadata import use
version = hd.DatasetVersion.get_version("lab/cells")
view = hd.DataView("look")
view.add_query("lab/cells", "Current", frame_query="meta.n:<5")
def mine():
    yield hd.SingleFrame("s3://b/new", id="new")
    {mine}
def run():
    {line}
run()
"""
CASES = {  # name -> (line of the script, what stands in its generator, the error)
    "unary call": ('hd.Dataset.get("nothing")', "", "NotFound: there is no dataset `nothing`"),
    "iteration of a version": ('list(version.frames(frame_query="meta.n:["))', "", "InvalidQuery"),
    "iteration of a view": (
        "view.set_queries([{'dataset': 'lab/gone', 'version': 'v1'}]); [each for each in view]",
        "",
        "NotFound",
    ),
    "context manager": (
        '\n    with hd.Experiment.start("lab/run"):\n        hd.Dataset.get("nothing")',
        "",
        "NotFound",
    ),
    "missing folder": ('hd.import_frames("nowhere", "lab/cells")', "", "NotFound"),
    "no such local file": ('hd.DataView.from_yaml("nowhere.yaml")', "", "NotFound: there is no file nowhere.yaml"),
    "wrong argument": ("version.write(7)", "", "InvalidArgument: frames: expected a list"),
    "our error in a callback": ("version.add_frames(mine())", 'hd.Dataset.get("nothing")', "NotFound"),
    "thread": (
        't = threading.Thread(target=lambda: hd.Dataset.get("nothing")); t.start(); t.join()',
        "",
        "NotFound: there is no dataset",
    ),
    "no node": ('hd.register("folder", "lab/cells", node="127.0.0.1:1")', "", "Unavailable"),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with hyperdatasets.testing.deployment(tmp_path_factory.mktemp("service")) as running:
        Dataset.create("lab/cells")
        DatasetVersion.get_version("lab/cells").add_frames([SingleFrame("s3://b/1", id="f1", metadata={"n": 1})])
        yield running.client.config.service


def script(folder: Path, name: str, *, line: str = "", mine: str = "") -> Path:
    given, generator, _ = CASES.get(name, (line, mine, ""))
    path = folder / "script.py"
    path.write_text(START.format(line=given, mine=generator or "pass"))
    return path


def run(command: list[str], service: str, *, debug: str = "", **more: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HYPERDATASETS")}
    environment = kept | {"HYPERDATASETS_SERVICE": service, "HYPERDATASETS_DEBUG": debug, "NO_COLOR": "1"} | more
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def files(report: str) -> list[str]:
    return re.findall(r'File "([^"]+)"', report)


@pytest.mark.parametrize("name", CASES)
def test_a_script_ends_at_the_users_line(name: str, service: str, tmp_path: Path) -> None:
    path = script(tmp_path, name)
    report = run([sys.executable, str(path)], service)
    assert CASES[name][2] in report
    own = [file for file in files(report) if file == str(path)]
    assert len(own) >= 1
    others = set(files(report)) - set(own)
    assert not others if name != "thread" else all("/threading.py" in each for each in others)
    assert "During handling" not in report
    assert "direct cause" not in report
    assert "grpc" not in report


def test_a_callback_keeps_both_lines_of_the_user(service: str, tmp_path: Path) -> None:
    report = run([sys.executable, str(script(tmp_path, "our error in a callback"))], service)
    assert re.findall(r", in (\w+|<\w+>)", report) == ["<module>", "run", "mine"]


def test_an_error_of_the_user_in_a_callback_keeps_all_frames(service: str, tmp_path: Path) -> None:
    path = script(tmp_path, "", line="version.add_frames(mine())", mine='raise ValueError("my own")')
    report = run([sys.executable, str(path)], service)
    assert "ValueError: my own" in report
    assert re.findall(r", in (\w+|<\w+>)", report)[-1] == "mine"
    assert any("version_frames.py" in file for file in files(report))


CAUSED = """
    try:
        hd.Dataset.get("nothing")
    except Exception as error:
        raise RuntimeError("mine") from error"""


IN_A_THREAD = f"""
    def go():{CAUSED.replace(chr(10), chr(10) + "    ")}
    thread = threading.Thread(target=go); thread.start(); thread.join()"""


@pytest.mark.parametrize("line", [CAUSED, CAUSED.removesuffix(" from error"), IN_A_THREAD])
def test_what_caused_an_error_of_the_user_ends_at_the_users_line(line: str, service: str, tmp_path: Path) -> None:
    path = script(tmp_path, "", line=line)
    report = run([sys.executable, str(path)], service)
    assert "NotFound: there is no dataset `nothing`" in report
    assert "RuntimeError: mine" in report
    assert [file for file in files(report) if "hyperdatasets" in file] == []


@pytest.mark.parametrize("debug", ["1", "0"])
def test_the_setting_shows_the_frames_of_the_package(debug: str, service: str, tmp_path: Path) -> None:
    report = run([sys.executable, str(script(tmp_path, "unary call"))], service, debug=debug)
    assert any("connection.py" in file for file in files(report)) is (debug == "1")


REPORTED = [name for name in CASES if name != "thread"]


def parts(folder: Path) -> list[str]:
    """The text of a script for each case, without the call of its function."""
    return [script(folder, name).read_text().removesuffix("run()\n") for name in REPORTED]


@pytest.mark.parametrize("debug", ["", "1"])
def test_pytest_ends_at_the_users_line(debug: str, service: str, tmp_path: Path) -> None:
    for number, text in enumerate(parts(tmp_path)):
        (tmp_path / f"test_{number:02}.py").write_text(text.replace("def run()", "def test_run()"))
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)]
    sections = re.split(r"^_+ test_run _+$", run(command, service, debug=debug), flags=re.MULTILINE)[1:]
    for name, section in zip(REPORTED, sections, strict=True):
        last = re.findall(r"^(\S+\.py):\d+: \w", section, re.MULTILINE)[-1]
        assert CASES[name][2] in section
        assert bool(re.search(r"/test_\d+\.py$", last)) is not bool(debug), section


@pytest.mark.parametrize("debug", ["", "1"])
def test_ipython_ends_at_the_users_line(debug: str, service: str, tmp_path: Path) -> None:
    module_of_dev("IPython")
    cells = [text + "run()" for text in parts(tmp_path)]
    (tmp_path / "cells.py").write_text(
        f"from IPython.core.interactiveshell import InteractiveShell\n"
        f"shell = InteractiveShell.instance(colors='nocolor')\n"
        f"for cell in {cells!r}:\n    print('=====')\n    shell.run_cell(cell)\n"
    )
    sections = run([sys.executable, str(tmp_path / "cells.py")], service, debug=debug, IPYTHONDIR=str(tmp_path)).split(
        "=====\n"
    )[1:]
    for name, section in zip(REPORTED, sections, strict=True):
        assert CASES[name][2] in section
        assert "Unexpected exception formatting" not in section
        assert ("/hyperdatasets/" in section) is bool(debug), section
