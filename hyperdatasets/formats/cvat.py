"""CVAT: XML 1.1 with the shapes of pictures (`for images`) or the tracks of a video (`for video`)."""

from hyperdatasets.formats.cvat_reader import FORMAT
from hyperdatasets.formats.cvat_writer import WRITTEN

__all__ = ["FORMAT", "WRITTEN"]
