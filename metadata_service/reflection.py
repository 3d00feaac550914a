"""Lists of the service's methods for clients such as grpcurl, as `grpc.reflection.v1` and as the older `v1alpha`.

The two have the same messages on the wire, but grpcio-reflection serves the older name alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2

_OLD, _NEW = "grpc.reflection.v1alpha", "grpc.reflection.v1"
SERVICE_NAME = f"{_NEW}.ServerReflection"


def serve(server: grpc.Server, services: Sequence[str]) -> None:
    """Adds both services to the server; both list `services` and each other."""
    names = [*services, reflection.SERVICE_NAME, SERVICE_NAME]
    pool: Any = _Pool()
    servicer = reflection.ReflectionServicer(names, pool=pool)
    reflection.enable_server_reflection(names, server, pool=pool)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo, reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )  # fmt: skip
    made = grpc.method_handlers_generic_handler(SERVICE_NAME, {"ServerReflectionInfo": handler})
    server.add_generic_rpc_handlers((made,))


class _Pool:
    """The descriptors of this process, and those of reflection under its new name.

    The latter have a pool of their own, since another library of this process may register the same file.
    """

    def __init__(self) -> None:
        self._all = descriptor_pool.Default()
        self._new = descriptor_pool.DescriptorPool()
        self._new.Add(_renamed())

    def FindFileByName(self, name: str) -> Any:  # noqa: N802  # as protobuf calls it
        try:
            return self._new.FindFileByName(name)
        except KeyError:
            return self._all.FindFileByName(name)

    def FindFileContainingSymbol(self, symbol: str) -> Any:  # noqa: N802
        try:
            return self._new.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._all.FindFileContainingSymbol(symbol)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._all, name)


def _renamed() -> descriptor_pb2.FileDescriptorProto:
    """The proto of reflection under its new name."""
    proto = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(proto)
    proto.name, proto.package = f"{_NEW.replace('.', '/')}/reflection.proto", _NEW
    for field in (field for message in proto.message_type for field in message.field if field.type_name):
        field.type_name = field.type_name.replace(f".{_OLD}.", f".{_NEW}.")
    for method in proto.service[0].method:
        method.input_type = method.input_type.replace(f".{_OLD}.", f".{_NEW}.")
        method.output_type = method.output_type.replace(f".{_OLD}.", f".{_NEW}.")
    return proto
