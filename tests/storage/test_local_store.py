# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The local store: paths, URLs, and that no partial or foreign file is ever seen."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import url2pathname

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qhana_plugin_runner.db import DB
from qhana_plugin_runner.db.models.tasks import ProcessingTask, TaskFile
from qhana_plugin_runner.errors import (
    FileNotFoundInStoreError,
    InvalidFileNameError,
    StoreWriteError,
)
from qhana_plugin_runner.storage import STORE, LocalFileStore


@pytest.fixture
def store(app: Flask) -> LocalFileStore:
    store = STORE["local_filesystem"]
    assert isinstance(store, LocalFileStore)
    return store


def persist(task: ProcessingTask, content: Any, name: str = "a.txt") -> TaskFile:
    return STORE.persist_task_result(task.id, content, name, "custom", "text/plain")


def files_below(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_result_lies_in_the_folder_of_its_task(
    store: LocalFileStore, task: ProcessingTask, app: Flask
) -> None:
    stored = persist(task, "text")
    expected = Path(app.instance_path) / "files" / f"task_{task.id}" / "out" / "a.txt"
    assert stored.file_storage_data == str(expected)
    assert expected.read_text() == "text"
    assert store.resolve_path(stored) == expected


def test_temporary_file_lies_apart(store: LocalFileStore, task: ProcessingTask) -> None:
    stored = store.persist_task_temp_file(task.id, b"x", "a.txt")
    assert stored.file_storage_data == str(store.root / f"task_{task.id}/tmp/a.txt")


def test_root_may_be_absolute(tmp_path: Path, make_app: Callable[..., Flask]) -> None:
    app = make_app(tmp_path / "i", FILE_STORE_ROOT_PATH=str(tmp_path / "elsewhere"))
    with app.app_context():
        store = STORE["local_filesystem"]
        assert isinstance(store, LocalFileStore)
        assert store.root == tmp_path / "elsewhere"


def test_second_result_of_a_name_gets_a_number(task: ProcessingTask) -> None:
    stored = [persist(task, str(i), "a.b.csv").file_storage_data for i in range(3)]
    assert [Path(path).name for path in stored] == [
        *("a.b.csv", "a.b (2).csv"),
        "a.b (3).csv",
    ]


@pytest.mark.parametrize(
    ("name", "on_disk"),
    [
        ("sub/folder/a.csv", "sub_folder_a.csv"),
        ("back\\slash.csv", "back_slash.csv"),
        ("con", "_con"),
        ("LPT1.txt", "_LPT1.txt"),
        (".hidden", ".hidden"),
        ("a..b", "a..b"),
        ("x" * 300 + ".csv", "x" * 251 + ".csv"),
        ("東" * 200 + ".csv", "東" * 83 + ".csv"),
        ("a." + "b" * 300, "a." + "b" * 253),
    ],
)
def test_name_on_disk_is_safe(
    store: LocalFileStore, task: ProcessingTask, name: str, on_disk: str
) -> None:
    stored = persist(task, "x", name)
    assert stored.file_name == name
    assert store.resolve_path(stored).name == on_disk


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(name=st.text(max_size=500))
def test_any_name_is_stored_in_its_folder_or_refused(
    store: LocalFileStore, task: ProcessingTask, name: str
) -> None:
    try:
        stored = persist(task, "x", name)
    except InvalidFileNameError:
        return
    path = store.resolve_path(stored)
    assert path.parent == store.root / f"task_{task.id}" / "out"
    assert path.read_text() == "x"


def test_external_url_has_id_and_tag(task: ProcessingTask) -> None:
    stored = persist(task, "x")
    assert STORE.get_task_file_url(stored) == (
        f"http://runner.example:5005/files/{stored.id}/?file-id={stored.security_tag}"
    )
    assert STORE.get_file_url(stored.file_storage_data) == STORE.get_task_file_url(stored)


def test_external_url_before_the_commit(task: ProcessingTask) -> None:
    stored = STORE.persist_task_result(
        task.id, "x", "a", "custom", "text/plain", commit=False
    )
    url = STORE.get_task_file_url(stored)
    assert stored.id is not None
    assert f"/files/{stored.id}/" in url


def test_url_of_a_request_has_its_host(
    tmp_path: Path, make_app: Callable[..., Flask]
) -> None:
    app = make_app(tmp_path / "i", SERVER_NAME=None)
    row = TaskFile(None, "tag", "local_filesystem", "a", "/a", "custom", "text/plain")
    row.id = 3
    with app.test_request_context("/", base_url="https://proxy.example/runner/"):
        url = STORE.get_task_file_url(row)
    assert url == "https://proxy.example/runner/files/3/?file-id=tag"


def test_internal_url_is_an_encoded_file_url(
    store: LocalFileStore, task: ProcessingTask
) -> None:
    stored = persist(task, "x", "50% ä#?.txt")
    url = STORE.get_task_file_url(stored, external=False)
    assert url.startswith("file:///")
    assert url.isascii()
    assert Path(url2pathname(url.removeprefix("file://"))) == store.resolve_path(stored)


def test_file_without_row_has_no_public_url(store: LocalFileStore) -> None:
    path = store.persist_file(b"x", "cache/a.bin")
    with pytest.raises(KeyError, match="no public URL"):
        STORE.get_file_url(str(path))


def test_persisted_file_replaces_the_older_one(store: LocalFileStore) -> None:
    STORE.persist_file("old", "cache/a.txt")
    STORE.persist_file("new", Path("cache") / "a.txt")
    assert (store.root / "cache" / "a.txt").read_text() == "new"
    assert files_below(store.root) == ["cache/a.txt"]


@pytest.mark.parametrize("target", ["../a", "/etc/a", "a/../../b", ".incoming/a"])
def test_persisted_file_stays_in_the_store(store: LocalFileStore, target: str) -> None:
    with pytest.raises(ValueError, match="path|file name"):
        STORE.persist_file("x", target)
    assert not store.root.exists() or files_below(store.root) == []


def test_link_out_of_the_store_is_not_followed(
    store: LocalFileStore, task: ProcessingTask, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    stored = persist(task, "x")
    path = store.resolve_path(stored)
    path.unlink()
    path.symlink_to(secret)
    with pytest.raises(FileNotFoundInStoreError):
        store.resolve_path(stored)
    (store.root / "linked").symlink_to(tmp_path)
    with pytest.raises(InvalidFileNameError):
        store.persist_file("x", "linked/secret.txt")
    assert secret.read_text() == "secret"


def test_a_file_in_the_way_of_a_folder_is_a_clear_error(store: LocalFileStore) -> None:
    store.persist_file("x", "a")
    with pytest.raises(StoreWriteError, match="could not be stored"):
        store.persist_file("y", "a/b/c")


def test_link_within_the_store_is_followed(store: LocalFileStore) -> None:
    store.persist_file("x", "there/a.txt")
    (store.root / "here").symlink_to(store.root / "there")
    store.persist_file("y", "here/b.txt")
    assert (store.root / "there" / "b.txt").read_text() == "y"


def test_link_below_a_folder_is_not_followed(
    store: LocalFileStore, task: ProcessingTask, tmp_path: Path
) -> None:
    (store.root / f"task_{task.id}").mkdir(parents=True)
    (store.root / f"task_{task.id}" / "out").symlink_to(tmp_path)
    with pytest.raises(InvalidFileNameError):
        persist(task, "x")
    assert not list(tmp_path.glob("*.txt"))


@pytest.mark.parametrize(
    "stored", ["/etc/passwd", "../../etc/passwd", "", ".", "a\x00b", "x" * 5000]
)
def test_row_that_points_elsewhere_gives_no_file(
    store: LocalFileStore, task: ProcessingTask, stored: str
) -> None:
    row = TaskFile(task, "tag", "local_filesystem", "a", stored, "custom", "text/plain")
    with pytest.raises(FileNotFoundInStoreError):
        store.resolve_path(row)
    with pytest.raises(KeyError), STORE.open(row):
        pass


def test_row_of_another_store_gives_no_file(
    store: LocalFileStore, task: ProcessingTask
) -> None:
    stored = persist(task, "x")
    stored.storage_provider = "url_file_store"
    with pytest.raises(FileNotFoundInStoreError):
        store.resolve_path(stored)


def test_files_are_found_after_the_folder_moved(
    store: LocalFileStore, task: ProcessingTask
) -> None:
    stored = persist(task, "x")
    stored.file_storage_data = f"/old/place/files/task_{task.id}/out/a.txt"
    assert store.resolve_path(stored).read_text() == "x"


class FailingSource:
    """A source that fails in the middle."""

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException | None = error

    def read(self, size: int) -> bytes:
        if self.error is None:
            return b""
        if not hasattr(self, "begun"):
            self.begun = True
            return b"x" * size
        raise self.error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, ConnectionError])
def test_failing_source_leaves_nothing(
    store: LocalFileStore, task: ProcessingTask, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        persist(task, FailingSource(error("source")))
    assert files_below(store.root) == []
    assert TaskFile.get_task_result_files(task.id) == []


def test_failing_commit_leaves_nothing(
    store: LocalFileStore, task: ProcessingTask
) -> None:
    class BadNeighbour:
        content = b"content"

        def read(self, size: int) -> bytes:
            if self.content:
                row = TaskFile(task, None, "x", "x", "x", "x")  # type: ignore[arg-type]
                DB.session.add(row)
            content, self.content = self.content, b""
            return content

    with pytest.raises(Exception, match="NOT NULL"):
        persist(task, BadNeighbour())
    assert files_below(store.root) == []
    assert TaskFile.get_task_result_files(task.id) == []


def test_task_deleted_meanwhile_leaves_nothing(
    store: LocalFileStore, task: ProcessingTask
) -> None:
    class DeletingSource:
        content = b"content"

        def read(self, size: int) -> bytes:
            with DB.engine.begin() as connection:
                connection.execute(DB.text('DELETE FROM "ProcessingTask"'))
            content, self.content = self.content, b""
            return content

    with pytest.raises(Exception, match="FOREIGN KEY|deleted"):
        persist(task, DeletingSource())
    assert files_below(store.root) == []


@pytest.mark.parametrize("end", ["rollback", "remove"])
def test_file_is_deleted_with_its_uncommitted_row(
    store: LocalFileStore, task: ProcessingTask, end: str
) -> None:
    id_ = task.id
    STORE.persist_task_result(id_, "x", "a", "custom", "text/plain", commit=False)
    assert files_below(store.root) == [f"task_{id_}/out/a"]
    getattr(DB.session, end)()
    assert files_below(store.root) == []


def test_file_stays_when_its_row_is_committed_later(
    store: LocalFileStore, task: ProcessingTask
) -> None:
    STORE.persist_task_result(task.id, "x", "a", "custom", "text/plain", commit=False)
    with DB.session.begin_nested():
        task.parameters = "in a savepoint"
    DB.session.commit()
    DB.session.rollback()
    DB.session.remove()
    assert files_below(store.root) == ["task_1/out/a"]


def test_savepoint_is_no_commit(store: LocalFileStore, task: ProcessingTask) -> None:
    STORE.persist_task_result(task.id, "x", "a", "custom", "text/plain", commit=False)
    with DB.session.begin_nested():
        task.parameters = "in a savepoint"
    DB.session.rollback()
    assert files_below(store.root) == []


def test_full_disk_leaves_nothing_and_says_so(
    store: LocalFileStore, task: ProcessingTask
) -> None:
    error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(StoreWriteError, match="No space left on device") as raised:
        persist(task, FailingSource(error))
    assert raised.value.errno == errno.ENOSPC
    assert raised.value.http_status == 507
    assert files_below(store.root) == []


def test_file_larger_than_allowed_leaves_nothing(tmp_path: Path) -> None:
    script = """
import resource, signal, sys
from pathlib import Path
from flask import Flask
from qhana_plugin_runner.storage import LocalFileStore
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
app = Flask("x", instance_path=sys.argv[1])
store = LocalFileStore(app)
store.init_app(app)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    store.persist_file(b"x" * 1_000_000, "a.bin")
except OSError as err:
    print(err.errno, [p.name for p in store.root.rglob("*") if p.is_file()])
"""
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True
    )
    assert run.stdout == f"{errno.EFBIG} []\n", run.stderr


def test_store_that_cannot_be_written_says_why(
    tmp_path: Path, make_app: Callable[..., Flask]
) -> None:
    (tmp_path / "file").write_text("no folder")
    app = make_app(tmp_path / "i", FILE_STORE_ROOT_PATH=str(tmp_path / "file" / "sub"))
    with app.app_context():
        reason = STORE.check()
    assert reason is not None
    assert "Not a directory" in reason


def test_store_that_can_be_written_is_healthy(store: LocalFileStore) -> None:
    assert STORE.check() is None
    assert files_below(store.root) == []


def test_killed_writer_leaves_no_result_and_is_swept(
    app: Flask, store: LocalFileStore
) -> None:
    script = """
import sys, time
from flask import Flask
from qhana_plugin_runner.storage import LocalFileStore
class Endless:
    def read(self, size):
        print(flush=True)
        time.sleep(0.05)
        return b"x" * size
app = Flask("x", instance_path=sys.argv[1])
store = LocalFileStore(app)
store.init_app(app)
store.persist_file(Endless(), "task_1/out/a.bin")
"""
    with subprocess.Popen(
        [sys.executable, "-c", script, app.instance_path], stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        for _ in range(3):
            writer.stdout.readline()
        writer.kill()
    left = files_below(store.root)
    assert [Path(name).parent for name in left] == [Path(".incoming")]

    assert STORE.sweep_temporary_files(older_than=3600) == 0
    past = time.time() - 7200
    os.utime(store.root / left[0], (past, past))
    assert STORE.sweep_temporary_files(older_than=3600) == 1
    assert files_below(store.root) == []


def test_final_name_appears_only_when_the_file_is_complete(
    store: LocalFileStore, task: ProcessingTask
) -> None:
    target = store.root / f"task_{task.id}" / "out" / "a.txt"
    seen = []

    class Watching:
        chunks = [b"a" * 1000, b"b" * 1000, b""]

        def read(self, size: int) -> bytes:
            seen.append(target.exists())
            return self.chunks.pop(0)

    stored = persist(task, Watching())
    assert seen == [False, False, False]
    assert store.resolve_path(stored).stat().st_size == 2000


def test_concurrent_writers_of_one_name_do_not_mix(
    app: Flask, store: LocalFileStore, task: ProcessingTask
) -> None:
    id_, errors = task.id, []
    DB.session.commit()

    def write(number: int) -> None:
        try:
            with app.app_context():
                STORE.persist_task_result(id_, f"{number}" * 5000, "a", "c", "text/plain")
        except Exception as err:
            errors.append(err)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    rows = TaskFile.get_task_result_files(id_)
    contents = {store.resolve_path(row).read_text() for row in rows}
    assert contents == {f"{number}" * 5000 for number in range(8)}


def test_file_system_without_hard_links(
    store: LocalFileStore, task: ProcessingTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    files = [persist(task, "first"), persist(task, "second")]
    assert [store.resolve_path(file_).read_text() for file_ in files] == [
        *("first", "second")
    ]


def test_synchronised_writing(tmp_path: Path, make_app: Callable[..., Flask]) -> None:
    app = make_app(tmp_path / "i", FILE_STORE_FSYNC=True)
    with app.app_context():
        path = STORE.persist_file("x", "a.txt")
    assert path.read_text() == "x"


def test_deleted_task_files_leave_no_folder(
    store: LocalFileStore, task: ProcessingTask
) -> None:
    files = [persist(task, "1"), persist(task, "2")]
    assert STORE.delete_task_files(files[:1]) == []
    assert files_below(store.root) == ["task_1/out/a (2).txt"]
    assert STORE.delete_task_files(files) == []
    assert not (store.root / "task_1").exists()


def test_delete_never_leaves_the_store(store: LocalFileStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("x")
    store.delete_file(str(outside))
    assert outside.exists()


def test_files_can_be_read_by_others_as_the_umask_says(
    store: LocalFileStore, task: ProcessingTask
) -> None:
    old = os.umask(0o027)
    try:
        stored = persist(task, "x")
    finally:
        os.umask(old)
    assert store.resolve_path(stored).stat().st_mode & 0o777 == 0o640
