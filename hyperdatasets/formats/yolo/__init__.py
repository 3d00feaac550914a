"""YOLO: a text file for each picture, classes and splits in a YAML file or in Darknet's lists."""

from hyperdatasets.formats.yolo.reader import FORMAT
from hyperdatasets.formats.yolo.writer import WRITTEN

__all__ = ["FORMAT", "WRITTEN"]
