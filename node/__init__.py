"""The node of a site."""

from hyperdatasets.tls import refuse_older

refuse_older()  # before any module here imports gRPC
