"""A view over several sites: each is read once, from its own node."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from hyperdatasets import testing
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.dataview import DataView
from hyperdatasets.client.version import DatasetVersion


@pytest.mark.slow
def test_each_site_is_read_once_from_its_own_node(tmp_path: Path) -> None:
    with testing.deployment(tmp_path) as deployment:
        nodes = {}
        for number, site in enumerate(("east", "north", "west")):
            for place in range(number + 1):
                path = tmp_path / site / f"{place}.png"
                path.parent.mkdir(exist_ok=True)
                Image.new("RGB", (8, 8), (number * 50, place * 50, 0)).save(path)
            nodes[site] = deployment.add_site(site, {"scans": tmp_path / site})
            nodes[site].register("scans", dataset="clinic/scans")
        dataset = Dataset.get("clinic/scans")
        draft = DatasetVersion.get_version(dataset_id=dataset.id)
        Image.new("RGB", (8, 8)).save(tmp_path / "public.png")
        draft.write([{"id": "public", "sources": [{"uri": f"file://{tmp_path}/public.png"}]}])
        snapshots = [DatasetVersion.create_snapshot("clinic/scans").name for _ in range(2)]
        assert len(set(snapshots)) == 2
        view = DataView("all", project="clinic")
        view.add_query(dataset_name="clinic/scans", version_name=snapshots[0])

        def sites(*given: str) -> list[str]:
            return sorted(sample.plain.get("site", "") for sample in view.open([nodes[each].client for each in given]))

        with pytest.warns(UserWarning, match="sites not read: `east`, `west`; their own nodes serve their frames"):
            one = sorted(sample.plain.get("site", "") for sample in view.open(nodes["north"].client))
        assert one == ["", "north", "north"]
        with pytest.warns(UserWarning, match="sites not read: `north`"):
            assert sites("east", "west") == ["", "east", "west", "west", "west"]
        assert sites("east", "north", "west") == ["", "east", "north", "north", "west", "west", "west"]
        addresses = ",".join(nodes[site].client.address for site in ("east", "north", "west"))
        assert len(list(view.open(addresses))) == len(view.open(addresses)) == 7
