# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A small S3 server that keeps objects as files and streams them, for large objects.

It speaks as much of S3 as the object store needs, without looking at signatures:
``python benchmarks/s3_files.py FOLDER`` prints its port.
"""

from __future__ import annotations

import re
import shutil
import sys
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

_CHUNK_SIZE = 1 << 20


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection.

    Attributes:
        root: the folder that holds the objects.
        ends: where the parts of uploads end, by upload and number.
    """

    protocol_version = "HTTP/1.1"
    root: Path
    ends: ClassVar[dict[tuple[str, int], int]] = {}

    def _target(self) -> tuple[Path, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        name = unquote(parts.path).strip("/").replace("/", "%2F")
        return self.root / name, parse_qs(parts.query, keep_blank_values=True)

    def _answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", headers.get("size", str(len(body))))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self) -> None:
        """Take an object or a part of an upload."""
        path, query = self._target()
        size, start = int(self.headers["Content-Length"]), 0
        if "uploadId" in query:
            # Parts come in order, maybe twice; joining them at the end would take longer
            # than clients wait.
            upload, number = query["uploadId"][0], int(query["partNumber"][0])
            path = self.root / upload
            start = self.ends.get((upload, number - 1), 0)
            self.ends[upload, number] = start + size
        with path.open("r+b" if start else "wb") as target:
            target.seek(start)
            self._copy(self.rfile, target, size)
        self._answer(200, ETag=f'"{path.name[-40:]}"')

    def do_POST(self) -> None:
        """Begin an upload, or complete it."""
        path, query = self._target()
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upload = query.get("uploadId", [uuid.uuid4().hex])[0]
        if "uploads" in query:
            tag = "InitiateMultipartUploadResult"
        else:
            tag = "CompleteMultipartUploadResult"
            (self.root / upload).rename(path)
        text = f"<{tag}><UploadId>{upload}</UploadId><ETag>x</ETag></{tag}>"
        self._answer(200, text.encode())

    def do_GET(self) -> None:
        """Send an object, or the part that the range names."""
        path, _query = self._target()
        if not path.is_file():
            self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        size = path.stat().st_size
        start, end = 0, size - 1
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted:
            start, end = int(wanted[1]), min(int(wanted[2] or end), end)
        self.send_response(206 if wanted else 200)
        self.send_header("ETag", f'"{path.stat().st_mtime_ns}"')
        self.send_header("Last-Modified", self.date_time_string(path.stat().st_mtime))
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.send_header("Content-Length", str(end - start + 1))
        self.end_headers()
        if self.command == "GET":
            with path.open("rb") as source:
                source.seek(start)
                self._copy(source, self.wfile, end - start + 1)

    do_HEAD = do_GET

    def do_DELETE(self) -> None:
        """Delete an object or the parts of an upload."""
        path, query = self._target()
        for upload in query.get("uploadId", []):
            (self.root / upload).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        self._answer(204)

    def _copy(self, source: BinaryIO, target: BinaryIO, size: int) -> None:
        while size:
            block = source.read(min(size, _CHUNK_SIZE))
            target.write(block)
            size -= len(block)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def main() -> None:
    """Serve the folder that the command line names until somebody ends the process."""
    Handler.root = Path(sys.argv[1])
    shutil.rmtree(Handler.root, ignore_errors=True)
    Handler.root.mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
