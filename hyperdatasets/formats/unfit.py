"""A part of an annotation file that is not kept, on its way to the ledger."""

from __future__ import annotations

from hyperdatasets.formats.ledger import Kind


class Unfit(ValueError):
    """A shape, a line or a value that is not kept.

    Attributes:
        reason: constant text for the ledger.
        detail: what is special about this one.
        kind: what it counts as, where only the place that raises it knows.
    """

    def __init__(self, reason: str, detail: str = "", kind: Kind = "boxes") -> None:
        super().__init__(reason)
        self.reason, self.detail, self.kind = reason, detail, kind
