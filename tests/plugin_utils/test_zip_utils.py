# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import tracemalloc
from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

import pytest
import requests
from flask import Flask

from byte_server import ByteServer
from qhana_plugin_runner.errors import FetchError
from qhana_plugin_runner.plugin_utils.zip_utils import get_files_from_zip_url


def zip_of(files: dict[str, bytes]) -> bytes:
    archive = BytesIO()
    with ZipFile(archive, "w", ZIP_DEFLATED) as zip_file:
        for name, content in files.items():
            zip_file.writestr(name, content)
    return archive.getvalue()


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
    url = f"data:application/zip;base64,{b64encode(archive).decode()}"
    assert [file_.read() for file_, _ in get_files_from_zip_url(url)] == ["ä", "ä"]


def test_names_are_those_of_the_archive() -> None:
    names = ["../up", "/absolute", "ä b", "C:\\x"]
    archive = zip_of(dict.fromkeys(names, b""))
    url = f"data:application/zip;base64,{b64encode(archive).decode()}"
    assert [name for _, name in get_files_from_zip_url(url)] == names


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
