"""Pascal VOC: an XML file for each picture, lists of splits in `ImageSets`, masks in `SegmentationClass`."""

from hyperdatasets.formats.voc.reader import FORMAT
from hyperdatasets.formats.voc.writer import WRITTEN

__all__ = ["FORMAT", "WRITTEN"]
