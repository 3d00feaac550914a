# The metadata service. Build from the root of the repository:
#   docker build -f docker/service.Dockerfile -t hyperdatasets-service .
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY hyperdatasets hyperdatasets
COPY metadata_service metadata_service
COPY node node
COPY examples examples
RUN python -m venv /opt/hyperdatasets && /opt/hyperdatasets/bin/pip install --no-cache-dir --quiet '.[arrow,vectors]'

FROM ${BASE}
COPY --from=build /opt/hyperdatasets /opt/hyperdatasets
RUN groupadd --gid 10001 hyperdatasets \
    && useradd --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin hyperdatasets \
    && mkdir /data && chown hyperdatasets:hyperdatasets /data
ENV PATH=/opt/hyperdatasets/bin:/usr/local/bin:/usr/bin:/bin PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
VOLUME /data
EXPOSE 7400
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
    CMD ["python", "-m", "hyperdatasets.wire.health", "7400", "/data/keys/ca.pem"]
ENTRYPOINT ["python", "-m", "metadata_service", "--data", "/data", "--host", "0.0.0.0"]
