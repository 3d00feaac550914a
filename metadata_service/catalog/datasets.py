"""Datasets: made, found by name or id, changed, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from hyperdatasets.core.errors import AlreadyExists, InUse, InvalidArgument, PermissionDenied
from hyperdatasets.core.names import check_name, check_project, not_found
from metadata_service.catalog import vectors
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.stamps import change, check_etag, created, new_id, updated, with_tags
from metadata_service.store.protocol import Reading, Row, Writing

MAX_METADATA = 1 << 20


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is narrowed to; `archived` None = both."""

    project: str = ""
    name_contains: str = ""
    tags_all: Sequence[str] = ()
    tags_any: Sequence[str] = ()
    tags_none: Sequence[str] = ()
    text: str = ""
    archived: bool | None = False

    def holds(self, row: Row) -> bool:
        body = orjson.loads(row["body_json"])
        tags = set(body.get("tags", ()))
        return (
            (not self.project or f"{row['project']}/".startswith(f"{self.project}/"))
            and self.name_contains.casefold() in row["name"].casefold()
            and tags.issuperset(self.tags_all)
            and (not self.tags_any or not tags.isdisjoint(self.tags_any))
            and tags.isdisjoint(self.tags_none)
            and says(row, self.text)
            and (self.archived is None or bool(row["archived"]) is self.archived)
        )


def says(row: Row, text: str) -> bool:
    """Whether all words of a free text stand in what people wrote about something: names, tags, descriptions."""
    body = orjson.loads(row["body_json"])
    written = [row["name"], row.get("project", ""), *body.get("tags", ())]
    written += [body.get(name) or "" for name in ("description", "comment", "notes")]
    shown = "\n".join(written).casefold()
    return all(word in shown for word in text.casefold().split())


def create(writing: Writing, caller: Caller, now_ms: int, *, project: str, name: str, body: Mapping[str, Any]) -> Row:
    check_project(project)
    check_name("dataset", name)
    _require(caller, "editor", project)
    if writing.one("datasets", project=project, name=name) is not None:
        raise AlreadyExists(f"there is a dataset `{shown(project, name)}` already", kind="dataset", name=name)
    row = {
        "id": new_id(), "project": project, "name": name, "body_json": orjson.dumps(body).decode(), "archived": 0,
        "next_revision": 0, "next_version": 0, "generation": 1, **created(caller, now_ms),
    }  # fmt: skip
    writing.insert("datasets", row)
    return row


def find(reading: Reading, caller: Caller, name: str, *, role: str = "viewer") -> Row:
    """The dataset with this id, `project/name`, or bare name if only one has it.

    Raises:
        NotFound: with the nearest names that the caller may list.
    """
    row = reading.one("datasets", id=name)
    if row is None:
        project, _, bare = name.rpartition("/")
        row = reading.one("datasets", project=project, name=bare)
    if row is None and "/" not in name:
        same = [each for each in reading.rows("datasets", name=name) if caller.may("viewer", each["project"])]
        if len(same) > 1:
            several = ", ".join(sorted(shown(each["project"], each["name"]) for each in same))
            raise InvalidArgument(f"several datasets are called `{name}`: {several}; give the project too")
        row = same[0] if same else None
    caller.require_approval()
    if row is None or not _may(caller, "viewer", row["project"]):
        listed = [each for each in reading.rows("datasets") if _may(caller, "viewer", each["project"])]
        names = [shown(each["project"], each["name"]) for each in listed]
        raise not_found("dataset", name, [*names, *(each["name"] for each in listed)])
    _require(caller, role, row["project"])
    return row


def listed(reading: Reading, caller: Caller, wanted: Filter) -> list[Row]:
    rows = reading.rows("datasets", order="project, name")
    return [row for row in rows if _may(caller, "viewer", row["project"]) and wanted.holds(row)]


def update(
    writing: Writing,
    caller: Caller,
    now_ms: int,
    row: Row,
    *,
    etag: str,
    changes: Mapping[str, Any],
    add_tags: Sequence[str] = (),
    remove_tags: Sequence[str] = (),
) -> Row:
    """`changes` may hold name, project, archived, description and metadata; what is absent stays."""
    check_etag(row, etag)
    project, name = changes.get("project", row["project"]), changes.get("name", row["name"])
    check_project(project)
    check_name("dataset", name)
    if project != row["project"]:
        caller.require("admin", row["project"])
        caller.require("admin", project)
    other = writing.one("datasets", project=project, name=name)
    if other is not None and other["id"] != row["id"]:
        raise AlreadyExists(f"there is a dataset `{shown(project, name)}` already", kind="dataset", name=name)
    body = orjson.loads(row["body_json"]) | {key: changes[key] for key in ("description", "metadata") if key in changes}
    body["tags"] = with_tags(body.get("tags", []), list(add_tags), list(remove_tags))
    archived = int(changes.get("archived", row["archived"]))
    new = {"project": project, "name": name, "archived": archived, "body_json": orjson.dumps(body).decode()}
    return change(writing, "datasets", row, new | updated(caller, now_ms))


def delete(writing: Writing, row: Row, *, force: bool, etag: str) -> None:
    """Deletes a dataset with all its versions; published ones only by force, and never while a view names them."""
    check_etag(row, etag)
    versions = writing.rows("versions", dataset=row["id"])
    for version in versions:
        if writing.one("view_versions", version=version["id"]) is not None:
            raise InUse(f"a published data view names version `{version['name']}`; delete the view first")
    if not force and any(version["published"] for version in versions):
        raise InUse(f"`{row['name']}` has published versions; delete it with `option force` if they may go for ever")
    for version in _children_first(versions):
        writing.delete("leaves", version=version["id"])
        writing.delete("check_reports", version=version["id"])
        writing.delete("versions", id=version["id"])
    writing.delete("check_gates", dataset=row["id"])
    writing.delete("uploads", dataset=row["id"])
    vectors.delete_all(writing, row)
    writing.delete("attachments", dataset=row["id"])
    writing.delete("blocks", dataset=row["id"])
    writing.delete("keys", dataset=row["id"])
    writing.delete("datasets", id=row["id"])


def _children_first(versions: Sequence[Row]) -> list[Row]:
    """Each version before its base, which it refers to."""
    bases = {row["id"]: row["base"] for row in versions}

    def depth(version: str | None) -> int:
        steps = 0
        while version in bases:
            version, steps = bases[version], steps + 1
        return steps

    return sorted(versions, key=lambda row: -depth(row["id"]))


def metadata(text: str) -> dict[str, Any]:
    """The object in JSON text that a caller gave."""
    try:
        value = orjson.loads(text or "{}")
    except ValueError:
        raise InvalidArgument("metadata: this is not JSON text") from None
    if not isinstance(value, dict) or len(text) > MAX_METADATA:
        raise InvalidArgument(f"metadata: expected an object of at most {MAX_METADATA} bytes")
    return value


def shown(project: str, name: str) -> str:
    return f"{project}/{name}" if project else name


def _may(caller: Caller, role: str, project: str) -> bool:
    return caller.may(role, project)


def _require(caller: Caller, role: str, project: str) -> None:
    caller.require_approval()
    if caller.site and not caller.may(role, project):
        raise PermissionDenied(f"site `{caller.site}` was not added for project `{project}`; an admin can add it")
    caller.require(role, project)
