# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The object store against a real S3 HTTP server, beside the contract of all stores."""

from __future__ import annotations

import logging
import os
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from aiobotocore.session import AioSession
from flask import Flask

from qhana_plugin_runner.config.settings import check_settings
from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.errors import (
    ConfigurationError,
    FileNotFoundInStoreError,
    StoreUnavailableError,
)
from qhana_plugin_runner.storage import STORE, ObjectStore
from qhana_plugin_runner.storage.object_client import PART_SIZE, ObjectClient
from qhana_plugin_runner.storage.orphans import delete_orphans
from qhana_plugin_runner.storage.s3_session import S3Session
from runner_process import free_port
from s3_server import SECRET, S3Server
from tcp_proxy import TcpProxy

MakeApp = Callable[..., Flask]


@pytest.fixture
def object_settings(s3: S3Server) -> dict[str, Any]:
    return {**s3.settings(), "DEFAULT_FILE_STORE": "local_filesystem"}


@pytest.fixture
def store(app: Flask) -> ObjectStore:
    store = STORE["object_store"]
    assert isinstance(store, ObjectStore)
    return store


def objects(store: ObjectStore) -> dict[str, int]:
    """Return the size of each object by its key."""
    fs, root = store.client._locate("")
    found = fs.find(root, detail=True)
    return {key.removeprefix(f"{root}/"): info["size"] for key, info in found.items()}


def uploads(store: ObjectStore) -> list[str]:
    """Return the keys of unfinished uploads."""
    fs, root = store.client._locate("")
    bucket, prefix, _ = fs.split_path(f"{root}/")
    page = fs.call_s3("list_multipart_uploads", Bucket=bucket)
    return [upload["Key"].removeprefix(prefix) for upload in page.get("Uploads", ())]


def persist(task: ProcessingTask, content: Any, name: str = "a.bin") -> TaskFile:
    return STORE.persist_task_result(
        *(task.id, content, name, "custom", "application/x-test"),
        storage_provider="object_store",
    )


class Stream:
    """A source of this many bytes that cannot seek."""

    def __init__(self, size: int, failure: Exception | None = None) -> None:
        self.left, self.failure = size, failure
        self.largest = 0

    def read(self, size: int = -1) -> bytes:
        self.largest = max(self.largest, size)
        if self.failure is not None and self.left <= 0:
            raise self.failure
        count = min(self.left, 100_000 if size < 0 else min(size, 100_000))
        self.left -= count
        return b"x" * count


def test_object_has_a_random_key_below_its_task(
    store: ObjectStore, task: ProcessingTask
) -> None:
    file_ = persist(task, b"abc", "ä b.txt")
    assert re.fullmatch(
        rf"task_{task.id}/out/[0-9a-f]{{16}}/ä b\.txt", file_.file_storage_data
    )
    assert objects(store) == {file_.file_storage_data: 3}


def test_object_has_the_media_type_of_the_file(
    store: ObjectStore, task: ProcessingTask
) -> None:
    for content in (b"small", Stream(PART_SIZE + 1)):
        fs, path = store.client._locate(persist(task, content).file_storage_data)
        assert fs.info(path)["ContentType"] == "application/x-test"


@pytest.mark.parametrize("size", [0, PART_SIZE - 1, PART_SIZE, 2 * PART_SIZE + 1])
def test_content_is_stored_in_parts(
    store: ObjectStore, task: ProcessingTask, size: int
) -> None:
    source = Stream(size)
    file_ = persist(task, source)
    assert objects(store) == {file_.file_storage_data: size}
    assert source.largest <= PART_SIZE
    assert uploads(store) == []
    with store.open(file_) as opened:
        opened.seek(max(0, size - 2))
        assert opened.read() == b"x" * min(2, size)


def test_upload_keeps_its_part_in_memory_twice(store: ObjectStore) -> None:
    store.persist_file(b"x", "first.bin")  # makes the connection
    tracemalloc.start()
    try:
        store.persist_file(Stream(4 * PART_SIZE), "a.bin")  # type: ignore[arg-type]
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # As what is sent, and in the request.
    assert peak < 2.5 * PART_SIZE


def test_source_may_use_its_buffer_again(store: ObjectStore) -> None:
    class Reusing:
        buffer = bytearray(PART_SIZE)
        left = 2 * PART_SIZE

        def read(self, size: int = -1) -> memoryview:
            size = min(size, self.left)
            self.left -= size
            self.buffer[:size] = bytes([self.left >> 20]) * size
            return memoryview(self.buffer)[:size]

    store.client.write("a.bin", Reusing(), "a/b")  # type: ignore[arg-type]
    with store.client.open("a.bin") as opened:
        content = opened.read()
    numbers = [5] * 5 + [4, 3, 2, 1, 0]
    assert content == b"".join(bytes([number]) * (1 << 20) for number in numbers)


def test_parts_with_checksums_make_an_object(
    tmp_path: Path, make_app: MakeApp, s3: S3Server
) -> None:
    settings = s3.settings(s3_additional_kwargs={"ChecksumAlgorithm": "SHA256"})
    app = make_app(tmp_path / "i", **settings)
    with app.app_context():
        store = STORE["object_store"]
        assert isinstance(store, ObjectStore)
        fs, _root = store.client._locate("")
        completed = []
        call = fs.call_s3

        def noted(method: str, **arguments: Any) -> Any:
            completed.extend(arguments.get("MultipartUpload", {}).get("Parts", ()))
            return call(method, **arguments)

        fs.call_s3 = noted
        store.persist_file(Stream(PART_SIZE + 1), "a")  # type: ignore[arg-type]
        assert [set(part) for part in completed] == [
            {"PartNumber", "ETag", "ChecksumSHA256"}
        ] * 2
        assert objects(store) == {"a": PART_SIZE + 1}


def test_large_object_is_in_cached_listings(
    tmp_path: Path, make_app: MakeApp, s3: S3Server
) -> None:
    app = make_app(tmp_path / "i", **s3.settings(use_listings_cache=True))
    with app.app_context():
        store = STORE["object_store"]
        assert isinstance(store, ObjectStore)
        fs, root = store.client._locate("")
        store.persist_file(b"x", "a")
        assert len(fs.ls(root)) == 1
        store.persist_file(Stream(PART_SIZE), "b")  # type: ignore[arg-type]
        assert len(fs.ls(root)) == 2


def test_source_that_fails_leaves_nothing(
    store: ObjectStore, task: ProcessingTask
) -> None:
    with pytest.raises(RuntimeError, match="torn"):
        persist(task, Stream(2 * PART_SIZE, RuntimeError("torn")))
    assert (objects(store), uploads(store)) == ({}, [])


def test_row_that_is_not_committed_leaves_nothing(
    store: ObjectStore, task: ProcessingTask
) -> None:
    store.persist_task_result(task.id, b"x", "a", "custom", "text/plain", commit=False)
    assert len(objects(store)) == 1
    DB.session.rollback()
    assert objects(store) == {}


def test_upload_survives_cut_connections(
    tmp_path: Path, make_app: MakeApp, s3: S3Server
) -> None:
    parts = urlsplit(s3.endpoint)
    assert parts.hostname
    assert parts.port
    with TcpProxy(parts.hostname, parts.port) as proxy:
        settings = s3.settings(endpoint_url=f"http://127.0.0.1:{proxy.port}")
        app = make_app(tmp_path / "i", **settings)

        class Cutting(Stream):
            def read(self, size: int = -1) -> bytes:
                if self.left < PART_SIZE and not self.failure:
                    self.failure = EOFError("only to cut once")
                    proxy.stop()
                    proxy.start()
                return super().read(size) if self.left else b""

        with app.app_context():
            STORE.persist_file(Cutting(2 * PART_SIZE), "a.bin")
            store = STORE["object_store"]
            assert isinstance(store, ObjectStore)
            assert objects(store) == {"a.bin": 2 * PART_SIZE}


@pytest.fixture
def dead_store(app: Flask, tmp_path: Path, make_app: MakeApp) -> Iterator[Flask]:
    """An app whose object store refuses connections."""
    options = {"endpoint_url": f"http://127.0.0.1:{free_port()}", "key": "k"}
    dead = make_app(
        tmp_path / "instance",
        OBJECT_STORE_URL="s3://bucket/results",
        OBJECT_STORE_OPTIONS={**options, "secret": SECRET},
        DEFAULT_FILE_STORE="object_store",
    )
    with dead.app_context():
        yield dead
        DB.session.remove()


def test_store_that_is_down_is_an_error_without_a_row(
    dead_store: Flask, task: ProcessingTask
) -> None:
    with pytest.raises(StoreUnavailableError, match="could not store the file") as error:
        persist(task, b"x")
    assert isinstance(error.value, OSError)
    assert error.value.http_status == 503
    assert SECRET not in str(error.value)
    assert TaskFile.get_task_result_files(task.id) == []


def test_store_that_is_down_does_not_stop_the_sweep_of_others(
    dead_store: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    assert STORE.sweep_temporary_files(0) == 0
    assert "object_store was not swept" in caplog.text


def test_missing_object_is_not_found(store: ObjectStore, task: ProcessingTask) -> None:
    file_ = persist(task, b"x")
    store.delete_file(file_.file_storage_data)
    store.delete_file(file_.file_storage_data)
    with pytest.raises(FileNotFoundInStoreError, match="a.bin"), store.open(file_):
        pass


def test_killed_writer_leaves_no_object_and_is_swept(
    app: Flask, store: ObjectStore
) -> None:
    key = "task_1/out/a.bin"
    reader, writer = os.pipe()
    child = os.fork()  # as the pool of a worker, after the parent used the store
    if not child:
        os.close(reader)

        class Endless:
            count = 0

            def read(self, size: int = -1) -> bytes:
                self.count += 1
                if self.count == 20:
                    os.write(writer, b".")
                    time.sleep(60)
                return b"x" * size

        try:
            store.persist_file(Endless(), key)  # type: ignore[arg-type]
        finally:
            os._exit(1)
    os.close(writer)
    assert os.read(reader, 1) == b"."
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    assert (objects(store), uploads(store)) == ({}, [key])
    # The server says that all uploads began in 2010.
    assert STORE.sweep_temporary_files(older_than=100 * 365 * 86_400) == 0
    assert STORE.sweep_temporary_files(older_than=3600) == 1
    assert uploads(store) == []


def test_forked_process_uses_a_connection_of_its_own(store: ObjectStore) -> None:
    store.persist_file(b"parent", "parent.txt")
    child = os.fork()
    if not child:
        try:
            store.persist_file(b"child", "child.txt")
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert set(objects(store)) == {"parent.txt", "child.txt"}


def test_objects_of_deleted_tasks_are_swept(
    store: ObjectStore, task: ProcessingTask
) -> None:
    kept = persist(task, b"x").file_storage_data
    store.persist_file(b"x", f"task_{task.id + 1}/out/1/orphan")
    store.persist_file(b"x", "other/1")
    assert delete_orphans(older_than=3600) == 0
    assert delete_orphans(older_than=-3600) == 1
    assert set(objects(store)) == {kept, "other/1"}


@pytest.mark.parametrize("encryption", ["AES256", "aws:kms"])
def test_objects_are_encrypted_as_the_options_say(
    tmp_path: Path, make_app: MakeApp, s3: S3Server, encryption: str
) -> None:
    settings = s3.settings(s3_additional_kwargs={"ServerSideEncryption": encryption})
    app = make_app(tmp_path / "i", **settings)
    with app.app_context():
        store = STORE["object_store"]
        assert isinstance(store, ObjectStore)
        for content in (b"small", Stream(PART_SIZE + 1)):
            store.persist_file(content, "a")  # type: ignore[arg-type]
            fs, path = store.client._locate("a")
            bucket, key, _ = fs.split_path(path)
            head = fs.call_s3("head_object", Bucket=bucket, Key=key)
            assert head["ServerSideEncryption"] == encryption


def test_healthy_store_keeps_nothing_of_its_check(store: ObjectStore) -> None:
    assert store.check() is None
    assert objects(store) == {}


def test_check_of_a_store_that_is_down_says_so(dead_store: Flask) -> None:
    assert "object store" in (STORE.check() or "")


def test_check_of_a_store_that_hangs_ends_in_time(
    tmp_path: Path, make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qhana_plugin_runner.storage.object_store.CHECK_SECONDS", 1.0)
    with subprocess.Popen(
        [
            *(sys.executable, "-c"),
            "import socket, time; s = socket.create_server(('127.0.0.1', 0));"
            "print(s.getsockname()[1], flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    ) as silent:
        assert silent.stdout is not None
        port = int(silent.stdout.readline())
        app = make_app(
            tmp_path / "i",
            DEFAULT_FILE_STORE="object_store",
            OBJECT_STORE_URL="s3://bucket/results",
            OBJECT_STORE_OPTIONS={
                **{"endpoint_url": f"http://127.0.0.1:{port}", "key": "k"},
                "secret": SECRET,
            },
        )
        start = time.monotonic()
        with app.app_context():
            reason = STORE.check()
        silent.kill()
    assert time.monotonic() - start < 3
    assert "within 1 second" in (reason or "")


def test_internal_url_is_signed(store: ObjectStore, task: ProcessingTask) -> None:
    url = store.get_task_file_url(persist(task, b"content"), external=False)
    assert "Signature" in url
    with requests.Session() as session:
        session.trust_env = False
        assert session.get(url, timeout=10).content == b"content"


def test_public_url_is_stable_and_at_the_runner(
    store: ObjectStore, task: ProcessingTask
) -> None:
    file_ = persist(task, b"x")
    url = f"http://runner.example:5005/files/{file_.id}/?file-id={file_.security_tag}"
    assert store.get_task_file_url(file_) == url
    assert store.get_file_url(file_.file_storage_data) == url


def test_object_without_a_task_has_no_url(store: ObjectStore) -> None:
    key = store.persist_file(b"x", "a.bin")
    with pytest.raises(FileNotFoundInStoreError, match="belongs to no task"):
        store.get_file_url(key)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"OBJECT_STORE_URL": "abfs://b/f"}, "needs a package that is not installed"),
        ({"OBJECT_STORE_URL": "nonsense://b/f"}, "what fsspec knows"),
        (
            {"OBJECT_STORE_URL": "memory://b/f", "OBJECT_STORE_DOWNLOAD": "presigned"},
            "allowed for memory is 'proxied'",
        ),
    ],
)
def test_store_that_cannot_work_says_why(
    tmp_path: Path,
    make_app: MakeApp,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, str],
    reason: str,
) -> None:
    app = make_app(tmp_path / "i", DEFAULT_FILE_STORE="object_store", **settings)
    assert reason in caplog.text
    with app.app_context():
        assert reason in (STORE.check() or "")


def test_options_that_do_not_fit_are_named_without_their_values(
    tmp_path: Path, make_app: MakeApp
) -> None:
    app = make_app(
        tmp_path / "i",
        DEFAULT_FILE_STORE="object_store",
        OBJECT_STORE_URL="s3://bucket/folder",
        OBJECT_STORE_OPTIONS={"key": "k", "username": "u", "secret": SECRET},
    )
    with app.app_context(), pytest.raises(ConfigurationError) as error:
        STORE.persist_file(b"x", "a")
    assert "OBJECT_STORE_OPTIONS" in str(error.value)
    assert SECRET not in str(error.value)


def test_malformed_options_are_refused_without_showing_them() -> None:
    with pytest.raises(ConfigurationError, match="OBJECT_STORE_OPTIONS") as error:
        check_settings({"OBJECT_STORE_OPTIONS": f'{{"secret": "{SECRET}"'}, "the test")
    assert SECRET not in str(error.value)


@pytest.mark.parametrize("url", ["bucket/folder", "s3://", "://bucket", 7])
def test_malformed_url_is_refused(url: Any) -> None:
    with pytest.raises(ConfigurationError, match="OBJECT_STORE_URL"):
        check_settings({"OBJECT_STORE_URL": url}, "the test")


def test_store_that_is_not_configured_is_no_warning(
    tmp_path: Path, make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        app = make_app(tmp_path / "i")
    assert caplog.text == ""
    with app.app_context(), pytest.raises(KeyError, match="OBJECT_STORE_URL is not set"):
        STORE["object_store"]


@pytest.mark.parametrize("service", ["s3", "sts", "sso", "sso-oidc"])
def test_the_endpoints_of_the_services_in_use_are_those_of_aws(service: str) -> None:
    def endpoints(session: AioSession) -> list[Any]:
        data = session.get_component("data_loader").load_data("endpoints")
        return [part["services"].get(service) for part in data["partitions"]]

    assert endpoints(S3Session()) == endpoints(AioSession())


def test_other_services_and_documentation_are_not_kept_in_memory() -> None:
    loader = S3Session().get_component("data_loader")
    aws, *_others = loader.load_data("endpoints")["partitions"]
    assert "ec2" not in aws["services"]
    operations = loader.load_service_model("s3", "service-2")["operations"]
    assert not operations["PutObject"]["documentation"]


def test_a_profile_is_that_of_the_session() -> None:
    client = ObjectClient("s3://bucket/results", {"profile": "results"})
    fs, _path = client._locate("key")
    assert fs.session.profile == "results"
