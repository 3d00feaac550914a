"""Registration: files below a root become frames of a dataset; what policy lets out goes to the centre."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hyperdatasets.client import bulk
from hyperdatasets.client.dataset import Dataset
from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.canonical import canonical_bytes, frame_digest, site_part
from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument, InvalidFrame, NotFound
from hyperdatasets.core.names import split_dataset
from hyperdatasets.core.normalise import normalise
from hyperdatasets.formats import reading
from hyperdatasets.formats.entry import LEFT_OUT, Entry, Problem
from hyperdatasets.formats.media import Media, UnreadableMedia, probe, thumbnail
from node import columns
from node.centre import Centre
from node.config import NodeConfig
from node.content import digest
from node.keys import Keys
from node.sources.local import Identity, LocalRoot, read
from node.store import NodeStore, Registered, StoredFile

_BATCH = 500  # frames that are read, remembered and sent together
_WORKERS = 2
MAX_FILE = 8 << 30  # bytes
_IN_MEMORY = 256 << 20  # bytes; a larger file is read in pieces, and gets no small picture


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be registered; `path` is `<alias>/<path below it>` or an absolute path below a root."""

    path: str
    dataset: str
    format: str = ""
    version: str = ""
    replace_annotations: bool = False
    context_column: str = ""
    timestamp_column: str = ""
    columns_file: str = ""


@dataclass(slots=True)
class Progress:
    scanned: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: list[Problem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Read:
    """A file that was read once: what it is, and where it lies below its root."""

    file: StoredFile
    media: Media
    thumbnail: bytes


class Registration:
    """One run; interrupted and run again it goes on, since known frames are updated and not doubled."""

    def __init__(
        self,
        order: Order,
        config: NodeConfig,
        keys: Keys,
        roots: dict[str, LocalRoot],
        store: NodeStore,
        centre: Centre,
    ) -> None:
        self._order, self._config, self._keys, self._store, self._centre = order, config, keys, store, centre
        self._root, self._folder = _located(order.path, roots)
        self._below = os.fsencode(self._folder.relative_to(self._root.folder.resolve()))
        self._columns_file = self._located_columns(order.columns_file) if order.columns_file else None
        self._columns = columns.read(self._columns_file) if self._columns_file else {}

    def run(self) -> Iterator[Progress]:
        """Registers all files; yields after each batch, the last time when all is done."""
        progress = Progress()
        dataset, draft = self._draft()
        entries = reading.read(self._folder, self._order.format)
        known = self._store.same_files(self._root.alias)
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="register") as pool:
            while batch := list(islice(entries, _BATCH)):
                found = list(pool.map(lambda entry: self._taken(entry, known), batch))
                self._send(dataset, draft, batch, found, progress)
                yield progress
                progress.problems = []
        yield progress

    def _is_columns_file(self, entry: Entry) -> bool:
        return self._columns_file is not None and self._folder / entry.path == self._columns_file

    def _located_columns(self, name: str) -> Path:
        """The CSV file, beside the data or below the root; it is no data itself."""
        for folder in (self._folder, self._root.folder):
            path = (folder / name).resolve()
            if path.is_file() and path.is_relative_to(self._root.folder.resolve()):
                return path
        raise NotFound(f"there is no file {name} beside the data or below the root", kind="file", name=name)

    def _draft(self) -> tuple[Dataset, DatasetVersion]:
        """The dataset and its draft; both are made if there is none."""
        project, name = split_dataset(self._order.dataset)
        client = self._centre.client
        try:
            dataset = Dataset.get(self._order.dataset, client=client)
        except NotFound:
            dataset = Dataset.create(name, dataset_project=project, client=client)
        version = DatasetVersion.get_version(dataset_id=dataset.id, version_name=self._order.version, client=client)
        if version.published and not self._order.version:
            version = DatasetVersion.create_version(
                dataset_id=dataset.id, version_name=_free_name(dataset, client), parent_version_ids=[version.id],
                client=client,
            )  # fmt: skip
        return dataset, version

    def _taken(self, entry: Entry, known: dict[bytes, dict[str, Any]]) -> _Read | str:
        """Reads the file once; or the reason why it is left out."""
        if entry.frame is not None:
            return "left out: frames in JSON lines have no file here; use `import` for them"
        if entry.left_out or self._is_columns_file(entry):
            return ""
        path = b"/".join(part for part in (self._below.removeprefix(b"."), os.fsencode(entry.path)) if part)
        try:
            descriptor, identity = self._root.open(path)
        except HyperdatasetsError as error:
            return f"left out: {error.message}"
        try:
            return self._file(descriptor, identity, path, entry.path, known.get(path))
        except UnreadableMedia as error:
            return f"left out: {error}"
        except OSError as error:
            return f"left out: it cannot be read: {error.strerror}"
        finally:
            os.close(descriptor)

    def _file(self, descriptor: int, identity: Identity, path: bytes, name: str, known: dict[str, Any] | None) -> _Read:
        if identity.size > MAX_FILE:
            raise UnreadableMedia(f"{identity.size} bytes; at most {MAX_FILE} are allowed")
        content = bytearray(min(identity.size, _IN_MEMORY))
        read(descriptor, memoryview(content))
        whole = identity.size <= _IN_MEMORY
        with io.BytesIO(content) if whole else os.fdopen(os.dup(descriptor), "rb") as opened:
            opened.seek(0)
            media = probe(opened, name, identity.size)
        unchanged = known is not None and known["inode"] == identity.inode and known["mtime_ns"] == identity.mtime_ns
        if known and unchanged:
            sha256 = known["sha256"]
        else:
            sha256 = hashlib.sha256(content).digest() if whole else digest(descriptor)
        small = b""
        if media.width and whole and not unchanged:
            small = thumbnail(bytes(content))
        file = StoredFile(
            "default", self._root.alias, path, identity.size, identity.mtime_ns, identity.ctime_ns, identity.inode,
            sha256,
        )  # fmt: skip
        return _Read(file, media, small)

    def _send(
        self,
        dataset: Dataset,
        draft: DatasetVersion,
        entries: Sequence[Entry],
        found: Sequence[_Read | str],
        progress: Progress,
    ) -> None:
        frames, registered = [], []
        for entry, each in zip(entries, found, strict=True):
            progress.scanned += 1
            if isinstance(each, str):
                dropped = [problem for problem in entry.problems if problem.reason.startswith(LEFT_OUT)]
                progress.problems += [*dropped, *([Problem(entry.path, each)] if each else [])]
                continue
            progress.problems += entry.problems
            try:
                frame, private = self._frame(entry, each, progress.problems)
            except InvalidFrame as error:
                progress.problems.append(Problem(entry.path, f"left out: {error.message}"))
                continue
            frames.append(frame)
            part = frame_digest(canonical_bytes(site_part(frame)))
            registered.append(Registered(frame["id"], [each.file], private, part, each.thumbnail))
        self._store.register(dataset.id, dataset.address, registered)
        mode = "register_replacing_annotations" if self._order.replace_annotations else "register"
        result = bulk.write(self._centre.client, frames, dataset=dataset.id, version=draft.id, mode=mode)
        progress.added += result.added
        progress.updated += result.updated
        progress.unchanged += result.unchanged
        progress.problems += [Problem(failed.id, f"left out by the service: {failed.message}") for failed in result]

    def _frame(self, entry: Entry, taken: _Read, problems: list[Problem]) -> tuple[Any, dict[str, Any]]:
        """The frame as it leaves the site, and what stays here."""
        is_open = self._config.profile == "open"
        path = os.fsdecode(taken.file.path)
        shown = quote(path) if is_open else self._keys.opaque("path", f"{self._root.alias}/{path}")
        plain, dropped = entry.to_frame(f"site://{self._config.site}/{quote(self._root.alias)}/{shown}", taken.media)
        problems += dropped
        shown_digest = f"sha256:{taken.file.sha256.hex()}"
        if not is_open:
            shown_digest = f"hmac-sha256:{self._keys.opaque('digest', taken.file.sha256.hex())}"
            plain["annotations"] = [
                {key: value for key, value in each.items() if key != "meta"} for each in plain["annotations"]
            ]
        plain["site"] = self._config.site
        plain["sources"][0]["digest"] = shown_digest
        private = {
            **plain.pop("meta", {}),
            **self._columns.get(entry.path, self._columns.get(Path(entry.path).name, {})),
        }
        self._group(plain, private, is_open=is_open)
        published = {key: value for key, value in private.items() if is_open or key in self._config.publish_fields}
        if published:
            plain["meta"] = {"site": published}
        return normalise(plain)[0], {**private, "path": path}

    def _group(self, plain: dict[str, Any], private: dict[str, Any], *, is_open: bool) -> None:
        context = private.get(self._order.context_column)
        if context is not None:
            text = str(context)
            plain["context_id"] = text if is_open else self._keys.opaque("context", text)
        timestamp = private.get(self._order.timestamp_column)
        if timestamp is not None:
            if isinstance(timestamp, bool) or not isinstance(timestamp, int):
                raise InvalidArgument(f"column `{self._order.timestamp_column}`: expected whole milliseconds")
            plain["timestamp"] = timestamp


def _located(path: str, roots: dict[str, LocalRoot]) -> tuple[LocalRoot, Path]:
    """The root that a path lies below, and the folder."""
    if "\0" in path:
        raise InvalidArgument("a path has no NUL character")
    if Path(path).is_absolute():
        for root in roots.values():
            if Path(path).resolve().is_relative_to(root.folder.resolve()):
                return root, root.below(str(Path(path).resolve().relative_to(root.folder.resolve())))
        listed = ", ".join(f"{alias} = {root.folder}" for alias, root in roots.items()) or "none"
        raise InvalidArgument(f"{path} lies below no root of this node (roots: {listed}); add one to node.toml")
    alias, _, rest = path.partition("/")
    if alias not in roots:
        raise InvalidArgument(f"`{alias}` is no root of this node; there are: {', '.join(roots) or 'none'}")
    return roots[alias], roots[alias].below(rest or ".")


def _free_name(dataset: Dataset, client: Any) -> str:
    taken = {version.name for version in DatasetVersion.get_versions(dataset_id=dataset.id, client=client)}
    return next(
        name for number in range(1, 10_000) if (name := "Current" if number == 1 else f"Current {number}") not in taken
    )
