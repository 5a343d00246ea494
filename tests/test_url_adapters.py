# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import os
import socket
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests
from flask import Flask
from hypothesis import example, given
from hypothesis import strategies as st

from byte_server import Answer, ByteServer
from qhana_plugin_runner.config.settings import default_settings
from qhana_plugin_runner.errors import FetchError
from qhana_plugin_runner.plugin_utils.entity_marshalling import load_entities
from qhana_plugin_runner.requests import REQUEST_SESSION, open_url
from qhana_plugin_runner.url_adapters import (
    DataAdapter,
    FetchPolicy,
    FetchSession,
    FileAdapter,
    describe_url,
    redact,
    register_additional_schemas,
)
from qhana_plugin_runner.url_adapters.addresses import check_address, literal_address
from qhana_plugin_runner.util import request_helpers


@pytest.fixture(scope="module")
def server() -> Iterator[ByteServer]:
    with ByteServer() as server:
        yield server


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return Flask("fetching", instance_path=str(tmp_path / "instance"))


@pytest.fixture
def store(app: Flask) -> Path:
    root = Path(app.instance_path) / "files"
    root.mkdir(parents=True)
    return root


# --- sessions -------------------------------------------------------------------------


def test_any_session_can_learn_the_schemes() -> None:
    with requests.Session() as session:
        register_additional_schemas(session)
        adapter = session.adapters["file://"]
        register_additional_schemas(session)
        assert session.adapters["file://"] is adapter
        assert isinstance(adapter, FileAdapter)
        assert isinstance(session.adapters["data:"], DataAdapter)
        assert session.get("data:,x").text == "x"


def test_a_session_that_learned_the_schemes_is_not_redirected_to_them(
    server: ByteServer,
) -> None:
    url = server.serve("/to-file", status=302, Location="file:///etc/passwd")
    with requests.Session() as session:
        register_additional_schemas(session)
        with pytest.raises(FetchError):
            session.get(url)


def test_the_old_import_path_has_the_same_objects() -> None:
    assert request_helpers.FileAdapter is FileAdapter
    assert request_helpers.DataAdapter is DataAdapter
    assert request_helpers.register_additional_schemas is register_additional_schemas


def test_the_shared_session_is_under_the_policy() -> None:
    assert isinstance(REQUEST_SESSION, requests.Session)
    assert isinstance(REQUEST_SESSION, FetchSession)


@pytest.mark.parametrize("url", ["data:,x", "file:///x"])
def test_local_urls_can_only_be_read(url: str) -> None:
    with pytest.raises(ValueError, match="POST"):
        REQUEST_SESSION.post(url)
    with pytest.raises(ValueError, match="DELETE"):
        REQUEST_SESSION.delete(url)


# --- file: ----------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
def test_a_file_is_read(tmp_path: Path, stream: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("ID\nä".encode())
    with open_url(f"file://{path}", stream=stream) as response:
        assert response.status_code == 200
        assert response.headers["Content-Length"] == "5"
        assert response.headers["Content-Type"] == "text/csv"
        assert response.encoding == "utf-8"
        assert response.text == "ID\nä"
        assert list(load_entities(response, "text/csv")) == [("ä",)]


def test_a_head_request_has_no_body(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"text")
    response = REQUEST_SESSION.head(path.as_uri())
    assert (response.content, response.headers["Content-Length"]) == (b"", "4")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("stream", [True, False])
def test_files_may_have_a_byte_order_mark(
    tmp_path: Path, encoding: str, stream: bool
) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("ID\nä".encode(encoding))
    with open_url(path.as_uri(), stream=stream) as response:
        assert list(load_entities(response, "text/csv")) == [("ä",)]


def test_unknown_types_have_no_content_type_header(tmp_path: Path) -> None:
    path = tmp_path / "a.unheard-of"
    path.touch()
    with pytest.raises(KeyError):
        open_url(path.as_uri()).headers["Content-Type"]


@pytest.mark.parametrize("name", ["ä b.txt", "100%.txt", "a?b#c.txt", "+.txt"])
def test_paths_are_percent_decoded(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(name, encoding="utf-8")
    assert open_url((tmp_path / name).as_uri()).text == name


def test_a_file_url_may_name_localhost_and_have_a_query(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    for host in ("", "localhost", "LocalHost"):
        assert open_url(f"file://{host}{tmp_path}/a.txt?query").text == "x"
    with pytest.raises(ValueError, match="another host"):
        open_url(f"file://elsewhere{tmp_path}/a.txt")


@pytest.mark.parametrize(
    ("name", "status"), [("", 403), ("missing", 404), ("%00", 404), ("x" * 300, 404)]
)
def test_what_is_no_file_has_a_status(tmp_path: Path, name: str, status: int) -> None:
    url = f"file://{tmp_path}/{name}"
    response = open_url(url, raise_on_error_status=False)
    assert response.status_code == status
    assert response.text
    with pytest.raises(requests.HTTPError):
        open_url(url)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_a_server_error(tmp_path: Path) -> None:
    (tmp_path / "a").touch(mode=0)
    assert open_url(f"file://{tmp_path}/a", False).status_code == 500


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes and devices here")
def test_devices_and_pipes_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for url in ("file:///dev/zero", f"file://{tmp_path}/pipe"):
        assert open_url(url, raise_on_error_status=False).status_code == 403


def test_an_app_reads_its_store_and_configured_folders_only(
    app: Flask, store: Path, tmp_path: Path
) -> None:
    allowed, other = tmp_path / "allowed", tmp_path / "other"
    for folder in (store, allowed, other):
        folder.mkdir(exist_ok=True)
        (folder / "a.txt").write_text("x")
    app.config["FETCH_FILE_ROOTS"] = [str(allowed)]
    with app.app_context():
        assert open_url(f"file://{store}/a.txt").text == "x"
        assert open_url(f"file://{allowed}/a.txt").text == "x"
        assert open_url(f"file://{store}/missing", False).status_code == 404
        for path in (other / "a.txt", store.parent / "db.sqlite", "/etc/passwd"):
            assert open_url(f"file://{path}", False).status_code == 403


def test_the_root_of_the_store_may_be_elsewhere(app: Flask, tmp_path: Path) -> None:
    app.config["FILE_STORE_ROOT_PATH"] = str(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.txt").write_text("x")
    with app.app_context():
        assert open_url(f"file://{tmp_path}/elsewhere/a.txt").text == "x"


def test_a_refused_file_looks_the_same_whether_it_exists_or_not(
    app: Flask, store: Path, tmp_path: Path
) -> None:
    def seen(path: str) -> Any:
        response = open_url(f"file://{path}", raise_on_error_status=False)
        return response.status_code, response.reason, response.content, response.headers

    (tmp_path / "there.txt").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    (store / "link").symlink_to(tmp_path / "there.txt")
    (store / "broken-link").symlink_to(tmp_path / "not-there.txt")
    with app.app_context():
        answers = [
            seen(path)
            for path in (
                f"{tmp_path}/there.txt",
                f"{tmp_path}/not-there.txt",
                f"{tmp_path}/there.txt/below",
                f"{tmp_path}/loop",
                f"{tmp_path}",
                f"{tmp_path}/%00",
                f"{tmp_path}/{'x' * 300}",
                f"{store}/link",
                f"{store}/broken-link",
                f"{store}/../../there.txt",
                f"{store}/%2e%2e/%2E./there.txt",
                f"{store}/..%2f..%2fnot-there.txt",
                "/proc/self/environ",
                "/dev/zero",
            )
        ]
    assert all(answer == answers[0] for answer in answers)
    assert answers[0][0] == 403


def test_a_folder_whose_name_begins_like_a_root_is_not_in_it(
    app: Flask, store: Path
) -> None:
    beside = store.with_name("files-of-others")
    beside.mkdir()
    (beside / "a.txt").write_text("x")
    with app.app_context():
        assert open_url(f"file://{beside}/a.txt", False).status_code == 403


@pytest.mark.parametrize("mode", ["DEBUG", "TESTING"])
def test_developers_read_the_instance_folder_and_temporary_files(
    app: Flask, store: Path, tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp" / "a.txt").write_text("x")
    (store.parent / "a.txt").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    with app.app_context():
        assert open_url(f"file://{tmp_path}/tmp/a.txt", False).status_code == 403
        app.config[mode] = True
        assert open_url(f"file://{tmp_path}/tmp/a.txt").text == "x"
        assert open_url(f"file://{store.parent}/a.txt").text == "x"
        assert open_url(f"file://{tmp_path}/a.txt", False).status_code == 403


@pytest.mark.parametrize("stream", [True, False])
def test_long_files_are_refused(app: Flask, store: Path, stream: bool) -> None:
    app.config["FETCH_MAX_BYTES"] = 10
    (store / "a").write_bytes(b"x" * 11)
    with app.app_context(), pytest.raises(FetchError, match="longer than the 10 bytes"):
        open_url(f"file://{store}/a", stream=stream)


# --- data: ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "content", "content_type"),
    [
        ("data:text/csv,ID%0Ax", b"ID\nx", "text/csv"),
        ("data:,a%20b+c", b"a b+c", "text/plain"),
        ("data:;charset=utf-8,x", b"x", "text/plain;charset=utf-8"),
        ("data:;base64,eA==", b"x", "text/plain"),
        ("DATA:text/plain;BASE64,eA", b"x", "text/plain"),
        (
            "data:text/csv;charset=latin-1;base64,5A%3D%3D",
            b"\xe4",
            "text/csv;charset=latin-1",
        ),
        ("data:application/json,[1,2]", b"[1,2]", "application/json"),
        ("data:text/plain;base64;x=y,eA==", b"eA==", "text/plain;base64;x=y"),
        ("data:image/svg+xml,<a href='#b'/>", b"<a href='#b'/>", "image/svg+xml"),
        ("data:text/x%0D%0Ay,x", b"x", "text/xy"),
        ("data:text/plain,", b"", "text/plain"),
        ("data:;base64,_-8", b"\xff\xef", "text/plain"),
        ("data:;base64,/+8=", b"\xff\xef", "text/plain"),
        ("data:;base64,%2F%2B8%3D", b"\xff\xef", "text/plain"),
        ("data:;base64,e%20A%0A=%0A=", b"x", "text/plain"),
    ],
)
def test_a_data_url_has_content_and_type(
    url: str, content: bytes, content_type: str
) -> None:
    response = open_url(url)
    assert response.status_code == 200
    assert response.content == content
    assert response.headers["Content-Type"] == content_type
    assert response.headers["Content-Length"] == str(len(content))


def test_the_text_of_a_data_url_is_decoded() -> None:
    assert open_url("data:text/csv,%C3%A4").text == "ä"
    assert open_url("data:text/csv;charset=latin-1,%E4").text == "ä"
    assert open_url("data:text/csv,%EF%BB%BF%C3%A4").text == "ä"
    assert open_url("data:application/json,%EF%BB%BF[1]").json() == [1]


@pytest.mark.parametrize(
    "url", ["data:text/plain", "data:;base64,e", "data:;base64,!!!!"]
)
def test_malformed_data_urls_are_refused(url: str) -> None:
    with pytest.raises(ValueError):
        open_url(url)


@given(st.binary())
@example(b"\xff\xfe\xfb")
def test_any_bytes_survive_in_a_data_url(content: bytes) -> None:
    for url in (
        f"data:x/y;base64,{b64encode(content).decode()}",
        f"data:x/y;base64,{urlsafe_b64encode(content).decode()}",
        f"data:x/y;base64,{quote(b64encode(content), safe='')}",
        f"data:x/y,{quote(content)}",
    ):
        assert open_url(url).content == content


@pytest.mark.parametrize("stream", [True, False])
def test_entities_are_loaded_from_data_urls(stream: bool) -> None:
    with open_url("data:text/csv,ID%0A%22a%0Ab%22%0A", stream=stream) as response:
        entities = list(load_entities(response, response.headers["Content-Type"]))
    assert entities == [("a\nb",)]


@pytest.mark.parametrize("form", ["data:,{}", "data:;base64,{}"])
def test_long_data_urls_are_refused(app: Flask, form: str) -> None:
    app.config["FETCH_MAX_DATA_URL_BYTES"] = 300
    encode = b64encode if "64" in form else bytes
    with app.app_context():
        assert open_url(form.format(encode(b"x" * 300).decode()))
        for length in (301, 10_000):
            with pytest.raises(FetchError, match="longer than the 300 bytes"):
                open_url(form.format(encode(b"x" * length).decode()))


def test_data_urls_of_an_app_hold_a_megabyte_by_default(app: Flask) -> None:
    with app.app_context():
        assert open_url("data:," + "%41" * (1 << 20)).content
        with pytest.raises(FetchError):
            open_url("data:," + "x" * ((1 << 20) + 1))


# --- addresses ------------------------------------------------------------------------

NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::169.254.169.254",
    "2002:a9fe:a9fe::1",
    "fe80::1",
    "fe80::1%eth0",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
]
PRIVATE = [
    "127.0.0.1",
    "127.8.9.10",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "240.0.0.1",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:7f00:1::",
    "fc00::1",
    "fd12:3456::1",
]
PUBLIC = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("allow_private", [True, False])
def test_some_addresses_are_never_fetched(address: str, allow_private: bool) -> None:
    with pytest.raises(FetchError, match="never fetched"):
        check_address(address, allow_private)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_as_configured(address: str) -> None:
    check_address(address, allow_private=True)
    with pytest.raises(FetchError, match="private network"):
        check_address(address, allow_private=False)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_fetched(address: str) -> None:
    check_address(address, allow_private=False)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("Any.LocalHost.", "127.0.0.1"),
        ("[::1]", "::1"),
        ("0", "0.0.0.0"),
        ("example.org", None),
        ("ä.example", None),
        ("", None),
    ],
)
def test_odd_spellings_of_addresses_are_understood(
    host: str, address: str | None
) -> None:
    assert literal_address(host) == address


LOOPBACK_HOSTS = [
    "127.0.0.1",
    "localhost",
    "LOCALHOST",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "①②⑦.0.0.1",
]


@pytest.mark.parametrize("host", LOOPBACK_HOSTS)
def test_the_address_connected_to_decides(
    server: ByteServer, app: Flask, host: str
) -> None:
    server.serve("/inside", b"x")
    asked = len(server.requests)
    app.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = False
    with app.app_context(), pytest.raises((FetchError, requests.RequestException)) as e:
        open_url(f"http://{host}:{server.port}/inside")
    assert len(server.requests) == asked
    assert "127.0.0.1" not in str(e.value) or "127.0.0.1" in host


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "[::ffff:a9fe:a9fe]"])
def test_metadata_addresses_are_refused_with_and_without_an_app(
    app: Flask, scheme: str, host: str
) -> None:
    with pytest.raises(FetchError, match="never fetched"):
        open_url(f"{scheme}://{host}/latest/meta-data/")
    with app.app_context(), pytest.raises(FetchError, match="never fetched"):
        open_url(f"{scheme}://{host}/latest/meta-data/")


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Let a DNS name mean other addresses each time it is asked for."""
    real, remaining, asked = socket.getaddrinfo, list(answers), []

    def getaddrinfo(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "rebind.example":
            return real(host, port, *args, **kwargs)
        asked.append(host)
        addresses = remaining.pop(0) if len(remaining) > 1 else remaining[0]
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_means_a_private_address_is_refused(
    server: ByteServer, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, ["127.0.0.1"])
    url = server.serve("/x").replace("127.0.0.1", "rebind.example")
    assert open_url(url).status_code == 200
    app.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = False
    with app.app_context(), pytest.raises(FetchError, match="private network"):
        open_url(url)


def test_a_name_is_resolved_once_and_the_checked_address_is_used(
    server: ByteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = resolve_to(monkeypatch, ["127.0.0.1"], ["169.254.169.254"])
    url = server.serve("/once").replace("127.0.0.1", "rebind.example")
    with FetchSession() as session:
        assert session.get(url).status_code == 200
    assert len(asked) == 1
    assert server.requests[-1][1]["Host"] == f"rebind.example:{server.port}"


def test_refused_addresses_of_a_name_are_left_out(
    server: ByteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    resolve_to(monkeypatch, ["169.254.169.254", "127.0.0.1"])
    url = server.serve("/second").replace("127.0.0.1", "rebind.example")
    with FetchSession() as session:
        assert session.get(url, timeout=5).status_code == 200


def test_a_kept_connection_is_checked_again(server: ByteServer, app: Flask) -> None:
    url = server.serve("/kept", b"x")
    strict = Flask("strict", instance_path=app.instance_path)
    strict.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = False
    with app.app_context():
        assert open_url(url).content == b"x"
    with strict.app_context(), pytest.raises(FetchError, match="private network"):
        open_url(url)
    with app.app_context():
        assert open_url(url).content == b"x"


@pytest.mark.parametrize("hop", ["http://169.254.169.254/", "https://[fe80::1]/x"])
def test_every_redirect_is_checked(server: ByteServer, hop: str) -> None:
    server.serve("/hop2", status=302, Location=hop)
    with pytest.raises(FetchError, match="never fetched"):
        open_url(server.serve("/hop1", status=302, Location="/hop2"))


@pytest.mark.parametrize("with_port", [True, False])
def test_listed_hosts_may_be_private_but_nothing_may_be_metadata(
    server: ByteServer, app: Flask, with_port: bool
) -> None:
    listed = f"LocalHost:{server.port}" if with_port else "LocalHost"
    app.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = False
    app.config["FETCH_ALLOWED_HOSTS"] = [listed, "169.254.169.254"]
    server.serve("/listed", b"x")
    with app.app_context():
        assert open_url(f"http://localhost:{server.port}/listed").content == b"x"
        with pytest.raises(FetchError):
            open_url(f"http://127.0.0.1:{server.port}/listed")
        with pytest.raises(FetchError):
            open_url("http://169.254.169.254/")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="no IPv6 on this machine")
def test_ipv6_loopback_is_private(app: Flask) -> None:
    app.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = False
    with app.app_context(), pytest.raises(FetchError, match="private network"):
        open_url("http://[::1]:1/")


def test_unknown_names_and_closed_ports_are_connection_errors() -> None:
    for url in ("http://nowhere.invalid/", f"http://{'x' * 64}.org/", "http://[::1]:1/"):
        with pytest.raises(requests.RequestException):
            open_url(url)


def test_a_server_that_does_not_accept_is_a_connect_time_out(app: Flask) -> None:
    app.config["FETCH_CONNECT_TIMEOUT"] = 0.1
    with socket.socket() as listener, socket.socket() as first, socket.socket() as second:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for client in (first, second):  # the backlog is full then
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        with app.app_context(), pytest.raises(requests.ConnectTimeout):
            open_url(f"http://127.0.0.1:{listener.getsockname()[1]}/")


# --- proxies --------------------------------------------------------------------------


@pytest.fixture
def proxy(server: ByteServer, monkeypatch: pytest.MonkeyPatch) -> ByteServer:
    for name in ("no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", server.url)
    return server


def test_proxies_of_the_environment_are_used(proxy: ByteServer, app: Flask) -> None:
    # The proxy itself may be in a private network: the operator chose it.
    app.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = False
    proxy.answers["http://through.example/x"] = Answer(b"through")
    with app.app_context():
        assert open_url("http://through.example/x").content == b"through"


@pytest.mark.parametrize("host", ["169.254.169.254", "2852039166", "10.0.0.1"])
def test_proxies_are_not_asked_for_refused_addresses(
    proxy: ByteServer, app: Flask, host: str
) -> None:
    app.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = False
    asked = len(proxy.requests)
    with app.app_context(), pytest.raises(FetchError):
        open_url(f"http://{host}/")
    assert len(proxy.requests) == asked


def test_hosts_without_proxy_are_asked_directly(
    proxy: ByteServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert open_url(proxy.serve("/direct", b"x")).content == b"x"


# --- the policy and its words ---------------------------------------------------------


def test_everything_is_limited_by_default(tmp_path: Path) -> None:
    policy = FetchPolicy.from_config(default_settings(debug=False), tmp_path)
    assert policy.file_roots == (tmp_path / "files",)
    assert policy.max_bytes == 16 * 1024**3
    assert policy.max_bytes_in_memory == 512 * 1024**2
    assert policy.max_ratio == 1000
    assert policy.max_data_url_bytes == 1024**2
    assert policy.max_seconds == 60


def test_outside_of_an_app_files_and_lengths_are_not_limited() -> None:
    policy = FetchPolicy.current()
    assert policy == FetchPolicy()
    assert policy.allows_file("/anything")
    assert policy.body_limit(True) is None
    assert policy.body_limit(False) is None


def test_the_policy_of_an_app_follows_its_configuration(app: Flask) -> None:
    with app.app_context():
        before = FetchPolicy.current()
        app.config.update(FETCH_MAX_BYTES=5, FETCH_CONNECT_TIMEOUT=1)
        after = FetchPolicy.current()
    assert before.timeout == (5.0, 30.0)
    assert after.timeout == (1, 30.0)
    assert before.max_bytes is None
    assert after.body_limit(True) == after.body_limit(False) == 5


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://user:pw@host:80/path?token=x#f", "http://host:80/path?…"),
        ("https://host/a@b", "https://host/a@b"),
        ("http://us@er:p@w@host/", "http://host/"),
        ("data:text/csv;base64,c2VjcmV0", "data:text/csv;base64,…"),
        ("file:///a/b.csv", "file:///a/b.csv"),
        ("http://[broken@x/secret", "http:…"),
        ("http:user:pw@host", "http:…"),
    ],
)
def test_urls_are_described_without_secrets(url: str, shown: str) -> None:
    assert describe_url(url) == shown


def test_secrets_are_removed_from_texts_of_libraries() -> None:
    text = "Failed: http://u:p@host/x?k=v and /x?k=v and ftp://a:b@c/d"
    expected = "Failed: http://host/x?… and /x?… and ftp://c/d"
    assert redact(text, "http://u:p@host/x?k=v", None) == expected
