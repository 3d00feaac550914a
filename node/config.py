"""Settings of a node: `node.toml` in its folder, typed and checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hyperdatasets.core.address import host_and_port
from hyperdatasets.core.errors import InvalidConfig
from hyperdatasets.core.names import check_name
from hyperdatasets.core.section import Section

FILE = "node.toml"
PROFILES = ("strict", "open")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_KEYS = ("site", "service", "service_ca", "listen", "profile", "publish_fields", "hostname", "roots")


@dataclass(frozen=True, slots=True)
class NodeConfig:
    """What an operator sets; `docs/operations.md` lists it.

    Attributes:
        site: name of the site, as it was added at the service.
        service: `host:port` of the metadata service.
        service_ca: file with the certificate of the service's CA; empty on loopback.
        listen: `host:port` for clients at the site; port 0 takes a free one.
        profile: *strict* hides paths and digests and serves nothing without a policy; *open* is for public data.
        publish_fields: private columns that leave the site as `meta.site.<name>`; `folder_labels`, `split` and
            `mask_labels` let out what these words say.
        hostname: further names in the node's certificate, with commas between.
        roots: alias -> folder with raw data.
    """

    site: str
    service: str
    roots: Mapping[str, Path]
    service_ca: str = ""
    listen: str = "127.0.0.1:7410"
    profile: str = "strict"
    publish_fields: tuple[str, ...] = field(default=())
    hostname: str = ""

    @property
    def loopback(self) -> bool:
        return self.listen.startswith(LOOPBACK)

    @property
    def plaintext(self) -> bool:
        """Only an open node on loopback talks without certificates."""
        return self.profile == "open" and self.loopback


def load(folder: Path) -> NodeConfig:
    """The settings of the node in this folder.

    Raises:
        InvalidConfig: names the key and what was expected.
    """
    path = folder / FILE
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvalidConfig(f"{folder} is no node's folder (no {FILE}); make one with `command node init`") from None
    except (OSError, ValueError) as error:
        raise InvalidConfig(f"{path}: cannot be read: {error}") from None
    top = Section(plain, "", lambda said: InvalidConfig(f"{path}: {said}"), _KEYS)
    roots = plain.get("roots", {})
    if not isinstance(roots, dict) or not all(isinstance(each, str) for each in roots.values()):
        raise top.fail("roots", 'aliases with folders, such as `scans = "/data/scans"`')
    host_and_port(top.text("service"))
    host_and_port(top.text("listen", "127.0.0.1:7410"), free=True)
    return NodeConfig(
        site=check_name("site", top.text("site")), service=top.text("service"),
        roots={check_name("root", alias): Path(each) for alias, each in roots.items()},
        service_ca=top.text("service_ca"), listen=top.text("listen", "127.0.0.1:7410"),
        profile=top.choice("profile", PROFILES, "strict"), publish_fields=top.texts("publish_fields"),
        hostname=top.text("hostname"),
    )  # fmt: skip
