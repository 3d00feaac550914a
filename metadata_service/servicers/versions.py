"""VersionService."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import orjson

from hyperdatasets.core.versions import Change, changes, diff
from hyperdatasets.v1 import version_service_pb2 as pb
from hyperdatasets.v1 import version_service_pb2_grpc as rpc
from metadata_service import pages
from metadata_service.catalog import checks, datasets, versions
from metadata_service.catalog.records import record
from metadata_service.catalog.rows import frame_of
from metadata_service.catalog.tombstones import withdrawn
from metadata_service.servicers import encode
from metadata_service.servicers.base import Servicer, given
from metadata_service.store.protocol import Reading, Row, Writing

_COLLISIONS = 1_000  # that are listed
_EXPLAINED = 10_000  # changes that may be explained
_CHUNK = 1_000  # changes a message


class VersionServicer(Servicer, rpc.VersionServiceServicer):
    def CreateVersion(
        self, request: pb.CreateVersionRequest, context: grpc.ServicerContext
    ) -> pb.CreateVersionResponse:
        body = {
            "comment": request.comment, "tags": sorted(set(request.tags)),
            "metadata": datasets.metadata(request.metadata_json),
        }  # fmt: skip

        def work(writing: Writing) -> pb.CreateVersionResponse:
            dataset = datasets.find(writing, self.caller, request.dataset, role="editor")
            parents = [versions.find(writing, dataset, parent) for parent in request.parents]
            row, merge = versions.create(
                writing, self.deployment.contents, self.caller, self.now_ms, dataset, name=request.name,
                parents=parents, body=body, refuse_collisions=request.on_collision == pb.ON_COLLISION_REFUSE,
            )  # fmt: skip
            listed = [
                pb.Collision(
                    frame_id=each.frame_id, winner_version_id=parents[each.winner]["id"],
                    winner_revision=each.revision, loser_revisions=each.losers, loser_deleted=each.deleted,
                )
                for each in merge.collisions[:_COLLISIONS]
            ]  # fmt: skip
            return pb.CreateVersionResponse(
                version=encode.version(writing, row), collisions=listed, collision_count=len(merge.collisions),
                base_version_ids=merge.bases,
                mask_label_collisions=[
                    pb.MaskLabelCollision(value=value, labels=labels) for value, labels in merge.mask_collisions
                ],
            )  # fmt: skip

        return self.once(request, pb.CreateVersionResponse, work)

    def GetVersion(self, request: pb.GetVersionRequest, context: grpc.ServicerContext) -> pb.GetVersionResponse:
        with self.reading() as reading:
            _, row = self._found(reading, request.dataset, request.version)
            return pb.GetVersionResponse(version=encode.version(reading, row))

    def ListVersions(self, request: pb.ListVersionsRequest, context: grpc.ServicerContext) -> pb.ListVersionsResponse:
        start, size = pages.start(self.deployment.page_key, request), pages.size(request.page_size)
        with self.reading() as reading:
            dataset = datasets.find(reading, self.caller, request.dataset)
            rows = reading.rows("versions", order="number", dataset=dataset["id"])
            if request.state:
                published = request.state == pb.VERSION_STATE_PUBLISHED
                rows = [row for row in rows if bool(row["published"]) is published]
            rows = [row for row in rows if datasets.says(row, request.text)]
            found = [encode.version(reading, row) for row in rows[start : start + size]]
        more = start + size < len(rows)
        token = pages.token(self.deployment.page_key, request, start=start + size) if more else ""
        return pb.ListVersionsResponse(versions=found, next_page_token=token)

    def UpdateVersion(
        self, request: pb.UpdateVersionRequest, context: grpc.ServicerContext
    ) -> pb.UpdateVersionResponse:
        changed = given(request, "name", "comment")
        if request.HasField("metadata_json"):
            changed["metadata"] = datasets.metadata(request.metadata_json)
        if request.HasField("mask_labels"):
            plain = [{"value": each.value, "labels": each.labels} for each in request.mask_labels.mask_labels]
            changed["mask_labels"] = versions.mask_labels(plain)

        def work(writing: Writing) -> pb.UpdateVersionResponse:
            _, row = self._found(writing, request.dataset, request.version, role="editor")
            row = versions.update(
                writing, self.caller, self.now_ms, row, etag=request.etag, changes=changed,
                add_tags=request.add_tags, remove_tags=request.remove_tags,
            )  # fmt: skip
            return pb.UpdateVersionResponse(version=encode.version(writing, row))

        return self.once(request, pb.UpdateVersionResponse, work)

    def PublishVersion(
        self, request: pb.PublishVersionRequest, context: grpc.ServicerContext
    ) -> pb.PublishVersionResponse:
        def work(writing: Writing) -> pb.PublishVersionResponse:
            _, row = self._found(writing, request.dataset, request.version, role="editor")
            row = versions.publish(
                writing, self.deployment.signer, self.caller, self.now_ms, row, name=request.name, etag=request.etag,
                gate=self._gate(writing, force=request.force),
            )  # fmt: skip
            return pb.PublishVersionResponse(version=encode.version(writing, row))

        self._prepare_gate(request.dataset)
        with checks.refusals_kept(self.deployment, self.caller):
            return self.once(request, pb.PublishVersionResponse, work)

    def CreateSnapshot(
        self, request: pb.CreateSnapshotRequest, context: grpc.ServicerContext
    ) -> pb.CreateSnapshotResponse:
        def work(writing: Writing) -> pb.CreateSnapshotResponse:
            dataset = datasets.find(writing, self.caller, request.dataset, role="editor")
            metadata = datasets.metadata(request.child_metadata_json)
            child_body = {"comment": request.child_comment, "metadata": metadata}
            published, child = versions.snapshot(
                writing, self.deployment.contents, self.deployment.signer, self.caller, self.now_ms, dataset,
                publish_name=request.publish_name or versions.snapshot_name(writing, dataset, self.now_ms),
                child_name=request.child_name,
                child_body=child_body, gate=self._gate(writing, force=request.force),
            )  # fmt: skip
            return pb.CreateSnapshotResponse(
                published=encode.version(writing, published), child=encode.version(writing, child)
            )

        self._prepare_gate(request.dataset)
        with checks.refusals_kept(self.deployment, self.caller):
            return self.once(request, pb.CreateSnapshotResponse, work)

    def DeleteVersion(
        self, request: pb.DeleteVersionRequest, context: grpc.ServicerContext
    ) -> pb.DeleteVersionResponse:
        def work(writing: Writing) -> pb.DeleteVersionResponse:
            _, row = self._found(writing, request.dataset, request.version, role="editor")
            versions.delete(writing, row, force=request.force, etag=request.etag)
            return pb.DeleteVersionResponse()

        return self.once(request, pb.DeleteVersionResponse, work)

    def RevertVersion(
        self, request: pb.RevertVersionRequest, context: grpc.ServicerContext
    ) -> pb.RevertVersionResponse:
        def work(writing: Writing) -> pb.RevertVersionResponse:
            dataset = datasets.find(writing, self.caller, request.dataset, role="editor")
            row = versions.find_draft(writing, dataset, request.version)
            row, earlier = versions.revert(
                writing, self.deployment.contents, self.caller, self.now_ms, row, etag=request.etag
            )
            return pb.RevertVersionResponse(version=encode.version(writing, row), merged_by_earlier_rule=earlier)

        return self.once(request, pb.RevertVersionResponse, work)

    def DiffVersions(
        self, request: pb.DiffVersionsRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.DiffVersionsResponse]:
        with self.reading() as reading:
            dataset, before = self._found(reading, request.dataset, request.before)
            after = versions.find(reading, dataset, request.after)
            gone = withdrawn(reading, dataset["id"])
            old, new = (self.deployment.contents.of(reading, row) - gone for row in (before, after))
            found = diff(old, new, lambda revisions: versions.frame_ids(reading, dataset["id"], revisions))
            yield pb.DiffVersionsResponse(
                added=len(found.added), removed=len(found.removed), changed=len(found.changed)
            )
            listed = [pb.FrameChange(frame_id=key, kind=pb.CHANGE_KIND_CHANGED, before_revision=old, after_revision=new)
                      for key, (old, new) in found.changed.items()]  # fmt: skip
            listed += [pb.FrameChange(frame_id=key, kind=pb.CHANGE_KIND_ADDED, after_revision=revision)
                       for key, revision in sorted(found.added.items())]  # fmt: skip
            listed += [pb.FrameChange(frame_id=key, kind=pb.CHANGE_KIND_REMOVED, before_revision=revision)
                       for key, revision in sorted(found.removed.items())]  # fmt: skip
            listed = listed[: request.limit] if request.limit else listed
            explained = min(request.explain, _EXPLAINED)
            _explain(reading, dataset, [each for each in listed if each.kind == pb.CHANGE_KIND_CHANGED][:explained])
            for start in range(0, len(listed), _CHUNK):
                yield pb.DiffVersionsResponse(changes=listed[start : start + _CHUNK])

    def GetVersionRecord(
        self, request: pb.GetVersionRecordRequest, context: grpc.ServicerContext
    ) -> pb.GetVersionRecordResponse:
        with self.reading() as reading:
            _, row = self._found(reading, request.dataset, request.version)
            found = record(reading, "version", row["id"])
            signed = None if found is None else encode.record(found, self.deployment.signer.key_id)
            return pb.GetVersionRecordResponse(record=signed)

    def _prepare_gate(self, name: str) -> None:
        with self.reading() as reading:
            dataset = datasets.find(reading, self.caller, name, role="editor")
        checks.prepare_gate(self.deployment, dataset["id"])

    def _gate(self, writing: Writing, *, force: bool) -> versions.Gate:
        return lambda row: checks.pass_gate(self.deployment, writing, self.caller, row, force=force)

    def _found(self, reading: Reading, dataset: str, version: str, *, role: str = "viewer") -> tuple[Row, Row]:
        owner = datasets.find(reading, self.caller, dataset, role=role)
        return owner, versions.find(reading, owner, version)


def _explain(reading: Reading, dataset: Row, listed: list[pb.FrameChange]) -> None:
    wanted = sorted({number for each in listed for number in (each.before_revision, each.after_revision)})
    rows = {row["revision"]: frame_of(row) for row in reading.revisions(dataset["id"], wanted)}
    for each in listed:
        found = changes(rows[each.before_revision], rows[each.after_revision])
        each.fields.extend(_field_change(change) for change in found)


def _field_change(change: Change) -> pb.FieldChange:
    before = "" if change.absent == "before" else orjson.dumps(change.before, default=_shown).decode()
    after = "" if change.absent == "after" else orjson.dumps(change.after, default=_shown).decode()
    return pb.FieldChange(path=change.path, before_json=before, after_json=after)


def _shown(value: object) -> str:
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)
