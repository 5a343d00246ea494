# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Archives made to do harm, read the way that plugins read them.

Each is refused with a clear error, or the plugin gets harmless names and true bytes.
What it then stores under these names stays below the root of the store.
"""

from __future__ import annotations

import io
import stat
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import pytest
from flask import Flask

from byte_server import ByteServer
from managed_app import build_app
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.errors import FetchError
from qhana_plugin_runner.plugin_utils.zip_utils import get_files_from_zip_url
from qhana_plugin_runner.storage import STORE

MIB = 1 << 20

pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")


def archive(*entries: tuple[str | ZipInfo, bytes]) -> bytes:
    """Return an archive with names as they are, however odd."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", ZIP_DEFLATED) as zip_file:
        for name, content in entries:
            info = name if isinstance(name, ZipInfo) else ZipInfo("x")
            if not isinstance(name, ZipInfo):
                info.filename = name  # ZipInfo would cut it at a null character
                info.compress_type = ZIP_DEFLATED
            zip_file.writestr(info, content)
    return buffer.getvalue()


def link(target: bytes) -> bytes:
    """Return an archive with a symbolic link."""
    info = ZipInfo("link.txt")
    info.create_system = 3
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return archive((info, target), ("a.txt", b"a"))


def device() -> bytes:
    """Return an archive with a character device."""
    info = ZipInfo("null")
    info.create_system = 3
    info.external_attr = (stat.S_IFCHR | 0o666) << 16
    return archive((info, b""))


def quine_like(depth: int) -> bytes:
    """Return archives in archives, with a bomb inside."""
    content = archive(("bomb", bytes(10 * MIB)))
    for _ in range(depth):
        content = archive(("inner.zip", content))
    return content


def overlapping(count: int) -> bytes:
    """Return an archive whose entries are all the same bytes (a modern bomb)."""
    content = archive(*[(f"{number:04}", bytes(MIB)) for number in range(2)])
    end = content.rindex(b"PK\x05\x06")
    start = struct.unpack("<L", content[end + 16 : end + 20])[0]
    first = content[start : content.index(b"PK\x01\x02", start + 4)]
    directory = b"".join(first[:46] + b"%04d" % n + first[50:] for n in range(count))
    tail = struct.pack(
        "<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, 0
    )
    return content[:start] + directory + tail


def with_size(size: int) -> bytes:
    """Return an archive that says another size of its file than it has."""
    content = archive(("a.txt", bytes(MIB)))
    at = content.index(b"PK\x01\x02")
    return content[: at + 24] + struct.pack("<L", size) + content[at + 28 :]


def encrypted() -> bytes:
    """Return an archive whose entry is marked as encrypted."""
    content = bytearray(archive(("a.txt", b"a")))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


ARCHIVES: dict[str, Callable[[], bytes]] = {
    "parent": lambda: archive(("../../evil.txt", b"x")),
    "deep-parent": lambda: archive(("a/b/../../../../../../tmp/evil.txt", b"x")),
    "absolute": lambda: archive(("/etc/cron.d/evil", b"x")),
    "drive": lambda: archive(("C:\\Windows\\evil.dll", b"x")),
    "drive-twice": lambda: archive(("C:C:/evil.dll", b"x")),
    "network-share": lambda: archive(("\\\\host\\share\\evil", b"x")),
    "backslashes": lambda: archive(("..\\..\\evil.txt", b"x")),
    "blank-parent": lambda: archive((".. /.. /evil.txt", b"x")),
    "null-character": lambda: archive(("good.txt\x00/../../evil", b"x")),
    "line-break": lambda: archive(("a\r\nX-Evil: 1.txt", b"x")),
    "right-to-left": lambda: archive(("gnp.\u202eexe.txt", b"x")),
    "device-name": lambda: archive(("NUL", b"x"), ("com1.txt", b"x")),
    "long-name": lambda: archive(("n" * 60_000, b"x")),
    "only-dots": lambda: archive(("....", b"x"), ("/", b"x"), ("./.", b"x")),
    "same-name": lambda: archive(("a.txt", b"1"), ("a.txt", b"2")),
    "case-only": lambda: archive(("a.txt", b"1"), ("A.TXT", b"2")),
    "file-and-folder": lambda: archive(("a", b"1"), ("a/b", b"2")),
    "link": lambda: link(b"/etc/passwd"),
    "link-to-parent": lambda: link(b"../../.."),
    "device": device,
    "bomb": lambda: archive(("zeros", bytes(100 * MIB))),
    "many-files": lambda: archive(*[(f"{number}", b"") for number in range(2000)]),
    "overlapping": lambda: overlapping(500),
    "nested": lambda: quine_like(20),
    "says-less": lambda: with_size(10),
    "says-more": lambda: with_size(0xFFFF_FFF0),
    "encrypted": encrypted,
    "cut-off": lambda: archive(("a.txt", bytes(MIB)))[:-40],
    "no-archive": lambda: b"<html>" * 1000,
    "empty": lambda: b"",
    "empty-archive": lambda: archive(),
}
REFUSED = {
    "bomb",
    "many-files",
    "overlapping",
    "says-less",
    "says-more",
    "encrypted",
    "cut-off",
    "no-archive",
    "empty",
}


@pytest.fixture(scope="module")
def server() -> Iterator[ByteServer]:
    with ByteServer() as server:
        for name, make in ARCHIVES.items():
            server.serve(f"/{name}", make())
        yield server


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("archives")
    app = build_app(
        folder, "sqlite://", ZIP_MAX_BYTES=50 * MIB, ZIP_MAX_FILES=1000, ZIP_MAX_RATIO=250
    )
    with app.app_context():
        yield app


@pytest.mark.parametrize("mode", ["b", "t"])
@pytest.mark.parametrize("name", sorted(REFUSED))
def test_the_archive_is_refused(
    app: Flask, server: ByteServer, name: str, mode: str
) -> None:
    tracemalloc.start()
    try:
        with pytest.raises((FetchError, BadZipFile)) as error:
            for file_, _ in get_files_from_zip_url(f"{server.url}/{name}", mode):
                while file_.read(MIB):
                    pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(error.value)
    assert peak < 30 * MIB


@pytest.mark.parametrize("mode", ["b", "t"])
@pytest.mark.parametrize("name", sorted(ARCHIVES.keys() - REFUSED))
def test_the_names_are_harmless(
    app: Flask, server: ByteServer, name: str, mode: str, tmp_path: Path
) -> None:
    for file_, label in get_files_from_zip_url(f"{server.url}/{name}", mode):
        assert label.isprintable()
        assert "\\" not in label
        assert (tmp_path / label).resolve().is_relative_to(tmp_path)
        assert label.strip("./ ")
        if "link" not in name and name != "nested":
            assert len(file_.read()) == 1


@pytest.mark.parametrize("name", sorted(ARCHIVES.keys() - REFUSED))
def test_what_is_stored_stays_in_the_store(
    app: Flask, server: ByteServer, name: str
) -> None:
    root = Path(app.config["FILE_STORE_ROOT_PATH"])
    task = ProcessingTask(task_name="unpack")
    task.save(commit=True)
    expected = []
    for file_, label in get_files_from_zip_url(f"{server.url}/{name}", "b"):
        content = file_.read()
        short = label[-200:]
        stored = STORE.persist_task_result(task.id, content, short, "x", "text/plain")
        expected.append((stored, content))
    everything = {path for path in root.parent.rglob("*") if path.is_file()}
    assert all(
        path.is_relative_to(root) for path in everything - {*root.parent.glob("*")}
    )
    for stored, content in expected:
        with STORE.open(stored) as reader:
            assert reader.read() == content
    assert not any(path.is_symlink() for path in everything)
