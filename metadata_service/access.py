"""What stands before every method: the protocol's version, who calls, which role the method needs, errors as statuses.

Deny by default: a method that is not in the map is refused.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NoReturn

import grpc

from hyperdatasets.core.errors import (
    HyperdatasetsError,
    LimitExceeded,
    PermissionDenied,
    ProtocolMismatch,
    Unauthenticated,
)
from hyperdatasets.engine import deadline
from hyperdatasets.engine.turns import Turns
from hyperdatasets.wire.absent import NOT_BUILT, absent
from hyperdatasets.wire.errors import to_status
from metadata_service.catalog.caller import LOCAL_ADMIN, Caller
from metadata_service.catalog.users import authenticate
from metadata_service.store.protocol import Store

PROTOCOL = 1
_LOG = logging.getLogger("metadata_service")
_CALLER: ContextVar[Caller] = ContextVar("caller")

ANYONE, KNOWN, NODE = "anyone", "known", "node"
"""Without a token; with any valid token, the catalog asks for roles per project; a site's node."""

METHODS: dict[str, str] = {
    **dict.fromkeys((
        "CreateDataset", "GetDataset", "ListDatasets", "UpdateDataset", "DeleteDataset", "ListProjects",
        "RecordUploads", "ListUploads",
    ), KNOWN),
    **dict.fromkeys((
        "CreateVersion", "GetVersion", "ListVersions", "UpdateVersion", "PublishVersion", "CreateSnapshot",
        "DeleteVersion", "RevertVersion", "DiffVersions", "GetVersionRecord",
    ), KNOWN),
    **dict.fromkeys((
        "WriteFrames", "DeleteFrames", "CopyFrames", "UpdateByQuery", "QueryFrames", "ListFrames", "CountFrames",
        "BatchGetFrames", "GetStatistics", "GetSchema", "CreateVectorField", "ListVectorFields", "SetVectors",
        "BatchGetVectors", "SearchVectors", "WithdrawPublicFrames", "SampleFrames", "GroupFrames",
    ), KNOWN),
    **dict.fromkeys((
        "CreateDataView", "GetDataView", "ListDataViews", "UpdateDataView", "DeleteDataView", "PublishDataView",
        "CloneDataView", "ResolveDataView", "VerifyDataView", "ReadDataView", "CompareDataViews", "GetViewRecord",
    ), KNOWN),
    **dict.fromkeys(("RunChecks", "ListReports", "SetGate", "GetGate"), KNOWN),
    **dict.fromkeys((
        "CreateExperiment", "GetExperiment", "ListExperiments", "UpdateExperiment", "BeatExperiment", "ConnectView",
        "CloneExperiment", "LogMetrics", "GetMetrics", "CompareExperiments", "DeleteExperiment",
    ), KNOWN),
    **dict.fromkeys((
        "CreateSite", "GetSite", "ListSites", "ApproveSite", "RevokeSite", "ListSessionReports",
    ), KNOWN),
    **dict.fromkeys(("Heartbeat", "ReadSlice", "ReportSession"), NODE),
    "EnrolNode": ANYONE,
    **dict.fromkeys(("CreateUser", "ListUsers", "SetRole", "CreateToken", "RevokeTokens", "WhoAmI"), KNOWN),
}  # fmt: skip
_COMPUTING = 1  # calls at once: with two, Python hands its one lock to and fro, and all take longer
_ASKED_AGAIN_MS = 1_000
LIMITED = frozenset({
    "QueryFrames", "ListFrames", "CountFrames", "GetStatistics", "GetSchema", "SampleFrames", "GroupFrames",
    "SearchVectors", "ResolveDataView",
})  # fmt: skip
"""Methods that may be asked anything, and may not compute for long; others as long as their callers wait."""
_OUTSIDE = ("/grpc.health.", "/grpc.reflection.")  # services of gRPC's own


def caller() -> Caller:
    """Who makes the call that is being answered."""
    return _CALLER.get()


class Gate(grpc.ServerInterceptor):
    """`open_to_all`: a loopback deployment without tokens, in which everybody is the local admin."""

    def __init__(
        self, store: Store, now_ms: Callable[[], int], *, open_to_all: bool, streams: int, query_s: float
    ) -> None:
        """`streams`: how many may be open at once; fewer than the threads, so that calls are answered beside them."""
        self._store, self._now_ms, self._open, self._query_s = store, now_ms, open_to_all, query_s
        self._streams = threading.BoundedSemaphore(streams)
        self._turns = Turns(_COMPUTING)

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], details: grpc.HandlerCallDetails
    ) -> Any:
        handler = continuation(details)
        if handler is None or details.method in NOT_BUILT:
            return absent(details.method, server="metadata service")
        if details.method.startswith(_OUTSIDE):
            return handler
        method = details.method.rpartition("/")[2]
        metadata = {key: _text(value) for key, value in details.invocation_metadata}
        limit_s = self._query_s if method in LIMITED else math.inf

        def admitted() -> Caller:
            _check_protocol(metadata.get("hd-protocol"))
            return self._admit(method, metadata.get("authorization", ""))

        if handler.response_streaming:
            streaming = _timed(handler.stream_stream or handler.unary_stream, limit_s)
            make = (
                grpc.stream_stream_rpc_method_handler
                if handler.request_streaming
                else (grpc.unary_stream_rpc_method_handler)
            )
            wrapped = _answering_with_a_stream(
                _counted(streaming, self._streams), admitted, method, self._now_ms, listening=handler.request_streaming
            )
        else:
            make = grpc.unary_unary_rpc_method_handler
            behaviour = _timed(handler.unary_unary, limit_s)
            wrapped = _answering(self._in_turn(behaviour) if method in LIMITED else behaviour, admitted, method)
        return make(wrapped, handler.request_deserializer, handler.response_serializer)

    def _in_turn(self, behaviour: Callable[..., Any]) -> Callable[..., Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            with self._turns.turn():
                return behaviour(request, context)

        return answer

    def _admit(self, method: str, authorization: str) -> Caller:
        needs = METHODS.get(method)
        if needs is None:
            raise PermissionDenied(f"`{method}` is open to nobody")
        secret = authorization.removeprefix("Bearer ").strip()
        if secret:
            with self._store.reading() as reading:
                found = authenticate(reading, secret, self._now_ms())
        elif self._open:
            found = LOCAL_ADMIN
        elif needs == ANYONE:
            found = Caller("anyone")
        else:
            raise Unauthenticated("this service needs a token: set HYPERDATASETS_TOKEN, or `token` in client.toml")
        if needs == NODE and not found.site:
            raise PermissionDenied("only the node of a site may call this")
        return found


def _timed(behaviour: Callable[..., Any], limit_s: float) -> Callable[..., Any]:
    """What is computed ends with the time that the caller or the service gives it, and when nobody waits any more."""

    def timed(request: Any, context: grpc.ServicerContext) -> Any:
        left_s = context.time_remaining()
        deadline.begin(limit_s if left_s is None else min(left_s, limit_s), context.is_active)
        return behaviour(request, context)

    return timed


def _answering(behaviour: Callable[..., Any], admitted: Callable[[], Caller], method: str) -> Callable[..., Any]:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            token = _CALLER.set(admitted())
            try:
                return behaviour(request, context)
            finally:
                _CALLER.reset(token)
        except HyperdatasetsError as error:
            _abort(context, error)
        except Exception as error:  # noqa: BLE001  # whatever it is, the caller gets a status and the log the rest
            _abort_unexpected(context, error, method)

    return answer


def _answering_with_a_stream(
    behaviour: Callable[..., Any],
    admitted: Callable[[], Caller],
    method: str,
    now_ms: Callable[[], int],
    *,
    listening: bool,
) -> Callable[..., Any]:
    """Who calls is asked again for each message that comes in, and once a second of those that go out."""

    def heard(requests: Iterator[Any]) -> Iterator[Any]:
        for request in requests:
            _CALLER.set(admitted())
            yield request

    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            _CALLER.set(admitted())
            asked_ms = now_ms()
            for message in behaviour(heard(request) if listening else request, context):
                if now_ms() - asked_ms >= _ASKED_AGAIN_MS:
                    _CALLER.set(admitted())
                    asked_ms = now_ms()
                yield message
        except HyperdatasetsError as error:
            _abort(context, error)
        except Exception as error:  # noqa: BLE001
            if context.is_active():
                _abort_unexpected(context, error, method)

    return answer


def _counted(behaviour: Callable[..., Any], streams: threading.BoundedSemaphore) -> Callable[..., Any]:
    def counted(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        if not streams.acquire(blocking=False):
            raise LimitExceeded("the service has as many streams open as it serves at once; try again in a moment")
        try:
            yield from behaviour(request, context)
        finally:
            streams.release()

    return counted


def _abort(context: grpc.ServicerContext, error: HyperdatasetsError) -> NoReturn:
    context.abort_with_status(to_status(error))


def _abort_unexpected(context: grpc.ServicerContext, error: Exception, method: str) -> NoReturn:
    _LOG.error("a call failed unexpectedly", extra={"method": method}, exc_info=error)
    _abort(context, HyperdatasetsError("the service failed unexpectedly; its log says more"))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")


def _check_protocol(given: str | None) -> None:
    if given is not None and given != str(PROTOCOL):
        raise ProtocolMismatch(
            f"the client speaks protocol {given}, this service {PROTOCOL}; install matching versions of hyperdatasets"
        )
