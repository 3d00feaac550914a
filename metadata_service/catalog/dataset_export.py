"""A dataset as lines of an export: all revisions, versions, vectors, withdrawals, and the published views over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

from hyperdatasets.core.errors import StorageFailed
from hyperdatasets.version import __version__
from metadata_service.catalog import checks
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.export_file import FORMAT, KIND, Line, packed
from metadata_service.catalog.records import record
from metadata_service.catalog.tombstones import withdrawn
from metadata_service.catalog.withdrawals import listed
from metadata_service.store.protocol import Reading, Row

_READ = 128  # revisions at a time, each with up to 1 MiB of content
_VECTORS = 2_048
_STAMPS = ("created_by", "created_ms", "updated_by", "updated_ms")
VERSION = ("id", "name", "published", "base", "frames", "annotated", "digest", "published_ms", "number", *_STAMPS)
VIEW = ("id", "project", "name", "digest", "archived", "published_ms", *_STAMPS)
FIELD = ("name", "dimensions", "metric", "created_by", "created_ms")
REPORT = ("id", "version", "digest", "checks", "passed", "gate", "forced", "ran_by", "ran_ms")
DATASET = ("id", "project", "name", "archived", "next_revision", "next_version", *_STAMPS)


def exported(deployment: Deployment, reading: Reading, dataset: Row, progress: Callable[[int], None]) -> Iterator[Line]:
    """Lines in the order in which they are imported: what is referred to stands before what refers to it."""
    yield _header(deployment, dataset)
    yield _dataset(reading, dataset)
    yield from _revisions(reading, dataset, progress)
    yield from _vectors(reading, dataset)
    yield from ({"kind": "withdrawal", **each} for each in listed(reading) if each["dataset"] == dataset["id"])
    versions = _in_order(reading, dataset)
    yield from (_version(reading, row) for row in versions)
    for row in versions:
        yield from (_report(each) for each in reversed(checks.reports(reading, row["id"])))
    yield from (_view(reading, row) for row in views_over(reading, dataset)[0])


def views_over(reading: Reading, dataset: Row) -> tuple[list[Row], list[str]]:
    """Published views over this dataset alone, and the names of those that other datasets are part of too."""
    alone, others = [], []
    for row in reading.rows("views", order="published_ms, id", published=1):
        datasets = {version[0] for version in orjson.loads(row["pinned_json"])["versions"]}
        if datasets == {dataset["id"]}:
            alone.append(row)
        elif dataset["id"] in datasets:
            others.append(row["name"])
    return alone, others


def _header(deployment: Deployment, dataset: Row) -> Line:
    return {
        "kind": KIND, "format": FORMAT, "dataset": dataset["id"], "project": dataset["project"],
        "name": dataset["name"], "software": __version__, "deployment": deployment.id,
        "key": packed(deployment.signer.public), "made_ms": deployment.now_ms(),
    }  # fmt: skip


def _dataset(reading: Reading, row: Row) -> Line:
    gate = checks.gate_of(reading, row["id"])
    kept = None if gate is None else {key: gate[key] for key in ("checks", "set_by", "set_ms")}
    return {"kind": "dataset", **_of(row, DATASET), "body": orjson.loads(row["body_json"]), "gate": kept}


def _revisions(reading: Reading, dataset: Row, progress: Callable[[int], None]) -> Iterator[Line]:
    gone, expected = withdrawn(reading, dataset["id"]), 0
    while expected < dataset["next_revision"]:
        numbers = range(expected, min(expected + _READ, dataset["next_revision"]))
        for row in reading.revisions(dataset["id"], numbers):
            if row["revision"] != expected:
                break
            yield _revision(row, is_withdrawn=expected in gone)
            expected += 1
        if expected != numbers.stop:
            raise StorageFailed(f"revision {expected} is missing; `command admin check` says what is damaged")
        progress(len(numbers))


def _revision(row: Row, *, is_withdrawn: bool) -> Line:
    line: Line = {
        "kind": "revision", "number": row["revision"], "digest": row["digest"].hex(),
        **_of(row, ("saved_ms", "saved_in", "saved_by")),
    }  # fmt: skip
    if is_withdrawn:
        return line | {"withdrawn": {**_of(row, ("frame_id", "site")), "annotated": bool(row["annotated"])}}
    line["frame"] = row["payload"].decode()
    if row["blob"] is not None:
        line["blob"] = packed(row["blob"])
    if row["previews_json"]:
        line["previews"] = orjson.loads(row["previews_json"])
    return line


def _vectors(reading: Reading, dataset: Row) -> Iterator[Line]:
    for field in reading.rows("vector_fields", order="id", dataset=dataset["id"]):
        yield {"kind": "vector_field", **_of(field, FIELD)}
        reached = 0
        while rows := reading.vectors_after(field["id"], reached, _VECTORS):
            reached = rows[-1]["number"]
            for row in rows:
                yield {
                    "kind": "vector", "field": field["name"], "revision": row["revision"],
                    "value": packed(row["value"]),
                }  # fmt: skip


def _in_order(reading: Reading, dataset: Row) -> list[Row]:
    """Published versions as they were published (so parents first), then drafts."""
    rows = reading.rows("versions", order="number", dataset=dataset["id"])
    found = {row["id"]: record(reading, "version", row["id"]) for row in rows if row["published"]}
    sequence = {version: signed["sequence"] for version, signed in found.items() if signed is not None}
    return sorted(rows, key=lambda row: (not row["published"], sequence.get(row["id"], 0), row["number"]))


def _version(reading: Reading, row: Row) -> Line:
    leaves = reading.rows("leaves", order="site", version=row["id"])
    return {
        "kind": "version", **_of(row, VERSION), "parents": orjson.loads(row["parents_json"]),
        "body": orjson.loads(row["body_json"]), "added": packed(row["added"]), "removed": packed(row["removed"]),
        "leaves": [[leaf["site"], leaf["count"], packed(leaf["state"])] for leaf in leaves],
        **_records(reading, "version", row),
    }  # fmt: skip


def _report(row: Row) -> Line:
    return {"kind": "check_report", **_of(row, REPORT), "results": orjson.loads(row["results_json"])}


def _view(reading: Reading, row: Row) -> Line:
    orders = reading.one("view_orders", view=row["id"])
    return {
        "kind": "view", **_of(row, VIEW), "spec": orjson.loads(row["spec_json"]),
        "pinned": orjson.loads(row["pinned_json"]), "body": orjson.loads(row["body_json"]),
        "sites": [[each["site"], each["count"], each["digest"]] for each in _beside(reading, "view_sites", row)],
        "selections": [
            [each["site"], each["rule"], each["dataset"], packed(each["revisions"])]
            for each in _beside(reading, "selections", row)
        ],
        "orders": None if orders is None else packed(orders["tables"]),
        **_records(reading, "view", row),
    }  # fmt: skip


def _beside(reading: Reading, table: str, view: Row) -> list[Row]:
    return reading.rows(table, order="site", view=view["id"])


def _records(reading: Reading, kind: str, row: Row) -> Mapping[str, Any]:
    """What was signed when it was published: here, and, if it was imported, where it came from."""
    signed = record(reading, kind, row["id"])
    origin = reading.one("origins", kind=kind, subject=row["id"])
    return {
        "record": None if signed is None else _signed(signed),
        "origin": None if origin is None else _signed(origin) | {"key": packed(origin["key"])},
    }


def _signed(row: Row) -> dict[str, str]:
    return {"payload": row["payload"].decode(), "signature": packed(row["signature"])}


def _of(row: Row, keys: tuple[str, ...]) -> Row:
    return {key: row[key] for key in keys}
