"""Who calls, and what they may do: roles per project, the role of a site's node, the local admin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hyperdatasets.core.errors import PermissionDenied, SiteNotApproved

ROLES = ("viewer", "editor", "runner", "admin")
_ALLOWS = {
    "viewer": {"viewer"},
    "editor": {"viewer", "editor", "runner"},
    "runner": {"viewer", "runner"},
    "admin": {"viewer", "editor", "runner", "admin"},
}


@dataclass(frozen=True, slots=True)
class Caller:
    """`roles`: project path -> role; a role in `""` holds everywhere, in `a` also in `a/b`. `site`: a node's.

    `waits`: it is the node of a site that no admin has approved yet.
    """

    name: str
    roles: Mapping[str, str] = field(default_factory=dict)
    site: str = ""
    waits: bool = False

    def may(self, role: str, project: str) -> bool:
        parts = project.split("/") if project else []
        above = ["", *("/".join(parts[: i + 1]) for i in range(len(parts)))]
        return any(role in _ALLOWS[held] for path in above if (held := self.roles.get(path)))

    def require_approval(self) -> None:
        if self.waits:
            raise SiteNotApproved(
                f"site `{self.site}` is not approved yet: an admin runs `command site approve={self.site}`"
            )

    def require(self, role: str, project: str) -> None:
        self.require_approval()
        if not self.may(role, project):
            where = f"project `{project}`" if project else "this deployment"
            raise PermissionDenied(f"`{self.name}` is no {role} of {where}; ask an admin for the role", role=role)


LOCAL_ADMIN = Caller("local", {"": "admin"})
