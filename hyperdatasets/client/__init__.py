"""The SDK; a report of one of its errors ends at the user's line, unless HYPERDATASETS_DEBUG is set."""

from hyperdatasets.client.config import debugging
from hyperdatasets.core import tracebacks
from hyperdatasets.core.errors import HyperdatasetsError

if not debugging():
    tracebacks.shorten(HyperdatasetsError)
