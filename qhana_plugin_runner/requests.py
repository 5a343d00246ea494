# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 6: the one way in which a task reads its input URLs.

``http(s)``, ``file:`` and ``data:`` URLs, rewritten by ``URL_REWRITE_RULES``, under the
fetch policy of the application (see :mod:`qhana_plugin_runner.url_adapters`).
"""

from __future__ import annotations

import codecs
import mimetypes
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from email.message import Message
from email.utils import collapse_rfc2231_value
from io import BufferedReader, RawIOBase
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast
from urllib.parse import unquote, urlsplit

from flask import Flask
from requests import HTTPError, RequestException, Response
from werkzeug.http import parse_options_header
from werkzeug.utils import secure_filename

from qhana_plugin_runner.service_token import auth_for
from qhana_plugin_runner.url_adapters import (
    FetchPolicy,
    FetchSession,
    describe_url,
    host_chosen_by_rule,
    parse_rewrite_rules,
    path_of_file_url,
    redact,
    register_additional_schemas,
    rewrite_url,
    trusting,
)

_CHUNK_SIZE = 1 << 16
_UNKNOWN_NAME = "unknown"
_DATA_URL_NAME = "data"
# Media types as plugins compare them; other spellings of servers mean the same.
_KNOWN_SPELLINGS = {
    spelling.lower(): spelling
    for spelling in ("text/csv", "application/json", "application/X-lines+json")
}

REQUEST_SESSION = FetchSession()
register_additional_schemas(REQUEST_SESSION)


def init_app(app: Flask) -> None:
    """Check the settings for fetching URLs, so that mistakes are found at the start.

    Raises:
        ConfigurationError: ``URL_REWRITE_RULES`` is malformed.
    """
    parse_rewrite_rules(app.config.get("URL_REWRITE_RULES"))
    register_additional_schemas(REQUEST_SESSION)


def open_url(url: str, raise_on_error_status: bool = True, **kwargs: Any) -> Response:
    """Open a URL.

    Text whose charset is not declared is UTF-8. At most five redirects are followed, only
    to http and https URLs.

    Args:
        url: an ``http(s):``, ``file:`` or ``data:`` URL.
        raise_on_error_status: raise an error if the status is 400 or above.
        **kwargs: passed on to ``requests.Session.get``; ``timeout`` is 5 seconds to
            connect and 30 to wait for data unless it is given. With ``stream=True`` the
            body must be read before the response is closed.

    Returns:
        A response, best used as a context manager.

    Raises:
        FetchError: the URL may not be fetched, or the data is longer than allowed; a
            ``ValueError``.
        requests.HTTPError: the status says that there was an error.
        requests.RequestException: the URL could not be fetched. Neither this nor other
            errors contain credentials of the URL.
        ValueError: the URL is malformed.
    """
    kwargs.setdefault("auth", auth_for(url))
    asked_for, url = url, rewrite_url(url)
    kwargs.setdefault("timeout", FetchPolicy.current().timeout)
    try:
        with trusting(host_chosen_by_rule(asked_for, url)):
            response = REQUEST_SESSION.get(url, **kwargs)
    except RequestException as error:
        asked = error.request.url if error.request is not None else None
        message = redact(str(error), url, asked)
        if message == str(error):
            raise
        error.args = (message,)
        # The causes have the secrets in their messages as well.
        raise error from None
    _prefer_utf_8(response)
    if raise_on_error_status:
        _raise_for_status(response)
    return response


def _prefer_utf_8(response: Response) -> None:
    """Decode text as UTF-8, with or without byte-order mark, unless told otherwise."""
    media_type, parameters = parse_options_header(response.headers.get("Content-Type"))
    if parameters.get("charset") or response.encoding is None:
        return
    if response.encoding.lower() in ("iso-8859-1", "utf-8"):
        # Only a byte-order mark is decoded differently by the two.
        unread = not getattr(response, "_content_consumed", True)
        marked = unread or response.content.startswith(codecs.BOM_UTF8)
        web = response.url.lower().startswith("http")
        response.encoding = "utf-8-sig" if marked and web else "utf-8"


def _raise_for_status(response: Response) -> None:
    """Raise the same error as requests, with a URL that has no secrets."""
    if response.status_code < 400:
        return
    side = "Client" if response.status_code < 500 else "Server"
    reason = response.reason
    if isinstance(reason, bytes):
        reason = reason.decode("utf-8", "replace")
    raise HTTPError(
        f"{response.status_code} {side} Error: {reason} "
        f"for url: {describe_url(response.url)}",
        response=response,
    )


@contextmanager
def _opened(url_or_response: str | Response) -> Iterator[Response]:
    """Open a URL and close it again; a given response stays as it is."""
    if isinstance(url_or_response, Response):
        yield url_or_response
    elif isinstance(url_or_response, str):
        with open_url(url_or_response, stream=True) as response:
            yield response
    else:
        raise TypeError(
            f"Expected a URL or a response, not {type(url_or_response).__name__}."
        )


def _file_name(response: Response) -> str:
    """Get the name that the server, or else the URL, gives a file; may be empty."""
    header = response.headers.get("Content-Disposition")
    if header and (name := _disposition_name(header)):
        return PurePosixPath(name.replace("\\", "/")).name
    url = response.url or ""
    if url[:5].lower() == "data:":
        suffix = mimetypes.guess_extension(get_mimetype(response) or "") or ""
        return _DATA_URL_NAME + suffix
    return PurePosixPath(unquote(urlsplit(url).path)).name


def _disposition_name(header: str) -> str | None:
    """Read the file name of a ``Content-Disposition`` header (RFC 6266).

    The extended form ``filename*`` wins over the plain one, wherever it stands.
    """
    # Headers are decoded as latin-1, but many servers write UTF-8.
    with suppress(UnicodeError):
        header = header.encode("latin-1").decode("utf-8")
    message = Message()
    message["Content-Disposition"] = header
    name = None
    with suppress(TypeError, ValueError):  # what the library makes of nonsense
        for key, value in message.get_params([], header="Content-Disposition"):
            if key.lower() == "filename":
                if isinstance(value, tuple):
                    return collapse_rfc2231_value(value)
                name = value
    return name


def retrieve_filename(url_or_response: str | Response) -> str:
    """Get the name of the file behind a URL, without folder and last suffix.

    Args:
        url_or_response: a URL, which is opened and closed, or a response, which is
            neither read nor closed.

    Returns:
        The name from the ``Content-Disposition`` header or else from the URL
        (``a.tar.gz`` becomes ``a.tar``).

    Raises:
        TypeError: the argument is neither.
    """
    with _opened(url_or_response) as response:
        return PurePosixPath(_file_name(response)).stem or _UNKNOWN_NAME


def get_mimetype(response: Response, default: str | None = None) -> str | None:
    """Get the content type of a response, without parameters.

    Args:
        response: the response.
        default: returned if neither the header nor the URL tells.
    """
    header = response.headers.get("Content-Type")
    media_type = parse_options_header(header)[0].strip()
    if media_type:
        return _KNOWN_SPELLINGS.get(media_type.lower(), media_type)
    guessed, compression = mimetypes.guess_type(urlsplit(response.url or "").path)
    if compression is not None:
        return f"application/{compression}"
    return guessed or default


def retrieve_data_type(url_or_response: str | Response) -> str | None:
    """Get the data type that the ``X-Data-Type`` header of a URL or response tells."""
    with _opened(url_or_response) as response:
        return response.headers.get("X-Data-Type")


def retrieve_attribute_metadata_url(url_or_response: str | Response) -> str | None:
    """Get the URL of the attribute metadata (header ``X-Attribute-Metadata``)."""
    with _opened(url_or_response) as response:
        return response.headers.get("X-Attribute-Metadata")


class _Body(RawIOBase):
    """The decoded body of a response as a file."""

    def __init__(self, response: Response) -> None:
        self._chunks: Iterator[bytes] = response.iter_content(_CHUNK_SIZE)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read at most as many bytes as fit into a buffer."""
        if not self._rest:
            # An empty piece would mean the end.
            self._rest = memoryview(next(filter(None, self._chunks), b""))
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


@contextmanager
def open_url_as_file_like(
    url: str, raise_on_error_status: bool = True, stream: bool = True, **kwargs: Any
) -> Generator[tuple[str, BinaryIO, str | None], None, None]:
    """Open a URL as a binary file; compression of the transport is undone.

    Args:
        url: the URL to open.
        raise_on_error_status: raise an error if the status is 400 or above.
        stream: read the body while the file is read.
        **kwargs: as for :func:`open_url`.

    Yields:
        The file name with suffix (the whole path for ``file:`` URLs), the file, and the
        content type without parameters.
    """
    with open_url(url, raise_on_error_status, stream=stream, **kwargs) as response:
        if (response.url or "")[:5].lower() == "file:":
            name = path_of_file_url(response.url)
        else:
            name = _safe_name(_file_name(response))
        with BufferedReader(_Body(response), _CHUNK_SIZE) as body:
            yield name, cast(BinaryIO, body), get_mimetype(response)


def _safe_name(name: str) -> str:
    """Make a file name safe, and keep its suffix if nothing else of it is."""
    safe = secure_filename(name)
    suffix = secure_filename(PurePosixPath(name).suffix)
    if suffix and safe == suffix:
        return f"{_UNKNOWN_NAME}.{suffix}"
    return safe or _UNKNOWN_NAME


@contextmanager
def open_url_as_file_like_simple(
    url: str, raise_on_error_status: bool = True, stream: bool = True, **kwargs: Any
) -> Generator[BinaryIO, None, None]:
    """Open a URL as a binary file, without name and content type."""
    with open_url_as_file_like(url, raise_on_error_status, stream, **kwargs) as opened:
        yield opened[1]
