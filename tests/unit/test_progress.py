"""What a terminal shows of long work: a total where it is known, else a count and a rate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from hyperdatasets.cli.output import counting
from hyperdatasets.client.progress import bar, bars
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.intake import Intake, Options


def test_a_total_is_shown_as_soon_as_it_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("frames", shown=True) as counted:
        counted(364)
    said = capsys.readouterr().err
    assert "364 (" in said
    assert "/s)" in said
    assert "?" not in said
    with bars("read", "written", shown=True) as (read, written):
        read(5)
        read.expect(10)
        written.expect(3)
    said = capsys.readouterr().err
    assert "5/10" in said
    assert "written" not in said
    with bar("frames", shown=True):
        pass
    with bar("frames", shown=False) as counted:
        counted(1)
    with counting("revisions") as more:
        more(3)
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["files", "coco", "voc", "yolo", "cvat", "labelme", "labelstudio", "masks", "imagefolder"]
)
def test_readers_of_files_know_how_many_entries_come(tmp_path: Path, name: str) -> None:
    for label in ("cat", "dog"):
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.new("RGB", (8, 8)).save(tmp_path / label / f"{number}.png")
    (tmp_path / "cat/0.png.json").write_text(json.dumps({"labels": ["x"]}))
    intake = Intake(Folder(tmp_path), Options(name))
    entries = intake.entries()
    assert next(entries)
    assert intake.expected == len(list(entries)) + 1 == intake.looked_at
    limited = Intake(Folder(tmp_path), Options(name, limit=2))
    assert len(list(limited.entries())) == limited.expected == 2
