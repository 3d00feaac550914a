"""The sizes of masks beside those of their pictures."""

from __future__ import annotations

from collections.abc import Sequence

from hyperdatasets.formats.entry import MaskFile
from hyperdatasets.formats.folder import Folder
from hyperdatasets.formats.ledger import Ledger
from hyperdatasets.formats.media import UnreadableMedia, size_as_shown

OTHER_SIZE = "masks of another size than their picture"
NO_SIZE = "masks that cannot be read as pictures"


def check_sizes(folder: Folder, path: str, masks: Sequence[MaskFile], ledger: Ledger) -> None:
    """Opens the headers of a picture and of its masks."""
    picture = _size(folder, path) if masks else ""
    for mask in masks:
        size = _size(folder, mask.path)
        if isinstance(size, str):
            ledger.notice("masks", mask.path, NO_SIZE, size)
        elif size != picture and not isinstance(picture, str):  # else the picture is left out, and named
            told = f"{size[0]} x {size[1]}; {path} has {picture[0]} x {picture[1]}"
            ledger.notice("masks", mask.path, OTHER_SIZE, told)


def _size(folder: Folder, path: str) -> tuple[int, int] | str:
    """Width and height as shown; or why they are not known."""
    try:
        with folder.open(path) as file:
            return size_as_shown(file)
    except OSError as error:
        return f"it cannot be read: {error.strerror or error}"
    except UnreadableMedia as error:
        return str(error)
