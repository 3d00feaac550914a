"""Dates among strings: which texts are dates, and which moments a date in a query means.

Moments are microseconds since 1970 in UTC; further digits of a fraction are cut off.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

DAY_US = 86_400_000_000
MINUTE_US = 60_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:([Zz])|([+-])(\d\d):(\d\d))?)?",
    re.ASCII,
)
_PARTIAL = re.compile(r"(\d{4})(?:-(\d\d))?", re.ASCII)


def moment(text: str, *, minutes: bool = True) -> int | None:
    """The first moment of `YYYY-MM-DD`, or of an RFC 3339 time (no zone = UTC); None for other texts.

    Args:
        minutes: whether a time may lack its seconds.
    """
    match = _DATE.fullmatch(text)
    if match is None or (not minutes and is_to_minute(text)):
        return None
    year, month, day, hour, minute, second, fraction, _, sign, zone_hour, zone_minute = match.groups()
    try:
        zone = timezone(_offset(sign, zone_hour, zone_minute)) if sign else UTC
        micro = int((fraction or "0")[:6].ljust(6, "0"))
        time = datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), micro, tzinfo=zone
        )
    except ValueError:  # such as 30 February
        return None
    return (time - _EPOCH) // _MICROSECOND


@lru_cache(maxsize=1_024)
def moments(text: str, *, minutes: bool = True) -> tuple[int, int] | None:
    """First and last moment that a date in a query means: a year, a month (`2024-10`), a day, a minute, or one moment.

    Args:
        minutes: whether a time may lack its seconds.
    """
    first = moment(text, minutes=minutes)
    if first is not None:
        return first, first + _length(text) - 1
    match = _PARTIAL.fullmatch(text)
    if match is None:
        return None
    year, month = int(match[1]), int(match[2]) if match[2] else None
    return _span(year, month)


def _length(text: str) -> int:
    """How long a date lasts, in microseconds."""
    if len(text) == len("YYYY-MM-DD"):
        return DAY_US
    return MINUTE_US if is_to_minute(text) else 1


def is_to_minute(text: str) -> bool:
    """Whether a text that is a date has a time without seconds."""
    match = _DATE.fullmatch(text)
    return match is not None and match[5] is not None and match[6] is None


def _span(year: int, month: int | None) -> tuple[int, int] | None:
    next_year, next_month = (year + 1, 1) if month in {None, 12} else (year, (month or 0) + 1)
    first = moment(f"{year:04}-{month or 1:02}-01")
    following = moment(f"{next_year:04}-{next_month:02}-01")
    if first is None:
        return None
    last_day = moment("9999-12-31") if following is None else following - DAY_US
    return None if last_day is None else (first, last_day + DAY_US - 1)


def _offset(sign: str, hours: str, minutes: str) -> timedelta:
    if int(minutes) > 59:
        raise ValueError("minutes of a zone go up to 59")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return -offset if sign == "-" else offset
