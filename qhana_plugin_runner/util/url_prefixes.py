# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""URLs that documents are full of, without building each from its rule.

What stands before the number in such a URL depends on the host and the path prefix of the
request alone. It is built once for each of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import current_app, has_request_context, url_for
from werkzeug.sansio.utils import get_current_url

from .current import this_request

_EXTENSION = "qhana-url-prefixes"
#: Clients choose the host, so not all of them are kept.
_KEPT = 256


def url_root() -> str:
    """Return ``request.url_root`` of the current request."""
    request = this_request()
    return _root(request.scheme, request.host, request.root_path)


@lru_cache(maxsize=_KEPT)
def _root(scheme: str, host: str, path: str) -> str:
    return get_current_url(scheme, host, path)


def numbered_url(endpoint: str, argument: str, text: str) -> str:
    """Return the absolute URL of an endpoint whose rule ends with ``<argument>/``.

    Args:
        endpoint: name of the endpoint.
        argument: name of its only argument.
        text: ASCII digits that are in the URL as they are.
    """
    if not has_request_context():
        return f"{_prefix(endpoint, argument)}{text}/"
    # A document may have many such URLs.
    of_request: dict[str, str] = vars(this_request()).setdefault(_EXTENSION, {})
    prefix = of_request.get(endpoint)
    if prefix is None:
        prefix = of_request[endpoint] = _kept_prefix(endpoint, argument)
    return f"{prefix}{text}/"


def _kept_prefix(endpoint: str, argument: str) -> str:
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    if app.url_default_functions:
        return _prefix(endpoint, argument)
    prefixes: dict[Any, str] = app.extensions.setdefault(_EXTENSION, {})
    request = this_request()
    key = endpoint, request.scheme, request.host, request.root_path
    prefix = prefixes.get(key)
    if prefix is None:
        if len(prefixes) >= _KEPT:
            prefixes.clear()
        prefix = prefixes[key] = _prefix(endpoint, argument)
    return prefix


def _prefix(endpoint: str, argument: str) -> str:
    values: dict[str, Any] = {argument: 0}
    url = url_for(endpoint, _external=True, **values)
    return url.removesuffix("/").rpartition("/")[0] + "/"
