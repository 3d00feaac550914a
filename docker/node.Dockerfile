# The node of a site. Build from the root of the repository:
#   docker build -f docker/node.Dockerfile -t hyperdatasets-node .
# The node's folder is mounted at /node, raw data read-only at the roots that node.toml names.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY hyperdatasets hyperdatasets
COPY metadata_service metadata_service
COPY node node
COPY examples examples
RUN python -m venv /opt/hyperdatasets && /opt/hyperdatasets/bin/pip install --no-cache-dir --quiet '.[arrow,excel,medical,video]'

FROM ${BASE}
COPY --from=build /opt/hyperdatasets /opt/hyperdatasets
RUN groupadd --gid 10002 node \
    && useradd --uid 10002 --gid 10002 --no-create-home --shell /usr/sbin/nologin node \
    && mkdir /node && chown node:node /node
ENV PATH=/opt/hyperdatasets/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10002:10002
VOLUME /node
EXPOSE 7410
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
    CMD ["python", "-m", "hyperdatasets.wire.health", "7410", "/node/keys/clients/ca.pem", "/node/clients/operator"]
ENTRYPOINT ["python", "-m", "node"]
CMD ["/node"]
