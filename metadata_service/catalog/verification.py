"""Proof that what is stored adds up: every revision against its digest, every version against its revisions.

Each function yields sentences that say what is wrong. Revisions are read once, in their order, and described by
arrays (some 45 bytes each, of which the digests stay for the views); a version is compared with its base, so that it
costs what differs from it. A withdrawn revision has its digest still, but must say nothing.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson
from numpy.typing import NDArray
from pyroaring import BitMap
from zstandard import ZstdError

from hyperdatasets.core.canonical import frame_digest, from_canonical
from hyperdatasets.core.digests import LtHash, content_digest
from hyperdatasets.core.errors import HyperdatasetsError
from hyperdatasets.core.pinned import PinnedView
from hyperdatasets.core.selection import view_digest
from hyperdatasets.engine.views import Selection, unions
from metadata_service.catalog import resolving, view_orders, views
from metadata_service.catalog.contents import Contents
from metadata_service.catalog.records import Signer
from metadata_service.catalog.tombstones import withdrawn
from metadata_service.store.blocks import seal
from metadata_service.store.keys import Keys, hashes_of
from metadata_service.store.protocol import Reading, Row

_READ = 4_096  # revisions
_DIGEST = {"version": "content_digest", "view": "digest"}  # where a record names it
Progress = Callable[[int], None]  # is told how many revisions more were read
_Leaves = dict[str, tuple[int, LtHash]]
_RESTORE = "restore a backup"
_UNREADABLE = (
    ZstdError,
    zipfile.BadZipFile,
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    EOFError,
)  # what damaged bytes lead to


@dataclass(slots=True)
class _Described:
    """What names each revision of a dataset; those that cannot be read are not `known`."""

    hashes: NDArray[np.uint64]
    sites: NDArray[np.int32]  # indexes into `names`
    annotated: NDArray[np.bool_]
    known: NDArray[np.bool_]
    digests: NDArray[np.uint8]  # shape (n, 32)
    names: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, count: int) -> _Described:
        return cls(
            np.zeros(count, np.uint64), np.zeros(count, np.int32), np.zeros(count, np.bool_),
            np.zeros(count, np.bool_), np.zeros((count, 32), np.uint8),
        )  # fmt: skip

    def note(self, row: Row) -> None:
        at = row["revision"]
        if row["site"] not in self.names:
            self.names.append(row["site"])
        self.hashes[at] = hashes_of([row["frame_id"]])[0]
        self.sites[at] = self.names.index(row["site"])
        self.annotated[at] = row["annotated"]
        self.digests[at] = np.frombuffer(row["digest"], np.uint8)
        self.known[at] = True


class Digests:
    """Those of the datasets that were looked at, so that contents are read once however many views select them."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._known: dict[str, NDArray[np.uint8]] = {}  # by dataset, shape (n, 32)

    def note(self, dataset: str, digests: NDArray[np.uint8]) -> None:
        self._known[dataset] = digests

    def of(self, dataset: str, numbers: BitMap) -> Iterator[bytes]:
        if dataset not in self._known:
            return self._reading.digests(dataset, numbers)
        return iter([self._known[dataset][np.asarray(numbers.to_array(), np.int64)].tobytes()])


def problems(reading: Reading, signer: Signer, progress: Progress) -> Iterator[str]:
    """Everything that is wrong with datasets, versions, views and records; nothing if all is in order."""
    digests = Digests(reading)
    for dataset in reading.rows("datasets", order="project, name"):
        where = f"dataset {dataset['project']}/{dataset['name']}"
        yield from (f"{where}: {each}" for each in dataset_problems(reading, dataset, progress, digests))
    for view in reading.rows("views", order="name", published=1):
        yield from (f"view {view['name']}: {each}; {_RESTORE}" for each in view_problems(reading, view, digests))
    yield from _records(reading, signer)


def dataset_problems(reading: Reading, dataset: Row, progress: Progress, digests: Digests) -> Iterator[str]:
    """What is wrong with one dataset: its revisions, look-ups, vectors and versions; `digests` learns its own."""
    described = _Described.of(dataset["next_revision"])
    digests.note(dataset["id"], described.digests)
    gone = withdrawn(reading, dataset["id"])
    yield from _revisions(reading, dataset, described, gone, progress)
    yield from _seals(reading, dataset, described)
    yield from _keys(reading, dataset, described)
    yield from _vectors(reading, dataset, gone)
    yield from _versions(reading, dataset, described)


def view_problems(reading: Reading, row: Row, digests: Digests) -> list[str]:
    """What is wrong with a published view: its versions, its selection against its digests, its order."""
    try:
        return list(_view(reading, row, digests))
    except (HyperdatasetsError, *_UNREADABLE):
        return ["what it pins or selects cannot be read"]


def _view(reading: Reading, row: Row, digests: Digests) -> Iterator[str]:
    view = views.pinned_of(row)
    stored = resolving.stored_selection(reading, row, view)
    held: dict[int, BitMap] = {}
    for place, pinned in enumerate(view.versions):
        version = reading.one("versions", id=pinned.version_id)
        if version is None or version["digest"] != pinned.content_digest:
            yield f"version {pinned.version_id} is not the one that it pins"
            return
        number = view.dataset_number(place)
        held[number] = held.get(number, BitMap()) | Contents().of(reading, version)
    parts = [part for selection in stored.values() for part in unions(selection).items()]
    if not all(revisions.issubset(held.get(number, BitMap())) for number, revisions in parts):
        yield "it selects frames that none of its versions has"
        return
    sites = resolving.site_digests(digests.of, resolving.Resolved(view, (), [], (), stored))
    if sites != views.stored_sites(reading, row) or view_digest(sites) != row["digest"]:
        yield "its digests are not those of its selection"
    if view_orders.from_contents(view):
        yield from _order(reading, row, view, stored)


def _order(reading: Reading, row: Row, view: PinnedView, stored: Mapping[str, Selection]) -> Iterator[str]:
    """Whether the stored order can be read and is one of these frames; `view verify` makes it again."""
    try:
        tables = view_orders.kept(reading, row, list(stored))
        if tables is None:
            yield "its order is missing"
        elif not all(map(view_orders.fits, view_orders.sequences_of(view, stored, tables).sites.values())):
            yield "its order names frames that it does not select"
    except _UNREADABLE:
        yield "its order cannot be read"


def _revisions(
    reading: Reading, dataset: Row, described: _Described, gone: BitMap, progress: Progress
) -> Iterator[str]:
    reached = 0
    while reached < len(described.known):
        start = reached
        try:
            for row in reading.revisions_from(dataset["id"], start, _READ):
                described.note(row)
                progress(row["revision"] + 1 - reached)
                reached = row["revision"] + 1
                yield from _revision(row, is_withdrawn=row["revision"] in gone)
        except _UNREADABLE:  # a damaged block; it is passed over one by one
            reached += 1
        else:
            reached = reached if reached > start else start + _READ
    unreadable = np.flatnonzero(~described.known)
    if len(unreadable):
        yield f"{len(unreadable)} revisions from {unreadable[0]} on are missing or cannot be read; {_RESTORE}"


def _revision(row: Row, *, is_withdrawn: bool) -> Iterator[str]:
    name = f"revision {row['revision']} ({row['frame_id']})"
    if is_withdrawn:
        if row["payload"]:
            yield f"{name}: it was withdrawn, but its content is there; {_RESTORE}, with the newest withdrawals"
        return
    if frame_digest(row["payload"]) != row["digest"]:
        yield f"{name}: the content is not that of its digest; {_RESTORE}"
        return
    frame = from_canonical(row["payload"])
    heads = row["frame_id"], row["site"], row["annotated"]
    if heads != (frame["id"], frame.get("site", ""), bool(frame.get("annotations"))):
        yield f"{name}: id, site or annotations are not those of its content; {_RESTORE}"


def _seals(reading: Reading, dataset: Row, described: _Described) -> Iterator[str]:
    """Digests that follow from what is stored against what was written."""
    for first, count, sealed in reading.seals(dataset["id"]):
        here = slice(first, first + count)
        if described.known[here].all() and seal(described.digests[here].tobytes()) != sealed:
            yield f"revisions {first} to {first + count - 1}: what they say is not what was written; {_RESTORE}"


def _vectors(reading: Reading, dataset: Row, gone: BitMap) -> Iterator[str]:
    for row in reading.rows("vector_fields", order="name", dataset=dataset["id"]):
        reached = 0
        while found := reading.vectors_after(row["id"], reached, _READ):
            reached = found[-1]["number"]
            yield from (f"vectors `{row['name']}`: {each}; {_RESTORE}" for each in _some_vectors(row, found))
            if any(each["revision"] >= dataset["next_revision"] or each["revision"] in gone for each in found):
                yield f"vectors `{row['name']}`: one lies beside a frame that is not there; {_RESTORE}"


def _some_vectors(row: Row, found: Sequence[Row]) -> Iterator[str]:
    if any(len(each["value"]) != 4 * row["dimensions"] for each in found):
        yield f"one has not {row['dimensions']} dimensions"
    elif not np.isfinite(np.frombuffer(b"".join(each["value"] for each in found), "<f4")).all():
        yield "one has something else than numbers"


def _keys(reading: Reading, dataset: Row, described: _Described) -> Iterator[str]:
    seen = np.zeros(len(described.known), np.int64)
    for row in reading.rows("keys", order="first", dataset=dataset["id"]):
        try:
            keys = Keys.from_row(row)
        except (ValueError, ZstdError):
            yield f"keys from revision {row['first']} on cannot be read; {_RESTORE}"
            continue
        inside = keys.revisions < len(seen)
        ascending = bool((keys.hashes[1:] >= keys.hashes[:-1]).all())
        np.add.at(seen, keys.revisions[inside], 1)
        places = keys.revisions[inside]
        same = (described.hashes[places] == keys.hashes[inside]) | ~described.known[places]
        if not (inside.all() and ascending and same.all()):
            yield f"keys from revision {row['first']} on do not lead to their frames; {_RESTORE}"
    if (seen != 1).any():
        yield f"{int((seen != 1).sum())} revisions are not found by their frame ids, or twice; {_RESTORE}"


def _versions(reading: Reading, dataset: Row, described: _Described) -> Iterator[str]:
    contents = Contents()
    proven: dict[str | None, tuple[BitMap, _Leaves]] = {None: (BitMap(), {})}
    for version in reading.rows("versions", order="number", dataset=dataset["id"]):
        where = f"version {version['name']}"
        try:
            content = contents.of(reading, version)
        except _UNREADABLE:
            yield f"{where}: which frames it has cannot be read; {_RESTORE}"
            continue
        if content and (content.max() >= len(described.known) or not described.known[content.to_array()].all()):
            yield f"{where}: it has revisions that are missing or cannot be read; {_RESTORE}"
            continue
        base, before = proven.get(version["base"], proven[None])
        leaves = _changed(before, described, content - base, base - content)
        proven[version["id"]] = content, leaves
        yield from (f"{where}: {each}; {_RESTORE}" for each in _version(reading, version, content, described, leaves))


def _version(reading: Reading, version: Row, content: BitMap, described: _Described, leaves: _Leaves) -> Iterator[str]:
    numbers = np.asarray(content.to_array(), np.int64)
    if len(np.unique(described.hashes[numbers])) != len(numbers):
        yield "a frame stands in it in two revisions"
    if (version["frames"], version["annotated"]) != (len(numbers), int(described.annotated[numbers].sum())):
        yield "its counts are not those of its frames"
    stored = {row["site"]: (row["count"], row["state"]) for row in reading.rows("leaves", version=version["id"])}
    held = {site: leaf for site, leaf in stored.items() if leaf[0]}
    if held != {site: (count, state.to_bytes()) for site, (count, state) in leaves.items() if count}:
        yield "the digests of its sites are not those of its frames"
    if version["published"] and version["digest"] != _digest(version, leaves):
        yield "its digest is not that of its frames"


def _changed(before: _Leaves, described: _Described, added: BitMap, removed: BitMap) -> _Leaves:
    leaves = dict(before)
    for site, name in enumerate(described.names):
        count, state = leaves.get(name, (0, LtHash.zero()))
        new, old = (_digests(described, numbers, site) for numbers in (added, removed))
        leaves[name] = count + len(new) - len(old), state.add(map(bytes, new)).remove(map(bytes, old))
    return leaves


def _digests(described: _Described, numbers: BitMap, site: int) -> NDArray[np.uint8]:
    places = np.asarray(numbers.to_array(), np.int64)
    found: NDArray[np.uint8] = described.digests[places[described.sites[places] == site]]
    return found


def _digest(version: Row, leaves: _Leaves) -> str:
    listed = [(site, count, state.digest()) for site, (count, state) in sorted(leaves.items()) if count]
    return content_digest(listed, orjson.loads(version["body_json"]).get("mask_labels", []))


def _records(reading: Reading, signer: Signer) -> Iterator[str]:
    """Records in an unbroken sequence, signed with this deployment's key; one for each that is published."""
    recorded: dict[str, str] = {}
    for place, row in enumerate(reading.rows("records", order="sequence"), start=1):
        content = orjson.loads(row["payload"]) if _is_signed(row, signer) else None
        if content is None or content["sequence"] != place or row["sequence"] != place:
            yield f"record {row['sequence']}: it is not as it was signed, or out of sequence; {_RESTORE} with its keys"
        else:
            recorded[row["subject"]] = content[_DIGEST[row["kind"]]]
    for kind, table in (("version", "versions"), ("view", "views")):
        for row in reading.rows(table, published=1):
            if recorded.get(row["id"]) != row["digest"]:
                yield f"{kind} {row['name']} ({row['id']}): no record names its digest; {_RESTORE}"


def _is_signed(row: Row, signer: Signer) -> bool:
    same = hashlib.sha256(row["payload"]).hexdigest() == row["digest"]
    return same and signer.signed(row["kind"], row["payload"], row["signature"])
