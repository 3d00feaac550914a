"""What a reading leaves out: frames whose files changed after registration, and withdrawn ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class LeftOut:
    """How many frames of one reading did not come.

    Attributes:
        mismatched: since their files changed after registration.
        withdrawn: since they were withdrawn.
    """

    mismatched: int = 0
    withdrawn: int = 0
