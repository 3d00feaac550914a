"""Lines of logs show the fields of an event."""

from __future__ import annotations

import logging

from hyperdatasets.log_lines import LogLines


def test_fields_stand_behind_the_text() -> None:
    record = logging.makeLogRecord({"name": "node", "levelname": "WARNING", "msg": "not taken", "reason": "NOT_FOUND"})
    assert LogLines().format(record).endswith(" WARNING node not taken reason=NOT_FOUND")


def test_without_fields_nothing_is_added() -> None:
    record = logging.makeLogRecord({"name": "node", "levelname": "INFO", "msg": "serving %s", "args": ("all",)})
    assert LogLines().format(record).endswith(" INFO node serving all")
