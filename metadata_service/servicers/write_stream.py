"""A stream of written batches: each is read and checked, kept in one transaction, then acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument
from hyperdatasets.core.given import Given, Refused, check_size
from hyperdatasets.core.vectors import Vector
from hyperdatasets.v1 import common_pb2 as common
from hyperdatasets.v1 import frame_service_pb2 as pb
from hyperdatasets.wire import columns
from hyperdatasets.wire.frames import from_message
from metadata_service.catalog import datasets, frames, vectors, versions
from metadata_service.catalog.batch import Batch, checked
from metadata_service.catalog.caller import Caller
from metadata_service.catalog.deployment import Deployment
from metadata_service.catalog.outcomes import Outcome
from metadata_service.catalog.requests import once
from metadata_service.servicers import encode
from metadata_service.store.protocol import Row, Writing

Item = TypeVar("Item")
_MODES: dict[int, frames.Mode] = {
    pb.WRITE_MODE_UNSPECIFIED: "upsert",
    pb.WRITE_MODE_UPSERT: "upsert",
    pb.WRITE_MODE_REGISTER: "register",
    pb.WRITE_MODE_REGISTER_REPLACE_ANNOTATIONS: "register_replacing_annotations",
    pb.WRITE_MODE_SHARED_PART: "shared_part",
}


def acknowledged(
    deployment: Deployment, requests: Iterator[pb.WriteFramesRequest], caller: Callable[[], Caller]
) -> Iterator[pb.WriteFramesResponse]:
    """Answers each batch once it is on disk; `caller` is asked after each that comes in, in the thread that reads."""
    batches = ((caller(), request, _read(request)) for request in requests)
    with deployment.indexes.stream_of_writes() as written:
        for who, request, batch in _ahead(batches):
            with deployment.store.writing() as writing:
                dataset = datasets.find(writing, who, request.dataset, role="editor")
                answer = _kept(deployment, writing, who, dataset, request, batch)
            written(dataset["id"], len(batch.rows))
            yield answer  # only now it is committed


def _ahead(items: Iterator[Item]) -> Iterator[Item]:
    """The same items; each is made in another thread while the one before is worked on."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="ahead")
    try:
        coming = thread.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item
    finally:
        thread.shutdown(wait=False)  # it ends with the stream that it waits for


def _read(request: pb.WriteFramesRequest) -> Batch:
    if request.mode not in _MODES:
        raise InvalidArgument(f"mode: there is no mode {request.mode}")
    if request.columns and request.frames:
        raise InvalidArgument("a batch has either `frames` or `columns`")
    if request.columns:
        return checked(columns.decode(request.columns))
    check_size(len(request.frames))
    etags = {place: write.etag for place, write in enumerate(request.frames) if write.HasField("etag")}
    return checked((_plain(write) for write in request.frames), etags)


def _plain(write: pb.FrameWrite) -> Given:
    try:
        return from_message(write.frame)
    except HyperdatasetsError as error:  # told with the batch: this frame is refused, the others are kept
        return Refused(write.frame.id, error)


def _kept(
    deployment: Deployment, writing: Writing, caller: Caller, dataset: Row, request: pb.WriteFramesRequest, batch: Batch
) -> pb.WriteFramesResponse:
    version = versions.find_draft(writing, dataset, request.version)
    now_ms = deployment.now_ms()

    def work() -> pb.WriteFramesResponse:
        outcome = frames.write(
            writing, deployment.contents, caller, now_ms, dataset, version, mode=_MODES[request.mode], batch=batch
        )
        failures = encode.failures(outcome) + _vectors(deployment, writing, caller, request, dataset, outcome)
        return pb.WriteFramesResponse(
            request_id=request.request_id, added=outcome.added, updated=outcome.updated, unchanged=outcome.unchanged,
            failures=failures, warnings=[common.Warning(message=text, where=where) for where, text in outcome.warnings],
            version_etag=str(outcome.version["generation"]), changes=outcome.changes,
            differences=_differences(batch, outcome),
        )  # fmt: skip

    return once(
        writing, caller, now_ms, target=version["id"], request=request, response=pb.WriteFramesResponse, work=work
    )


def _differences(batch: Batch, outcome: Outcome) -> list[pb.WriteDifference]:
    places = {row["frame_id"]: place for place, row in batch.rows.items()} if outcome.differences else {}
    return [
        pb.WriteDifference(index=places[frame_id], frame_id=frame_id, part=part)
        for frame_id, part in outcome.differences
    ]


def _vectors(
    deployment: Deployment, writing: Writing, caller: Caller, request: pb.WriteFramesRequest, dataset: Row,
    outcome: Outcome,
) -> list[pb.WriteFailure]:  # fmt: skip
    """Writes the vectors that came with frames; those of frames that failed are left out."""
    failed = {each.index for each in outcome.failures}
    by_field: dict[str, list[tuple[int, str, Vector]]] = {}
    for index, write in enumerate(request.frames):
        for each in write.vectors if index not in failed else ():
            values = np.asarray(each.values, np.float32)
            by_field.setdefault(each.field, []).append((index, write.frame.id, values))
    found: list[pb.WriteFailure] = []
    for name, given in sorted(by_field.items()):
        ids = [frame_id for _, frame_id, _ in given]
        held = frames.current_heads(writing, deployment.contents, dataset, outcome.version, ids)
        done = vectors.write(
            writing, caller, deployment.now_ms(), dataset, name=name, ids=ids,
            values=[values for _, _, values in given], held=held,
        )  # fmt: skip
        for failure in encode.failures(done):
            failure.index = given[failure.index][0]
            found.append(failure)
    return found
