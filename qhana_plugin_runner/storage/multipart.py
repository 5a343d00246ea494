# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A multipart upload to S3, written like a file of fsspec but with less memory.

The file of s3fs keeps what it collects beside the part that it sends. Here a part is only
in memory as what is sent.
"""

from __future__ import annotations

from functools import partial
from typing import Any

# What the completion repeats of the answer to a part (the second if it was asked for).
_OF_A_PART = ("ETag", "ChecksumSHA256")


class MultipartUpload:
    """An object that appears when it is committed.

    Attributes:
        blocksize: bytes of a part.
    """

    def __init__(self, fs: Any, path: str, blocksize: int, **settings: str) -> None:
        """Begin the upload.

        Args:
            fs: the filesystem of s3fs; it tries each request again that fails.
            path: bucket and key.
            blocksize: bytes of a part.
            settings: of the object, for example ``ContentType``.
        """
        self.blocksize = blocksize
        self._forget_listings = partial(fs.invalidate_cache, path)
        bucket, key, _version = fs.split_path(path)
        call = partial(fs.call_s3, Bucket=bucket, Key=key)
        upload = call("create_multipart_upload", **settings)
        self._call = partial(call, UploadId=upload["UploadId"])
        self._pieces: list[bytes] = []
        self._size = 0
        self._parts: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        """Take bytes, and send them when they make a part."""
        self._pieces.append(bytes(data))  # a copy only of what may still change
        self._size += len(data)
        if self._size >= self.blocksize:
            self._send()

    def close(self) -> None:
        """Send what is left."""
        if self._pieces:
            self._send()

    def commit(self) -> None:
        """Let the object appear."""
        parts = {"Parts": self._parts}
        self._call("complete_multipart_upload", MultipartUpload=parts)
        self._forget_listings()

    def discard(self) -> None:
        """Let the parts disappear."""
        self._call("abort_multipart_upload")

    def _send(self) -> None:
        # Bytes and no file: a request that is tried again would send the rest of a file.
        body = b"".join(self._pieces)
        self._pieces, self._size = [], 0
        number = len(self._parts) + 1
        answer = self._call("upload_part", PartNumber=number, Body=body)
        known = {name: answer[name] for name in _OF_A_PART if name in answer}
        self._parts.append({"PartNumber": number, **known})
