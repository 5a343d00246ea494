# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The few things that the object store wants from fsspec, with clear errors.

The filesystem object is made by the process that uses it: its thread for input and
output does not survive a fork, and the pool of a worker is forked.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import Any, BinaryIO

from ..errors import (
    ConfigurationError,
    FileNotFoundInStoreError,
    QHAnaError,
    StoreUnavailableError,
)
from .content import CHUNK_SIZE
from .multipart import MultipartUpload

_LOGGER = logging.getLogger(__name__)

#: Bytes of one part of an upload, the least that S3 takes. A writer has it in memory
#: twice: as what is sent, and in the request.
PART_SIZE = 5 * 1024 * 1024
#: Bytes that a reader fetches at once.
READ_SIZE = 1024 * 1024

# S3 takes 10 000 parts of an object; after half of them (25 GB) they get larger.
_MANY_PARTS = 5_000
_LARGE_PART_SIZE = 20 * PART_SIZE
_S3 = ("s3", "s3a")
# A store that is away is given up after a few seconds.
_RETRIES = {"mode": "standard", "total_max_attempts": 4}


class ObjectClient:
    """A folder of an object store.

    Attributes:
        protocol: what the URL begins with, for example ``s3``.
    """

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        """Take the settings; nothing is connected yet.

        Raises:
            ConfigurationError: no installed package can handle the URL.
        """
        self.protocol = url.partition("://")[0]
        self._url = url
        self._options = dict(options)
        self._class = _filesystem_class(self.protocol)
        self._of_process: tuple[int, Any, str] | None = None

    @property
    def can_sign(self) -> bool:
        """Whether objects have URLs that are valid for some time."""
        from fsspec import AbstractFileSystem

        return self._class.sign is not AbstractFileSystem.sign

    def write(self, key: str, source: BinaryIO, mimetype: str) -> None:
        """Store what can be read from the source, one part in memory at a time.

        Raises:
            StoreUnavailableError: nothing of it was kept.
        """
        fs, path = self._locate(key)
        media_type = self._media_type(mimetype)
        first = _read_exactly(source, PART_SIZE)
        with translated("store the file"):
            self._make_folder(fs, path)
            if len(first) < PART_SIZE:
                fs.pipe_file(path, first, **media_type)
                return
            target = self._begin(fs, path, media_type)
        chunks = _chunks(first, source)
        del first
        try:
            _copy(chunks, target)
            with translated("store the file"):
                target.close()
                target.commit()
        except BaseException:
            self._abort(fs, path, target)
            raise

    def _begin(self, fs: Any, path: str, media_type: Mapping[str, str]) -> Any:
        if self.protocol in _S3:
            return MultipartUpload(fs, path, PART_SIZE, **media_type)
        return fs.open(path, "wb", block_size=PART_SIZE, autocommit=False, **media_type)

    def _abort(self, fs: Any, path: str, target: Any) -> None:
        """Leave nothing behind; a part that stays all the same is swept later."""
        from fsspec.spec import AbstractBufferedFile

        for undo in (target.discard, lambda: fs.rm_file(path)):
            try:
                undo()
            except Exception as err:
                _LOGGER.debug("Could not undo the upload of %s: %r", path, err)
        if isinstance(target, AbstractBufferedFile):
            target.closed = True  # else it would upload its rest when it is collected

    def open(self, key: str) -> BinaryIO:
        """Open an object for reading; it can seek.

        Raises:
            FileNotFoundInStoreError: there is no such object.
            StoreUnavailableError: the store does not answer.
        """
        fs, path = self._locate(key)
        with translated("read the file", key):
            return fs.open(path, "rb", block_size=READ_SIZE)

    def info(self, key: str) -> tuple[int, datetime]:
        """Return size in bytes and time of an object; the errors are those of open."""
        fs, path = self._locate(key)
        with translated("read the file", key):
            return _size_and_time(fs.info(path))

    def sign(
        self, key: str, seconds: int, headers: Mapping[str, str] | None = None
    ) -> str:
        """Return a URL from which anybody can download an object.

        Args:
            key: key of the object.
            seconds: how long the URL is valid.
            headers: ``Content-Type`` and ``Content-Disposition`` of the answer, where
                the store can be told.
        """
        fs, path = self._locate(key)
        parameters = {}
        if self.protocol in _S3:
            parameters = {
                f"Response{name.replace('-', '')}": value
                for name, value in (headers or {}).items()
            }
        with translated("sign a URL", key):
            return fs.sign(path, expiration=seconds, **parameters)

    def delete(self, key: str) -> None:
        """Delete an object; a missing one is no error."""
        fs, path = self._locate(key)
        with translated("delete the file"), suppress(FileNotFoundError):
            fs.rm_file(path)

    def folders(self) -> Iterator[str]:
        """Yield the names of the folders at the top."""
        fs, path = self._locate("")
        with translated("list its folders"):
            try:
                entries = fs.ls(path, detail=True)
            except FileNotFoundError:
                return
        for entry in entries:
            if entry["type"] == "directory":
                yield entry["name"].rstrip("/").rpartition("/")[2]

    def newest(self, folder: str) -> datetime | None:
        """Return when the last object was written into a folder, ``None`` if none was."""
        fs, path = self._locate(folder)
        with translated("list its folders"):
            found = fs.find(path, detail=True).values()
        return max((_size_and_time(entry)[1] for entry in found), default=None)

    def delete_folder(self, folder: str) -> None:
        """Delete all objects in a folder."""
        fs, path = self._locate(folder)
        with translated("delete the file"), suppress(FileNotFoundError):
            fs.rm(path, recursive=True)

    def abort_uploads(self, older_than: float) -> int:
        """Abort unfinished uploads to S3 that began this many seconds ago.

        Returns:
            The number of aborted uploads.
        """
        if self.protocol not in _S3:
            return 0
        fs, path = self._locate("")
        bucket, prefix, _version = fs.split_path(path + "/")
        limit = time.time() - older_than
        count = 0
        with translated("abort old uploads"):
            for upload in _uploads(fs, bucket, prefix):
                if upload["Initiated"].timestamp() < limit:
                    fs.call_s3(
                        "abort_multipart_upload",
                        Bucket=bucket,
                        Key=upload["Key"],
                        UploadId=upload["UploadId"],
                    )
                    count += 1
        return count

    def probe(self, key: str, seconds: float) -> None:
        """Write, read and delete a small object.

        Raises:
            StoreUnavailableError: that failed, or took longer than the seconds.
        """

        def use() -> None:
            fs, path = self._locate(key)
            with translated("keep a file"):
                self._make_folder(fs, path)
                fs.pipe_file(path, b"check")
                if fs.cat_file(path) != b"check":
                    raise StoreUnavailableError("The object store returns other bytes.")
                fs.rm_file(path)

        _within(seconds, use)

    def _locate(self, key: str) -> tuple[Any, str]:
        """Return the filesystem of this process and the full path of a key."""
        # Two threads may both come first: then one connection is used only once.
        known = self._of_process
        if known is None or known[0] != os.getpid():
            known = self._of_process = (os.getpid(), *self._connect())
        _pid, fs, root = known
        return fs, f"{root}/{key}" if key else root

    def _connect(self) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        defaults: dict[str, Any] = {"use_listings_cache": False}  # others write, too
        if self.protocol in _S3:
            defaults["config_kwargs"] = {"retries": _RETRIES}
            from .s3_session import S3Session

            defaults["session"] = S3Session(profile=self._options.get("profile"))
        options = {
            **defaults,
            **self._options,
            "skip_instance_cache": True,  # for this process and all of its threads
        }
        try:
            fs, root = url_to_fs(self._url, **options)
        except (TypeError, ValueError, KeyError) as err:
            raise ConfigurationError(
                "The settings OBJECT_STORE_URL and OBJECT_STORE_OPTIONS do not fit "
                f"together ({type(err).__name__}: {err})."
            ) from None
        return fs, root.rstrip("/")

    def _make_folder(self, fs: Any, path: str) -> None:
        if self.protocol not in _S3:  # where folders exist (S3 would make a bucket)
            fs.makedirs(path.rpartition("/")[0], exist_ok=True)

    def _media_type(self, mimetype: str) -> dict[str, str]:
        if self.protocol in _S3:
            return {"ContentType": mimetype}
        return {"content_type": mimetype} if self.protocol in ("gs", "gcs") else {}


@contextmanager
def translated(action: str, key: str | None = None) -> Iterator[None]:
    """Turn the errors of fsspec and of the libraries below it into those of the runner.

    Args:
        action: what was to be done, for the sentence.
        key: of the object that must exist.

    Raises:
        FileNotFoundInStoreError: the object does not exist.
        StoreUnavailableError: anything else failed.
    """
    try:
        yield
    except QHAnaError:
        raise
    except Exception as err:
        if key is not None and isinstance(err, FileNotFoundError):
            raise FileNotFoundInStoreError(
                f"The file {key.rpartition('/')[2]!r} is not in the object store."
            ) from err
        raise StoreUnavailableError(
            f"The object store could not {action} ({type(err).__name__}: {err})."
        ) from err


def _filesystem_class(protocol: str) -> Any:
    try:
        import fsspec

        return fsspec.get_filesystem_class(protocol)
    except ImportError as err:
        extra = " (pip install 'qhana-plugin-runner[s3]')" if protocol in _S3 else ""
        raise ConfigurationError(
            f"The setting OBJECT_STORE_URL begins with {protocol}://, which needs a "
            f"package that is not installed{extra}: {err}."
        ) from err
    except ValueError as err:
        raise ConfigurationError(
            f"The setting OBJECT_STORE_URL begins with {protocol!r}, allowed is what "
            "fsspec knows, for example s3://bucket/folder."
        ) from err


def _chunks(first: bytes, source: BinaryIO) -> Iterator[bytes]:
    yield first
    first = b""  # not kept while the rest is read
    while chunk := _read_exactly(source, CHUNK_SIZE):
        yield chunk


def _copy(chunks: Iterator[bytes], target: Any) -> None:
    """Write everything to an upload; only the errors of the target are translated."""
    written = 0
    for chunk in chunks:
        with translated("store the file"):
            target.write(chunk)
        written += len(chunk)
        if written >= _MANY_PARTS * PART_SIZE:
            target.blocksize = _LARGE_PART_SIZE


def _read_exactly(source: BinaryIO, size: int) -> bytes:
    """Read this many bytes; fewer only at the end of the source."""
    block = source.read(size) or b""
    if not block or len(block) == size:
        return block
    pieces = [block]
    missing = size - len(block)
    while missing and (piece := source.read(missing)):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def _size_and_time(info: Mapping[str, Any]) -> tuple[int, datetime]:
    time_ = next(
        (info[name] for name in ("LastModified", "mtime", "created") if info.get(name)),
        0,
    )
    if isinstance(time_, (int, float)):
        time_ = datetime.fromtimestamp(time_, timezone.utc)
    if time_.tzinfo is None:
        time_ = time_.replace(tzinfo=timezone.utc)
    return int(info["size"]), time_


def _uploads(fs: Any, bucket: str, prefix: str) -> Iterator[Mapping[str, Any]]:
    markers: dict[str, str] = {}
    while True:
        page = fs.call_s3(
            "list_multipart_uploads", Bucket=bucket, Prefix=prefix, **markers
        )
        yield from page.get("Uploads", ())
        if not page.get("IsTruncated"):
            return
        markers = {
            "KeyMarker": page["NextKeyMarker"],
            "UploadIdMarker": page["NextUploadIdMarker"],
        }


def _within(seconds: float, function: Callable[[], None]) -> None:
    """Call a function in a thread that nobody waits for longer than the seconds."""
    problems: list[Exception] = []

    def run() -> None:
        try:
            function()
        except Exception as err:
            problems.append(err)

    thread = threading.Thread(target=run, name="qhana-store-check", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise StoreUnavailableError(
            f"The object store did not answer within {seconds:g} seconds."
        )
    if problems:
        raise problems[0]
