"""The life of an experiment: its state and end, and the beats of its process; one that fell silent counts as stopped.

Silence is derived when a row is read, never written. So an experiment runs on when its process beats again, after its
machine slept or was cut off.
"""

from __future__ import annotations

from metadata_service.catalog.deployment import Deployment
from metadata_service.store.protocol import Row, Writing

_BEATS = 6  # in the time after which a silent process counts as gone


def state(deployment: Deployment, row: Row) -> str:
    """The state: the stored one, or `stopped` if a running experiment's process is silent."""
    return "stopped" if _is_silent(deployment, row) else str(row["state"])


def ended_ms(deployment: Deployment, row: Row) -> int:
    """The time of the end, or of the last beat of a silent process; 0 = the experiment has not ended."""
    return int(row["beat_ms"] if _is_silent(deployment, row) else row["ended_ms"])


def beat(deployment: Deployment, writing: Writing, row: Row) -> tuple[str, int]:
    """Notes that the process lives; returns the state, and in how many milliseconds the next beat is due."""
    if row["state"] == "running":
        writing.update("experiments", {"id": row["id"]}, {"beat_ms": deployment.now_ms()})
    return str(row["state"]), max(1, deployment.silence_ms // _BEATS)


def _is_silent(deployment: Deployment, row: Row) -> bool:
    heard_ms = row["beat_ms"]
    return bool(row["state"] == "running" and heard_ms and deployment.now_ms() - heard_ms > deployment.silence_ms)
