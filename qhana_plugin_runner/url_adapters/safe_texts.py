# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""URLs in error texts, without the secrets that may be in them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_USER_INFO = re.compile(r"(?<=://)[^\s/?#'\"<>]*@")
_MAX_LENGTH = 300


def describe_url(url: str) -> str:
    """Shorten a URL to what may be shown: no user, no password, no query, no data.

    Queries are left out because the signature of a signed URL is in there.
    """
    if url[:5].lower() == "data:":
        return f"{url[:5]}{url[5:].partition(',')[0][:80]},…"
    try:
        parts = urlsplit(url)
    except ValueError:
        return f"{url.partition(':')[0][:20]}:…"
    host = parts.netloc.rpartition("@")[2]
    query = "?…" if parts.query else ""
    if "@" in parts.path and not parts.netloc:
        return f"{parts.scheme}:…"
    shown = f"{parts.scheme}://{host}{parts.path}{query}" if parts.scheme else parts.path
    return shown if len(shown) <= _MAX_LENGTH else f"{shown[:_MAX_LENGTH]}…"


def redact(text: str, *urls: str | None) -> str:
    """Remove the secrets of URLs from a text that a library wrote.

    Args:
        text: for example the message of an exception.
        urls: URLs that may occur in the text as a whole or with path and query only.
    """
    for url in filter(None, urls):
        text = text.replace(url, describe_url(url))
        _, mark, query = url.partition("?")
        if mark and query:
            text = text.replace(f"?{query.partition('#')[0]}", "?…")
    return _USER_INFO.sub("", text)
