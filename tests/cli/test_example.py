"""`example pictures`: what it says, and where it refuses to write."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from hyperdatasets import testing
from hyperdatasets.cli.main import run
from hyperdatasets.client.ledgers import untold
from hyperdatasets.client.registering import register
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.demo import cells


def test_it_says_what_it_wrote_and_what_to_try_next(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "my cells"
    folder.mkdir()
    assert run(["example", "pictures", str(folder)]) == 0
    wrote, lost, following = capsys.readouterr().out.splitlines()
    assert wrote.startswith("wrote 36 pictures with 214 boxes (")
    assert "on purpose" in lost
    assert following == f"next: hyperdatasets serve --with-node '{folder}'"
    assert len(list(folder.glob("JPEGImages/*.png"))) == len(list(folder.glob("Annotations/*.xml"))) == 36


def test_programs_get_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["example", "pictures", str(tmp_path / "cells"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    boxes = said.pop("boxes")
    assert said == {"folder": str(tmp_path / "cells"), "format": "voc", "pictures": 36, "table": "patients.csv"}
    assert sum(boxes.values()) == sum(path.read_text().count("<object>") for path in tmp_path.rglob("*.xml"))


@pytest.mark.parametrize(
    ("place", "code", "said"),
    [
        ("full", 5, "the folder {} is not empty: name a new one, or empty it first"),
        ("full/file.txt", 1, "the pictures cannot be written to {}: Not a directory; name another"),
        ("full/file.txt/below", 1, "the pictures cannot be written to {}: Not a directory; name another"),
    ],
)
def test_it_writes_into_no_folder_that_has_something(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, code: int, said: str
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file.txt").write_text("mine")
    assert run(["example", "pictures", str(tmp_path / place)]) == code
    assert said.format(tmp_path / place) in " ".join(capsys.readouterr().err.split())
    assert os.listdir(tmp_path / "full") == ["file.txt"]  # noqa: PTH208


def test_its_table_groups_the_frames_of_a_patient(tmp_path: Path) -> None:
    cells.write(tmp_path / "cells")
    with testing.deployment(tmp_path) as deployment:
        node = deployment.add_site("north", {"data": tmp_path / "cells"}).client
        with untold():
            ledger = register("data", "lab/cells", columns=cells.TABLE, context_column="patient", node=node)
        contexts = Counter(frame.plain["context_id"] for frame in DatasetVersion.get_current("lab/cells").frames())
    assert ledger.frames["added"] == cells.PICTURES
    assert contexts == {f"P{number:02}": 4 for number in range(1, 10)}
