"""UserService."""

from __future__ import annotations

import grpc

from hyperdatasets.core.errors import ProtocolMismatch
from hyperdatasets.v1 import user_service_pb2 as pb
from hyperdatasets.v1 import user_service_pb2_grpc as rpc
from hyperdatasets.version import __version__
from metadata_service.access import PROTOCOL
from metadata_service.catalog import users
from metadata_service.servicers import encode
from metadata_service.servicers.base import Servicer
from metadata_service.store.protocol import Writing


class UserServicer(Servicer, rpc.UserServiceServicer):
    def CreateUser(self, request: pb.CreateUserRequest, context: grpc.ServicerContext) -> pb.CreateUserResponse:
        roles = {grant.project: _role(grant.role) for grant in request.roles}

        def work(writing: Writing) -> pb.CreateUserResponse:
            row = users.create(writing, self.caller, self.now_ms, name=request.name, roles=roles)
            return pb.CreateUserResponse(user=encode.user(row))

        return self.once(request, pb.CreateUserResponse, work)

    def ListUsers(self, request: pb.ListUsersRequest, context: grpc.ServicerContext) -> pb.ListUsersResponse:
        self.caller.require("admin", "")
        with self.reading() as reading:
            return pb.ListUsersResponse(users=[encode.user(row) for row in reading.rows("users", order="name")])

    def SetRole(self, request: pb.SetRoleRequest, context: grpc.ServicerContext) -> pb.SetRoleResponse:
        def work(writing: Writing) -> pb.SetRoleResponse:
            row = users.find(writing, request.user)
            row = users.set_role(
                writing, self.caller, self.now_ms, row, project=request.grant.project, role=_role(request.grant.role)
            )
            return pb.SetRoleResponse(user=encode.user(row))

        return self.once(request, pb.SetRoleResponse, work)

    def CreateToken(self, request: pb.CreateTokenRequest, context: grpc.ServicerContext) -> pb.CreateTokenResponse:
        hidden = self.deployment.secret_key.hidden("hd_user", "token", self.caller, request)

        def work(writing: Writing) -> pb.CreateTokenResponse:
            row = users.find(writing, request.user)
            expires_ms = users.add_token(
                writing, self.caller, self.now_ms, row, days=request.days, token=hidden.value
            )  # fmt: skip
            return pb.CreateTokenResponse(token=hidden.value, expires_at=encode.time(expires_ms))

        return self.once(request, pb.CreateTokenResponse, work, hidden=hidden)

    def RevokeTokens(self, request: pb.RevokeTokensRequest, context: grpc.ServicerContext) -> pb.RevokeTokensResponse:
        def work(writing: Writing) -> pb.RevokeTokensResponse:
            row = users.find(writing, request.user)
            return pb.RevokeTokensResponse(revoked=users.revoke_tokens(writing, self.caller, row))

        return self.once(request, pb.RevokeTokensResponse, work)

    def WhoAmI(self, request: pb.WhoAmIRequest, context: grpc.ServicerContext) -> pb.WhoAmIResponse:
        if request.protocol not in {0, PROTOCOL}:
            raise ProtocolMismatch(f"the client speaks protocol {request.protocol}, this service {PROTOCOL}")
        return pb.WhoAmIResponse(
            name=self.caller.name, roles=encode.roles(self.caller.roles), protocol=PROTOCOL,
            server_version=__version__, deployment_id=self.deployment.id,
            is_site=bool(self.caller.site),
        )  # fmt: skip


def _role(role: pb.Role.ValueType) -> str:
    return "" if role == pb.ROLE_UNSPECIFIED else pb.Role.Name(role).removeprefix("ROLE_").lower()
