# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A real S3 HTTP server as a process of its own, with buckets for whoever asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

from runner_process import free_port

KEY = "test-key"
SECRET = "test-secret-that-must-not-be-shown"


@dataclass(frozen=True)
class S3Server:
    """A running server.

    Attributes:
        endpoint: its base URL.
    """

    endpoint: str

    @property
    def options(self) -> dict[str, Any]:
        """What ``OBJECT_STORE_OPTIONS`` needs for it."""
        return {"endpoint_url": self.endpoint, "key": KEY, "secret": SECRET}

    def new_bucket(self) -> str:
        """Make an empty bucket and return its name."""
        name = f"bucket-{uuid.uuid4().hex[:12]}"
        with requests.Session() as session:
            session.trust_env = False
            answer = session.put(f"{self.endpoint}/{name}", timeout=10)
        assert answer.status_code == 200, answer.text
        return name

    def settings(self, **options: Any) -> dict[str, Any]:
        """Return the settings of an app that keeps its files in a bucket of its own."""
        return {
            "DEFAULT_FILE_STORE": "object_store",
            "OBJECT_STORE_URL": f"s3://{self.new_bucket()}/results",
            "OBJECT_STORE_OPTIONS": {**self.options, **options},
        }

    def environment(self, **options: Any) -> dict[str, str]:
        """Return the same as environment variables."""
        settings = self.settings(**options)
        settings["OBJECT_STORE_OPTIONS"] = json.dumps(settings["OBJECT_STORE_OPTIONS"])
        return settings


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """Run a server until the end of the ``with`` statement."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env={**os.environ, "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(1 << 20)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = S3Server(f"http://127.0.0.1:{port}")
    try:
        _wait(process, server.endpoint)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=15)


def _wait(process: subprocess.Popen[bytes], endpoint: str) -> None:
    deadline = time.monotonic() + 60
    with requests.Session() as session:
        session.trust_env = False
        while process.poll() is None:
            try:
                session.get(f"{endpoint}/moto-api/", timeout=5)
                return
            except requests.ConnectionError:
                assert time.monotonic() < deadline, "the S3 server does not answer"
                time.sleep(0.1)
    raise AssertionError("the S3 server has ended at once")
