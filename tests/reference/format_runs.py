"""Readers and writers of formats over real folders: what comes in, what is said, what comes back."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from PIL import Image

from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats.agreement import Agreement
from hyperdatasets.formats.entry import Entry, to_frame
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.media import probe_file
from hyperdatasets.formats.reading import Format, Reading
from hyperdatasets.formats.writing import Placed, Subject, WrittenFormat


@dataclass
class Run:
    """What a reader made of a folder: entries by path, frames by path (with the fragment), and the ledger."""

    entries: list[Entry]
    frames: dict[str, dict[str, Any]]
    ledger: Ledger
    reading: Reading

    def labels(self, path: str) -> list[str]:
        return sorted(label for each in self.annotations(path) for label in each["labels"])

    def annotations(self, path: str) -> list[dict[str, Any]]:
        return self.frames[path].get("annotations", [])

    def meta(self, path: str) -> dict[str, Any]:
        return self.frames[path].get("meta", {})

    def said(self, weight: str = "") -> dict[str, list[str]]:
        """Reason -> places."""
        found: dict[str, list[str]] = {}
        for note in self.ledger.notes:
            if weight in {"", note.weight}:
                found.setdefault(note.reason, []).append(note.place)
        return found

    def details(self, reason: str) -> str:
        return "; ".join(note.detail for note in self.ledger.notes if note.reason == reason)


def read_all(path: Path, form: Format) -> Run:
    """Everything that a reader makes of a folder; frames are made and checked as an import does it."""
    ledger = Ledger(form.name)
    reading = Reading(Folder(path), ledger)
    entries, frames = list(form.read(reading)), {}
    for entry in entries:
        if entry.frame is not None:
            frame, _ = normalise(entry.frame)
            frames[frame["id"]] = frame
            continue
        media, problem = probe_file(path / entry.path)
        assert media is not None, problem
        made = to_frame(entry, media, uri_of=lambda each: f"file:///{each}", ledger=ledger, agreement_rules=Agreement())
        frame, _ = normalise(made.frame)
        key = entry.path + (f"#{entry.fragment}" if entry.fragment else "")
        assert key not in frames, "a file is one frame"
        frames[key] = frame
        for kind, count in made.kept.items():
            ledger.keep(kind, count)
    for note in ledger.notes:
        assert note.place, note
        assert note.count > 0, note
    return Run(entries, frames, ledger, reading)


@dataclass
class Files:
    """The output of a writer: files in memory, by name."""

    files: dict[str, io.BytesIO] = field(default_factory=dict)

    def main(self, name: str) -> BinaryIO:
        return self.file(name)

    def file(self, path: str) -> BinaryIO:
        assert path not in self.files, "nothing is overwritten"
        self.files[path] = _Kept()
        return self.files[path]

    def waiting(self) -> BinaryIO:
        return io.BytesIO()

    def store(self, folder: Path) -> None:
        for name, file in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(file.getvalue())


class _Kept(io.BytesIO):
    """A file whose content can be had after it is closed; it cannot tell its place, like a pipe."""

    content = b""

    def close(self) -> None:
        self.content = super().getvalue()
        super().close()

    def getvalue(self) -> bytes:
        return self.content if self.closed else super().getvalue()

    def tell(self) -> int:
        raise OSError("a pipe has no place")

    def seek(self, *_: Any) -> int:
        raise OSError("a pipe cannot be sought in")


def write_all(frames: Iterable[dict[str, Any]], form: WrittenFormat, folder: Path) -> Ledger:
    """Writes normal frames into a folder."""
    ledger, output = Ledger(form.name), Files()
    writer = form.start(output, Subject("p/cars", {}), ledger)
    for frame in frames:
        writer.add(Placed(frame, {}))  # type: ignore[arg-type]
    writer.finish()
    output.store(folder)
    return ledger


def picture(path: Path, size: tuple[int, int] = (100, 50)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def text(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
