# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Whose request is the reason for a fetch, and whether that client is local.

A client on a private network may let the runner fetch from private networks: it could do
so itself. For a client from outside the runner would open a door. What is known of the
client travels to the worker with the message of the task.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Flask,
    Request,
    current_app,
    has_app_context,
    has_request_context,
    request,
)

from qhana_plugin_runner.url_adapters.addresses import DEFAULT_PORTS, literal_address

OUTSIDE_HEADER = "X-QHAna-Client"
"""Tells another runner (or this one) that a fetch is made for a client from outside."""

# Some proxies note the port as well.
_WITH_PORT = re.compile(r"\[([^]]+)\](?::\d+)?|([\d.]+):\d+")
_LONGEST_HOST = 253
_LOCAL, _OUTSIDE = "local", "outside"
# Not ``is_private``: that counts addresses for documentation and of carriers as well.
_LOCAL_NETWORKS = tuple(
    map(
        ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
        + ("169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"),
    )
)


@dataclass(frozen=True)
class Client:
    """What the fetch policy needs to know of a client.

    Attributes:
        is_local: whether it is on a loopback or private network. Work without a request
            (commands, periodic tasks) is local.
        own_host: ``host:port`` under which it reached this runner, if that can be
            believed; URLs of it may always be fetched.
    """

    is_local: bool = True
    own_host: str | None = None

    @classmethod
    def current(cls) -> Client:
        """Return the client of the current task, or else of the current request."""
        if (client := _CLIENT_OF_TASK.get()) is not None:
            return client
        if has_request_context() and "REMOTE_ADDR" in request.environ:
            return cls.of_request(request)
        work = work_of_other_threads()
        return work.client if work else cls()

    @classmethod
    def of_request(cls, request: Request) -> Client:
        """Return the client that sent a request.

        It is from outside if the address of the connection, or any address that a proxy
        noted, is public or unknown. So a proxy that ``REVERSE_PROXY_COUNT`` forgets does
        not make everybody local, as long as it notes for whom it asks.
        """
        environ = request.environ
        real = environ.get("werkzeug.proxy_fix.orig", environ)
        # Behind a Unix socket there is no port, servers take that of the Host header.
        listens_on = str(real.get("SERVER_PORT", "")) if real.get("REMOTE_ADDR") else ""
        return _client_at(
            request.remote_addr or "",
            ",".join(request.headers.getlist("X-Forwarded-For")),
            OUTSIDE_HEADER in request.headers,
            f"{request.scheme}://{request.host}",
            listens_on,
            bool(current_app.config.get("TRUSTED_HOSTS")),
        )

    def to_text(self) -> str:
        """Return the client as text for a message or a database row."""
        return f"{_LOCAL if self.is_local else _OUTSIDE} {self.own_host or ''}".strip()

    @classmethod
    def from_text(cls, text: str | None) -> Client:
        """Return the client that :meth:`to_text` wrote; nothing means no request."""
        if not text:
            return cls()
        kind, _, own_host = text.partition(" ")
        return cls(kind == _LOCAL, own_host or None)


@lru_cache(maxsize=1024)
def _client_at(
    address: str,
    forwarded: str,
    says_outside: bool,
    root: str,
    listens_on: str,
    has_trusted_hosts: bool,
) -> Client:
    addresses = [address, *filter(None, forwarded.split(","))]
    is_local = not says_outside and all(map(is_local_address, addresses))
    return Client(is_local, _own_host(root, listens_on, has_trusted_hosts, is_local))


@dataclass(frozen=True, eq=False)
class Work:
    """Something that this process does for a client at the moment.

    Attributes:
        client: the client.
        app: the application that does it, ``None`` outside of any.
    """

    client: Client
    app: Flask | None


_CLIENT_OF_TASK: ContextVar[Client | None] = ContextVar("qhana_client", default=None)
_WORK_OF_PROCESS: list[Work] = []


@contextmanager
def working_for(client: Client) -> Iterator[None]:
    """Fetch on behalf of a client whose request is over or in another process."""
    app: Any = current_app
    work = Work(client, app._get_current_object() if has_app_context() else None)
    token = _CLIENT_OF_TASK.set(client)
    _WORK_OF_PROCESS.append(work)
    try:
        yield
    finally:
        _WORK_OF_PROCESS.remove(work)
        _CLIENT_OF_TASK.reset(token)


def work_of_other_threads() -> Work | None:
    """Return the work that a thread without a context probably belongs to.

    Tasks may start threads, which know nothing of the task. If there are several tasks,
    one for a client from outside counts.
    """
    if _CLIENT_OF_TASK.get() is not None:
        return None
    works = sorted(_WORK_OF_PROCESS, key=lambda work: work.client.is_local)
    return works[0] if works else None


def is_local_address(text: str) -> bool:
    """Tell whether a text is an address of a loopback or private network."""
    match = _WITH_PORT.fullmatch(text.strip())
    name = (match[1] or match[2]) if match else text.strip()
    if name == "localhost":  # some servers say so for a Unix socket
        return True
    try:
        address = ip_address(name.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in _LOCAL_NETWORKS)


def _own_host(
    root: str, listens_on: str, has_trusted_hosts: bool, client_is_local: bool
) -> str | None:
    """Return host and port of the request, unless the client may have made them up.

    Else a ``Host`` header would be enough to fetch from any host. They are believed if
    ``TRUSTED_HOSTS`` has the host, or if the port is the one this server listens on, and
    the host is this machine or the client is local anyway.
    """
    try:
        parts = urlsplit(root)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    is_own_port = str(port) == listens_on
    is_trusted = has_trusted_hosts and (is_own_port or port in DEFAULT_PORTS.values())
    address = literal_address(host)
    is_this_machine = address is not None and ip_address(address).is_loopback
    is_own = is_trusted or (is_own_port and (is_this_machine or client_is_local))
    return f"{host}:{port}" if is_own and len(host) <= _LONGEST_HOST else None
