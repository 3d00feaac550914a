"""Dates and times of typed files as texts that a query compares as dates."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def date_text(value: date) -> str:
    """`YYYY-MM-DD`."""
    return f"{value.year:04}-{value.month:02}-{value.day:02}"


def time_text(value: datetime) -> str:
    """RFC 3339 in UTC; a time without a zone is taken as UTC."""
    utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return f"{utc.isoformat()}Z"


def clock_text(value: time) -> str:
    """`HH:MM:SS`."""
    return value.isoformat()


def day_text(days: int) -> str:
    """A day counted from 1970; one that no date can name stays a count, which is no date to a query."""
    try:
        return date_text(_EPOCH.date() + timedelta(days=days))
    except OverflowError:
        return f"{days} days since 1970"


def moment_text(microseconds: int) -> str:
    """A moment counted from 1970 in UTC; the same for those that no time can name."""
    try:
        return time_text(_EPOCH + timedelta(microseconds=microseconds))
    except OverflowError:
        return f"{microseconds} microseconds since 1970"
