"""What the colours of masks mean: kept with the version that holds the masks."""

from __future__ import annotations

from collections.abc import Sequence

from hyperdatasets.client.version import DatasetVersion
from hyperdatasets.core.errors import PermissionDenied
from hyperdatasets.formats.reading import Reading


def set_mask_labels(draft: DatasetVersion, reading: Reading) -> None:
    """Adds the colours that a reader found to a draft; where a colour has other labels already, these stay."""
    listed = draft.get_metadata().get("mask_labels", {}).get("_all_", [])
    known: dict[Sequence[int], list[str]] = {tuple(each["value"]): each["labels"] for each in listed}
    before = dict(known)
    for mask, colours in reading.mask_labels.items():
        for colour, labels in colours.items():
            if known.setdefault(colour, labels) != labels:
                detail = f"{colour}: `{', '.join(known[colour])}` is kept, not `{', '.join(labels)}`"
                reading.ledger.lose("masks", mask, "colours of masks that have other labels already", detail)
    if known != before:
        try:
            draft.set_masks_labels(known)
        except PermissionDenied as error:
            reading.ledger.lose("masks", draft.name, "colours of masks that the service does not take", error.message)
