"""COCO: JSON with `images`, `annotations` and `categories`; instances, key points, captions, panoptic, results."""

from hyperdatasets.formats.coco.reader import FORMAT
from hyperdatasets.formats.coco.writer import WRITTEN

__all__ = ["FORMAT", "WRITTEN"]
