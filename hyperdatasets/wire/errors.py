"""Errors between Python and `google.rpc.Status`: one table of reasons, both ways."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from hyperdatasets.core.errors import (
    REASONS,
    DeadlineExceeded,
    HyperdatasetsError,
    InvalidArgument,
    LimitExceeded,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)

DOMAIN = "hyperdatasets"

_BY_CODE: dict[grpc.StatusCode, type[HyperdatasetsError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitExceeded,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.UNIMPLEMENTED: Unimplemented,
}


def to_status(error: HyperdatasetsError) -> grpc.Status:
    """What a servicer aborts with (`context.abort_with_status`)."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.fields)
    detail = any_pb2.Any()
    detail.Pack(info)
    code = grpc.StatusCode[error.status]
    status: grpc.Status = rpc_status.to_status(
        status_pb2.Status(code=code.value[0], message=error.message, details=[detail])
    )
    return status


def from_rpc_error(error: grpc.RpcError) -> HyperdatasetsError:
    """The error that the server raised, or the nearest one if the failure lies between us and it."""
    info = _error_info(error)
    code, message = error.code(), error.details() or "the server gave no reason"
    kind = REASONS.get(info.reason) if info is not None else _BY_CODE.get(code)
    if kind is None:
        return HyperdatasetsError(f"{message} ({code.name})", code=code.name)
    return kind(message, **(dict(info.metadata) if info is not None else {"code": code.name}))


def _error_info(error: grpc.RpcError) -> error_details_pb2.ErrorInfo | None:
    if not isinstance(error, grpc.Call):
        return None
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # the status contradicts the call: not one of ours
        return None
    for detail in status.details if status is not None else ():
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return info
    return None
