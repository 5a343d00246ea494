# The runner without plugins, as server or worker (CONTAINER_MODE). See docs/container.rst.
#
# Plugins come from a derived image (/app/plugins), a mounted folder (/app/extra-plugins)
# or git (GIT_PLUGINS, loaded into /app/git-plugins).
ARG BASE_IMAGE=docker.io/library/python:3.10-slim-bookworm

FROM ${BASE_IMAGE} AS packages
WORKDIR /build
COPY requirements.txt ./
# Wheels only: nothing is compiled, and every file has a known hash.
RUN python3 -m venv /opt/runner \
    && /opt/runner/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
        --only-binary :all: --require-hashes -r requirements.txt

FROM ${BASE_IMAGE}
# What compiles the requirements of plugins. Empty: a smaller image, plugins with wheels only.
ARG BUILD_PACKAGES=build-essential
ARG VERSION=0.1.0

LABEL org.opencontainers.image.title="QHAna plugin runner" \
      org.opencontainers.image.description="Turns a folder of Python plugins into web services" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"

# git and ssh load plugins. The distribution's security updates matter more than a fixed version.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates git openssh-client ${BUILD_PACKAGES} \
    && rm -rf /var/lib/apt/lists/*

# Only these folders can be written; they are the ones to mount when the root is read-only.
# Group 0 has the rights of the user, for platforms that choose the user id themselves.
RUN useradd --uid 10001 --gid 0 --home-dir /tmp --no-create-home --shell /usr/sbin/nologin runner \
    && for folder in instance plugins extra-plugins git-plugins plugin-environment; do \
        install -d -o runner -g 0 -m 0775 "/app/${folder}"; \
    done

COPY --from=packages /opt/runner /opt/runner
WORKDIR /app
COPY . ./
RUN /opt/runner/bin/python -m compileall -q qhana_plugin_runner tooling migrations tasks.py

ENV PATH=/opt/runner/bin:${PATH} \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONUTF8=1 \
    PIP_NO_CACHE_DIR=1 \
    FLASK_APP=qhana_plugin_runner \
    QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER=/app/instance \
    PLUGIN_FOLDERS=/app/plugins:/app/extra-plugins:/app/git-plugins \
    PLUGIN_ENVIRONMENT=/app/plugin-environment \
    WORKER_HEARTBEAT_FILE=/tmp/worker-heartbeat \
    CONTAINER_MODE=server \
    DEFAULT_LOG_LEVEL=INFO \
    CONCURRENCY=2 \
    SERVER_PORT=8080

USER 10001
VOLUME /app/instance
EXPOSE 8080

# Installing what plugins require can take minutes.
HEALTHCHECK --interval=30s --timeout=5s --start-period=600s --retries=3 \
    CMD ["/opt/runner/bin/python", "-m", "tooling.healthcheck"]

ENTRYPOINT ["/opt/runner/bin/python", "-m", "invoke", "start-docker"]
