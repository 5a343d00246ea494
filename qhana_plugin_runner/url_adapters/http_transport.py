# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""HTTP connections that check which address they really connect to.

A DNS name can mean another address every time it is asked for, so checking it before a
request is not enough: the connection itself resolves the name, checks each address, and
connects to one that passed.
"""

from __future__ import annotations

import os
import socket
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.cookies import RequestsCookieJar
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError
from urllib3.util.connection import allowed_gai_family, create_connection

from qhana_plugin_runner.errors import FetchError
from qhana_plugin_runner.url_adapters.bounded_body import BoundedBody
from qhana_plugin_runner.url_adapters.clients import OUTSIDE_HEADER
from qhana_plugin_runner.url_adapters.deadlines import hang_up_after
from qhana_plugin_runner.url_adapters.policy import MAX_REDIRECTS, FetchPolicy

WEB_SCHEMES = ("http", "https")


class CheckedHTTPConnection(HTTPConnection):
    """A connection under the fetch policy of the application that uses it."""

    def _new_conn(self) -> socket.socket:
        failure: OSError | None = None
        for address in self._checked_addresses():
            try:
                return create_connection(
                    (address, self.port),
                    self.timeout,
                    source_address=self.source_address,
                    socket_options=self.socket_options,
                )
            except OSError as error:
                failure = error
        if isinstance(failure, TimeoutError):
            message = f"Connection to {self.host} timed out."
            raise ConnectTimeoutError(self, message) from failure
        message = f"Failed to establish a new connection: {failure}"
        raise NewConnectionError(self, message) from failure

    def _checked_addresses(self) -> list[str]:
        """Resolve the host name, keep the addresses that may be connected to."""
        # With its trailing dot, which the property ``host`` takes away.
        name = self._dns_host.strip("[]")
        try:
            found = socket.getaddrinfo(
                name, self.port, allowed_gai_family(), socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            message = f"Failed to resolve '{self.host}' ({error})"
            raise NewConnectionError(self, message) from error
        policy = FetchPolicy.current()
        addresses: list[str] = []
        refusal: FetchError | None = None
        for *_, sockaddr in found:
            address = str(sockaddr[0])
            try:
                policy.check_address(address, self.host, self.port)
            except FetchError as error:
                refusal = error
            else:
                addresses.append(address)
        if not addresses and refusal is not None:
            raise refusal
        return addresses

    def putrequest(self, *args: Any, **kwargs: Any) -> None:
        """Begin a request; a kept connection may be from another application."""
        if self.sock is not None:
            try:
                address = self.sock.getpeername()[0]
            except OSError:
                self.close()  # and connect again, with a check
            else:
                FetchPolicy.current().check_address(address, self.host, self.port)
        super().putrequest(*args, **kwargs)

    def getresponse(self) -> Any:
        """Read the head of the response, but do not wait for ever if it trickles in."""
        # Version 1 of urllib3 has set the read time-out of the socket by now, version 2
        # that of the connection; the other one is the connect time-out.
        pauses = (self.timeout, self.sock.gettimeout()) if self.sock else (None,)
        seconds = FetchPolicy.current().max_seconds
        if seconds is None or self.sock is None:
            return super().getresponse()
        if not all(isinstance(pause, int | float) for pause in pauses):
            return super().getresponse()  # the caller means to wait for ever
        with hang_up_after(self.sock, max(seconds, *pauses) + 1):
            return super().getresponse()


class CheckedHTTPSConnection(CheckedHTTPConnection, HTTPSConnection):
    """The same over TLS."""


class CheckedHTTPConnectionPool(HTTPConnectionPool):
    ConnectionCls = CheckedHTTPConnection


class CheckedHTTPSConnectionPool(HTTPSConnectionPool):
    ConnectionCls = CheckedHTTPSConnection


class CheckedHTTPAdapter(HTTPAdapter):
    """Fetches http and https URLs as far as the fetch policy allows.

    Connections of a parent process are not used after a fork.
    """

    _pool_connections: int
    _pool_maxsize: int
    _pool_block: bool

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Set up the pools of connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {
            "http": CheckedHTTPConnectionPool,
            "https": CheckedHTTPSConnectionPool,
        }
        self._owner = os.getpid()

    def _leave_parent_process(self) -> None:
        # The old pools are kept: a lock in them may be held by a thread that does not
        # exist any more, and dropping them would wait for it.
        self._inherited = (self.poolmanager, self.proxy_manager)
        self.proxy_manager = {}
        self.init_poolmanager(
            self._pool_connections, self._pool_maxsize, block=self._pool_block
        )

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        """Send one request (redirects are followed by the session).

        Raises:
            FetchError: the policy refuses the address or the length of the body.
        """
        if self._owner != os.getpid():
            self._leave_parent_process()
        policy = FetchPolicy.current()
        if not policy.client_is_local:
            request.headers[OUTSIDE_HEADER] = "outside"
        if select_proxy(request.url or "", proxies):
            policy.check_url(request.url or "")
        response = super().send(request, stream, timeout, verify, cert, proxies)
        _bound(response, policy, stream, timeout)
        return response


def _bound(response: Response, policy: FetchPolicy, stream: bool, timeout: Any) -> None:
    """Let the body of a response be read only as far as the policy allows."""
    pause = timeout[1] if isinstance(timeout, tuple) else timeout
    seconds = policy.max_seconds
    if seconds is not None:
        seconds = max(seconds, pause) if isinstance(pause, int | float) else None
    limit = policy.body_limit(stream)
    # Version 1 of urllib3 takes a body that breaks off for a complete one by default.
    response.raw.enforce_content_length = True
    length = response.headers.get("Content-Length", "")
    if response.request.method != "HEAD" and length.isdecimal():
        try:
            policy.check_length(int(length), stream)
        except FetchError:
            response.close()
            raise
    response.raw = BoundedBody(response.raw, limit, seconds, policy.max_ratio)


class _NoCookies(RequestsCookieJar):
    """Keeps nothing: cookies of one user's URL are no business of the next."""

    def set_cookie(self, cookie: Any, *args: Any, **kwargs: Any) -> None:
        """Forget a cookie."""


def refuse_other_redirects(response: Response, *_: Any, **__: Any) -> None:
    """Refuse a redirect to anything but a web page (a hook for responses).

    A web server must not be able to make this machine read its own files.

    Raises:
        FetchError: the response redirects to a URL that is neither http nor https.
    """
    if not response.is_redirect:
        return
    try:
        target = urljoin(response.url, response.headers["location"])
        scheme = urlsplit(target).scheme.lower()
    except ValueError:
        scheme = ""
    if scheme not in WEB_SCHEMES:
        response.close()
        raise FetchError("The server redirects to something that is no web address.")


class FetchSession(requests.Session):
    """A session under the fetch policy of the current application.

    It can be shared by threads, and used in processes that were forked later. It keeps
    connections, but no cookies.
    """

    def __init__(self) -> None:
        super().__init__()
        self.max_redirects = MAX_REDIRECTS
        self.cookies = _NoCookies()
        for scheme in WEB_SCHEMES:
            self.mount(f"{scheme}://", CheckedHTTPAdapter(pool_maxsize=32))

    def should_strip_auth(self, old_url: str, new_url: str) -> bool:
        """Tell whether a redirect leads to another origin, which gets no credentials."""
        other_scheme = urlsplit(old_url).scheme != urlsplit(new_url).scheme
        return other_scheme or super().should_strip_auth(old_url, new_url)
