"""The nodes that a client knows: address and certificates, by the name of the site."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.core.section import Section

KEYS = ("address", "ca", "cert", "key")


@dataclass(frozen=True, slots=True)
class SiteNode:
    """Where the node of a site is.

    Attributes:
        address: `host:port`.
        site: name of the site; empty if the configuration does not say it.
        ca, cert, key: files for a node that asks for certificates.
    """

    address: str
    site: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""


def from_tables(plain: Mapping[str, Any], where: str, error: Callable[[str], InvalidConfig]) -> tuple[SiteNode, ...]:
    """The nodes in tables such as `[north]` with `address`, `ca`, `cert` and `key`, in the order of the sites' names.

    Args:
        where: the place of the tables; empty for a file of its own.

    Raises:
        InvalidConfig: what `error` makes of a wrong key or value, or of a site without an address.
    """
    return tuple(_node(site, plain[site], where, error) for site in sorted(plain))


def _node(site: str, plain: Any, where: str, error: Callable[[str], InvalidConfig]) -> SiteNode:
    section = Section(plain, f"{where}.{site}" if where else site, error, KEYS)
    if not section.text("address"):
        raise section.fail("address", "the address of the site's node, such as `127.0.0.1:7410`")
    return SiteNode(site=site, **{key: section.text(key) for key in KEYS})
