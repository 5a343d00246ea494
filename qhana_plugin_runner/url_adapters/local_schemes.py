# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Reading ``file:`` and ``data:`` URLs through a session of requests."""

from __future__ import annotations

import binascii
import codecs
import mimetypes
import os
import re
import stat
from base64 import b64decode
from http import HTTPStatus
from io import BytesIO
from typing import Any, BinaryIO
from urllib.parse import unquote_to_bytes, urlsplit

from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from werkzeug.http import parse_options_header

from qhana_plugin_runner.errors import FetchError
from qhana_plugin_runner.url_adapters.policy import FetchPolicy

_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_BLANKS = re.compile(rb"\s+")


class _LocalAdapter(BaseAdapter):
    """What the adapters of schemes without a network have in common."""

    def send(
        self,
        request: PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> Response:
        """Answer a request.

        Raises:
            ValueError: the method is neither GET nor HEAD, or the URL is malformed.
        """
        if request.method not in ("GET", "HEAD"):
            raise ValueError(f"{request.method} is not possible for this kind of URL.")
        response = Response()
        response.request = request
        response.url = request.url or ""
        response.connection = self  # type: ignore[assignment]
        self.answer(response, stream)
        if request.method == "HEAD":
            response.raw.close()
            response.raw = BytesIO()
        return response

    def answer(self, response: Response, stream: bool) -> None:
        """Fill in a response to its URL."""
        raise NotImplementedError

    def close(self) -> None:
        """Do nothing: there are no connections."""


def _fill(
    response: Response,
    raw: BinaryIO,
    length: int,
    content_type: str | None,
    status: HTTPStatus = HTTPStatus.OK,
) -> None:
    response.status_code = status
    response.reason = status.phrase
    response.raw = raw
    response.headers["Content-Length"] = str(length)
    if content_type is not None:
        response.headers["Content-Type"] = content_type


class FileAdapter(_LocalAdapter):
    """Reads ``file:`` URLs of this machine, if the fetch policy allows.

    The status is 200, 403 for folders and for everything outside of the allowed folders
    (whether it exists or not), 404 for missing and 500 for unreadable files.
    """

    def answer(self, response: Response, stream: bool) -> None:
        """Fill in a response with the bytes of a file.

        Raises:
            ValueError: the URL names another host.
            FetchError: the file is longer than allowed.
        """
        policy = FetchPolicy.current()
        status, path = _find_file(response.url, policy)
        response.encoding = "utf-8"
        if status == HTTPStatus.OK:
            try:
                raw = open(path, "rb")  # noqa: SIM115, closed with the response
            except OSError:
                status = HTTPStatus.INTERNAL_SERVER_ERROR
        if status != HTTPStatus.OK:
            reason = status.phrase.encode()
            _fill(response, BytesIO(reason), len(reason), "text/plain", status)
            return
        try:
            length = os.fstat(raw.fileno()).st_size
            policy.check_length(length, stream)
            marked = raw.peek(3).startswith(codecs.BOM_UTF8)
            response.encoding = "utf-8-sig" if marked else "utf-8"
            # What is not streamed is read at once, and nobody has to close the file.
            _fill(response, raw if stream else BytesIO(raw.read()), length, _guess(path))
        finally:
            if response.raw is not raw:
                raw.close()


def _guess(path: str) -> str | None:
    media_type, compression = mimetypes.guess_type(path)
    return media_type if compression is None else f"application/{compression}"


def path_of_file_url(url: str) -> str:
    """Get the path that a ``file:`` URL names, percent-decoded.

    Raises:
        ValueError: the URL names another host.
    """
    parts = urlsplit(url)
    if parts.netloc.lower() not in ("", "localhost"):
        raise ValueError("A file: URL must not name another host than localhost.")
    return os.fsdecode(unquote_to_bytes(parts.path))


def _find_file(url: str, policy: FetchPolicy) -> tuple[HTTPStatus, str]:
    """Get the real path of a file and what to answer."""
    path = path_of_file_url(url)
    try:
        path = os.path.realpath(path)
    except (OSError, ValueError):
        path = "\0"  # nowhere
    if not policy.allows_file(path):
        # The same whether or not the file exists.
        return HTTPStatus.FORBIDDEN, path
    try:
        mode = os.stat(path).st_mode
    except PermissionError:
        return HTTPStatus.INTERNAL_SERVER_ERROR, path
    except (OSError, ValueError):
        return HTTPStatus.NOT_FOUND, path
    # Devices and pipes have no end, folders no content.
    return (HTTPStatus.OK if stat.S_ISREG(mode) else HTTPStatus.FORBIDDEN), path


class DataAdapter(_LocalAdapter):
    """Reads ``data:`` URLs (RFC 2397), with either alphabet of base64."""

    def answer(self, response: Response, stream: bool) -> None:
        """Fill in a response with the data.

        Raises:
            ValueError: there is no comma, or the data is no base64.
            FetchError: the data is longer than allowed.
        """
        head, comma, data = response.url[len("data:") :].partition(",")
        if not comma:
            raise ValueError("A data: URL needs a comma before its data.")
        limit = FetchPolicy.current().max_data_url_bytes
        if limit is not None and len(data) > 3 * limit + 16:
            raise _data_too_long(limit)  # even if every byte is written as %XX
        content = unquote_to_bytes(data)
        media_type, semicolon, last = head.rpartition(";")
        if last.strip().lower() == "base64" and semicolon:
            content, head = _decode_base64(content), media_type
        if limit is not None and len(content) > limit:
            raise _data_too_long(limit)
        if not head or head.startswith(";"):
            head = f"text/plain{head}"
        head = _CONTROLS.sub("", unquote_to_bytes(head).decode("latin-1"))
        charset = parse_options_header(head)[1].get("charset")
        marked = content.startswith(codecs.BOM_UTF8)
        response.encoding = charset or ("utf-8-sig" if marked else "utf-8")
        _fill(response, BytesIO(content), len(content), head)


def _data_too_long(limit: int) -> FetchError:
    return FetchError(f"The data: URL is longer than the {limit} bytes allowed.")


def _decode_base64(content: bytes) -> bytes:
    content = _BLANKS.sub(b"", content).translate(_URL_SAFE).rstrip(b"=")
    try:
        return b64decode(content + b"=" * (-len(content) % 4), validate=True)
    except binascii.Error as error:
        raise FetchError(f"The data: URL is no valid base64: {error}.") from error
