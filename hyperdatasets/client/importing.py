"""Folders of data as frames without a site: metadata goes to the service, the files stay where they are."""

from __future__ import annotations

import hashlib
import io
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hyperdatasets.client import asked, bulk, project_paths
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.disappeared import Met, disappeared
from hyperdatasets.client.drafts import draft_of
from hyperdatasets.client.ledgers import check_strict, in_no_project, told
from hyperdatasets.client.mask_labels import set_mask_labels
from hyperdatasets.client.metadata import MetadataClient, current
from hyperdatasets.client.progress import Bar, bars
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import InvalidArgument, InvalidFrame, NotFound
from hyperdatasets.core.names import check_name, check_project
from hyperdatasets.formats import agreement, archives
from hyperdatasets.formats.agreement import Agreement
from hyperdatasets.formats.entry import Entry, normal_frame
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.intake import (
    DISAPPEARED,
    DOCUMENT_PRUNED,
    INVALID,
    LEFT_OUT,
    NOT_PRUNED,
    PRUNED,
    WITHOUT_DOCUMENT,
    Counted,
    Intake,
    Options,
    note_difference,
)
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.media import Media, UnreadableMedia, probe

_AHEAD = 64  # files that are read while others are sent
_WORKERS = 2
_IN_MEMORY = 256 << 20  # bytes; a larger file is read in pieces
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Measured:
    """A file that was read once."""

    media: Media
    digest: str


@dataclass(slots=True)
class _Run:
    """One import on its way: what was met."""

    intake: Intake
    met: Met
    counted: Counted
    replace: bool
    prune: bool


def import_frames(
    path: str | Path,
    dataset_name: str,
    *,
    dataset_project: str = "",
    format: str = "auto",
    uri_prefix: str = "",
    classes: tuple[str, ...] | list[str] = (),
    limit: int | None = None,
    replace_annotations: bool = False,
    prune: bool = False,
    dry_run: bool = False,
    strict: bool = False,
    scale_annotations: bool = False,
    boxes_as: str = "",
    progress: bool = False,
    client: MetadataClient | None = None,
) -> Ledger:
    """Write the metadata of a folder as frames without a site, into the draft of a dataset.

    A dataset that is missing is made when the first frame was read; a run without any frame makes none.

    Where the dataset has published versions only, a draft child of the newest is opened; the ledger's `about` says so.
    Repeated, it goes on where it was: known files are updated and not doubled. Annotations and metadata that are
    stored stay as they are, unless there were none.

    Args:
        dataset_name: `project/name`, or the bare name with `dataset_project` beside it.
        path: a folder; or a zip or tar file, which is unpacked beside itself; or a file of JSON lines or Parquet.
        format: name of a format; `auto`: found out.
        uri_prefix: what stands before each file's path in its URI; default: `file://` and the folder.
        classes: only annotations with one of these labels, and only frames that have one.
        limit: stop after so many frames.
        replace_annotations: annotations and metadata of the files take the place of stored ones.
        prune: remove frames from the draft whose files have disappeared from the folder, or whose document from its
            file; not together with `classes` or `limit`. It does nothing with whole frames (JSON lines and the like);
            with a single file it removes documents of that file only.
        dry_run: read everything and write nothing.
        strict: raise if anything is lost.
        progress: show on standard error how many frames were read and written.
        scale_annotations: scale annotations that were made for a proportional size of their picture.
        boxes_as: `stored` or `shown`: how boxes were drawn on turned pictures where no size tells.

    Returns:
        What was read, kept and lost; each kind of loss is a warning, too.

    Raises:
        Incomplete: `strict`, and something was lost; what could be kept is written all the same.
        InvalidArgument: the format is unknown or cannot be told, or an option is not valid; nothing was written.
        NotFound: there is no such folder or file.
    """
    placing = Agreement(scale=scale_annotations, boxes_as=agreement.boxes_as(boxes_as))
    project, name = project_paths.split(dataset_name, dataset_project)
    labels, above = asked.labels_of(classes), asked.uri_prefix_of(uri_prefix)
    asked.check(limit=limit, prune=prune, classes=labels)
    options = Options(format, frozenset(labels), limit, placing)
    kinds = ("frames read",) if dry_run else ("frames read", "frames written")
    with bars(*kinds, shown=progress) as counted, _folder(Path(path), dry_run=dry_run) as folder:
        intake = Intake(folder, options)
        prefix = (above or f"file://{quote(str(folder.path.resolve()))}").rstrip("/")
        run = _Run(intake, Met(intake.reading, prefix), Counted(intake.ledger), replace_annotations, prune)
        if dry_run:
            intake.ledger.about.append("Dry run: nothing was written.")
            for _ in _frames(run, counted[0]):
                pass
        else:
            _write(run, name, project, current(client), *counted)
        ledger = intake.finish()
    told(ledger)
    return check_strict(ledger, strict=strict)


def _write(run: _Run, name: str, project: str, client: MetadataClient, read: Bar, written: Bar) -> None:
    """Writes the frames; the dataset is made when the first one is there, so that none is made for nothing."""
    check_name("dataset", name)
    check_project(project)
    run.intake.ledger.frames = dict.fromkeys(("added", "updated", "unchanged", "refused"), 0)
    is_there = _is_there(name, project, client)
    frames = _counted(_frames(run, read), written)
    first = list(islice(frames, 1))
    if first or is_there:
        dataset = Dataset.create(name, dataset_project=project, client=client)
        _write_to(dataset, run, chain(first, frames), client, written)
        run.intake.ledger.about += [] if project else [in_no_project(name)]


def _is_there(name: str, project: str, client: MetadataClient) -> bool:
    """Whether there is a dataset of this very name; a bare one may mean another project's, or several."""
    try:
        return Dataset.get(name, dataset_project=project, client=client).project == project
    except (NotFound, InvalidArgument):
        return False


def _write_to(
    dataset: Dataset, run: _Run, frames: Iterable[dict[str, Any]], client: MetadataClient, written: Bar
) -> None:
    draft, opened = draft_of(dataset, client=client)
    run.intake.ledger.about += [opened] if opened else []
    mode = "register_replacing_annotations" if run.replace else "register"
    result = bulk.write(client, frames, dataset=dataset.id, version=draft.id, mode=mode, normal=True, progress=written)
    ledger = run.intake.ledger
    for failed in result:
        run.counted.refused(failed.index, run.counted.place(failed.index), failed.message)
    for each in result.differences:
        note_difference(ledger, run.counted.place(each.index), each.part)
    ledger.frames = {
        "added": result.added, "updated": result.updated, "unchanged": result.unchanged, "refused": len(result),
        **result.changes,
    }  # fmt: skip
    set_mask_labels(draft, run.intake.reading)
    if run.intake.options.limit is None and not run.intake.options.classes:
        _note_disappeared(draft, run, kept=len(run.met.ids) - len(result))


def _counted(frames: Iterator[dict[str, Any]], written: Bar) -> Iterator[dict[str, Any]]:
    """The frames; when all are read it is known how many are to be written."""
    count = 0
    for count, frame in enumerate(frames, start=1):  # noqa: B007  # counts beyond the loop
        yield frame
    written.expect(count)


def _frames(run: _Run, read: Bar) -> Iterator[dict[str, Any]]:
    """Frames as they are read; files are read ahead in threads."""
    before = 0
    entries = run.intake.entries()
    folder = run.intake.reading.folder
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="import") as pool:
        while batch := list(islice(entries, _AHEAD)):
            measured = pool.map(lambda entry: entry.frame is None and measure(folder, entry.path), batch)
            for entry, each in zip(batch, measured, strict=True):
                run.met.add(entry)
                frame = _whole(run, entry) if entry.frame is not None else _frame(run, entry, each)  # type: ignore[arg-type]
                if frame is not None:
                    run.met.ids.add(frame["id"])
                    yield frame
            read.expect(run.intake.expected)
            read(run.intake.looked_at - before)
            before = run.intake.looked_at
        read(run.intake.looked_at - before)


def _whole(run: _Run, entry: Entry) -> dict[str, Any] | None:
    made = run.intake.whole_frame(entry, run.met.uri_of)
    if made is not None:
        run.counted.add(made.kept, entry.where)
    return made and made.frame


def _frame(run: _Run, entry: Entry, measured: Measured | str) -> dict[str, Any] | None:
    if isinstance(measured, str):
        run.intake.leave_out(entry, LEFT_OUT, measured)
        return None
    made = run.intake.frame(entry, measured.media, run.met.uri_of)
    made.frame["sources"][0]["digest"] = measured.digest
    try:
        frame = normal_frame(made)
    except InvalidFrame as error:
        run.intake.leave_out(entry, INVALID, error.message)
        return None
    run.counted.add(made.kept, f"{entry.path}#{entry.fragment}" if entry.fragment else entry.path)
    return dict(frame)


def measure(folder: Folder, path: str) -> Measured | str:
    """Content type, size and digest of a file that is read once; or, as a text, why it is left out."""
    try:
        with folder.open(path) as file:
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            if size > _IN_MEMORY:
                media = probe(file, path, size)
                file.seek(0)
                return Measured(media, f"sha256:{_sha256(file)}")
            content = file.read()
        return Measured(probe(io.BytesIO(content), path, size), f"sha256:{hashlib.sha256(content).hexdigest()}")
    except UnreadableMedia as error:
        return str(error)
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"


def _sha256(file: Any) -> str:
    state = hashlib.sha256()
    while piece := file.read(_PIECE):
        state.update(piece)
    return state.hexdigest()


def _note_disappeared(draft: DatasetVersion, run: _Run, *, kept: int) -> None:
    ledger = run.intake.ledger
    if run.met.whole_frames and run.prune:
        ledger.about.append(NOT_PRUNED)
    gone = disappeared(draft, run.met, kept=kept)
    note = ledger.skip if run.prune else ledger.notice
    for each in gone:
        found, removed = (WITHOUT_DOCUMENT, DOCUMENT_PRUNED) if each.by_document else (DISAPPEARED, PRUNED)
        note("frames", each.uri, removed if run.prune else found, each.id)
    if gone and run.prune:
        ledger.frames["pruned"] = draft.delete_frames([each.id for each in gone])


@contextmanager
def _folder(path: Path, *, dry_run: bool) -> Iterator[Folder]:
    """The folder of a path, which may be an archive or a file of frames."""
    if archives.is_archive(path):
        if not dry_run:
            yield Folder(archives.unpacked(path))
            return
        with tempfile.TemporaryDirectory(prefix="hyperdatasets-") as place:
            yield Folder(archives.unpacked(path, Path(place) / "content"))
    elif path.is_file():
        archives.check_read(path)
        yield Folder(path.parent, only=path.name)
    elif path.is_dir():
        yield Folder(path)
    else:
        raise NotFound(f"there is no folder or file {path}", kind="folder", name=str(path))
