# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Lets ``localhost`` mean the host machine inside a container.

Each port of LOCALHOST_PROXY_PORTS on the container's ``localhost`` is forwarded to the
same port of the host machine, so that a URL with ``localhost`` leads a browser and a
container to the same place. ``python -m tooling.localhost_proxy`` runs until its parent
process ends.
"""

import asyncio
import contextlib
import ctypes
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path

from invoke import Exit

from . import shell

HOST_NAMES = ("host.docker.internal", "host.containers.internal")
_BLOCK = 65536


def ports(text: str) -> list[int]:
    """Return the ports of a text such as ``":9090 :5005"``.

    Raises:
        Exit: naming a part that is no port.
    """
    parts = re.split(r"[\s,]+", text.strip()) if text.strip() else []
    for part in parts:
        if (
            not re.fullmatch(r":?[0-9]{1,5}", part)
            or not 0 < int(part.strip(":")) < 65536
        ):
            raise Exit(f"LOCALHOST_PROXY_PORTS has '{part}', allowed is ':9090 :5005'.")
    return [int(part.strip(":")) for part in parts]


def host_machine() -> str:
    """Return the name or address of the host machine, seen from the container.

    Raises:
        Exit: when neither a name nor a default route leads there.
    """
    chosen = shell.environment().get("LOCALHOST_PROXY_HOST")
    if chosen:
        return chosen
    for name in HOST_NAMES:
        with contextlib.suppress(OSError):
            socket.getaddrinfo(name, None)
            return name
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/route").read_text().splitlines()[1:]:
            _interface, target, gateway, *_rest = line.split()
            if target == "00000000" and gateway != "00000000":
                return socket.inet_ntoa(struct.pack("<L", int(gateway, 16)))
    raise Exit("The host machine was not found: set LOCALHOST_PROXY_HOST.")


def start_in_background() -> None:
    """Start the proxy if LOCALHOST_PROXY_PORTS names ports; it ends with this process."""
    if ports(shell.environment().get("LOCALHOST_PROXY_PORTS", "")):
        subprocess.Popen(shell.python("tooling.localhost_proxy"), cwd=shell.ROOT)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy bytes until the sender has finished, then say so to the receiver."""
    while block := await reader.read(_BLOCK):
        writer.write(block)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


class Forwarder:
    """Forwards connections to one port of the host machine."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def __call__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Connect a client with the host machine until both have finished."""
        with contextlib.closing(writer), contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
            with contextlib.closing(far_writer):
                await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))


async def serve(host: str, numbers: list[int]) -> None:
    """Forward the ports for ever; a port that is taken is named and left out."""
    servers = []
    for number in numbers:
        for address in ("127.0.0.1", "::1"):
            try:
                servers.append(
                    await asyncio.start_server(Forwarder(host, number), address, number)
                )
            except OSError as error:
                if address == "127.0.0.1":
                    print(
                        f"localhost:{number} is not forwarded: {error}", file=sys.stderr
                    )
            else:
                print(f"{address}:{number} is forwarded to {host}:{number}", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


def main() -> None:
    """Forward the ports of LOCALHOST_PROXY_PORTS."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    numbers = ports(shell.environment().get("LOCALHOST_PROXY_PORTS", ""))
    asyncio.run(serve(host_machine(), numbers))


if __name__ == "__main__":
    try:
        main()
    except Exit as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        os._exit(0)
