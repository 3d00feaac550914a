"""Lightning and Hugging Face's Trainer run their epochs over data sets of a view as they come.

Each runs in a process of its own, as these libraries warn and set global state when they are imported.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.client.local_view import IterationOrder
from tests.conftest import module_of_dev

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

COMMON = """
import json, os, sys
import torch
from hyperdatasets.client.node import NodeClient
import hyperdatasets as hd

view = hd.DataView.get(name=sys.argv[1])
opened = view.open(NodeClient(sys.argv[2]))

def tensor(image):
    return torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8).float().reshape(12) / 255
"""
LIGHTNING = """
import lightning
from torch.utils.data import DataLoader

class Model(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer, self.seen = torch.nn.Linear(12, 2), []

    def training_step(self, batch, index):
        x, y = batch
        self.seen.append((self.current_epoch, len(y)))
        return torch.nn.functional.cross_entropy(self.layer(x), y)

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

found = {}
for kind in ("by index", "iterable"):
    ds = opened.dataset(image="L", transform=tensor, iterable=kind == "iterable", batch_size=4)
    loader = DataLoader(ds, batch_size=4, shuffle=kind == "by index", num_workers=1)
    model = Model()
    trainer = lightning.Trainer(max_epochs=2, accelerator="cpu", logger=False, enable_checkpointing=False,
                                enable_progress_bar=False, enable_model_summary=False)
    trainer.fit(model, loader)
    epochs = [sum(count for epoch, count in model.seen if epoch == e) for e in (0, 1)]
    found[kind] = [epochs, ds.delivered]
print(json.dumps(found))
"""
HUGGING_FACE = """
from transformers import Trainer, TrainingArguments

class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.seen = torch.nn.Linear(12, 2), 0

    def forward(self, x, labels):
        self.seen += len(labels)
        logits = self.layer(x)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}

found = {}
for kind in ("by index", "iterable"):
    epoch = 0 if view.spec["iteration"].get("repeat") else None
    ds = opened.dataset(image="L", transform=tensor, columns=("x", "labels"), iterable=kind == "iterable",
                        batch_size=4, epoch=epoch)
    model = Model()
    arguments = TrainingArguments(output_dir=sys.argv[3], num_train_epochs=2, per_device_train_batch_size=4,
                                  use_cpu=True, report_to=[], save_strategy="no", logging_strategy="no",
                                  remove_unused_columns=False, disable_tqdm=True)
    Trainer(model=model, args=arguments, train_dataset=ds).train()
    found[kind] = [model.seen, ds.delivered]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[testing.Deployment]:
    folder = tmp_path_factory.mktemp("frameworks")
    for label in ("cat", "dog"):
        (folder / "data" / label).mkdir(parents=True)
        for number in range(9):
            Image.new("L", (4, 3), number * 10).save(folder / "data" / label / f"{number}.png")
    with testing.deployment(folder) as deployment:
        deployment.add_site("here", {"data": folder / "data"}).register("data", dataset="p/pets")
        hd.DatasetVersion.create_snapshot("p/pets", publish_name="v1")
        for name, endless in (("once", False), ("endless", True)):
            view = hd.DataView(name, iteration_order=IterationOrder.random, iteration_infinite=endless)
            view.add_query(dataset_name="p/pets", version_name="v1")
            view.set_labels("from_zero")
            view.publish()
        yield deployment


def run(script: str, deployed: testing.Deployment, view: str, folder: Path) -> dict[str, list[object]]:
    environment = {"HYPERDATASETS_SERVICE": deployed.service.address, "HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin",
                   "HOME": str(folder), "PYTHONPATH": str(Path.cwd())}  # fmt: skip
    node = deployed.nodes["here"].node.address
    done = subprocess.run(
        [sys.executable, "-c", COMMON + script, view, node, str(folder / "output")], env=environment, cwd=folder,
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4_000:]
    found: dict[str, list[object]] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_lightning(deployed: testing.Deployment, tmp_path: Path) -> None:
    module_of_dev("lightning")
    found = run(LIGHTNING, deployed, "once", tmp_path)
    assert found == {"by index": [[18, 18], 36], "iterable": [[18, 18], 36]}


@pytest.mark.parametrize("view", ["once", "endless"])
def test_hugging_face_trainer(deployed: testing.Deployment, tmp_path: Path, view: str) -> None:
    module_of_dev("transformers")
    found = run(HUGGING_FACE, deployed, view, tmp_path)
    assert found == {"by index": [36, 36], "iterable": [36, 36]}
