# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Redis servers of a test's own: with TLS, with users, or behind Sentinel."""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runner_process import free_port


@dataclass
class OwnRedis:
    """A running ``redis-server`` (or Sentinel).

    Attributes:
        port: where it listens on loopback.
    """

    port: int
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End the server at once."""
        self.process.kill()
        self.process.wait()


@contextmanager
def own_redis(folder: Path, *lines: str, tls: bool = False) -> Iterator[OwnRedis]:
    """Run a server with these lines of configuration, without persistence.

    Args:
        folder: where its configuration goes; Sentinel changes it.
        lines: more lines of configuration; ``sentinel …`` makes it a Sentinel.
        tls: only take TLS connections.
    """
    executable = shutil.which("redis-server")
    if executable is None:
        if os.environ.get("CI") == "true":
            pytest.fail("needs redis-server")
        pytest.skip("needs redis-server")
    port = free_port()
    config = folder / f"redis-{port}.conf"
    ports = (f"tls-port {port}", "port 0") if tls else (f"port {port}",)
    is_sentinel = any(line.startswith("sentinel ") for line in lines)
    own = ("bind 127.0.0.1", f"dir {folder}", f"logfile {folder}/redis-{port}.log")
    more = () if is_sentinel else ('save ""', "appendonly no")
    config.write_text("\n".join([*ports, *own, *more, *lines]) + "\n")
    command = [executable, str(config), *(["--sentinel"] if is_sentinel else [])]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        yield OwnRedis(port, process)
    finally:
        process.kill()
        process.wait()


def wait_for_port(port: int) -> None:
    """Wait until somebody listens."""
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens on {port}"
            time.sleep(0.05)


@dataclass(frozen=True)
class Certificates:
    """Files with a self-made authority and a certificate for loopback."""

    authority: Path
    certificate: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Make a certificate for 127.0.0.1 that is its own authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    files = Certificates(folder / "ca.pem", folder / "server.pem", folder / "key.pem")
    files.authority.write_bytes(certificate.public_bytes(pem))
    files.certificate.write_bytes(certificate.public_bytes(pem))
    files.key.write_bytes(
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files
