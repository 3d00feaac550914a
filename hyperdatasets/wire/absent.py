"""Methods that a server does not have: declared but not built yet, or served by the other server."""

from __future__ import annotations

from typing import Any

import grpc

from hyperdatasets.core.errors import HyperdatasetsError, NotBuilt, NotServedHere
from hyperdatasets.wire.errors import to_status

PACKAGE = "hyperdatasets.v1"
NODE_SERVICE = "NodeService"
_TASKS = "find the frames by a query (QueryFrames) and edit them as a draft"
_METHODS = {
    **{f"AnnotationTaskService/{name}": _TASKS for name in (
        "CreateTask", "ListTasks", "NextTaskFrame", "SetTaskFrame", "UpdateTask",
    )},
    "EventService/Watch": "list versions, views and sites from time to time (ListVersions, ListDataViews, ListSites)",
    "SiteService/WithdrawFrames": "take the files away at the site, so that its node serves them no longer",
    "SiteService/ServePreviews": "ask the node of the site for previews (NodeService.GetPreview)",
}  # fmt: skip
NOT_BUILT = {f"/{PACKAGE}.{method}": instead for method, instead in _METHODS.items()}
"""Path of a method that no server answers yet -> what to do instead."""


def absent(path: str, *, server: str) -> grpc.RpcMethodHandler[Any, Any]:
    """Return a handler for a method that the server does not have; it answers with a status that says why.

    Args:
        path: as gRPC writes it, `/package.Service/Method`.
        server: what was called: `metadata service` or `node`.
    """
    status = to_status(_why(path, server))

    def answer(_: Any, context: grpc.ServicerContext) -> None:
        context.abort_with_status(status)

    return grpc.stream_stream_rpc_method_handler(answer)  # it reads no request, so it suits calls of any kind


class Absent(grpc.GenericRpcHandler):
    """The last handler of a server, which answers all methods that no earlier handler has."""

    def __init__(self, server: str) -> None:
        self._server = server

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:
        return absent(handler_call_details.method, server=self._server)


def _why(path: str, server: str) -> HyperdatasetsError:
    service, _, method = path.strip("/").rpartition("/")
    name = f"{service.removeprefix(f'{PACKAGE}.')}.{method}"
    if path in NOT_BUILT:
        return NotBuilt(f"`{name}` is declared, but not built yet; instead, {NOT_BUILT[path]}", method=name)
    if service.startswith("grpc.reflection."):
        return NotServedHere(
            f"this {server} does not list its methods; start the metadata service with `option reflection`"
        )
    if not service.startswith(f"{PACKAGE}."):
        return NotServedHere(f"this is a hyperdatasets {server}: it has no method `{name}`", method=name)
    if (service == f"{PACKAGE}.{NODE_SERVICE}") == (server == "node"):
        return NotServedHere(f"this {server} has no method `{name}`: is the client of a newer version?", method=name)
    other = "metadata service" if server == "node" else "node of a site"
    return NotServedHere(f"this is a {server}; `{name}` is answered by the {other}: give its address", method=name)
