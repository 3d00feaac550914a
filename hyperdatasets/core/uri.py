"""URIs taken apart, also those that are none: frames and annotation files may hold any text as one."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit


def split(uri: str) -> SplitResult:
    """The parts of a URI; of a text that is none, such as `https://[docs`, what stands where scheme and path do."""
    try:
        return urlsplit(uri)
    except ValueError:
        scheme, _, rest = uri.partition("://")
        return SplitResult(scheme.lower(), "", rest[rest.find("/") :] if "/" in rest else "", "", "")
