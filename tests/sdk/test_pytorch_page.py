"""The examples of docs/pytorch.md, run as they stand, one after the other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import hyperdatasets as hd
from tests.conftest import module_of_dev
from tests.flower_context import Context
from tests.sdk.loader_servers import servers

pytestmark = pytest.mark.slow

torch = module_of_dev("torch")
PAGE = Path(__file__).parents[2] / "docs" / "pytorch.md"
EXPECTED = re.compile(r"print\((.+)\)  # (\{.+?\}|\d+)")


def prepare(folder: Path) -> None:
    for name, repeat in (("pets", False), ("endless", True)):
        publish(name, "p/pets", iteration_infinite=repeat)
    (folder / "a.txt").write_text("a text")
    text = hd.SingleFrame(folder / "a.txt")
    cell = hd.SingleFrame(folder / "here" / "cat" / "0.png", width=4, height=3)
    cell.add_annotation(labels="cell", poly2d_xy=[0, 0, 2, 0, 2, 2])
    for name, frame in (("texts", text), ("cells", cell)):
        hd.DatasetVersion.create_new_dataset(name, dataset_project="p").add_frames([frame])
        hd.DatasetVersion.create_snapshot(f"p/{name}", publish_name="v1")
        publish(name, f"p/{name}")


def publish(name: str, dataset: str, **options: Any) -> None:
    view = hd.DataView(name, **options)
    view.add_query(dataset_name=dataset, version_name="v1")
    view.publish()


@pytest.mark.filterwarnings("ignore:.set_vital. is deprecated")  # torchdata calls it
def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    module_of_dev("torchdata")
    with servers(tmp_path) as nodes:
        prepare(tmp_path)
        address = nodes["here"]
        monkeypatch.setenv("HYPERDATASETS_NODE", address)
        seen: list[int] = []
        names: dict[str, Any] = {
            "context": Context({"node-address": address}, {"view-train": hd.DataView.get(name="pets").reference}),
            "to_tensor": lambda image: torch.from_numpy(np.asarray(image) / 255),
            "step": lambda images, labels: seen.append(len(labels)),
        }
        blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
        assert len(blocks) == 6
        for block in blocks:
            exec(compile(block, str(PAGE), "exec"), names)
            printed = capsys.readouterr().out.splitlines()
            for (_, said), line in zip(EXPECTED.findall(block), printed, strict=False):
                assert line == said
        assert (sum(seen), names["num_examples"]) == (20, 20)
        assert names["texts"][0] == "A TEXT"
