"""Lines of the servers' logs: a constant text that says what happened, then its fields as `name=value`."""

from __future__ import annotations

import logging

_OF_EVERY_RECORD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})


class LogLines(logging.Formatter):
    """Time, level, logger, text and the fields that were given as `extra`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the name in `logging`
        given = [f"{name}={value}" for name, value in vars(record).items() if name not in _OF_EVERY_RECORD]
        return " ".join([super().formatMessage(record), *given])


def to_stderr(level: int) -> None:
    """Logs of this process from a level on go to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(LogLines())
    logging.basicConfig(level=level, handlers=[handler])
