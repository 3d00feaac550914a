# Flower's SuperLink and SuperNodes with this package, for the compose file.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE}
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY hyperdatasets hyperdatasets
COPY metadata_service metadata_service
COPY node node
COPY examples examples
RUN pip install --no-cache-dir --quiet '.[flower]' \
    && groupadd --gid 10003 flower \
    && useradd --uid 10003 --gid 10003 --create-home --shell /usr/sbin/nologin flower
ENV FLWR_TELEMETRY_ENABLED=0 FLWR_DISABLE_UPDATE_CHECK=1 PYTHONUNBUFFERED=1
USER 10003:10003
WORKDIR /home/flower
