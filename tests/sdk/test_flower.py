"""`site_view` inside of a ClientApp, without the rest of Flower."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.core.errors import InvalidConfig, InvalidReference, SourceUnreadable
from hyperdatasets.flower import site_view
from tests.flower_context import Context


@pytest.fixture
def deployed(tmp_path: Path):
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for number in range(5):
            Image.new("L", (4, 3), number * 10).save(tmp_path / "data" / label / f"{number}.png")
    with testing.deployment(tmp_path) as deployment:
        node = deployment.add_site("here", {"data": tmp_path / "data"})
        node.register("data", dataset="p/pets")
        hd.DatasetVersion.create_snapshot("p/pets", publish_name="v1")
        view = hd.DataView("pets")
        view.add_query(dataset_name="p/pets", version_name="v1")
        yield node.node.address, view.publish().reference, tmp_path


def test_a_view_as_arrays(deployed: Any) -> None:
    address, reference, _ = deployed
    context = Context({"node-address": address}, {"view-train": reference})
    with site_view(context, "train") as view:
        assert (len(view), view.labels) == (10, {"cat": 1, "dog": 2})
        x, y = view.numpy()
        assert x.shape == (10, 3, 4)
        assert sorted(y.tolist()) == [1] * 5 + [2] * 5
        again, _ = view.numpy(decode=lambda sample: len(sample.content()))
        assert again.dtype == np.int64


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "letter.txt").write_text("no picture")
    with testing.deployment(tmp_path) as deployment:
        node = deployment.add_site("here", {"data": tmp_path / "data"})
        node.register("data", dataset="p/texts")
        hd.DatasetVersion.create_snapshot("p/texts", publish_name="v1")
        view = hd.DataView("texts")
        view.add_query(dataset_name="p/texts", version_name="v1")
        context = Context({"node-address": node.node.address}, {"view-train": view.publish().reference})
        with site_view(context, "train") as read, pytest.raises(SourceUnreadable, match=r"text/plain.* is no picture"):
            read.numpy()


def test_in_simulation_a_file_names_the_nodes(deployed: Any) -> None:
    address, reference, folder = deployed
    nodes = folder / "nodes.toml"
    nodes.write_text(f'[here]\naddress = "{address}"\n')
    context = Context({"partition-id": 0, "num-partitions": 1}, {"view-train": reference, "nodes": str(nodes)})
    assert len(list(site_view(context, "train"))) == 10
    context.node_config["partition-id"] = 1
    with pytest.raises(InvalidConfig, match="client 1 of 1"):
        site_view(context, "train")


def test_what_is_missing_is_named(deployed: Any) -> None:
    address, reference, _ = deployed
    with pytest.raises(InvalidConfig, match="Did you mean train"):
        site_view(Context({"node-address": address}, {"view-train": reference}), "trian")
    with pytest.raises(InvalidConfig, match="node-address"):
        site_view(Context({}, {"view-train": reference}), "train")
    with pytest.raises(InvalidReference, match=r"`view-train`: `pets` has no digest.*`view\.reference`"):
        site_view(Context({"node-address": address}, {"view-train": "pets"}), "train")


@pytest.mark.slow
def test_torch_is_asked_for_by_name(deployed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "hyperdatasets.torch", raising=False)
    monkeypatch.delattr(hd, "torch", raising=False)  # where an earlier import left it
    for name in ("torch", "torch.utils.data"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    address, reference, _ = deployed
    with pytest.raises(InvalidConfig, match="pip install"):
        site_view(Context({"node-address": address}, {"view-train": reference}), "train").torch()
