"""Data views as they are kept: drafts with their specification, published ones with what they pin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from hyperdatasets.core.dataview import ViewSpec, query_warnings
from hyperdatasets.core.dataview_text import from_plain, from_yaml, to_plain
from hyperdatasets.core.errors import AlreadyExists, InUse, NotFound, ViewNotPublished, ViewPublished
from hyperdatasets.core.names import check_name, check_project, not_found
from hyperdatasets.core.pinned import PinnedView, pinned_from_plain
from hyperdatasets.core.query.tree import SEMANTICS
from hyperdatasets.core.selection import SiteSelection
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.datasets import shown
from metadata_service.catalog.queries import Warned
from metadata_service.catalog.stamps import change, check_etag, created, new_id, updated, with_tags
from metadata_service.store.protocol import Reading, Row, Writing


def parse_spec(text: str) -> ViewSpec:
    return from_yaml(text)


def parse_warnings(spec: ViewSpec) -> list[Warned]:
    """What the parser says about the queries of a specification."""
    return [Warned(warning.message, place, warning.position) for place, warning in query_warnings(spec)]


def _check_free(writing: Writing, name: str) -> None:
    if writing.one("views", name=name) is not None:
        message = f"there is a data view `{name}` already; open it by its name, or take another one"
        raise AlreadyExists(message, kind="view", name=name)


def create(
    writing: Writing,
    caller: Caller,
    now_ms: int,
    *,
    project: str,
    spec: ViewSpec,
    name: str = "",
    description: str = "",
    tags: Sequence[str] = (),
) -> Row:
    check_project(project)
    caller.require("editor", project)
    name = check_name("view", name or spec.name)
    _check_free(writing, name)
    body = {"description": description or spec.description, "tags": sorted({*tags, *spec.tags})}
    row = {
        "id": new_id(), "project": project, "name": name, "published": 0,
        "spec_json": orjson.dumps(to_plain(spec)).decode(), "pinned_json": "", "digest": "",
        "body_json": orjson.dumps(body).decode(), "archived": 0, "published_ms": 0, "generation": 1,
        **created(caller, now_ms),
    }  # fmt: skip
    writing.insert("views", row)
    return row


def find(reading: Reading, caller: Caller, reference: str, *, role: str = "viewer") -> Row:
    """The view with this id, name, `project/name`, each also with `@sha256:<digest>` (or at least eight digits of it).

    Raises:
        NotFound: with the nearest names; also if the digest is another one.
    """
    project, slash, last = reference.rpartition("/")
    name, _, digest = last.partition("@")
    row = reading.one("views", name=name) or reading.one("views", id=name)
    if row is None or (slash and row["project"] != project) or not caller.may("viewer", row["project"]):
        listed = [each for each in reading.rows("views") if caller.may("viewer", each["project"])]
        names = [shown(each["project"], each["name"]) if slash else each["name"] for each in listed]
        raise not_found("view", f"{project}{slash}{name}", names)
    if digest:
        given = digest.removeprefix("sha256:")
        if len(given) < 8 or not row["digest"].removeprefix("sha256:").startswith(given):
            raise NotFound(
                f"view `{name}` has the digest {row['digest'] or '(none: it is a draft)'}, not {digest[:80]}"
            )
    caller.require(role, row["project"])
    return row


def spec_of(row: Row) -> ViewSpec:
    return from_plain(orjson.loads(row["spec_json"]))


def pinned_of(row: Row) -> PinnedView:
    if not row["published"]:
        raise ViewNotPublished(f"view `{row['name']}` is a draft; publish it first")
    return pinned_from_plain(orjson.loads(row["pinned_json"]))


def newer_semantics(row: Row) -> list[Warned]:
    """What is said of a copy of a published view whose queries were read by older rules."""
    number = pinned_of(row).semantics if row["published"] else SEMANTICS
    said = Warned(
        f"`{row['name']}` was published with semantics {number}; the copy will be with {SEMANTICS}, and may select "
        "other frames (see docs/query-language.md); compare both", "view", 0,
    )  # fmt: skip
    return [said] if number < SEMANTICS else []


def update(
    writing: Writing,
    caller: Caller,
    now_ms: int,
    row: Row,
    *,
    etag: str,
    changes: Mapping[str, Any],
    add_tags: Sequence[str],
    remove_tags: Sequence[str],
) -> Row:
    """`changes` may hold name, description, archived, project, and of a draft `spec`."""
    check_etag(row, etag)
    project = check_project(changes.get("project", row["project"]))
    if project != row["project"]:
        caller.require("admin", row["project"])
        caller.require("admin", project)
    name = changes.get("name", row["name"])
    if name != row["name"]:
        check_name("view", name)
        _check_free(writing, name)
    if "spec" in changes and row["published"]:
        raise ViewPublished(
            f"view `{row['name']}` is published and frozen; clone it (`command view clone`) and change the clone"
        )
    body = orjson.loads(row["body_json"]) | {key: changes[key] for key in ("description",) if key in changes}
    body["tags"] = with_tags(body.get("tags", []), list(add_tags), list(remove_tags))
    new = {"name": name, "project": project, "archived": int(changes.get("archived", row["archived"]))}
    if "spec" in changes:
        new["spec_json"] = orjson.dumps(to_plain(changes["spec"])).decode()
    return change(writing, "views", row, new | {"body_json": orjson.dumps(body).decode()} | updated(caller, now_ms))


def delete(writing: Writing, row: Row, *, force: bool, etag: str) -> None:
    check_etag(row, etag)
    if writing.one("experiment_views", view=row["id"]) is not None:
        raise InUse(f"an experiment names view `{row['name']}`; it stays as long as the experiment does")
    if row["published"] and not force:
        raise InUse(f"view `{row['name']}` is published; delete it with `option force` if it may go for ever")
    for table in ("view_versions", "selections", "view_sites", "view_orders"):
        writing.delete(table, view=row["id"])
    writing.delete("views", id=row["id"])


def stored_sites(reading: Reading, row: Row) -> list[SiteSelection]:
    rows = reading.rows("view_sites", order="site", view=row["id"])
    return [SiteSelection(each["site"], each["count"], each["digest"]) for each in rows]
