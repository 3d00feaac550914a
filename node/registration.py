"""Registration: files below a root become frames of a dataset; what policy lets out goes to the centre."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import orjson

from hyperdatasets.client import bulk
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.drafts import draft_of
from hyperdatasets.client.mask_labels import set_mask_labels
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.advice import option
from hyperdatasets.core.canonical import canonical_bytes, frame_digest, site_part
from hyperdatasets.core.errors import InvalidArgument, InvalidFrame, NotFound, VersionPublished
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.names import split_dataset
from hyperdatasets.core.registering import PRIVATE_CHANGED
from hyperdatasets.formats.entry import Entry
from hyperdatasets.formats.folder import Folder, suffix
from hyperdatasets.formats.intake import (
    DISAPPEARED,
    DOCUMENT_PRUNED,
    LEFT_OUT,
    PRUNED,
    WITHOUT_DOCUMENT,
    Counted,
    Intake,
    Options,
    note_difference,
)
from hyperdatasets.formats.ledger import Ledger, Note
from hyperdatasets.formats.media.previews import PreviewPool
from node.centre import Centre
from node.config import NodeConfig
from node.keys import Keys
from node.leaving import Leaving
from node.scanning import Scanned, Scanner
from node.site_table import SiteTable, TableOrder, located
from node.sources.local import LocalRoot
from node.store import KnownFrame, NodeStore, Registered

_CURRENT = "Current"  # the draft that a new dataset has
_TABLES = (".csv", ".tsv", ".xlsx", ".parquet")
_BATCH = 500  # frames that are read, remembered and sent together
_WORKERS = 2


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be registered; `path` is `<alias>/<path below it>` or an absolute path below a root."""

    path: str
    dataset: str
    version: str = ""
    options: Options = field(default_factory=Options)
    table: TableOrder = field(default_factory=TableOrder)
    replace_annotations: bool = False
    prune: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class Progress:
    """How far a registration is.

    Attributes:
        values_changed, values_removed: of private columns of known frames.
        ledger: set when it is done.
    """

    scanned: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    values_changed: int = 0
    values_removed: int = 0
    ledger: Ledger | None = None


class _Made(NamedTuple):
    """A frame as it leaves the site, and what is kept here.

    Attributes:
        number: of the frame, from 0, among all that were counted.
        private_changed: it is known, and its private columns changed.
    """

    frame: Frame
    kept: Registered
    number: int
    private_changed: bool


@dataclass(frozen=True, slots=True)
class _Target:
    """Where frames go: into a version of a dataset, which must be a draft."""

    dataset: Dataset
    version: DatasetVersion


class Registration:
    """One run; interrupted and run again it goes on, since known frames are updated and not doubled.

    Attributes:
        progress: how far it is.
    """

    def __init__(
        self,
        order: Order,
        config: NodeConfig,
        keys: Keys,
        roots: dict[str, LocalRoot],
        store: NodeStore,
        centre: Centre,
    ) -> None:
        """Opens folder and table.

        Raises:
            NotFound: there is no such folder or table.
            InvalidArgument: the format cannot be told, or the table does not have what was asked for.
        """
        self._order, self._config, self._store, self._centre = order, config, store, centre
        self._root, folder = _located(order.path, roots)
        below = os.fsencode(folder.relative_to(self._root.folder.resolve()))
        self._below = b"" if below == b"." else below + b"/"
        columns = located(order.table.file, self._root, self._below) if order.table.file else b""
        listed = Folder(
            folder, lambda path: self._root.file(self.path(path)), without=self._inside(columns)
        )  # fmt: skip
        self._intake = Intake(listed, order.options)
        self._ledger = self._intake.ledger
        self._table = SiteTable.read(order.table, columns, self._intake.reading, self._root, self._below)
        self._leaving = Leaving(
            config, keys, self._root.alias, self._intake, self.path, replace=order.replace_annotations
        )
        self._counted, self.progress = Counted(self._ledger), Progress()
        self._known: Mapping[bytes, Mapping[str, KnownFrame]] = {}  # by path and fragment
        self._columns: Collection[str] = ()  # of earlier tables
        self._seen: set[str] = set()  # ids of frames
        self._parts: dict[bytes, set[str]] = {}  # path of a file that was taken apart -> fragments
        self._changes: dict[str, int] = {}

    def path(self, path: str) -> bytes:
        """The path below the root of a path below the folder."""
        return self._below + os.fsencode(path)

    def _inside(self, table: bytes) -> frozenset[str]:
        """The path of the table in the folder, if it lies there: neither data nor annotations."""
        return frozenset({self._relative(table)} if table and table.startswith(self._below) else ())

    def run(self) -> Iterator[Progress]:
        """Registers all files; yields after each batch, the last time when all is done.

        Raises:
            FailedPrecondition: known frames would get other context ids; nothing was written.
            NotFound, VersionPublished: there is no such version, or it is no draft; nothing was written.
        """
        found = self._found()
        if found:
            self._learn(found.dataset.id)
        target = None if self._order.dry_run else self._target(found)
        with PreviewPool(_WORKERS) as previews, ThreadPoolExecutor(_WORKERS, thread_name_prefix="register") as pool:
            known = self._store.same_files(self._root.alias)
            scanner = Scanner(self._root, self.path, known, previews, strict=self._config.profile == "strict")
            entries = map(self._leaving.hidden, self._intake.entries())
            while batch := list(islice(entries, _BATCH)):
                self._take(target, batch, list(pool.map(scanner.scan, batch)))
                yield self.progress
        self._finish(target)
        yield self.progress

    def _learn(self, dataset: str) -> None:
        """Takes what earlier registrations know, and checks the table against it."""
        self._known = self._store.known_frames(dataset, self._root.alias, self._below)
        self._columns = types = self._store.column_types(dataset)
        known = ((self._relative(path), parts.values()) for path, parts in self._known.items())
        contexts = [(path, each.context) for path, parts in known for each in parts]
        self._table.check_contexts(contexts, self._store.context_ids(dataset))
        self._table.check_types(types)

    def _finish(self, target: _Target | None) -> None:
        ledger, progress = self._ledger, self.progress
        lets_out_mask_labels = self._leaving.lets_out_mask_labels()
        if target is None:
            ledger.about.append("Dry run: nothing was kept or sent.")
        else:
            self._store.keep_column_types(target.dataset.id, self._table.types)
            if lets_out_mask_labels:
                set_mask_labels(target.version, self._intake.reading)
            if self._order.options.limit is None and not self._order.options.classes:
                self._disappeared(target)
            ledger.frames = {
                "added": progress.added, "updated": progress.updated, "unchanged": progress.unchanged, **self._changes,
            }  # fmt: skip
        self._table.close()
        progress.ledger = self._intake.finish()
        ledger.notes[:] = map(_with_remedy, ledger.notes)

    def _found(self) -> _Target | None:
        """The dataset and its version as they are; None if there is no such dataset yet."""
        client, name = self._centre.client, self._order.version
        try:
            dataset = Dataset.get(self._order.dataset, client=client)
        except NotFound:
            if name in {"", _CURRENT}:
                return None
            raise
        version = DatasetVersion.get_version(dataset_id=dataset.id, version_name=name, client=client)
        if version.published and name:
            raise VersionPublished(f"version `{name}` is published; register into a draft, or without `option version`")
        return _Target(dataset, version)

    def _target(self, found: _Target | None) -> _Target:
        """The dataset and its draft; both are made if there is none."""
        client = self._centre.client
        if found is None:
            project, name = split_dataset(self._order.dataset)
            dataset = Dataset.create(name, dataset_project=project, client=client)
        else:
            dataset = found.dataset
        draft, opened = draft_of(dataset, version=self._order.version, client=client)
        self._ledger.about += [opened] if opened else []
        return _Target(dataset, draft)

    def _take(self, target: _Target | None, entries: Sequence[Entry], scanned: Sequence[Scanned | str]) -> None:
        """Keeps a batch here, then sends it."""
        made = []
        for entry, each in zip(entries, scanned, strict=True):
            self.progress.scanned += 1
            if entry.path in self._intake.reading.used:
                self._parts.setdefault(self.path(entry.path), set()).add(entry.fragment)
            if isinstance(each, str):
                self._intake.leave_out(entry, LEFT_OUT, each)
            elif (registered := self._registered(entry, each)) is not None:
                made.append(registered)
        if target is not None:
            self._send(target, made)

    def _registered(self, entry: Entry, scanned: Scanned) -> _Made | None:
        """The frame as it leaves the site, and what is kept here."""
        known = self._known_part(scanned.file.path, entry.fragment)
        try:
            left = self._leaving.frame(entry, scanned, self._table.row(entry.path), self._table, known)
        except InvalidFrame as error:
            self._intake.leave_out(entry, "frames that are not valid", error.message)
            return None
        self._counted.add(left.kept)
        self._seen.add(left.frame["id"])
        part = frame_digest(canonical_bytes(site_part(left.frame)))
        files = [scanned.file, *scanned.masks]
        kept = Registered(
            left.frame["id"], files, left.private, part, scanned.preview, left.context, left.timestamp, entry.fragment
        )  # fmt: skip
        changed = known is not None and self._count_changes(known, left.private)
        return _Made(left.frame, kept, len(self._counted) - 1, changed)

    def _count_changes(self, known: KnownFrame, private: Mapping[str, object]) -> bool:
        """Counts the private columns of a known frame that are not as they were; whether there are any."""
        if not known.frame_id:
            return False
        before, now = known.private, orjson.loads(orjson.dumps(dict(private)))
        changed = [name for name in before.keys() | now.keys() if before.get(name) != now.get(name)]
        self.progress.values_changed += len(changed)
        self.progress.values_removed += len(before.keys() - now.keys())
        return bool(changed)

    def _known_part(self, path: bytes, fragment: str) -> KnownFrame | None:
        """What is known of a part of a file; of a new part, what a table said of the file."""
        parts = self._known.get(path, {})
        if fragment in parts or not parts:
            return parts.get(fragment)
        other = next(iter(parts.values()))
        said = {name: value for name, value in other.private.items() if name in self._columns}
        return KnownFrame("", said, other.context, other.timestamp)

    def _send(self, target: _Target, made: Sequence[_Made]) -> None:
        """Remembers frames, then sends them; the service cannot see whether private columns changed."""
        self._store.register(target.dataset.id, target.dataset.address, [each.kept for each in made])
        if others := [each for each in made if not each.private_changed]:
            self._write(target, others)
        if changed := [each for each in made if each.private_changed]:
            unchanged = self.progress.unchanged
            self._write(target, changed)
            self.progress.updated += self.progress.unchanged - unchanged
            self.progress.unchanged = unchanged
            self._changes[PRIVATE_CHANGED] = self._changes.get(PRIVATE_CHANGED, 0) + len(changed)

    def _write(self, target: _Target, made: Sequence[_Made]) -> None:
        mode = "register_replacing_annotations" if self._order.replace_annotations else "register"
        result = bulk.write(
            self._centre.client, [each.frame for each in made], dataset=target.dataset.id, version=target.version.id,
            mode=mode, normal=True,
        )  # fmt: skip
        progress = self.progress
        progress.added += result.added
        progress.updated += result.updated
        progress.unchanged += result.unchanged
        for what, count in result.changes.items():
            self._changes[what] = self._changes.get(what, 0) + count
        for failed in result:
            refused = made[failed.index]
            self._counted.refused(refused.number, self._shown(refused.kept), failed.message)
        for each in result.differences:
            note_difference(self._ledger, self._shown(made[each.index].kept), each.part)

    def _shown(self, registered: Registered) -> str:
        return self._relative(registered.files[0].path)

    def _relative(self, path: bytes) -> str:
        return os.fsdecode(path.removeprefix(self._below))

    def _disappeared(self, target: _Target) -> None:
        """Names the frames of this folder in the draft whose file, or whose part of a file, is not there any more."""
        gone = self._gone()
        if not gone:
            return
        there = target.version.held(gone)
        for frame_id in there:
            place, fragment = gone[frame_id]
            is_file = self.path(place) not in self._parts
            shown = f"{place}#{fragment}" if fragment else place
            if self._order.prune:
                self._ledger.skip("frames", shown, PRUNED if is_file else DOCUMENT_PRUNED)
            else:
                self._ledger.notice("frames", shown, DISAPPEARED if is_file else WITHOUT_DOCUMENT)
        if there and self._order.prune:
            self._changes["pruned"] = target.version.delete_frames(there)

    def _gone(self) -> dict[str, tuple[str, str]]:
        """Frame id -> path and fragment; parts of a file that could not be read now may still be in it."""
        folder, found = self._intake.reading.folder, dict[str, tuple[str, str]]()
        losses = self._ledger.losses()
        unreadable = {note.place for note in losses if note.kind == "annotation files" or note.reason == LEFT_OUT}
        for path, parts in self._known.items():
            place = self._relative(path)
            read = self._parts.get(path)
            if place in unreadable or (read is None and folder.may_hold(place)):
                continue
            for fragment, each in parts.items():
                if each.frame_id not in self._seen and fragment not in (read or ()):
                    found[each.frame_id] = place, fragment
        return found


def _with_remedy(note: Note) -> Note:
    """The note of a table that is not read, with the option that reads it."""
    is_table = suffix(note.place) in _TABLES and note.kind in {"other files", "annotation files"}
    if not is_table or note.weight == "noticed" or note.detail:
        return note
    return replace(note, detail=f"{option('columns', note.place)} adds its columns to the files that its rows name")


def _located(path: str, roots: dict[str, LocalRoot]) -> tuple[LocalRoot, Path]:
    """The root that a path lies below, and the folder."""
    if "\0" in path:
        raise InvalidArgument("a path has no NUL character")
    if Path(path).is_absolute():
        for root in roots.values():
            if (below := root.relative(Path(path).resolve())) is not None:
                return root, root.below(str(below))
        listed = ", ".join(f"{alias} = {root.folder}" for alias, root in roots.items()) or "none"
        raise InvalidArgument(f"{path} lies below no root of this node (roots: {listed}); add one to node.toml")
    alias, _, rest = path.partition("/")
    if alias not in roots:
        raise InvalidArgument(
            f"`{alias}` is no root of this node; there are: {', '.join(roots) or 'none'}", kind="root"
        )
    return roots[alias], roots[alias].below(rest or ".")
