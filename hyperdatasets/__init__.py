"""Versioned, queryable metadata for federated learning: a query is the full representation of an experiment's data."""

__version__ = "0.1.0"
