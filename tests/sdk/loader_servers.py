"""A service and nodes in a process of their own, for tests whose loaders fork: a server would not survive the fork.

Prints the addresses as JSON and runs until it is ended.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

import hyperdatasets as hd
from hyperdatasets import testing
from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.metadata import MetadataClient, use


@contextmanager
def servers(folder: Path) -> Iterator[dict[str, Any]]:
    """Runs them below a folder, makes the service the default one of all objects, and gives the nodes' addresses.

    The datasets p/pets (site here, 10 cats, 10 dogs), p/changing (site changing, 6 pictures in `folder/changing`) and
    p/both (sites north and south, 3 and 4 texts) each have a published version v1.
    """
    command = [sys.executable, "-m", "tests.sdk.loader_servers", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        addresses: dict[str, Any] = json.loads(process.stdout.readline())
        client = MetadataClient(ClientConfig(service=addresses.pop("service")))
        use(client)
        try:
            yield addresses
        finally:
            client.close()
            process.terminate()  # workers of loaders may still hold the other end of its standard input


def _main(folder: Path) -> None:
    pictures(folder / "here" / "cat", 10)
    pictures(folder / "here" / "dog", 10)
    pictures(folder / "changing", 6)
    for site, count in (("north", 3), ("south", 4)):
        (folder / site).mkdir()
        for number in range(count):
            (folder / site / f"{number}.txt").write_text(f"{site} {number}")
    with testing.deployment(folder) as deployment:
        named = {"here": "p/pets", "changing": "p/changing", "north": "p/both", "south": "p/both"}
        for site, dataset in named.items():
            deployment.add_site(site, {"data": folder / site}).register("data", dataset=dataset)
        for dataset in sorted(set(named.values())):
            hd.DatasetVersion.create_snapshot(dataset, publish_name="v1")
        addresses = {site: each.node.address for site, each in deployment.nodes.items()}
        print(json.dumps(addresses | {"service": deployment.service.address}), flush=True)
        signal.pause()


def pictures(folder: Path, count: int) -> None:
    """Small pictures, each with a colour of its own."""
    folder.mkdir(parents=True)
    for number in range(count):
        Image.new("RGB", (4, 3), (number * 10, 0, 5)).save(folder / f"{number}.png")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
