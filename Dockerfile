# The runner without plugins, as server or worker (CONTAINER_MODE).
#
# Plugins come from a derived image (/app/plugins), a mounted folder (/app/extra-plugins)
# or git (GIT_PLUGINS, loaded into /app/git-plugins). See README.md.
ARG BASE_IMAGE=docker.io/library/python:3.10-bookworm
FROM ${BASE_IMAGE}

LABEL org.opencontainers.image.title="QHAna plugin runner" \
      org.opencontainers.image.licenses="Apache-2.0"

# git loads plugins; build tools are for plugins whose requirements must be compiled.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential ca-certificates git python3-dev \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin runner \
    && mkdir -p /app/instance /app/plugins /app/extra-plugins /app/git-plugins \
    && chown -R runner:runner /app
USER runner
WORKDIR /app

# An environment that the user owns, because plugin requirements are installed at start.
RUN python3 -m venv /home/runner/venv
ENV PATH=/home/runner/venv/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    PYTHONUTF8=1 \
    PIP_NO_CACHE_DIR=1

COPY --chown=runner:runner requirements.txt ./
RUN pip install --disable-pip-version-check --require-hashes -r requirements.txt

COPY --chown=runner:runner . ./

ENV FLASK_APP=qhana_plugin_runner \
    QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER=/app/instance \
    PLUGIN_FOLDERS=/app/plugins:/app/extra-plugins:/app/git-plugins \
    CONTAINER_MODE=server \
    DEFAULT_LOG_LEVEL=INFO \
    CONCURRENCY=2 \
    SERVER_PORT=8080

VOLUME /app/instance
EXPOSE 8080

# A worker has no port; its process being there is its health.
HEALTHCHECK --interval=30s --timeout=5s --start-period=300s CMD \
    test "$CONTAINER_MODE" = worker || python -c "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"SERVER_PORT\"]}/', timeout=4)"

ENTRYPOINT ["python", "-m", "invoke", "start-docker"]
