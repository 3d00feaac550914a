"""A dataset from the lines of an export: all in one transaction, and proven before it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pyroaring import BitMap

from hyperdatasets.core.canonical import blob_digest, frame_digest
from hyperdatasets.core.errors import AlreadyExists, DamagedExport, HyperdatasetsError
from hyperdatasets.core.names import check_name, check_project
from hyperdatasets.core.vectors import check_dimensions
from metadata_service.catalog import dataset_export as exports
from metadata_service.catalog import datasets, verification, withdrawals
from metadata_service.catalog.caller import LOCAL_ADMIN
from metadata_service.catalog.contents import leaves, packed
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.export_file import Line, unpacked
from metadata_service.catalog.records import add_version_record, add_view_record, record
from metadata_service.store.protocol import Row, Writing

_BATCH = 2_048  # revisions or vectors that are written at once
_HELD = 16 << 20  # characters of revisions that wait to be written
_ID = re.compile(r"[0-9a-f]{16}")
_MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError)
Progress = Callable[[int], None]


@dataclass(slots=True)
class Imported:
    """What came in; `key`: of the deployment that signed it, `erased`: what was known to be withdrawn here only."""

    dataset: Row
    key: bytes
    revisions: int = 0
    versions: int = 0
    vectors: int = 0
    withdrawn: int = 0
    erased: int = 0
    views: list[str] = field(default_factory=list)
    sites: set[str] = field(default_factory=set)


def imported(
    deployment: Deployment,
    writing: Writing,
    header: Line,
    lines: Iterable[Line],
    *,
    name: str = "",
    views: bool = True,
    progress: Progress = lambda _: None,
) -> Imported:
    """Takes a dataset in; whoever holds the transaction rolls it back if this raises.

    Args:
        header: the first line.
        lines: the others.
        name: `project/name` it gets; empty = as it was.
        views: take the published views over it as well.

    Raises:
        AlreadyExists: the dataset, its name, or that of a view is taken.
        DamagedExport: the lines do not add up to what was signed.
    """
    number = 1
    try:
        job = _Import(deployment, writing, header, _Named.of(header, name), views=views, progress=progress)
        for line in lines:
            number += 1
            job.take(line)
        return job.finish()
    except HyperdatasetsError:
        raise
    except _MALFORMED as error:
        raise DamagedExport(f"line {number} is not as the format says: {type(error).__name__}: {error}") from None


@dataclass(frozen=True, slots=True)
class _Named:
    project: str
    name: str

    @classmethod
    def of(cls, header: Line, wanted: str) -> _Named:
        if not wanted:
            return cls(check_project(header["project"]), check_name("dataset", header["name"]))
        project, _, name = wanted.rpartition("/")
        return cls(check_project(project), check_name("dataset", name))


class _Import:
    """Takes one line after the other; revisions and vectors are gathered and written together."""

    def __init__(
        self, deployment: Deployment, writing: Writing, header: Line, named: _Named, *, views: bool, progress: Progress
    ) -> None:
        self._deployment, self._writing, self._named = deployment, writing, named
        self._with_views, self._progress = views, progress
        self._id = _identifier(header["dataset"])
        self._key = unpacked(header["key"])
        self._fields: dict[str, int] = {}
        self._revisions: list[Line] = []
        self._held = 0
        self._vectors: list[Row] = []
        self._gone = BitMap()
        self._next_version = 0
        self.done = Imported({}, self._key)
        self._check_free()
        writing.delete("withdrawn", dataset=self._id)  # of a dataset that was here and was deleted

    def take(self, line: Line) -> None:
        kind = line["kind"]
        if kind == "revision":
            self._gather(line)
            return
        self._write_revisions()
        if kind == "vector":
            self._vector(line)
            return
        self._write_vectors()
        known = {
            "dataset": self._dataset, "vector_field": self._vector_field, "withdrawal": self._withdrawal,
            "version": self._version, "check_report": self._report, "view": self._view,
        }  # fmt: skip
        known[kind](line)

    def finish(self) -> Imported:
        """Erases what this deployment knows to be withdrawn, and proves the rest."""
        self._write_revisions()
        self._write_vectors()
        dataset = cast("Row", self._writing.one("datasets", id=self._id))
        next_version = max(dataset["next_version"], self._next_version)
        self._writing.update("datasets", {"id": self._id}, {"next_version": next_version})
        if self._gone:
            self._writing.replace("withdrawn", {"dataset": self._id, "revisions": packed(self._gone)})
        self.done.erased = withdrawals.erase_known(self._deployment, self._writing, LOCAL_ADMIN, dataset)
        for wrong in self._problems(dataset):
            raise DamagedExport(f"what the file holds does not add up ({wrong.partition(';')[0]}); nothing was kept")
        self.done.dataset, self.done.withdrawn = dataset, len(self._gone)
        return self.done

    def _problems(self, dataset: Row) -> Iterator[str]:
        digests = verification.Digests(self._writing)
        yield from verification.dataset_problems(self._writing, dataset, self._progress, digests)
        for name in self.done.views:
            yield from verification.view_problems(
                self._writing, cast("Row", self._writing.one("views", name=name)), digests
            )

    def _check_free(self) -> None:
        here = self._writing.one("datasets", id=self._id)
        if here is not None:
            shown = datasets.shown(here["project"], here["name"])
            raise AlreadyExists(f"this dataset is here already, as `{shown}`", kind="dataset", name=here["name"])
        if self._writing.one("datasets", project=self._named.project, name=self._named.name) is not None:
            shown = datasets.shown(self._named.project, self._named.name)
            raise AlreadyExists(
                f"there is another dataset `{shown}`; give this one a name with `option name`",
                kind="dataset",
                name=shown,
            )

    def _dataset(self, line: Line) -> None:
        self._writing.insert("datasets", {
            **_of({"next_version": 0, **line}, exports.DATASET), "id": self._id, "project": self._named.project,
            "name": self._named.name,
            "body_json": _text(line["body"]), "generation": 1,
        })  # fmt: skip
        if line["gate"] is not None:
            self._writing.insert(
                "check_gates", {"dataset": self._id, **_of(line["gate"], ("checks", "set_by", "set_ms"))}
            )

    def _gather(self, line: Line) -> None:
        """Revisions that were saved together are written together."""
        if line["number"] != self.done.revisions:
            raise DamagedExport(f"revision {self.done.revisions} is missing; nothing was kept")
        before = self._revisions[-1] if self._revisions else line
        if len(self._revisions) >= _BATCH or self._held >= _HELD or _saved(before) != _saved(line):
            self._write_revisions()
        self._revisions.append(line)
        self._held += len(line.get("frame", "")) + len(line.get("blob", ""))
        self.done.revisions += 1

    def _write_revisions(self) -> None:
        if not self._revisions:
            return
        first, rows = self._revisions[0]["number"], [_revision(line) for line in self._revisions]
        self._writing.add_revisions(self._id, first, rows, _saved(self._revisions[0]))
        self._writing.insert_all("attachments", [
            {
                "dataset": self._id, "revision": line["number"], "blob": _blob(line),
                "previews_json": _text(line.get("previews", {})),
            }
            for line in self._revisions if "blob" in line or "previews" in line
        ])  # fmt: skip
        self._gone |= BitMap(line["number"] for line in self._revisions if "withdrawn" in line)
        self.done.sites |= {row["site"] for row in rows}
        self._progress(len(rows))
        self._revisions, self._held = [], 0

    def _vector_field(self, line: Line) -> None:
        check_name("vector field", line["name"])
        check_dimensions(line["dimensions"])
        self._writing.insert("vector_fields", {"dataset": self._id, **_of(line, exports.FIELD), "erased": 0})
        row = cast("Row", self._writing.one("vector_fields", dataset=self._id, name=line["name"]))
        self._fields[line["name"]] = row["id"]

    def _vector(self, line: Line) -> None:
        field_id = self._fields[line["field"]]
        self._vectors.append({"field": field_id, "revision": line["revision"], "value": unpacked(line["value"])})
        self.done.vectors += 1
        if len(self._vectors) >= _BATCH:
            self._write_vectors()

    def _write_vectors(self) -> None:
        self._writing.insert_all("vectors", self._vectors)
        self._vectors = []

    def _withdrawal(self, line: Line) -> None:
        if self._writing.one("withdrawals", id=line["id"]) is None:
            self._writing.insert("withdrawals", {
                **_of(line, ("id", "why", "withdrawn_by", "withdrawn_ms")), "dataset": self._id,
                "frame_ids_json": _text(line["frame_ids"]),
            })  # fmt: skip

    def _version(self, line: Line) -> None:
        row = {
            **_of(line, exports.VERSION), "dataset": self._id, "parents_json": _text(line["parents"]), "generation": 1,
            "body_json": _text(line["body"]), "added": unpacked(line["added"]), "removed": unpacked(line["removed"]),
        }  # fmt: skip
        _identifier(row["id"])
        check_name("version", row["name"])
        self._writing.insert("versions", row)
        self._next_version = max(self._next_version, row["number"] + 1)
        self._writing.insert_all("leaves", [
            {"version": row["id"], "site": site, "count": count, "state": unpacked(state)}
            for site, count, state in line["leaves"]
        ])  # fmt: skip
        self.done.versions += 1
        if not row["published"]:
            return
        self._keep_origin("version", line, "content_digest")
        signed = record(self._writing, "version", row["id"])
        if signed is None:
            now = self._deployment.now_ms()
            add_version_record(self._writing, self._deployment.signer, row, leaves(self._writing, row["id"]), now)
        elif orjson.loads(signed["payload"])["content_digest"] != row["digest"]:
            raise DamagedExport(
                f"this deployment has signed other content of version `{row['name']}`; nothing was kept"
            )

    def _report(self, line: Line) -> None:
        self._writing.insert("check_reports", {**_of(line, exports.REPORT), "results_json": _text(line["results"])})

    def _view(self, line: Line) -> None:
        if not self._with_views:
            return
        if self._writing.one("views", name=line["name"]) is not None:
            raise AlreadyExists(
                f"there is another view `{line['name']}`; rename it, or leave views out with `option no_views`",
                kind="view", name=line["name"],
            )  # fmt: skip
        row = {
            **_of(line, exports.VIEW), "published": 1, "spec_json": _text(line["spec"]), "generation": 1,
            "pinned_json": _text(line["pinned"]), "body_json": _text(line["body"]),
        }  # fmt: skip
        _identifier(row["id"])
        check_name("view", row["name"])
        self._writing.insert("views", row)
        versions = list(dict.fromkeys(version for _, version, _ in line["pinned"]["versions"]))
        self._writing.insert_all("view_versions", [{"view": row["id"], "version": version} for version in versions])
        self._writing.insert_all("view_sites", [
            {"view": row["id"], "site": site, "count": count, "digest": digest} for site, count, digest in line["sites"]
        ])  # fmt: skip
        self._writing.insert_all("selections", [
            {"view": row["id"], "site": site, "rule": rule, "dataset": number, "revisions": unpacked(revisions)}
            for site, rule, number, revisions in line["selections"]
        ])  # fmt: skip
        if line["orders"] is not None:
            self._writing.insert("view_orders", {"view": row["id"], "tables": unpacked(line["orders"])})
        self._sign_view(row, line)
        self.done.views.append(row["name"])

    def _sign_view(self, row: Row, line: Line) -> None:
        self._keep_origin("view", line, "digest")
        signed = record(self._writing, "view", row["id"])
        if signed is None:
            before = orjson.loads(line["record"]["payload"])
            content = {key: before[key] for key in ("nearest", "digest")} | {
                "name": row["name"], "pinned": line["pinned"], "sites": line["sites"],
                "versions": [version for _, version, _ in line["pinned"]["versions"]],
            }  # fmt: skip
            add_view_record(self._writing, self._deployment.signer, row, content, self._deployment.now_ms())
        elif orjson.loads(signed["payload"])["digest"] != row["digest"]:
            raise DamagedExport(
                f"this deployment has signed another selection of view `{row['name']}`; nothing was kept"
            )

    def _keep_origin(self, kind: str, line: Line, digest: str) -> None:
        """What was signed where it was published first; it must name what the line holds."""
        for signed in (line["record"] | {"key": None}, line["origin"]):
            if signed is not None:
                key = self._key if signed["key"] is None else unpacked(signed["key"])
                _check_signed(kind, key, signed)
                if orjson.loads(signed["payload"])[digest] != line["digest"]:
                    raise DamagedExport(f"{kind} `{line['name']}` is not what was signed; nothing was kept")
        first = line["origin"] or line["record"]
        self._writing.replace("origins", {
            "kind": kind, "subject": line["id"], "payload": first["payload"].encode(),
            "signature": unpacked(first["signature"]),
            "key": self._key if line["origin"] is None else unpacked(line["origin"]["key"]),
        })  # fmt: skip


def _revision(line: Line) -> Row:
    digest = bytes.fromhex(line["digest"])
    if "withdrawn" in line:
        return {**_of(line["withdrawn"], ("frame_id", "site", "annotated")), "digest": digest, "payload": b""}
    payload = line["frame"].encode()
    if frame_digest(payload) != digest:
        raise DamagedExport(f"revision {line['number']} is not that of its digest; nothing was kept")
    frame = orjson.loads(payload)
    if "blob" in frame and blob_digest(unpacked(line["blob"])) != frame["blob"]:
        raise DamagedExport(f"the content of revision {line['number']} is not that of its digest; nothing was kept")
    annotated = bool(frame.get("annotations"))
    return {
        "frame_id": frame["id"], "site": frame.get("site", ""), "annotated": annotated, "digest": digest,
        "payload": payload,
    }  # fmt: skip


def _saved(line: Line) -> Row:
    return _of(line, ("saved_ms", "saved_in", "saved_by"))


def _blob(line: Line) -> bytes | None:
    return unpacked(line["blob"]) if "blob" in line else None


def _check_signed(kind: str, key: bytes, signed: Mapping[str, Any]) -> None:
    try:
        content = kind.encode() + b"\0" + signed["payload"].encode()
        Ed25519PublicKey.from_public_bytes(key).verify(unpacked(signed["signature"]), content)
    except InvalidSignature:
        raise DamagedExport(f"a record of a {kind} is not as it was signed; nothing was kept") from None


def _identifier(text: str) -> str:
    if not _ID.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no id")
    return text


def _text(plain: Any) -> str:
    return orjson.dumps(plain).decode()


def _of(line: Mapping[str, Any], keys: tuple[str, ...]) -> Row:
    return {key: line[key] for key in keys}
