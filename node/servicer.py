"""NodeService: who asks is known by certificate; unknown and forbidden are answered alike."""

from __future__ import annotations

import hmac
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import grpc
import orjson

from hyperdatasets.core.errors import HyperdatasetsError, InvalidArgument, Refused, Unimplemented
from hyperdatasets.core.order import MAX_POSITION, MAX_POSITIONS
from hyperdatasets.formats.agreement import Agreement, boxes_as
from hyperdatasets.formats.intake import Options
from hyperdatasets.v1 import node_service_pb2 as pb
from hyperdatasets.v1 import site_service_pb2 as sites_pb
from hyperdatasets.version import __version__
from hyperdatasets.wire.errors import to_status
from node import clients, policy
from node.admission import OUTDATED, Admission, Grant
from node.audit import Audit
from node.centre import Centre
from node.config import NodeConfig
from node.keys import Keys
from node.registration import Order, Registration
from node.sessions import Session, Sessions
from node.site_table import TableOrder
from node.sources.local import LocalRoot
from node.store import NodeStore
from node.streaming import Streaming
from node.streams import Streams

LOCAL = clients.Client("local")  # the client of an open node on loopback
MAX_TEXT = 1_000  # characters of what a client says about itself
MAX_READERS = 1 << 20  # workers, and positions in a block
_LEDGER_PIECE = 1 << 20  # bytes
_LOG = logging.getLogger("node")


@dataclass(frozen=True)
class Site:
    """What a node consists of, made once at its start."""

    folder: Path
    config: NodeConfig
    keys: Keys
    store: NodeStore
    roots: dict[str, LocalRoot]
    centre: Centre
    admission: Admission
    sessions: Sessions
    streaming: Streaming
    streams: Streams
    audit: Audit
    connected: Callable[[], bool]
    state: Callable[[], sites_pb.SiteState.ValueType]
    end_session: Callable[[Session], None]

    def rules(self) -> policy.Policy:
        """The policy as it is now; an open node without a file allows what was registered at it."""
        path = self.folder / policy.FILE
        if self.config.profile == "open" and not path.exists():
            return policy.open_policy()
        return policy.load(path)


class NodeServicer:
    """Methods of NodeService; `ReadFrames` gives messages that are serialized already."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def OpenSession(self, request: pb.OpenSessionRequest, context: grpc.ServicerContext) -> pb.OpenSessionResponse:
        client = self._client(context)
        if max(map(len, (request.view, request.purpose, request.experiment))) > MAX_TEXT:
            raise InvalidArgument(f"view, purpose and experiment have at most {MAX_TEXT} characters")
        if self._site.config.profile == "strict" and not request.purpose.strip():
            raise InvalidArgument("purpose: this site asks what the frames are for; say it in `purpose`")
        asked = {
            "client": client.name,
            "view": request.view,
            "purpose": request.purpose,
            "experiment": request.experiment,
        }
        try:
            grant, decision = self._site.admission.admit(request.view, client.name, request.purpose, self._site.rules())
        except HyperdatasetsError as error:
            self._refuse(error, asked)
        session = self._site.sessions.open(
            grant, client=client, view=request.view, purpose=request.purpose, experiment=request.experiment,
            rank=request.partition, ranks=request.partitions or 1,
            epoch=request.epoch if request.HasField("epoch") else None,
        )  # fmt: skip
        self._site.audit.add("allowed", **asked, rule=decision.rule, session=session.id, frames=grant.frames)
        return _opened(session, grant, self._site.config.site)

    def ReadFrames(self, request: pb.ReadFramesRequest, context: grpc.ServicerContext) -> Iterator[bytes]:
        client = self._client(context)
        session = self._session(request.session_id, client)
        if not 0 <= request.offset < MAX_POSITION or request.limit < 0:
            raise InvalidArgument(f"offset and limit are not negative, and an offset is below {MAX_POSITION}")
        if request.worker >= (request.workers or 1) or max(request.workers, request.block) > MAX_READERS:
            raise InvalidArgument(f"workers are numbered from 0; there are at most {MAX_READERS}, as positions a block")
        if len(request.positions) > MAX_POSITIONS:
            raise InvalidArgument(f"one request names at most {MAX_POSITIONS} positions, not {len(request.positions)}")
        for position in request.positions:
            self._check_position(session, position)
        messages = self._site.streaming.messages(session, request, context.is_active)
        yield from self._site.streams.counted(client.name, messages, context.cancel)

    def ReadSource(
        self, request: pb.ReadSourceRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.ReadSourceResponse]:
        client = self._client(context)
        session = self._session(request.session_id, client)
        self._check_position(session, request.position)
        if request.offset < 0 or request.length < 0:
            raise InvalidArgument("offset and length are not negative")
        yield from self._site.streams.counted(
            client.name, self._site.streaming.source(session, request), context.cancel
        )

    def CloseSession(self, request: pb.CloseSessionRequest, context: grpc.ServicerContext) -> pb.CloseSessionResponse:
        session = self._site.sessions.get(request.session_id, self._client(context))
        if self._site.sessions.close(session.id) is not None:
            self._site.end_session(session)
        return pb.CloseSessionResponse()

    def GetPreview(self, request: pb.GetPreviewRequest, context: grpc.ServicerContext) -> pb.GetPreviewResponse:
        session = self._session(request.session_id, self._client(context))
        self._check_position(session, request.position)
        image = self._site.streaming.thumbnail(session, request)
        if image is None:
            raise Unimplemented("there is no preview of this part")
        return pb.GetPreviewResponse(image=image, content_type="image/jpeg")

    def Register(self, request: pb.RegisterRequest, context: grpc.ServicerContext) -> Iterator[pb.RegisterResponse]:
        self._check_operator(context)
        site = self._site
        registration = Registration(_order(request), site.config, site.keys, site.roots, site.store, site.centre)
        last, progress = pb.RegisterResponse(), registration.progress
        try:
            for _ in registration.run():
                last = pb.RegisterResponse(
                    scanned=progress.scanned, added=progress.added, updated=progress.updated,
                    unchanged=progress.unchanged,
                )  # fmt: skip
                yield last
        finally:
            if progress.scanned and not request.dry_run:  # also of a registration that broke off
                site.audit.add(
                    "registered", dataset=request.dataset, scanned=progress.scanned, added=progress.added,
                    updated=progress.updated, private_values_changed=progress.values_changed,
                    of_these_removed=progress.values_removed, broke_off=progress.ledger is None,
                )  # fmt: skip
        text = orjson.dumps(progress.ledger.to_plain()) if progress.ledger else b""
        for start in range(0, len(text), _LEDGER_PIECE):
            yield pb.RegisterResponse(
                scanned=last.scanned, added=last.added, updated=last.updated, unchanged=last.unchanged,
                done=start + _LEDGER_PIECE >= len(text), ledger=text[start : start + _LEDGER_PIECE],
            )  # fmt: skip

    def GetStatus(self, request: pb.GetStatusRequest, context: grpc.ServicerContext) -> pb.GetStatusResponse:
        self._client(context)
        store = self._site.store
        return pb.GetStatusResponse(
            site=self._site.config.site, version=__version__, connected=self._site.connected(),
            frame_count=store.frame_count(), open_sessions=self._site.sessions.count,
            frames_served=store.count("frames_served"), bytes_served=store.count("bytes_served"),
            state=self._site.state(),
        )  # fmt: skip

    def _client(self, context: grpc.ServicerContext) -> clients.Client:
        """The caller by its certificate, unless that was revoked or has expired; checked at every call."""
        if self._site.config.plaintext:
            return LOCAL
        shown: Any = context.auth_context().get("x509_pem_cert", [])
        found = clients.of_certificate(self._site.folder, shown[0], time.time_ns() // 1_000_000) if shown else None
        if found is None:
            raise Refused("this client is not known here, was revoked, or its certificate has expired", rule="client")
        return found

    def _session(self, session_id: str, client: clients.Client) -> Session:
        """The session of a read, unless the private columns that its view asks for have changed since it began."""
        session = self._site.sessions.get(session_id, client)
        if not self._site.admission.is_current(session.grant):
            session.stopped = OUTDATED
            raise Refused("this session is not open; open a new one", rule="session", why=OUTDATED)
        return session

    def _refuse(self, error: HyperdatasetsError, asked: dict[str, str]) -> NoReturn:
        """Tells the site why, and the client only that; what cannot be reached is no refusal."""
        if error.reason == "UNAVAILABLE":
            raise error
        reference = secrets.token_hex(4)
        rule, why = error.fields.get("rule", error.reason), error.fields.get("why", error.message)
        self._site.audit.add("refused", **asked, rule=rule, why=why, reference=reference)
        if error.reason in {"SELECTION_MISMATCH", "METADATA_MISMATCH", "INVALID_VIEW"}:
            raise error
        raise Refused(
            f"this site does not serve that; its operator finds the reason under {reference}", reference=reference
        )

    def _check_operator(self, context: grpc.ServicerContext) -> None:
        if not context.peer().startswith(("ipv4:127.", "ipv6:%5B::1%5D", "unix:")):
            raise Refused("only the operator of this machine registers data", rule="operator", why="not on loopback")
        if self._site.config.plaintext:
            return
        given = {key: str(value) for key, value in context.invocation_metadata()}.get("hd-operator", "")
        secret = (self._site.folder / "operator.secret").read_text()
        if not hmac.compare_digest(given, secret):
            raise Refused("the operator's secret of this node is needed", rule="operator", why="wrong secret")

    def _check_position(self, session: Session, position: int) -> None:
        end = session.count if session.count >= 0 else MAX_POSITION
        if not 0 <= position < end:
            raise InvalidArgument(f"position {position}: the session has positions from 0 to before {end}")


def _opened(session: Session, grant: Grant, site: str) -> pb.OpenSessionResponse:
    response = pb.OpenSessionResponse(
        session_id=session.id, count=session.count, selected=grant.frames, labels=grant.view.labels,
        site_digest=grant.digest, view_digest=grant.view_digest, site=site,
        epoch_length=session.epoch_length, clips=grant.view.clip.wanted,
        without_site=grant.without_site, delivers=grant.delivers,
        site_epoch_length=grant.order.epoch_length, seed=grant.view.iteration.seed,
        versions=[
            pb.PinnedVersion(dataset_id=each.dataset_id, version_id=each.version_id)
            for each in grant.view.versions
        ],
    )  # fmt: skip
    response.expires_at.FromMilliseconds(session.expires_ms)
    return response


def _order(request: pb.RegisterRequest) -> Order:
    agreement = Agreement(scale=request.scale_annotations, boxes_as=boxes_as(request.boxes_as))
    return Order(
        request.path, request.dataset, request.version,
        options=Options(request.format, frozenset(request.classes), request.limit or None, agreement),
        table=TableOrder(
            request.columns_file, request.context_column, request.timestamp_column, dict(request.column_types),
            request.context_as, request.rename_contexts,
        ),
        replace_annotations=request.replace_annotations, prune=request.prune, dry_run=request.dry_run,
    )  # fmt: skip


def handlers(servicer: NodeServicer) -> grpc.GenericRpcHandler:
    """The service with errors as statuses; ReadFrames passes bytes through."""
    made: dict[str, Any] = {}
    for method in pb.DESCRIPTOR.services_by_name["NodeService"].methods:
        behaviour = getattr(servicer, method.name)
        request = getattr(pb, method.input_type.name)
        response = getattr(pb, method.output_type.name)
        serializer = None if method.name == "ReadFrames" else response.SerializeToString
        if method.server_streaming:
            made[method.name] = grpc.unary_stream_rpc_method_handler(
                _streamed(behaviour), request.FromString, serializer
            )
        else:
            made[method.name] = grpc.unary_unary_rpc_method_handler(
                _answered(behaviour), request.FromString, serializer
            )
    return grpc.method_handlers_generic_handler("hyperdatasets.v1.NodeService", made)


def _answered(behaviour: Callable[..., Any]) -> Callable[..., Any]:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return behaviour(request, context)
        except Exception as error:  # noqa: BLE001  # whatever it is, the caller gets a status
            _abort(context, error)

    return answer


def _streamed(behaviour: Callable[..., Any]) -> Callable[..., Any]:
    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        try:
            yield from behaviour(request, context)
        except Exception as error:  # noqa: BLE001
            _abort(context, error)

    return answer


def _abort(context: grpc.ServicerContext, error: Exception) -> NoReturn:
    if not isinstance(error, HyperdatasetsError):
        _LOG.error("a call failed unexpectedly", exc_info=error)
        error = HyperdatasetsError("the node failed unexpectedly; its log says more")
    elif isinstance(error, Refused):
        error = Refused(error.message, **{k: v for k, v in error.fields.items() if k == "reference"})
    context.abort_with_status(to_status(error))
