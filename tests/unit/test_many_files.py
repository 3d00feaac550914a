"""Exports of many files have few of them open, hold nothing of closed ones, and leave nothing behind."""

from __future__ import annotations

import gc
import json
import os
import tracemalloc
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hyperdatasets.client.export_files import FolderOutput, PerSplit
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.many_files import ManyFiles
from hyperdatasets.formats.registry import WRITTEN
from hyperdatasets.formats.writing import Placed, Subject, Writer

OPEN = Path("/dev/fd")
SPLITS = 200


def open_files() -> int:
    return len(os.listdir(OPEN))  # noqa: PTH208  # the folder changes while it is listed


def placed(number: int) -> Placed:
    frame: Any = {
        "id": f"f{number}",
        "sources": [{"id": "default", "uri": f"file:///{number}.png", "content_type": "image/png"}],
        "annotations": [{"id": "a", "labels": ["cat"], "geometry": {"box": [1.0, 1.0, 5.0, number + 1.0]}}],
    }
    return Placed(frame, {"default": f"{number}.png"}, split=f"patient-{number % SPLITS}")


def started(name: str, output: FolderOutput) -> Writer:
    form = WRITTEN[name]
    start = form.start if form.divides else partial(PerSplit, form)
    return start(output, Subject("made", {"cat": 1}), Ledger(name, writes=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_an_export_into_many_parts_has_few_open_files(name: str, tmp_path: Path) -> None:
    before, most, output = open_files(), 0, FolderOutput(tmp_path)
    writer = started(name, output)
    for number in range(2 * SPLITS):
        writer.add(placed(number))
        most = max(most, open_files())
    writer.finish()
    most = max(most, open_files())
    output.close()
    assert most - before < 80
    assert open_files() <= before


def test_each_part_of_coco_has_its_own_annotations(tmp_path: Path) -> None:
    output = FolderOutput(tmp_path)
    writer = started("coco", output)
    for number in range(2 * SPLITS):
        writer.add(placed(number))
    writer.finish()
    output.close()
    assert len(list((tmp_path / "annotations").iterdir())) == SPLITS
    for number in (0, 77, SPLITS - 1):
        content = json.loads((tmp_path / f"annotations/instances_patient-{number}.json").read_bytes())
        assert [each["file_name"] for each in content["images"]] == [f"{number}.png", f"{number + SPLITS}.png"]
        assert [each["bbox"][3] for each in content["annotations"]] == [number + 1, number + SPLITS + 1]


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_a_writer_closes_the_files_that_it_asked_for(name: str, tmp_path: Path) -> None:
    asked: list[Any] = []

    class Watched(FolderOutput):
        def file(self, path: str) -> Any:
            asked.append(super().file(path))
            return asked[-1]

        def main(self, name: str) -> Any:
            return super().file(name)

        def waiting(self) -> Any:
            asked.append(super().waiting())
            return asked[-1]

    output = Watched(tmp_path)
    writer = started(name, output)
    for number in range(3):
        writer.add(placed(number))
    writer.finish()
    assert all(each.closed for each in asked)
    output.close()


@pytest.mark.slow
def test_nothing_is_held_of_a_closed_file(tmp_path: Path) -> None:
    output = FolderOutput(tmp_path)

    def write(count: int) -> None:
        for number in range(count):
            with output.file(f"{number % 7}-{number}-{count}.xml") as file:
                file.write(b"x")

    write(100)
    gc.collect()
    tracemalloc.start()
    write(2_000)
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 50_000
    output.close()


def test_files_go_on_where_they_were(tmp_path: Path) -> None:
    files = ManyFiles(most=2)
    made = [files.new(tmp_path / str(number)) for number in range(5)]
    waiting = files.temporary()
    for turn in range(3):
        for number, file in enumerate(made):
            file.write(f"{number}{turn} ".encode())
        waiting.write(b"%d" % turn)
    assert made[0].tell() == 9
    waiting.seek(0)
    made[1].write(b"end")
    assert waiting.read(2) + waiting.read() == b"012"
    with pytest.raises(FileExistsError):
        files.new(tmp_path / "3")
    made[4].close()
    files.close()
    assert [(tmp_path / str(number)).read_text() for number in range(5)] == [
        "00 01 02 ", "10 11 12 end", "20 21 22 ", "30 31 32 ", "40 41 42 ",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="closed"):
        made[4].write(b"late")


def test_what_waits_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    files = ManyFiles(most=2)
    waiting = [files.temporary() for _ in range(4)]
    (folder,) = tmp_path.iterdir()
    waiting[0].close()
    assert len(list(folder.iterdir())) == 3
    files.close()
    assert not list(tmp_path.iterdir())
