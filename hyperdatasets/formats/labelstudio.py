"""Label Studio: JSON exports (JSON and JSON-MIN) with tasks, annotations and predictions."""

from hyperdatasets.formats.labelstudio_reader import FORMAT
from hyperdatasets.formats.labelstudio_writer import WRITTEN

__all__ = ["FORMAT", "WRITTEN"]
