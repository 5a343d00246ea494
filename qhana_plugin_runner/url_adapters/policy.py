# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The policy of what may be fetched, and how much of it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import current_app, has_app_context

from qhana_plugin_runner.errors import FetchError
from qhana_plugin_runner.url_adapters.addresses import check_address, literal_address
from qhana_plugin_runner.url_adapters.clients import Client, work_of_other_threads

MEBIBYTE = 1 << 20
AUTO = "auto"
"""Value of ``FETCH_ALLOW_PRIVATE_NETWORKS``: only for clients of private networks."""
MAX_REDIRECTS = 5
"""Redirects that are followed before a fetch fails."""

_TRUSTED: ContextVar[tuple[str, ...]] = ContextVar("qhana_trusted_hosts", default=())


@dataclass(frozen=True)
class FetchPolicy:
    """What may be fetched, from where and how much.

    The defaults are for use as a library, outside of an application: nothing but
    addresses that nobody should ever fetch is refused.

    Attributes:
        file_roots: folders whose files ``file:`` URLs may name; ``None`` means all.
        allow_private_networks: loopback, private and other non-public addresses may be
            connected to.
        allowed_hosts: lower-case ``host`` or ``host:port`` of URLs whose addresses may be
            private nevertheless.
        client_is_local: whether the work is for a client of a private network.
        max_bytes: the largest body, decompressed; ``None`` is no limit.
        max_bytes_in_memory: the largest body that is not streamed but read at once.
        max_ratio: how many times smaller than its content a compressed body may be.
        max_data_url_bytes: the largest content of a ``data:`` URL.
        max_seconds: how long to wait for an answer in all. Every 16 KiB received give
            another second, so that long answers may take long, but not trickle.
        connect_timeout: seconds to wait for a connection.
        read_timeout: seconds to wait for the next bytes.
    """

    file_roots: tuple[Path, ...] | None = None
    allow_private_networks: bool = True
    allowed_hosts: frozenset[str] = frozenset()
    client_is_local: bool = True
    max_bytes: int | None = None
    max_bytes_in_memory: int | None = None
    max_ratio: float | None = None
    max_data_url_bytes: int | None = None
    max_seconds: float | None = None
    connect_timeout: float = 5.0
    read_timeout: float = 30.0

    @classmethod
    def from_config(
        cls,
        config: Mapping[str, Any],
        instance_path: str | Path,
        client: Client | None = None,
    ) -> FetchPolicy:
        """Read the policy of an application.

        Args:
            config: the configuration of the application.
            instance_path: its instance folder; relative file roots are relative to it.
            client: for whom the fetch is made; nobody in particular counts as local.
        """
        client = client or Client()
        instance = Path(instance_path)
        roots = [config.get("FILE_STORE_ROOT_PATH") or "files"]
        roots += config.get("FETCH_FILE_ROOTS") or ()
        if config.get("DEBUG") or config.get("TESTING"):
            roots += (instance, tempfile.gettempdir())
        hosts: Iterable[str] = config.get("FETCH_ALLOWED_HOSTS") or ()
        private = config.get("FETCH_ALLOW_PRIVATE_NETWORKS", AUTO)
        return cls(
            file_roots=tuple(instance / root for root in roots),
            allow_private_networks=client.is_local if private == AUTO else private,
            allowed_hosts=frozenset(
                host.lower()
                for host in (*hosts, *_own_hosts(config, client), *_TRUSTED.get())
            ),
            client_is_local=client.is_local,
            max_bytes=config.get("FETCH_MAX_BYTES"),
            max_bytes_in_memory=config.get("FETCH_MAX_BYTES_IN_MEMORY", 512 * MEBIBYTE),
            max_ratio=config.get("FETCH_MAX_RATIO", 1000),
            max_data_url_bytes=config.get("FETCH_MAX_DATA_URL_BYTES", MEBIBYTE),
            max_seconds=config.get("FETCH_MAX_SECONDS", 60.0),
            connect_timeout=config.get("FETCH_CONNECT_TIMEOUT", 5.0),
            read_timeout=config.get("FETCH_READ_TIMEOUT", 30.0),
        )

    @classmethod
    def current(cls) -> FetchPolicy:
        """Get the policy of the current application, if there is one.

        A thread without context gets that of the task that this process works on.
        """
        if has_app_context():
            app, client = current_app, Client.current()
        elif (work := work_of_other_threads()) and work.app:
            app, client = work.app, work.client
        else:
            return cls()
        return cls.from_config(app.config, app.instance_path, client)

    @property
    def timeout(self) -> tuple[float, float]:
        """The connect and read time-outs in the form that requests takes."""
        return self.connect_timeout, self.read_timeout

    def body_limit(self, streamed: bool) -> int | None:
        """Get the largest body in bytes, ``None`` if there is no limit."""
        limits = (
            [self.max_bytes]
            if streamed
            else [
                self.max_bytes,
                self.max_bytes_in_memory,
            ]
        )
        return min((limit for limit in limits if limit is not None), default=None)

    def allows_file(self, path: str) -> bool:
        """Tell whether a file may be read.

        Args:
            path: an absolute path without symbolic links.
        """
        if self.file_roots is None:
            return True
        return any(
            Path(path).is_relative_to(os.path.realpath(root)) for root in self.file_roots
        )

    def check_address(self, address: str, host: str, port: int | None) -> None:
        """Refuse an address that must not be connected to.

        Args:
            address: the numeric address.
            host: the host name that the URL gave for it.
            port: the port of the connection.

        Raises:
            FetchError: the address is refused.
        """
        host = host.strip("[]").rstrip(".").lower()
        listed = host in self.allowed_hosts or f"{host}:{port}" in self.allowed_hosts
        check_address(address, allow_private=self.allow_private_networks or listed)

    def check_url(self, url: str) -> None:
        """Refuse a web address as far as its host name tells.

        What a DNS name means is for the connection (or the proxy) to find out.

        Raises:
            FetchError: the host name is an address that is refused, or the URL is
                malformed.
        """
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise FetchError("The URL is malformed.") from error
        host = parts.hostname or ""
        address = literal_address(host)
        if address is not None:
            self.check_address(address, host, port)

    def check_length(self, length: int, streamed: bool) -> None:
        """Refuse a body that is known to be too long.

        Raises:
            FetchError: the body is longer than allowed.
        """
        limit = self.body_limit(streamed)
        if limit is not None and length > limit:
            raise too_long(limit)


@contextmanager
def trusting(host: str | None) -> Iterator[None]:
    """Allow the addresses of one host for what is fetched meanwhile.

    Args:
        host: ``host:port``; ``None`` allows nothing more.
    """
    token = _TRUSTED.set((host,) if host else ())
    try:
        yield
    finally:
        _TRUSTED.reset(token)


def _own_hosts(config: Mapping[str, Any], client: Client) -> list[str]:
    """List ``host:port`` of this runner, whose URLs may always be fetched."""
    hosts = [client.own_host] if client.own_host else []
    name = config.get("SERVER_NAME") or ""
    if ":" in name:
        hosts.append(name)
    elif name:
        hosts += [f"{name}:80", f"{name}:443"]
    return hosts


def too_long(limit: int) -> FetchError:
    """Build the error for a body that is longer than allowed."""
    return FetchError(f"The data is longer than the {limit} bytes that are allowed.")
