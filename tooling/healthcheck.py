# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The health check of the container image: ``python -m tooling.healthcheck``.

A server must answer. A worker must have renewed its lease not long ago; each time it does
so it touches WORKER_HEARTBEAT_FILE.
"""

import http.client
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path

# Three times the default lease: one slow renewal is no illness.
MAX_HEARTBEAT_AGE_SECONDS = 90


def problem(env: Mapping[str, str]) -> str:
    """Return what is wrong with the server or worker of this container, or nothing."""
    if env.get("CONTAINER_MODE") == "worker":
        return _worker_problem(env.get("WORKER_HEARTBEAT_FILE", ""))
    return _server_problem(int(env.get("SERVER_PORT") or 8080))


def _server_problem(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=4)
    try:
        connection.request("GET", "/health/live")
        status = connection.getresponse().status
    except OSError as error:
        return f"The server does not answer on port {port}: {error}"
    finally:
        connection.close()
    return f"The server answers with status {status}." if status >= 500 else ""


def _worker_problem(heartbeat: str) -> str:
    if not heartbeat:
        return ""
    try:
        age = time.time() - Path(heartbeat).stat().st_mtime
    except OSError as error:
        return f"The worker has not taken a lease yet: {error}"
    if age > MAX_HEARTBEAT_AGE_SECONDS:
        return f"The worker has not renewed its lease for {age:.0f} seconds."
    return ""


if __name__ == "__main__":
    sys.exit(problem(os.environ) or 0)
