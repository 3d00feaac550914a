"""Experiments: recorded runs with parameters, metrics and named data views; cloned with other views."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from hyperdatasets.core.errors import InvalidArgument, ViewNotPublished
from hyperdatasets.core.names import check_name, check_project, not_found, placed
from metadata_service.catalog import resolving, views
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.datasets import metadata, shown
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.stamps import change, check_etag, created, new_id, updated, with_tags
from metadata_service.store.protocol import Reading, Row, Writing


def create(
    writing: Writing,
    caller: Caller,
    now_ms: int,
    *,
    project: str,
    name: str,
    parameters_json: str = "",
    environment_json: str = "",
    body: Mapping[str, Any] | None = None,
    cloned_from: str = "",
) -> Row:
    check_project(project)
    check_name("experiment", name)
    caller.require("runner", project)
    row = {
        "id": new_id(), "project": project, "name": name, "state": "created",
        "parameters_json": orjson.dumps(metadata(parameters_json)).decode(),
        "environment_json": orjson.dumps(metadata(environment_json)).decode(),
        "body_json": orjson.dumps(body or {}).decode(), "cloned_from": cloned_from, "archived": 0, "started_ms": 0,
        "ended_ms": 0, "beat_ms": 0, "generation": 1, **created(caller, now_ms),
    }  # fmt: skip
    writing.insert("experiments", row)
    return row


def find(reading: Reading, caller: Caller, name: str, *, role: str = "viewer") -> Row:
    """The experiment with this id, or the newest of this name."""
    row = reading.one("experiments", id=name)
    if row is None:
        named = reading.rows("experiments", order="created_ms DESC, rowid DESC", name=name.rpartition("/")[2])
        row = next((each for each in named if name in {each["name"], f"{each['project']}/{each['name']}"}), None)
    if row is None or not caller.may("viewer", row["project"]):
        listed = [each for each in reading.rows("experiments") if caller.may("viewer", each["project"])]
        names = [shown(each["project"], each["name"]) if "/" in name else each["name"] for each in listed]
        raise not_found("experiment", name, names)
    caller.require(role, row["project"])
    return row


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
    """`changes` may hold name, notes, archived, parameters_json, environment_json and state."""
    check_etag(row, etag)
    body = orjson.loads(row["body_json"]) | {key: changes[key] for key in ("notes",) if key in changes}
    body["tags"] = with_tags(body.get("tags", []), list(add_tags), list(remove_tags))
    new: Row = {"body_json": orjson.dumps(body).decode()}
    if "name" in changes:
        new["name"] = check_name("experiment", changes["name"])
    if "archived" in changes:
        new["archived"] = int(changes["archived"])
    for key in ("parameters_json", "environment_json"):
        if key in changes:
            new[key] = orjson.dumps(orjson.loads(row[key]) | metadata(changes[key])).decode()
    state = changes.get("state")
    if state:
        new["beat_ms"] = 0
    if state and state != row["state"]:
        new["state"] = state
        new["started_ms"] = now_ms if state == "running" else row["started_ms"]
        new["ended_ms"] = now_ms if state in {"completed", "failed", "stopped"} else 0
    return change(writing, "experiments", row, new | updated(caller, now_ms))


def connect(deployment: Deployment, writing: Writing, caller: Caller, row: Row, *, name: str, view: str) -> Row:
    """Gives a view a name in the experiment; a clone's replacement wins over what the code asks for."""
    check_name("named view", name)
    there = writing.one("experiment_views", experiment=row["id"], name=name)
    if there is not None and there["replacement"]:
        return there
    found = views.find(writing, caller, view)
    reason, frames = ("", 0) if found["published"] else _unpinned(deployment, writing, caller, found)
    named = {
        "experiment": row["id"], "name": name, "view": found["id"], "replacement": 0, "unpinned": reason,
        "frames": frames,
    }  # fmt: skip
    writing.replace("experiment_views", named)
    return named


def _unpinned(deployment: Deployment, reading: Reading, caller: Caller, view: Row) -> tuple[str, int]:
    """Why a draft view cannot be pinned, and how many frames it selects now."""
    resolved = resolving.resolve(deployment, reading, caller, view)
    rows = [reading.one("versions", id=version.version_id) for version in resolved.view.versions]
    drafts = [row["name"] for row in rows if row is not None and not row["published"]]
    if not drafts:
        raise ViewNotPublished(f"view `{view['name']}` is a draft over published versions; publish it first")
    listed = ", ".join(f"`{name}`" for name in dict.fromkeys(drafts))
    return f"version {listed} is a draft", sum(each.count for each in resolving.site_counts(resolved))


def clone(
    deployment: Deployment,
    writing: Writing,
    caller: Caller,
    now_ms: int,
    row: Row,
    *,
    name: str,
    replacements: Mapping[str, str],
    clear: bool,
    parameters_json: str,
) -> Row:
    """A copy that has not run; `replacements` are other views under the same names."""
    parameters = orjson.loads(row["parameters_json"]) | metadata(parameters_json)
    project, bare = placed(name or f"{row['name']} (clone)", row["project"])
    copy = create(
        writing, caller, now_ms, project=project, name=bare,
        parameters_json=orjson.dumps(parameters).decode(), environment_json=row["environment_json"],
        body=orjson.loads(row["body_json"]), cloned_from=row["id"],
    )  # fmt: skip
    kept = {} if clear else {each["name"]: each for each in named_views(writing, row)}
    for unknown in replacements.keys() - kept.keys() if not clear else ():
        raise not_found("named view", unknown, kept)
    for view_name, each in kept.items():
        if view_name not in replacements:
            view_row = writing.one("views", id=each["view"])
            now = {"unpinned": ""} if view_row is not None and view_row["published"] else {}
            writing.insert("experiment_views", {**each, **now, "experiment": copy["id"]})
    for view_name, view in replacements.items():
        connect(deployment, writing, caller, copy, name=view_name, view=view)
        writing.update("experiment_views", {"experiment": copy["id"], "name": view_name}, {"replacement": 1})
    return copy


def named_views(reading: Reading, row: Row) -> list[Row]:
    return reading.rows("experiment_views", order="name", experiment=row["id"])


def note_session(writing: Writing, site: str, report: bytes) -> None:
    """Notes that a site took part in the experiment that a report of its node names, if it served frames."""
    content = orjson.loads(report)
    row = writing.one("experiments", id=str(content.get("experiment", "")))
    if row is not None and content.get("frames"):
        writing.replace("experiment_sites", {"experiment": row["id"], "site": site})


def sites(reading: Reading, row: Row) -> dict[str, bool]:
    """The sites that have frames of its pinned views, by name, and whether each took part."""
    took_part = {each["site"] for each in reading.rows("experiment_sites", experiment=row["id"])}
    views_of = [each["view"] for each in named_views(reading, row) if not each["unpinned"]]
    listed = [each for view in views_of for each in reading.rows("view_sites", view=view)]
    return {site: site in took_part for site in sorted({each["site"] for each in listed if each["count"]} - {""})}


def log_metrics(writing: Writing, now_ms: int, row: Row, points: Iterable[tuple[str, int, float, int]]) -> None:
    """Points (name, step, value, time in ms or 0 for now); a point of the same name and step replaces the earlier."""
    for name, step, value, time_ms in points:
        check_name("metric", name)
        if not math.isfinite(value):
            raise InvalidArgument(f"metric `{name}`: NaN and infinity cannot be kept")
        point = {"experiment": row["id"], "name": name, "step": step, "value": value, "time_ms": time_ms or now_ms}
        writing.replace("metrics", point)


def metrics(reading: Reading, row: Row, names: Sequence[str], most: int) -> list[Row]:
    """Points by name and step; of more than `most` a name, evenly spread ones with the last."""
    points: dict[str, list[Row]] = {}
    for point in reading.rows("metrics", order="name, step", experiment=row["id"]):
        if not names or point["name"] in names:
            points.setdefault(point["name"], []).append(point)
    return [point for listed in points.values() for point in _thinned(listed, most)]


def delete(writing: Writing, row: Row) -> None:
    for table in ("experiment_views", "experiment_sites", "metrics"):
        writing.delete(table, experiment=row["id"])
    writing.delete("experiments", id=row["id"])


def _thinned(points: list[Row], most: int) -> list[Row]:
    if not most or len(points) <= most:
        return points
    return [points[(len(points) - 1) * i // max(most - 1, 1)] for i in range(most)]
