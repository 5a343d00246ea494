# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import stat
import tracemalloc
import warnings
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path, PurePosixPath, PureWindowsPath
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

import pytest
import requests
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from byte_server import ByteServer
from qhana_plugin_runner.errors import FetchError
from qhana_plugin_runner.plugin_utils import zip_utils
from qhana_plugin_runner.plugin_utils.zip_utils import (
    get_files_from_zip_url,
    safe_member_name,
)


def zip_of(files: dict[str, bytes]) -> bytes:
    archive = BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED) as zip_file:
        for name, content in files.items():
            zip_file.writestr(name, content)
    return archive.getvalue()


def data_url(archive: bytes) -> str:
    return f"data:application/zip;base64,{b64encode(archive).decode()}"


@pytest.fixture(scope="module")
def server() -> Iterator[ByteServer]:
    with ByteServer() as server:
        yield server


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return Flask("unzipping", instance_path=str(tmp_path))


FILES = {"b.json": b"[]", "folder/": b"", "folder/a.csv": "ä\r\nb".encode()}


def test_text_files_come_in_the_order_of_the_archive(server: ByteServer) -> None:
    url = server.serve("/a.zip", zip_of(FILES))
    files = get_files_from_zip_url(url)
    first, name = next(files)
    assert isinstance(first, TextIOWrapper)
    assert (name, first.read()) == ("b.json", "[]")
    second, name = next(files)
    assert first.closed
    assert (name, second.read()) == ("folder/a.csv", "ä\nb")
    assert next(files, None) is None


def test_binary_files_come_as_they_are(server: ByteServer) -> None:
    url = server.serve("/a.zip", zip_of(FILES))
    contents = {name: file_.read() for file_, name in get_files_from_zip_url(url, "b")}
    assert contents == {"b.json": b"[]", "folder/a.csv": "ä\r\nb".encode()}


def test_text_is_utf_8_whatever_the_locale_with_or_without_mark(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("locale.getpreferredencoding", lambda *_: "ascii")
    archive = zip_of({"a": "ä".encode(), "b": "ä".encode("utf-8-sig")})
    url = data_url(archive)
    assert [file_.read() for file_, _ in get_files_from_zip_url(url)] == ["ä", "ä"]


@pytest.mark.parametrize(
    ("stored", "name"),
    [
        ("folder/ä b.csv", "folder/ä b.csv"),
        ("../../up", "up"),
        ("a/../../b/./c", "a/b/c"),
        ("/absolute", "absolute"),
        ("//server/share", "server/share"),
        ("C:\\x\\y", "x/y"),
        ("c:/x", "x"),
        ("C:x", "x"),
        ("..\\up", "up"),
        (".. /up", "up"),
        ("a\n\u202eb", "a__b"),
        ("..", "unnamed"),
        (".hidden/a.tar.gz", ".hidden/a.tar.gz"),
    ],
)
def test_names_are_relative_paths(stored: str, name: str) -> None:
    archive = zip_of({stored: b"x"})
    for mode in ("t", "b"):
        files = get_files_from_zip_url(data_url(archive), mode)
        assert [found for _, found in files] == [name]


@given(st.text(max_size=40))
def test_no_name_leaves_its_folder(stored: str) -> None:
    name = safe_member_name(stored)
    path = PurePosixPath(name)
    assert name and not path.is_absolute() and ".." not in path.parts
    assert not PureWindowsPath(name).anchor
    assert safe_member_name(name) == name


@pytest.mark.parametrize(
    "kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK]
)
def test_links_and_devices_are_left_out(kind: int) -> None:
    archive = BytesIO()
    with ZipFile(archive, "w") as zip_file:
        special = ZipInfo("special")
        special.external_attr = (kind | 0o777) << 16
        zip_file.writestr(special, "/etc/passwd")
        regular = ZipInfo("regular")
        regular.external_attr = (stat.S_IFREG | 0o644) << 16
        zip_file.writestr(regular, "x")
        zip_file.writestr("unknown", "x")
    files = get_files_from_zip_url(data_url(archive.getvalue()))
    assert [name for _, name in files] == ["regular", "unknown"]


def test_an_encrypted_archive_is_refused() -> None:
    archive = bytearray(zip_of({"a": b"x"}))
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(header) + flags] |= 1
    with pytest.raises(FetchError, match="encrypted"):
        next(get_files_from_zip_url(data_url(bytes(archive))))


def test_an_unknown_compression_is_refused() -> None:
    archive = bytearray(zip_of({"a": b"x"}))
    for header, method in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        archive[archive.index(header) + method] = 93
    with pytest.raises(FetchError, match="unknown way"):
        next(get_files_from_zip_url(data_url(bytes(archive))))


def test_archives_in_archives_and_equal_names_are_just_files() -> None:
    inner = zip_of({"a": b"x"})
    archive = BytesIO()
    with ZipFile(archive, "w") as zip_file, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for content in (inner, b"second"):
            zip_file.writestr("a.zip", content)
    files = get_files_from_zip_url(data_url(archive.getvalue()), "b")
    assert [(file_.read(), name) for file_, name in files] == [
        (inner, "a.zip"),
        (b"second", "a.zip"),
    ]


def test_an_archive_may_not_be_compressed_too_much(
    server: ByteServer, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.serve("/ratio.zip", zip_of({"a": b"0" * 1_000_000}))
    assert next(get_files_from_zip_url(url))  # short ones may
    monkeypatch.setattr(zip_utils, "_ANY_RATIO_BYTES", 1000)
    with app.app_context():
        with pytest.raises(FetchError, match="250 times as long"):
            next(get_files_from_zip_url(url))
        app.config["ZIP_MAX_RATIO"] = None
        assert next(get_files_from_zip_url(url))


def test_an_empty_archive_has_no_files(server: ByteServer) -> None:
    assert list(get_files_from_zip_url(server.serve("/e.zip", zip_of({})))) == []


def test_nothing_happens_before_the_first_file_is_asked_for() -> None:
    get_files_from_zip_url("http://nowhere.invalid/a.zip")


def test_what_is_no_archive_is_an_error(server: ByteServer) -> None:
    with pytest.raises(BadZipFile):
        next(get_files_from_zip_url(server.serve("/no.zip", b"text")))
    with pytest.raises(requests.HTTPError):
        next(get_files_from_zip_url(server.url + "/missing.zip"))


def test_bombs_are_refused_before_anything_is_unpacked(
    server: ByteServer, app: Flask
) -> None:
    archive = zip_of({"a": b"0" * 600, "b": b"0" * 401})
    url = server.serve("/bomb.zip", archive)
    app.config["ZIP_MAX_BYTES"] = 1000
    with app.app_context():
        with pytest.raises(FetchError, match="longer than the 1000 bytes"):
            next(get_files_from_zip_url(url))
        app.config["ZIP_MAX_BYTES"] = None
        assert len(list(get_files_from_zip_url(url))) == 2


def test_an_archive_may_not_lie_about_its_sizes(server: ByteServer) -> None:
    archive = zip_of({"a": b"0" * 70_000})
    lie = archive.replace((70_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    assert lie != archive
    files = get_files_from_zip_url(server.serve("/lie.zip", lie), "b")
    file_, _ = next(files)
    with pytest.raises(BadZipFile):
        file_.read()
    files.close()


def test_too_many_files_are_refused(server: ByteServer, app: Flask) -> None:
    url = server.serve("/many.zip", zip_of({str(i): b"" for i in range(11)}))
    app.config["ZIP_MAX_FILES"] = 10
    with app.app_context(), pytest.raises(FetchError, match="more than the 10 files"):
        next(get_files_from_zip_url(url))


def test_a_long_archive_is_not_held_in_memory(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "long.zip", "w") as zip_file:
        zip_file.writestr("a", b"x" * 30_000_000)
    files = get_files_from_zip_url((tmp_path / "long.zip").as_uri(), "b")
    tracemalloc.start()
    file_, _ = next(files)
    length = sum(len(chunk) for chunk in iter(lambda: file_.read(1 << 16), b""))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert length == 30_000_000
    assert peak < 3_000_000
