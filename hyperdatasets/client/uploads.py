"""Local files of frames, put to a storage on the way to a dataset, and removed from there with it.

Nothing that is there is ever overwritten. The service remembers each file that is put (before it is written, so that
an interrupted upload goes on, and after), and only files that are remembered, and still are what was put, are removed.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

from hyperdatasets.client import storage
from hyperdatasets.client.bulk import FailedFrame
from hyperdatasets.client.groups import AnyFrame, frame_of_plain
from hyperdatasets.client.long_reads import read_at_one_go
from hyperdatasets.client.metadata import MetadataClient, pages
from hyperdatasets.client.progress import Advance, bar
from hyperdatasets.core.errors import (
    DestinationFailed,
    HyperdatasetsError,
    InvalidArgument,
    PermissionDenied,
    RawDataBelongsToSite,
    SourceUnreadable,
)
from hyperdatasets.core.uri import split as uri_parts
from hyperdatasets.v1 import dataset_service_pb2 as pb
from hyperdatasets.v1 import version_service_pb2 as versions_pb

_CHUNK = 64  # frames
_RECORDED = 1_000  # uploads a request
_THREADS = 8


@dataclass(frozen=True, slots=True)
class _File:
    """A local file and where it goes; `new` = it still has to be put there."""

    path: Path
    upload: pb.Upload
    new: bool


@dataclass
class Uploader:
    """Puts files of frames below `destination`.

    Attributes:
        root: local folder; paths below it are kept. Without one a file lies in a folder named by its folder's digest.
        retries: how often a file is tried again.
        progress: called with the number of files that are in their place.
    """

    client: MetadataClient
    dataset: str
    destination: str
    root: str = ""
    retries: int = 5
    progress: Advance = lambda _: None
    _known: dict[str, pb.Upload] = field(init=False)
    _placed: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._base = storage.join(self.destination, "")
        self._known = {each.uri: each for each in _listed(self.client, self.dataset)}

    def place(self, frames: Iterable[AnyFrame], failed: list[FailedFrame]) -> Iterator[tuple[int, AnyFrame]]:
        """Frames with the URIs that their files have now, by their index; those whose files cannot be read fail."""
        numbered = enumerate(frames)
        with ThreadPoolExecutor(_THREADS) as pool:
            while chunk := list(islice(numbered, _CHUNK)):
                yield from self._place(pool, chunk, failed)

    def _place(
        self, pool: ThreadPoolExecutor, chunk: list[tuple[int, AnyFrame]], failed: list[FailedFrame]
    ) -> Iterator[tuple[int, AnyFrame]]:
        wanted = {index: [uri for uri in _uris(frame) if self._is_local(uri)] for index, frame in chunk}
        ours = [uri for index, frame in chunk if not frame.site for uri in wanted[index]]
        news = list(dict.fromkeys(uri for uri in ours if uri not in self._placed))
        found = dict(zip(news, pool.map(self._target, news), strict=True))
        self._put(pool, [each for each in found.values() if isinstance(each, _File)])
        self._placed |= {uri: each.upload.uri for uri, each in found.items() if isinstance(each, _File)}
        for index, frame in chunk:
            errors: list[HyperdatasetsError] = [
                each for uri in wanted[index] if isinstance(each := found.get(uri), HyperdatasetsError)
            ]
            if frame.site and wanted[index]:
                errors = [RawDataBelongsToSite(f"the files of site `{frame.site}` stay there; its node registers them")]
            if errors:
                failed.append(FailedFrame(index, frame.id, errors[0].reason, errors[0].message))
            else:
                yield index, _moved(frame, self._placed)

    def _is_local(self, uri: str) -> bool:
        return uri_parts(uri).scheme in {"", "file"} and not uri.startswith(self._base)

    def _target(self, uri: str) -> _File | SourceUnreadable:
        """Where a file goes: under its own name, or if something else is there with its digest in the name."""
        path = Path(storage.local_path(uri))
        try:
            upload = pb.Upload(size_bytes=path.stat().st_size, digest=_digest(path))
            name = self._name(path)
        except (OSError, ValueError) as error:
            return SourceUnreadable(f"{uri}: cannot be read: {getattr(error, 'strerror', None) or error}")
        except SourceUnreadable as error:
            return error
        return self._free_place(path, name, upload)

    def _free_place(self, path: Path, name: PurePosixPath, upload: pb.Upload) -> _File:
        hexdigits = upload.digest.removeprefix("sha256:")
        for candidate in (name, name.with_name(f"{name.stem}.{hexdigits[:16]}{name.suffix}")):
            upload.uri = storage.join(self.destination, str(candidate))
            known, there = self._known.get(upload.uri), storage.size(upload.uri)
            if known is not None and known.digest != upload.digest:
                continue
            interrupted = known is not None and not known.done and there != upload.size_bytes
            if there is None or interrupted:
                return _File(path, upload, new=True)
            known_well = known is not None and known.done  # else its content has to be read
            if there == upload.size_bytes and (known_well or storage.digest(upload.uri) == upload.digest):
                upload.found = known is None or known.found
                return _File(path, upload, new=False)
        raise DestinationFailed(f"{upload.uri} holds another file already; choose another destination")

    def _name(self, path: Path) -> PurePosixPath:
        absolute = Path(os.path.abspath(path))  # noqa: PTH100  # links are kept as they are named
        if not self.root:
            folder = hashlib.sha256(os.fsencode(absolute.parent)).hexdigest()[:16]
            return PurePosixPath(folder, absolute.name)
        root = Path(os.path.abspath(Path(self.root).expanduser()))  # noqa: PTH100
        if not absolute.is_relative_to(root):
            raise SourceUnreadable(f"{path}: lies outside of local_dataset_root_path ({root})")
        return PurePosixPath(absolute.relative_to(root))

    def _put(self, pool: ThreadPoolExecutor, files: list[_File]) -> None:
        new = {each.upload.uri: each for each in files if each.new}
        self._record([each.upload for each in new.values()], done=False)
        list(pool.map(self._put_one, new.values()))
        self._record([each.upload for each in files], done=True)
        self.progress(len(files))

    def _put_one(self, file: _File) -> None:
        for attempt in range(self.retries + 1):
            try:
                storage.put(file.path, file.upload.uri)
            except DestinationFailed:
                if attempt == self.retries:
                    raise
                time.sleep(0.1 * 2**attempt)
            else:
                return

    def _record(self, uploads: list[pb.Upload], *, done: bool) -> None:
        news = [each for each in uploads if not (done and self._known.get(each.uri, each).done)]
        for each in news:
            each.done = done
        for start in range(0, len(news), _RECORDED):
            request = pb.RecordUploadsRequest(dataset=self.dataset, uploads=news[start : start + _RECORDED])
            self.client.send(request)
        self._known |= {each.uri: each for each in news}


@dataclass(frozen=True, slots=True)
class Removal:
    """The files that go with a dataset."""

    uploads: list[pb.Upload]

    def run(self, *, show_progress: bool) -> None:
        """Removes them; those that are gone or are not any more what was put there stay.

        Raises:
            DestinationFailed: how many could not be removed, and why the first.
        """
        with (
            bar("files", shown=show_progress, total=len(self.uploads)) as advance,
            ThreadPoolExecutor(_THREADS) as pool,
        ):
            errors = [error for error in pool.map(lambda each: _removed(each, advance), self.uploads) if error]
        if errors:
            raise DestinationFailed(
                f"the dataset is deleted; {len(errors)} of its files could not be removed, the first: {errors[0]}"
            )


def removal(client: MetadataClient, dataset: str) -> Removal:
    """What may be removed with a dataset.

    Raises:
        RawDataBelongsToSite: it has frames of a site.
        PermissionDenied: somebody else put files there.
    """
    sites = {leaf.site for version in _versions(client, dataset) for leaf in version.sites if leaf.site and leaf.count}
    if sites:
        raise RawDataBelongsToSite(
            f"the files of site `{min(sites)}` belong to the site; delete without delete_sources"
        )
    uploads = _listed(client, dataset)
    me = client.who_am_i().name
    others = sorted({each.uploaded_by for each in uploads if not each.found} - {me})
    if others:
        raise PermissionDenied(
            f"{', '.join(others)} put files there, and only who put a file may remove it; "
            "delete without delete_sources to leave them"
        )
    return Removal([each for each in uploads if not (each.shared or each.found)])


def check_destination(destination: str, root: str) -> None:
    """Raises InvalidArgument: a root without a destination."""
    if root and not destination:
        raise InvalidArgument("local_dataset_root_path says which paths are kept at auto_upload_destination: give both")


def _removed(upload: pb.Upload, advance: Advance) -> DestinationFailed | None:
    try:
        if storage.size(upload.uri) == upload.size_bytes and storage.digest(upload.uri) == upload.digest:
            storage.remove(upload.uri)
    except DestinationFailed as error:
        return error
    advance(1)
    return None


def _listed(client: MetadataClient, dataset: str) -> list[pb.Upload]:
    request = pb.ListUploadsRequest(dataset=dataset)
    return read_at_one_go(client, request, lambda answers: [each for answer in answers for each in answer.uploads])


def _versions(client: MetadataClient, dataset: str) -> Iterator[versions_pb.Version]:
    request = versions_pb.ListVersionsRequest(dataset=dataset)
    return (each for page in pages(client, request) for each in page.versions)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _uris(frame: AnyFrame) -> list[str]:
    """Of sources, masks and previews."""
    found = []
    for source in frame.plain["sources"]:
        found += [
            source.get("uri", ""),
            source.get("preview") or "",
            *(mask["uri"] for mask in source.get("masks", ())),
        ]
    return [uri for uri in found if uri]


def _moved(frame: AnyFrame, placed: Mapping[str, str]) -> AnyFrame:
    """A copy of the frame with other URIs; the caller's frame stays as it is."""
    sources = [_at(each, placed) for each in frame.plain["sources"]]
    moved = frame_of_plain({**frame.plain, "sources": sources}, kept=frame.kept)
    moved.vectors.update(frame.vectors)
    return moved


def _at(source: Mapping[str, Any], placed: Mapping[str, str]) -> dict[str, Any]:
    moved = dict(source)
    for key in ("uri", "preview"):
        if moved.get(key):
            moved[key] = placed.get(moved[key], moved[key])
    if "masks" in moved:
        moved["masks"] = [{**mask, "uri": placed.get(mask["uri"], mask["uri"])} for mask in moved["masks"]]
    return moved
