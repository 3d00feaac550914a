"""What users give, as what is kept: one text is a list of one; NumPy values, paths and times are plain values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from os import PathLike, fspath
from typing import Any

from hyperdatasets.core.errors import InvalidArgument, InvalidFrame
from hyperdatasets.core.frames import Frame
from hyperdatasets.core.normalise import normalise
from hyperdatasets.v1 import common_pb2 as common

Texts = str | Iterable[str]
"""Several texts, or one."""


def texts(given: Texts, what: str = "names") -> list[str]:
    """The texts; one alone is a list of one. Raises InvalidArgument: something is no text."""
    if isinstance(given, str):
        return [given]
    if not isinstance(given, Iterable):
        raise InvalidArgument(f"{what}: expected a text or a list of texts, got {type(given).__name__}")
    listed = list(given)
    for each in listed:
        if not isinstance(each, str):
            raise InvalidArgument(f"{what}: expected texts, got {each!r:.60}")
    return [str(each) for each in listed]  # numpy.str_ is one, too


def no_name(message: object, made_by: str) -> None:
    """Refuses a name where an object wraps what the service sent. Raises InvalidArgument that names the calls."""
    if isinstance(message, str):
        raise InvalidArgument(f"{message!r:.60} is a name; open it with {made_by}")


def numbers(given: float | Iterable[float], what: str) -> list[float]:
    """The numbers; one alone is a list of one. Raises InvalidArgument: something is no number."""
    listed = plain(given) if not isinstance(given, str | Iterable) or hasattr(given, "dtype") else list(given)
    listed = listed if isinstance(listed, list) else [listed]
    for each in listed:
        if isinstance(each, bool) or not isinstance(plain(each), int | float):
            raise InvalidArgument(f"{what}: expected numbers, got {each!r:.60}")
    return [float(each) for each in listed]


def plain(value: Any) -> Any:
    """NumPy scalars and arrays as numbers and lists, paths as text, times as RFC 3339 text; also deep within."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return _listed(value)
    if isinstance(value, PathLike):
        return fspath(value)
    return value.isoformat() if isinstance(value, date) else value


def _listed(value: Any) -> Any:
    """A scalar or an array of NumPy or of a like library; of times to the microsecond, as Python has them."""
    kind = getattr(value.dtype, "kind", "")
    if kind not in {"M", "m"}:
        return value.tolist() if kind != "O" else plain(value.tolist())
    return plain(value.astype(f"{kind}8[us]").tolist())


def milliseconds(time: Any) -> Any:
    """A time as milliseconds since 1970; one without a zone is in UTC. Other values stay as they are."""
    if getattr(getattr(time, "dtype", None), "kind", "") == "M":
        time = time.astype("M8[us]").item()
    if isinstance(time, datetime):
        return round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000)
    return plain(time)


def normal(frame: Mapping[str, Any]) -> Frame:
    """A plain frame in its normal form, whatever kinds of numbers and texts it holds.

    Raises:
        InvalidFrame: what is wrong, and where in the frame.
    """
    try:
        return normalise(frame)[0]
    except (InvalidFrame, TypeError, ValueError):  # also of arrays, which are neither true nor false
        return normalise(plain(frame) | {"timestamp": milliseconds(frame.get("timestamp"))})[0]


def roi_query(given: Texts) -> str:
    """A ROI query as text: several labels must all lie on one ROI."""
    listed = texts(given, "roi_query")
    return listed[0] if len(listed) == 1 else " AND ".join(_quoted(label) for label in listed)


def _quoted(label: str) -> str:
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'


def archive_filter(*, include_archived: bool) -> common.ArchiveFilter.ValueType:
    """Of requests for lists: archived things too, or only the others."""
    return common.ARCHIVE_FILTER_ALL if include_archived else common.ARCHIVE_FILTER_ACTIVE
