"""What admins do at the centre: sites and users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from hyperdatasets.client.arguments import Texts, texts
from hyperdatasets.client.metadata import MetadataClient, current
from hyperdatasets.core.errors import InvalidArgument
from hyperdatasets.v1 import site_service_pb2 as sites_pb
from hyperdatasets.v1 import user_service_pb2 as users_pb


@dataclass(frozen=True, slots=True)
class Site:
    name: str
    state: str
    projects: tuple[str, ...]
    fingerprint: str
    frame_count: int
    last_seen_ms: int


@dataclass(frozen=True, slots=True)
class SessionReport:
    """What a node says it served in one session; `content` is what its key signed."""

    site: str
    session_id: str
    content: dict[str, Any]


def add_site(
    name: str, *, projects: Texts, description: str = "", client: MetadataClient | None = None
) -> tuple[Site, str]:
    """The site, and the token with which its node enrols once, within a day."""
    request = sites_pb.CreateSiteRequest(name=name, description=description, projects=texts(projects, "projects"))
    answer = current(client).send(request)
    return _site(answer.site), answer.token


def site(name: str, *, client: MetadataClient | None = None) -> Site:
    return _site(current(client).send(sites_pb.GetSiteRequest(site=name)).site)


def sites(*, client: MetadataClient | None = None) -> list[Site]:
    return [_site(each) for each in current(client).send(sites_pb.ListSitesRequest()).sites]


def approve_site(name: str, *, fingerprint: str = "", client: MetadataClient | None = None) -> Site:
    request = sites_pb.ApproveSiteRequest(site=name, fingerprint=fingerprint)
    return _site(current(client).send(request).site)


def revoke_site(name: str, *, why: str = "", client: MetadataClient | None = None) -> Site:
    return _site(current(client).send(sites_pb.RevokeSiteRequest(site=name, why=why)).site)


def session_reports(
    *, site: str = "", view_digest: str = "", experiment: str = "", client: MetadataClient | None = None
) -> list[SessionReport]:
    request = sites_pb.ListSessionReportsRequest(site=site, view_digest=view_digest, experiment=experiment)
    return [
        SessionReport(each.site, each.report.session_id, orjson.loads(each.report.payload))
        for each in current(client).send(request).reports
    ]


def add_user(name: str, *, roles: Mapping[str, str], client: MetadataClient | None = None) -> None:
    grants = [_grant(project, role) for project, role in roles.items()]
    current(client).send(users_pb.CreateUserRequest(name=name, roles=grants))


def users(*, client: MetadataClient | None = None) -> dict[str, dict[str, str]]:
    """Name -> project -> role."""
    answer = current(client).send(users_pb.ListUsersRequest())
    return {user.name: {each.project: _role(each.role) for each in user.roles} for user in answer.users}


def set_role(user: str, *, project: str, role: str, client: MetadataClient | None = None) -> None:
    """Gives a role (viewer, editor, runner, admin) in a project and below it; an empty one takes it away."""
    current(client).send(users_pb.SetRoleRequest(user=user, grant=_grant(project, role)))


def create_token(user: str, *, days: int = 0, client: MetadataClient | None = None) -> str:
    return str(current(client).send(users_pb.CreateTokenRequest(user=user, days=days)).token)


def revoke_tokens(user: str, *, client: MetadataClient | None = None) -> int:
    return int(current(client).send(users_pb.RevokeTokensRequest(user=user)).revoked)


def _site(message: sites_pb.Site) -> Site:
    return Site(
        message.name, sites_pb.SiteState.Name(message.state).removeprefix("SITE_STATE_").lower(),
        tuple(message.projects), message.fingerprint, message.frame_count, message.last_seen.ToMilliseconds(),
    )  # fmt: skip


def _grant(project: str, role: str) -> users_pb.RoleGrant:
    if role not in _ROLES:
        known = ", ".join(filter(None, _ROLES))
        raise InvalidArgument(f"role: there is no role `{role[:60]}`; expected {known}, or an empty one for none")
    return users_pb.RoleGrant(project=project, role=_ROLES[role])


_ROLES = {
    "viewer": users_pb.ROLE_VIEWER, "editor": users_pb.ROLE_EDITOR, "runner": users_pb.ROLE_RUNNER,
    "admin": users_pb.ROLE_ADMIN, "": users_pb.ROLE_UNSPECIFIED,
}  # fmt: skip


def _role(role: users_pb.Role.ValueType) -> str:
    return users_pb.Role.Name(role).removeprefix("ROLE_").lower()
