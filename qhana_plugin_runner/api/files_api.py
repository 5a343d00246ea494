# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 9 of the request flow, continued: downloading result files."""

from __future__ import annotations

import hmac
import logging
import mimetypes
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from flask import Response, request
from flask.views import MethodView
from webargs.flaskparser import abort
from werkzeug.http import parse_options_header
from werkzeug.wsgi import FileWrapper, wrap_file

from qhana_plugin_runner.api.byte_ranges import answer_range
from qhana_plugin_runner.api.file_server import delegated
from qhana_plugin_runner.api.task_schemas import FileQuerySchema
from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.db.models.base import MAX_ROW_ID
from qhana_plugin_runner.db.models.task_parts import TEMPORARY_FILE_TYPE
from qhana_plugin_runner.db.models.tasks import TaskFile
from qhana_plugin_runner.errors import NotFoundError
from qhana_plugin_runner.storage import STORE, Download

_LOGGER = logging.getLogger("qhana_plugin_runner.api.files")

FALLBACK_TYPE = "application/octet-stream"
PDF_TYPE = "application/pdf"

#: Bytes that are read and sent at once.
CHUNK_SIZE = 1 << 18

#: What a stored page may do: run its scripts, but not as part of this origin, where they
#: could use the API in the name of whoever opens the file.
SANDBOX = (
    "sandbox allow-scripts allow-forms allow-popups allow-downloads allow-modals "
    "allow-popups-to-escape-sandbox"
)

FILES_API = SecurityBlueprint(
    "files-api",
    __name__,
    description="Result files of tasks.",
    url_prefix="/files",
)


@FILES_API.route("/<int:file_id>/")
class FileView(MethodView):
    """One result file."""

    @FILES_API.arguments(FileQuerySchema(), location="query")
    @FILES_API.response(
        HTTPStatus.OK,
        {"type": "string", "format": "binary"},
        content_type=FALLBACK_TYPE,
    )
    @FILES_API.alt_response(
        HTTPStatus.PARTIAL_CONTENT,
        schema={"type": "string", "format": "binary"},
        content_type=FALLBACK_TYPE,
        description="The requested range.",
    )
    @FILES_API.alt_response(
        HTTPStatus.FOUND, description="The file is at the URL of the object store."
    )
    @FILES_API.alt_response(HTTPStatus.NOT_MODIFIED, description="Not modified.")
    @FILES_API.alt_response(HTTPStatus.NOT_FOUND, "DEFAULT_ERROR")
    @FILES_API.alt_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, "DEFAULT_ERROR")
    def get(self, query: dict[str, Any], file_id: int) -> Any:
        """Download a file; the query contains its security tag."""
        file = TaskFile.get_by_id(file_id) if file_id <= MAX_ROW_ID else None
        if file is None or not _is_allowed(file, query["file_id"]):
            abort(404, message=gettext("File not found."))
        if file.file_type == TEMPORARY_FILE_TYPE:
            _LOGGER.warning("The temporary file %s is downloaded.", file_id)
        return _answer(file)


def _is_allowed(file: TaskFile, tag: str) -> bool:
    given, expected = tag.encode("utf-8", "replace"), file.security_tag.encode()
    return hmac.compare_digest(given, expected)


def _answer(file: TaskFile) -> Response:
    """Return the answer in the way that the store of the file serves it."""
    try:
        try:
            return _from_store(file)
        except (NotFoundError, FileNotFoundError):
            if not STORE.was_moved(file):  # by `flask store migrate`, a moment ago
                raise
            return _from_store(file)
    except (NotFoundError, FileNotFoundError) as err:
        _LOGGER.error("The file %s cannot be served: %s", file.id, err)
        abort(404, message=gettext("File not found."))


def _from_store(file: TaskFile) -> Response:
    store = STORE[file.storage_provider]
    if request.method == "GET" and (url := store.get_redirect(file, _told(file))):
        return _redirect(url)
    download = store.get_download(file)
    if download is None:
        abort(404, message=gettext("File not found."))
    return _send(file, download)


def _told(file: TaskFile) -> dict[str, str]:
    """Return the headers that another server should send with the file."""
    return {
        "Content-Type": content_type(file),
        "Content-Disposition": content_disposition(file.file_name),
    }


def _redirect(url: str) -> Response:
    response = Response(status=HTTPStatus.FOUND)
    response.headers["Location"] = url
    response.headers["Cache-Control"] = "no-store"  # the URL expires
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _send(file: TaskFile, download: Download) -> Response:
    response = delegated(download) or answer_range(
        _whole(download), request.environ, download.size
    )
    headers = response.headers
    headers.update(_told(file))
    headers["Cache-Control"] = "no-cache"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Referrer-Policy"] = "no-referrer"  # the URL contains the tag
    if headers["Content-Type"] != PDF_TYPE:  # browsers show no PDF in a sandbox
        headers["Content-Security-Policy"] = SANDBOX
    if file.file_type and file.file_type.isascii() and file.file_type.isprintable():
        headers["X-Data-Type"] = file.file_type
    return response


def _whole(download: Download) -> Response:
    """Return the answer with the whole file, which can seek for a part of it."""
    content = download.open()
    body: Iterable[bytes] = FileWrapper(content, CHUNK_SIZE)
    if download.path is not None and "Range" not in request.headers:
        body = wrap_file(request.environ, content, CHUNK_SIZE)  # sent by the kernel
    response = Response(body, direct_passthrough=True)
    response.content_length = download.size
    response.last_modified = download.modified
    response.set_etag(download.etag)
    response.headers["Accept-Ranges"] = "bytes"
    return response


def content_type(file: TaskFile) -> str:
    """Return the content type of a file, safe to be sent as a header.

    Text without a declared charset is UTF-8: that is how the stores write it.
    """
    stored = file.mimetype or mimetypes.guess_type(file.file_name or "")[0]
    if not stored or not (stored.isascii() and stored.isprintable()):
        return FALLBACK_TYPE
    type_, parameters = parse_options_header(stored)
    main, _, sub = type_.partition("/")
    if not main or not sub or " " in type_:
        return FALLBACK_TYPE
    if main.lower() == "text" and "charset" not in parameters:
        return f"{stored}; charset=utf-8"
    return stored


def content_disposition(name: str | None) -> str:
    """Return the header for showing a file under its name (RFC 6266, RFC 8187).

    Args:
        name: any Unicode text; control characters become ``_``.
    """
    clean = "".join(c if c.isprintable() else "_" for c in name or "file")
    if clean.isascii() and all(c.isalnum() or c in "._-" for c in clean):
        return f"inline; filename={clean}"
    simple = clean.encode("ascii", "replace").decode().replace("?", "_")
    simple = simple.replace("\\", "_").replace('"', "_")
    encoded = quote(clean.encode("utf-8", "replace"), safe="")
    return f"inline; filename=\"{simple}\"; filename*=UTF-8''{encoded}"
