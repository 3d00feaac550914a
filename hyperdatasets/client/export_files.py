"""Where the files of an export go, how pictures are called in it, and pictures that come along."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import quote, unquote

from hyperdatasets.client.storage import local_path
from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.uri import split as uri_parts
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.many_files import ManyFiles
from hyperdatasets.formats.text_parts import TextPart, exact_text, part_of
from hyperdatasets.formats.writing import Output, Placed, Subject, Writer, WrittenFormat, file_safe
from hyperdatasets.new_file import check_free, new_file, written

MEDIA = ("", "copy", "link")
Fetch = Callable[[str, str], str]
"""Site and URI -> path of a local copy."""


class StreamOutput:
    """One file, or a stream."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def main(self, name: str) -> BinaryIO:  # noqa: ARG002  # the target has its own name
        return self._stream

    def file(self, path: str) -> BinaryIO:
        """Raises InvalidArgument: one stream cannot hold several files."""
        raise InvalidArgument(f"this export has several files ({path}): give a folder as the target")

    def waiting(self) -> BinaryIO:
        return cast("BinaryIO", tempfile.TemporaryFile())  # the writer closes it


class FolderOutput:
    """Files below a new folder; any number of them, of which few are open at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._files = ManyFiles()

    def main(self, name: str) -> BinaryIO:
        return self.file(name)

    def file(self, path: str) -> BinaryIO:
        """A new file, open or not: see `ManyFiles`. Raises FileExistsError."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        return self._files.new(target)

    def waiting(self) -> BinaryIO:
        return self._files.temporary()

    def close(self) -> None:
        """Closes what no writer has closed, and removes what waited."""
        self._files.close()


@contextmanager
def opened(to: Path | BinaryIO, *, folder: bool) -> Iterator[StreamOutput | FolderOutput]:
    """The place of an export; what is not whole goes away again.

    Raises:
        AlreadyExists: there is something of that name; nothing is ever overwritten.
    """
    if not isinstance(to, Path):
        if folder:
            raise InvalidArgument("this export is a folder of several files: say where it is to be made")
        yield StreamOutput(to)
    elif folder:
        with _new_folder(to) as output:
            yield output
    else:
        with new_file(to) as file:
            yield StreamOutput(file)


@contextmanager
def _new_folder(path: Path) -> Iterator[FolderOutput]:
    with written(path):
        if not path.is_dir() or any(path.iterdir()):
            check_free(path)
        path.mkdir(exist_ok=True)
        output = FolderOutput(path)
        try:
            with closing(output):
                yield output
        except BaseException:
            for each in path.iterdir():  # all of it was made here
                shutil.rmtree(each) if each.is_dir() else each.unlink()
            path.rmdir()
            raise


class _Part:
    """The folder of a split in an export."""

    def __init__(self, output: Output, split: str) -> None:
        self._output, self._split = output, split
        self._main: BinaryIO | None = None

    def main(self, name: str) -> BinaryIO:
        self._main = self.file(name)
        return self._main

    def file(self, path: str) -> BinaryIO:
        return self._output.file(f"{self._split}/{path}")

    def waiting(self) -> BinaryIO:
        return self._output.waiting()

    def close(self) -> None:
        if self._main is not None:
            self._main.close()


class PerSplit:
    """Divides an export in a format that has no splits: each is a folder with an export of its own."""

    def __init__(self, form: WrittenFormat, output: Output, subject: Subject, ledger: Ledger) -> None:
        self._form, self._output, self._subject, self._ledger = form, output, subject, ledger
        self._parts: dict[str, tuple[_Part, Writer]] = {}

    def add(self, placed: Placed) -> None:
        """Writes a frame into its part, which begins with its first frame."""
        if placed.split not in self._parts:
            part = _Part(self._output, placed.split)
            self._parts[placed.split] = part, self._form.start(part, self._subject, self._ledger)
        self._parts[placed.split][1].add(placed)

    def finish(self) -> None:
        """Ends each part, and closes its files."""
        for part, writer in self._parts.values():
            writer.finish()
            part.close()


class Names:
    """The names of pictures and masks in an export: unique, relative, with `/`."""

    def __init__(self, form: WrittenFormat, prefix: str, *, in_folder: bool, with_media: bool, ledger: Ledger) -> None:
        """
        Args:
            prefix: URIs below it keep their path, as `import_frames(uri_prefix=…)` reads them.
            in_folder: pictures get places in the export; else they are called by their path or URI.
            with_media: files come along, so that a part of a text is a file of its own; else its name is that of the
                whole file.
        """
        self._form, self._prefix, self._in_folder, self._ledger = form, prefix.rstrip("/"), in_folder, ledger
        self._with_media = with_media
        self._given: dict[str, str] = {}  # URI -> name
        self._taken: set[str] = set()

    def of(self, frame: Frame) -> dict[str, str]:
        """Source id, or `source id/mask id` -> name."""
        names = {}
        for source in frame["sources"]:
            names[source["id"]] = self._named(source["uri"], self._form.pictures, frame["id"])
            for mask in source.get("masks", ()):
                names[f"{source['id']}/{mask['id']}"] = self._named(mask["uri"], file_safe(mask["id"]), frame["id"])
        return names

    def starts(self, frame: Frame) -> dict[str, int]:
        """Source id -> where it starts in the file that its name means, in characters, if it is a part of it."""
        if self._with_media:
            return {}
        return {source["id"]: part.start for source in frame["sources"] if (part := part_of(source["uri"]))}

    def _named(self, uri: str, folder: str, frame_id: str) -> str:
        part = part_of(uri)
        if part and not self._with_media:
            return self._named(part.file, folder, frame_id)
        if uri not in self._given:
            name = self._relative(uri)
            if name is None and not self._in_folder:
                return unquote(uri_parts(uri).path) if uri_parts(uri).scheme == "file" else uri
            name = name or f"{folder}/{_file_name(uri)}".lstrip("/")
            self._given[uri] = self._unique(_name_of_part(name, part) if part else name, frame_id)
        return self._given[uri]

    def _relative(self, uri: str) -> str | None:
        if not self._prefix or not uri.startswith(f"{self._prefix}/"):
            return None
        name = unquote(uri.removeprefix(f"{self._prefix}/").partition("#")[0])
        fine = name and ".." not in name.split("/") and not name.startswith("/") and min(name) >= " "
        return name if fine else None

    def _unique(self, name: str, frame_id: str) -> str:
        path, number, unique = PurePosixPath(name), 2, name
        while unique in self._taken:
            unique = str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
            number += 1
        if unique != name:
            self._ledger.notice("frames", frame_id, "files of one name, numbered in the export", f"{name} is {unique}")
        self._taken.add(unique)
        return unique


class Media:
    """Pictures that are put beside their annotations."""

    def __init__(
        self, how: str, output: StreamOutput | FolderOutput, fetch: Fetch, ledger: Ledger, *, whole: bool = False
    ) -> None:
        """`whole`: of a part of a text the whole file comes along, since the record names the part."""
        self._whole = whole
        self._how, self._output, self._fetch, self._ledger = how, output, fetch, ledger

    def put(self, frame: Frame, names: Mapping[str, str]) -> dict[str, str]:
        """Puts the files of a frame and its masks under their names, each once; returns the names that are there.

        A file that cannot be had is a loss in the ledger, and the frame is written all the same.
        """
        if not self._how or not isinstance(self._output, FolderOutput):
            return {}
        uris = {source["id"]: source["uri"] for source in frame["sources"]} | {
            f"{source['id']}/{mask['id']}": mask["uri"]
            for source in frame["sources"]
            for mask in source.get("masks", ())
        }
        return {key: names[key] for key, uri in uris.items() if self._put(frame, uri, names[key])}

    def _put(self, frame: Frame, uri: str, name: str) -> bool:
        target = cast("FolderOutput", self._output).folder / name
        try:
            if target.exists() or target.is_symlink():
                return True  # of a frame that came before
            part = part_of(uri)
            local = self._local(frame, part.file if part else uri)
            target.parent.mkdir(parents=True, exist_ok=True)
            if part and not self._whole:
                target.write_bytes(exact_text(local.read_bytes())[part.start : part.end].encode())
            elif self._how == "link":
                target.symlink_to(os.path.abspath(local.resolve(strict=True)))  # noqa: PTH100
            else:
                shutil.copyfile(local, target)
            self._ledger.keep("media files")
        except (OSError, HyperdatasetsError, ValueError) as error:  # ValueError: no path at all, or no text
            reason = getattr(error, "message", None) or getattr(error, "strerror", None) or str(error)
            self._ledger.lose("media files", frame["id"], "pictures that did not come along", f"{name}: {reason}")
            return False
        return True

    def _local(self, frame: Frame, uri: str) -> Path:
        """Raises HyperdatasetsError: the file cannot be had."""
        return Path(local_path(uri) if uri_parts(uri).scheme == "file" else self._fetch(frame.get("site", ""), uri))


def with_names(frame: Frame, names: Mapping[str, str], *, above: str = "") -> Frame:
    """The frame with relative URIs for the files that are in the export; the others keep theirs.

    Args:
        names: source id, or `source id/mask id` -> path in the export.
        above: what leads from the folder of the record to the export: `../`.
    """
    if not names:
        return frame
    sources = [_renamed(source, source["id"], names, above) for source in frame["sources"]]
    for source in sources:
        if "masks" in source:
            source["masks"] = [
                _renamed(mask, f"{source['id']}/{mask['id']}", names, above) for mask in source["masks"]
            ]  # fmt: skip
    return cast("Frame", {**frame, "sources": sources})


def _renamed(file: Any, key: str, names: Mapping[str, str], above: str) -> dict[str, Any]:
    if key not in names:
        return dict(file)
    _, hash_sign, fragment = file["uri"].partition("#")
    return {**file, "uri": f"{above}{quote(names[key])}{hash_sign}{fragment}"}


def _name_of_part(name: str, part: TextPart) -> str:
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}-{part.start}-{part.end}.txt"))


class FileNames:
    """Adds the file names of frames to the notes that name their ids, which tell a person little."""

    def __init__(self, ledger: Ledger, *, at_end: bool) -> None:
        """`at_end`: the writer may make notes when all frames have come, so that all names are remembered."""
        self._ledger, self._at_end = ledger, at_end
        self._names: dict[str, str] = {}
        self._told = 0  # notes

    def add(self, frame: Frame) -> None:
        """Called before anything is said of a frame."""
        if frame["sources"]:
            self._names[frame["id"]] = _file_name(frame["sources"][0]["uri"])

    def tell(self) -> None:
        """Called when something may have been said."""
        notes = self._ledger.notes
        for place in range(self._told, len(notes)):
            if name := self._names.get(notes[place].place):
                notes[place] = replace(notes[place], place=f"{notes[place].place} ({name})")
        self._told = len(notes)
        if not self._at_end:
            self._names.clear()


def _file_name(uri: str) -> str:
    name = PurePosixPath(unquote(uri_parts(uri).path)).name
    return "".join("_" if ord(char) < 32 else char for char in name) or "picture"
