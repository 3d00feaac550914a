"""Rows of the store as messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from hyperdatasets.core.frames import Frame
from hyperdatasets.core.selection import SiteSelection
from hyperdatasets.v1 import check_service_pb2 as checks_pb
from hyperdatasets.v1 import common_pb2 as common
from hyperdatasets.v1 import dataset_service_pb2 as datasets_pb
from hyperdatasets.v1 import dataview_service_pb2 as views_pb
from hyperdatasets.v1 import experiment_service_pb2 as experiments_pb
from hyperdatasets.v1 import frame_pb2
from hyperdatasets.v1 import frame_service_pb2 as frames_pb
from hyperdatasets.v1 import site_service_pb2 as sites_pb
from hyperdatasets.v1 import user_service_pb2 as users_pb
from hyperdatasets.v1 import version_service_pb2 as versions_pb
from hyperdatasets.wire.frames import to_fields
from metadata_service.catalog import contents, experiment_life, experiments, versions
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.outcomes import Outcome
from metadata_service.catalog.queries import Warned
from metadata_service.catalog.rows import frame_of
from metadata_service.store.protocol import Reading, Row


def time(milliseconds: int) -> Timestamp | None:
    if not milliseconds:
        return None
    return Timestamp(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)


def stamp(row: Row) -> common.Stamp:
    return common.Stamp(
        created_by=row["created_by"], created_at=time(row["created_ms"]),
        updated_by=row["updated_by"], updated_at=time(row["updated_ms"]),
    )  # fmt: skip


def json_text(value: Mapping[str, Any] | None) -> str:
    return orjson.dumps(value).decode() if value else ""


def dataset(reading: Reading, row: Row) -> datasets_pb.Dataset:
    body = orjson.loads(row["body_json"])
    of_dataset = reading.rows("versions", order="number", dataset=row["id"])
    return datasets_pb.Dataset(
        id=row["id"], project=row["project"], name=row["name"], description=body.get("description", ""),
        tags=body.get("tags", []), metadata_json=json_text(body.get("metadata")), archived=bool(row["archived"]),
        stamp=stamp(row), etag=str(row["generation"]), version_count=len(of_dataset),
        newest_version_id=of_dataset[-1]["id"] if of_dataset else "",
    )  # fmt: skip


def version(reading: Reading, row: Row) -> versions_pb.Version:
    body = orjson.loads(row["body_json"])
    state = versions_pb.VERSION_STATE_PUBLISHED if row["published"] else versions_pb.VERSION_STATE_DRAFT
    return versions_pb.Version(
        id=row["id"], dataset_id=row["dataset"], name=row["name"], state=state,
        parent_ids=orjson.loads(row["parents_json"]), comment=body.get("comment", ""), tags=body.get("tags", []),
        metadata_json=json_text(body.get("metadata")),
        mask_labels=[versions_pb.MaskLabel(**each) for each in body.get("mask_labels", [])],
        frame_count=row["frames"], annotated_count=row["annotated"],
        sites=[common.SiteLeaf(site=site, count=count, digest=digest)
               for site, count, digest in contents.leaves(reading, row["id"])],
        digest=versions.digest(reading, row), stamp=stamp(row), published_ms=row["published_ms"],
        etag=str(row["generation"]), forced=body.get("forced", False),
    )  # fmt: skip


def check_report(row: Row) -> checks_pb.CheckReport:
    return checks_pb.CheckReport(
        id=row["id"], version_id=row["version"], version_digest=row["digest"], passed=bool(row["passed"]),
        results=[checks_pb.CheckResult(**each) for each in orjson.loads(row["results_json"])],
        ran_at=time(row["ran_ms"]), ran_by=row["ran_by"], checks=row["checks"], gate=bool(row["gate"]),
        forced=bool(row["forced"]),
    )  # fmt: skip


def stored_frame(row: Row, shown: Frame | None = None) -> frame_pb2.StoredFrame:
    """A revision; `shown` is what is sent in place of the whole frame."""
    return frame_pb2.StoredFrame(
        frame=to_fields(frame_of(row) if shown is None else shown), revision=row["revision"],
        digest=f"sha256:{row['digest'].hex()}",
        saved_ms=row["saved_ms"], saved_in_version=row["saved_in"], saved_by=row["saved_by"],
    )  # fmt: skip


def tombstone(row: Row) -> frame_pb2.StoredFrame:
    """What is left of a withdrawn frame."""
    return frame_pb2.StoredFrame(
        frame=frame_pb2.Frame(id=row["frame_id"], site=row["site"]), revision=row["revision"],
        digest=f"sha256:{row['digest'].hex()}", withdrawn=True,
    )  # fmt: skip


def warnings(warned: Iterable[Warned]) -> list[common.Warning]:
    return [common.Warning(message=each.message, where=each.where, position=each.position) for each in warned]


def view(row: Row, sites: Iterable[SiteSelection]) -> views_pb.DataView:
    body = orjson.loads(row["body_json"])
    return views_pb.DataView(
        id=row["id"], project=row["project"], name=row["name"], description=body.get("description", ""),
        tags=body.get("tags", []),
        state=views_pb.VIEW_STATE_PUBLISHED if row["published"] else views_pb.VIEW_STATE_DRAFT,
        spec_json=row["spec_json"], pinned_json=row["pinned_json"], digest=row["digest"],
        sites=selections(sites), archived=bool(row["archived"]), stamp=stamp(row), published_ms=row["published_ms"],
        etag=str(row["generation"]),
    )  # fmt: skip


def selections(sites: Iterable[SiteSelection]) -> list[views_pb.SiteSelection]:
    return [views_pb.SiteSelection(site=each.site, count=each.count, digest=each.digest) for each in sites]


def record(row: Row, key_id: str) -> common.SignedRecord:
    return common.SignedRecord(kind=row["kind"], payload=row["payload"], signature=row["signature"], key_id=key_id)


def site(row: Row) -> sites_pb.Site:
    return sites_pb.Site(
        name=row["name"], description=row["description"], projects=orjson.loads(row["projects_json"]),
        state=sites_pb.SiteState.Value(f"SITE_STATE_{row['state'].upper()}"), fingerprint=row["fingerprint"],
        frame_count=row["frame_count"], last_seen=time(row["seen_ms"]), node_version=row["node_version"],
        stamp=stamp(row),
    )  # fmt: skip


def user(row: Row) -> users_pb.User:
    return users_pb.User(name=row["name"], roles=roles(orjson.loads(row["roles_json"])), stamp=stamp(row))


def roles(of: Mapping[str, str]) -> list[users_pb.RoleGrant]:
    return [
        users_pb.RoleGrant(project=project, role=users_pb.Role.Value(f"ROLE_{role.upper()}"))
        for project, role in sorted(of.items())
    ]


def experiment(deployment: Deployment, reading: Reading, row: Row) -> experiments_pb.Experiment:
    body = orjson.loads(row["body_json"])
    named = reading.rows("experiment_views", order="name", experiment=row["id"])
    views = [named_view(reading, each) for each in named]
    return experiments_pb.Experiment(
        id=row["id"], project=row["project"], name=row["name"],
        state=experiment_state(experiment_life.state(deployment, row)),
        parameters_json=row["parameters_json"], environment_json=row["environment_json"],
        views=views, unpinned=any(each.unpinned for each in views),
        cloned_from=row["cloned_from"], notes=body.get("notes", ""), tags=body.get("tags", []),
        archived=bool(row["archived"]), stamp=stamp(row), started_at=time(row["started_ms"]),
        ended_at=time(experiment_life.ended_ms(deployment, row)), last_metrics=reading.last_metrics(row["id"]),
        etag=str(row["generation"]),
        sites=[
            experiments_pb.ExperimentSite(site=site, took_part=took_part)
            for site, took_part in experiments.sites(reading, row).items()
        ],
    )  # fmt: skip


def experiment_state(name: str) -> experiments_pb.ExperimentState.ValueType:
    return experiments_pb.ExperimentState.Value(f"EXPERIMENT_STATE_{name.upper()}")


def named_view(reading: Reading, row: Row) -> experiments_pb.NamedView:
    view = reading.one("views", id=row["view"])
    name = "" if view is None else view["name"]
    pinned = view is not None and not row["unpinned"]
    frames = sum(each["count"] for each in reading.rows("view_sites", view=row["view"])) if pinned else row["frames"]
    return experiments_pb.NamedView(
        name=row["name"], view_id=row["view"], reference=f"{name}@{view['digest']}" if view and pinned else name,
        replacement=bool(row["replacement"]), unpinned=row["unpinned"], frames=frames,
    )  # fmt: skip


def failures(outcome: Outcome) -> list[frames_pb.WriteFailure]:
    return [
        frames_pb.WriteFailure(
            index=each.index, frame_id=each.frame_id, reason=each.error.reason, message=each.error.message
        )
        for each in outcome.failures
    ]  # fmt: skip
