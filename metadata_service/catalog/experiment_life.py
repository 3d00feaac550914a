"""How far an experiment has come, as its process tells it: one that was heard of once and fell silent is stopped.

Nothing is written when it falls silent. So a process that beats again, on a machine that slept or was cut off, runs on.
"""

from __future__ import annotations

from metadata_service.catalog.deployment import Deployment
from metadata_service.store.protocol import Row, Writing

_BEATS = 6  # in the time after which a silent process counts as gone


def state(deployment: Deployment, row: Row) -> str:
    """The state; `stopped` if the experiment runs by what is stored, and its process is silent."""
    return "stopped" if _is_silent(deployment, row) else str(row["state"])


def ended_ms(deployment: Deployment, row: Row) -> int:
    """When it ended; of a silent process when it was last heard of. 0 = it did not."""
    return int(row["beat_ms"] if _is_silent(deployment, row) else row["ended_ms"])


def beat(deployment: Deployment, writing: Writing, row: Row) -> tuple[str, int]:
    """Notes that the process lives; returns the state, and in how many milliseconds the next beat is due."""
    if row["state"] == "running":
        writing.update("experiments", {"id": row["id"]}, {"beat_ms": deployment.now_ms()})
    return str(row["state"]), max(1, deployment.silence_ms // _BEATS)


def _is_silent(deployment: Deployment, row: Row) -> bool:
    heard_ms = row["beat_ms"]
    return bool(row["state"] == "running" and heard_ms and deployment.now_ms() - heard_ms > deployment.silence_ms)
