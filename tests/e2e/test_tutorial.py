"""The README and the tutorial, word for word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.walkthrough import blocks, require_free, walkthrough

pytestmark = pytest.mark.e2e


def test_the_readme_runs_twice_on_the_same_pictures(tmp_path: Path) -> None:
    ports = (7400, 7410)
    require_free(ports)
    whole = blocks("README.md")
    make = [block for block in whole if block.text.startswith("make ")]  # `make test` is what runs this test
    assert [block.text.split("  ")[0] for block in make] == ["make demo"]
    (program,) = [block for block in whole if block.language == "python"]
    with walkthrough(tmp_path, ports) as reader:
        for block in whole:
            if block not in make:
                reader.carry_out(block)
        reader.carry_out(program)
    first, second = reader.outputs[-2:]
    for output in (first, second):
        assert "lost: 1 box" in output
        assert output.count(" cells\n") == int(re.search(r"^(\d+) frames with a white cell$", output, re.MULTILINE)[1])
    assert re.findall(r"^\w+ \(320.*$", first, re.MULTILINE) == re.findall(r"^\w+ \(320.*$", second, re.MULTILINE)


@pytest.mark.timeout(600)
def test_the_tutorial(tmp_path: Path) -> None:
    ports = (7400, 7411, 7412, 7413, 7420, 7421, 7422, 7423)
    require_free(ports)
    page = blocks("docs/tutorial.md")
    settings = "cd tutorial; " + next(line for line in page[0].text.splitlines() if line.startswith("export ")) + "; "
    with walkthrough(tmp_path, ports, settings=settings, inside="tutorial") as reader:
        for block in page:
            reader.carry_out(block)
    assert len(reader.servers) == len(ports)
    everything = "\n".join(reader.outputs)
    (loss,) = re.findall(
        r"^```\n(lost: .*?)^```$",
        (Path(__file__).parents[2] / "docs/tutorial.md").read_text(),
        re.MULTILINE | re.DOTALL,
    )
    assert loss in everything
    assert "added: 18" in everything
    assert "the same frames" in everything
    experiment = reader.outputs[-1]  # `flwr run --stream` may end before the last lines of the server's log
    assert "outcome: completed\nsites: north yes, south yes, west yes\n" in experiment
    assert re.search(r"metrics: accuracy (0\.\d+|1)\n", experiment)
    assert re.search(r"served: .*client trainer", everything)
