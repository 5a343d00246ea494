# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A real nginx with the example configuration of ``deploy/nginx``."""

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
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from runner_process import ROOT

EXAMPLE = ROOT / "deploy" / "nginx" / "runner.conf"
# Another address than those for which programs skip proxies and certificates.
ADDRESS = "127.0.0.2"


def program() -> str:
    """Return nginx; skip the test (fail in CI) if there is none."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("needs nginx")
        pytest.skip("needs nginx")
    return found


def make_certificate(folder: Path) -> Path:
    """Write a key and a self-signed certificate for ``ADDRESS``; returns the latter."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "runner")])
    now = datetime.datetime.now(datetime.timezone.utc)
    address = x509.IPAddress(ipaddress.ip_address(ADDRESS))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    return folder / "certificate.pem"


@contextmanager
def nginx(folder: Path, port: int, runner_port: int, files: Path) -> Iterator[None]:
    """Run nginx in front of a runner.

    Args:
        folder: for nginx's own files; has ``key.pem`` and ``certificate.pem``.
        port: where nginx listens on ``ADDRESS``.
        runner_port: where the runner listens.
        files: the folder of the local file store.
    """
    example = EXAMPLE.read_text(encoding="utf-8")
    for old, new in {
        "listen 443 ssl": f"listen {ADDRESS}:{port} ssl",
        "127.0.0.1:8080": f"127.0.0.1:{runner_port}",
        "/etc/nginx/tls/": f"{folder}/",
        "/app/instance/files/": f"{files}/",
        "proxy_read_timeout 120s": "proxy_read_timeout 20s",
    }.items():
        assert old in example
        example = example.replace(old, new)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    configuration = folder / "nginx.conf"
    configuration.write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\n"
        f"error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}\n{example}}}\n"
    )
    process = subprocess.Popen([program(), "-p", str(folder), "-c", str(configuration)])
    try:
        deadline = time.monotonic() + 15
        while socket.socket().connect_ex((ADDRESS, port)):
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(timeout=15)
