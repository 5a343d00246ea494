# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""URLs that documents are full of, without building each from its rule.

What stands before the number in such a URL depends on the host and the path prefix of the
request alone. It is built once for each of them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import Request, current_app, url_for
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
    try:
        request = this_request()
    except RuntimeError:
        return f"{_prefix(endpoint, argument)}{text}/"
    # A document may have many such URLs.
    prefixes: dict[str, str] | None = vars(request).get(_EXTENSION)
    if prefixes is None:
        prefixes = vars(request)[_EXTENSION] = _prefixes_of(request)
    prefix = prefixes.get(endpoint)
    if prefix is None:
        prefix = prefixes[endpoint] = _prefix(endpoint, argument)
    return f"{prefix}{text}/"


def _prefixes_of(request: Request) -> dict[str, str]:
    """Return the prefixes that are known for the host of a request, by endpoints."""
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined]
    if app.url_default_functions:
        return {}  # they may ask for anything
    kept: dict[Any, dict[str, str]] = app.extensions.setdefault(_EXTENSION, {})
    host = request.scheme, request.host, request.root_path
    prefixes = kept.get(host)
    if prefixes is None:
        if len(kept) >= _KEPT:
            kept.clear()
        prefixes = kept[host] = {}
    return prefixes


def _prefix(endpoint: str, argument: str) -> str:
    values: dict[str, Any] = {argument: 0}
    url = url_for(endpoint, _external=True, **values)
    return url.removesuffix("/").rpartition("/")[0] + "/"
