"""A disk that is full, and commands that are interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hyperdatasets.client.config import ClientConfig
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.frames import SingleFrame
from hyperdatasets.client.metadata import MetadataClient
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import StorageFull
from metadata_service.config import ServiceConfig
from metadata_service.server import Service

pytestmark = pytest.mark.e2e


def test_a_full_disk_is_told_and_nothing_acknowledged_is_lost(small_disk: Path) -> None:
    with Service(ServiceConfig(data=small_disk / "s", port=0)) as service:
        client = MetadataClient(ClientConfig(service=service.address))
        Dataset.create("d", client=client)
        draft = DatasetVersion.get_current("d", client=client)
        kept: list[int] = []

        def fill() -> None:
            for start in range(0, 100_000, 200):
                numbers = range(start, start + 200)
                assert not draft.add_frames(
                    SingleFrame(f"u{i}", id=f"f{i}", metadata={"x": "y" * 200}) for i in numbers
                )
                kept.extend(numbers)

        with pytest.raises(StorageFull, match="nothing of this request was kept"):
            fill()
        assert draft.refresh().frame_count == len(kept) > 0
        client.close()


def test_an_interrupted_import_goes_on_where_it_was(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(4_000):
        (data / f"{number}.txt").write_text(f"text {number}")
    with Service(ServiceConfig(data=tmp_path / "s", port=0)) as service:
        environment = {**os.environ, "HYPERDATASETS_SERVICE": service.address, "HOME": str(tmp_path)}
        program = str(Path(sys.executable).parent / "hyperdatasets")
        command = [program, "import", str(data), "--dataset", "texts"]
        client = MetadataClient(ClientConfig(service=service.address))
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        while not Dataset.list(client=client) or DatasetVersion.get_current("texts", client=client).frame_count == 0:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
        assert process.returncode in {0, 130}
        assert "Traceback" not in output
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert "Traceback" not in done.stderr
        assert DatasetVersion.get_current("texts", client=client).frame_count == 4_000
        client.close()
