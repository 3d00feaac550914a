"""The example app under Flower's own strategy, in one process, with real nodes: what is recorded of its runs."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from flwr.app import Context, RecordDict
from PIL import Image

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.client import admin
from tests.sdk.local_grid import LocalGrid

SITES = ("east", "north", "west")
APP = Path(__file__).parents[2] / "examples" / "digits"


@dataclass
class Digits:
    """Three sites with two digits; views over the frames for training and for testing."""

    deployment: testing.Deployment
    views: dict[str, str]
    client: Any
    server: Any

    def run(self, **config: Any) -> None:
        """A run of one round, configured as `flwr run` does."""
        given = tomllib.loads((APP / "pyproject.toml").read_text())["tool"]["flwr"]["app"]["config"]
        run_config = given | {"service": self.deployment.service.address, "rounds": 1} | config
        nodes = [{"node-address": self.deployment.nodes[site].node.address} for site in SITES]
        grid = LocalGrid(self.client, nodes, run_config)
        self.server(grid=grid, context=Context(1, 0, {}, RecordDict(), run_config))

    def reports(self, experiment: str) -> list[dict[str, Any]]:
        for node in self.deployment.nodes.values():
            node.node._send_reports()
        return [each.content for each in admin.session_reports(experiment=experiment)]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Digits]:
    folder = tmp_path_factory.mktemp("digits")
    with testing.deployment(folder) as deployment, pytest.MonkeyPatch.context() as patch:
        for number, site in enumerate(SITES):
            for split in ("train", "test"):
                for digit in (0, 1):
                    path = folder / site / split / str(digit) / f"{number}.png"
                    path.parent.mkdir(parents=True)
                    Image.new("L", (8, 8), 60 * number + 120 * digit).save(path)
            deployment.add_site(site, {"scans": folder / site}).register("scans", dataset="clinic/digits")
        hd.DatasetVersion.create_snapshot("clinic/digits", publish_name="v1")
        views = {}
        for split in ("train", "test"):
            view = hd.DataView(split, project="clinic", iteration_order="random")
            view.add_query(dataset_name="clinic/digits", version_name="v1", frame_query=f"meta.site.split:{split}")
            view.set_labels({str(digit): digit + 1 for digit in range(10)})
            views[split] = view.publish().reference
        patch.syspath_prepend(str(APP))
        client, server = (import_module(f"digits.{name}_app").app for name in ("client", "server"))
        yield Digits(deployment, views, client, server)


def test_an_experiment_that_the_serverapp_starts_is_named_by_every_session(digits: Digits) -> None:
    digits.run(**{f"view-{name}": reference for name, reference in digits.views.items()})
    found = hd.Experiment.get("digits")
    reports = digits.reports(found.id)
    assert len(reports) == 3 * (2 + 1)  # train and test in a round, test at the end
    assert {each["view"] for each in reports} == set(digits.views.values())
    assert found.refresh().sites == dict.fromkeys(SITES, True)
    assert (found.outcome, found.views) == ("completed", digits.views)
    assert sorted(found.metrics()["accuracy"]) == [0, 1]


def test_a_clone_brings_its_views_to_the_sites(digits: Digits) -> None:
    """Of the run nothing is said but the experiment; its views win over those of the run."""
    first = hd.Experiment.start(project="clinic", name="first")
    for name, reference in digits.views.items():
        first.connect(hd.DataView.get(name=reference), name=name)
    first.close()
    swapped = first.clone(views={"train": digits.views["test"]}).run_here()
    digits.run(experiment=swapped.id, **{"view-train": digits.views["train"]})
    swapped.close()
    assert {each["view"] for each in digits.reports(swapped.id)} == {digits.views["test"]}
    assert swapped.refresh().sites == dict.fromkeys(SITES, True)
    assert not digits.reports(first.id)


def test_a_run_that_is_not_recorded_needs_no_service(digits: Digits) -> None:
    before = len(hd.Experiment.list())
    digits.run(service="", **{f"view-{name}": reference for name, reference in digits.views.items()})
    assert len(hd.Experiment.list()) == before


def test_a_site_that_fails_fails_the_experiment(digits: Digits) -> None:
    views = {f"view-{name}": reference for name, reference in digits.views.items()}
    with pytest.raises(RuntimeError, match=r"3 sites failed.*could not convert string to float"):
        digits.run(**{"learning-rate": "fast"}, **views)
    assert hd.Experiment.get("digits").state == "failed"
