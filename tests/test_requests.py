# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gzip
import logging
import os
import re
import socket
import subprocess
import sys
import time
import traceback
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
from flask import Flask

from byte_server import ByteServer
from qhana_plugin_runner.errors import ConfigurationError, FetchError
from qhana_plugin_runner.plugin_utils.entity_marshalling import load_entities
from qhana_plugin_runner.requests import (
    REQUEST_SESSION,
    get_mimetype,
    init_app,
    open_url,
    open_url_as_file_like,
    open_url_as_file_like_simple,
    retrieve_attribute_metadata_url,
    retrieve_data_type,
    retrieve_filename,
)


@pytest.fixture(scope="module")
def server() -> Iterator[ByteServer]:
    with ByteServer() as server:
        yield server


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return Flask("fetching", instance_path=str(tmp_path / "instance"))


# --- open_url -------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [True, False])
def test_an_http_url_is_read(server: ByteServer, stream: bool) -> None:
    url = server.serve("/a.json", b'{"a": 1}', Content_Type="application/json")
    with open_url(url, stream=stream) as response:
        assert response.json() == {"a": 1}
        assert response.headers["Content-Type"] == "application/json"
        assert response.url == url
        assert response.status_code == 200


def test_a_body_that_was_read_at_once_can_be_used_after_closing(
    server: ByteServer,
) -> None:
    with open_url(server.serve("/x", b"body")) as response:
        pass
    assert response.content == b"body"


def test_error_statuses_raise_unless_disabled(server: ByteServer) -> None:
    url = server.serve("/gone", b"reason", status=410)
    with pytest.raises(requests.HTTPError, match="410 Client Error: Gone") as error:
        open_url(url)
    assert error.value.response.text == "reason"
    assert open_url(url, raise_on_error_status=False).status_code == 410
    with pytest.raises(requests.HTTPError, match="500 Server Error"):
        open_url(server.serve("/broken", status=500))


def test_arguments_are_passed_on(server: ByteServer) -> None:
    open_url(server.serve("/p"), params={"q": "1"}, headers={"X-My": "header"})
    path, headers = server.requests[-1]
    assert path == "/p?q=1"
    assert headers["X-My"] == "header"


def test_there_are_default_time_outs_and_the_callers_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Any] = []

    def get(url: str, **kwargs: Any) -> requests.Response:
        seen.append(kwargs["timeout"])
        raise requests.ConnectionError

    monkeypatch.setattr(REQUEST_SESSION, "get", get)
    for kwargs in ({}, {"timeout": 7}, {"timeout": None}):
        with pytest.raises(requests.ConnectionError):
            open_url("http://localhost/", **kwargs)
    assert seen == [(5.0, 30.0), 7, None]


def test_a_silent_server_runs_into_the_read_time_out(app: Flask) -> None:
    app.config["FETCH_READ_TIMEOUT"] = 0.2
    silent = socket.create_server(("127.0.0.1", 0))
    with silent, app.app_context(), pytest.raises(requests.ReadTimeout):
        open_url(f"http://127.0.0.1:{silent.getsockname()[1]}/")


def test_text_is_utf_8_unless_declared(server: ByteServer) -> None:
    for body, header, text in [
        ("ä".encode(), "text/csv", "ä"),
        ("\ufeffä".encode(), "text/csv", "ä"),
        ("ä".encode("latin-1"), "text/csv; charset=iso-8859-1", "ä"),
        ("ä".encode(), "text/plain; charset=utf-8", "ä"),
    ]:
        url = server.serve("/text", body, Content_Type=header)
        for stream in (True, False):
            with open_url(url, stream=stream) as response:
                assert response.text == text


def test_json_may_have_a_byte_order_mark(server: ByteServer) -> None:
    url = server.serve("/bom", b"\xef\xbb\xbf[1]", Content_Type="application/json")
    assert open_url(url).json() == [1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("stream", [True, False])
def test_entities_are_loaded_from_what_other_servers_send(
    server: ByteServer, encoding: str, stream: bool
) -> None:
    url = server.serve("/e", "ID\nä\u2028\n".encode(encoding), Content_Type="text/csv")
    with open_url(url, stream=stream) as response:
        entities = list(load_entities(response, response.headers["Content-Type"]))
    assert entities == [("ä\u2028",)]


def test_rewrite_rules_apply_in_order_in_an_app(server: ByteServer, app: Flask) -> None:
    server.serve("/real", b"found")
    rules: Any
    for rules in (
        [(re.compile("^http://nowhere"), "http://here"), (r"here/(\w+)", r"here/\1x")],
        {"^http://nowhere": "http://here", r"here/(\w+)": r"here/\1x"},
        [["^http://nowhere", "http://here"], [r"here/(\w+)", r"here/\1x"]],
    ):
        app.config["URL_REWRITE_RULES"] = rules
        end = [("^http://here/realx", server.url + "/real")]
        app.config["URL_REWRITE_RULES"] = [*dict(rules).items(), *end]
        with app.app_context():
            assert open_url("http://nowhere/real").content == b"found"
    with pytest.raises(requests.ConnectionError):
        open_url("http://nowhere.invalid/real")


def test_rules_as_a_mapping_are_understood(server: ByteServer, app: Flask) -> None:
    server.serve("/real", b"found")
    app.config["URL_REWRITE_RULES"] = {"^http://nowhere": server.url}
    with app.app_context():
        assert open_url("http://nowhere/real").content == b"found"


def test_malformed_rules_are_found_at_the_start(app: Flask) -> None:
    app.config["URL_REWRITE_RULES"] = [("(", "x")]
    with pytest.raises(ConfigurationError, match="URL_REWRITE_RULES"):
        init_app(app)


# --- redirects ------------------------------------------------------------------------


def test_redirects_are_followed_five_times(server: ByteServer) -> None:
    server.serve("/hop0", b"arrived")
    for i in range(1, 7):
        server.serve(f"/hop{i}", status=302, Location=f"/hop{i - 1}")
    response = open_url(f"{server.url}/hop5")
    assert response.content == b"arrived"
    assert response.url == f"{server.url}/hop0"
    with pytest.raises(requests.TooManyRedirects):
        open_url(f"{server.url}/hop6")


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "FILE://localhost/etc/passwd",
        " file:///etc/passwd",
        "data:text/plain,x",
        "ftp://127.0.0.1/x",
        "//[broken",
    ],
)
def test_redirects_stay_on_the_web(server: ByteServer, target: str) -> None:
    url = server.serve("/away", status=302, Location=target)
    with pytest.raises((FetchError, requests.HTTPError, ValueError)) as error:
        open_url(url)
    assert "passwd" not in str(error.value)


def test_a_redirect_in_the_second_hop_stays_on_the_web(server: ByteServer) -> None:
    server.serve("/second", status=301, Location="file:///etc/passwd")
    with pytest.raises(FetchError, match="no web address"):
        open_url(server.serve("/first", status=302, Location="/second"))


def test_cookies_reach_the_next_hop_but_not_the_next_task(server: ByteServer) -> None:
    server.serve("/end", b"")
    url = server.serve("/start", status=302, Location="/end", Set_Cookie="a=b; Path=/")
    open_url(url)
    assert server.requests[-1][1]["Cookie"] == "a=b"
    open_url(url)
    assert "Cookie" not in server.requests[-2][1]
    assert not REQUEST_SESSION.cookies


# --- secrets --------------------------------------------------------------------------


def test_credentials_are_sent_but_never_shown(
    server: ByteServer, caplog: pytest.LogCaptureFixture
) -> None:
    host = server.url.removeprefix("http://")
    server.serve("/secret", b"x", status=403)
    server.serve("/moved", status=302, Location=f"http://u2:pw2@{host}/secret?token=t2")
    urls = [
        f"http://user:s3cret@{host}/secret?token=t0k3n",
        f"http://user:s3cret@{host}/moved?token=t0k3n",
        "http://user:s3cret@127.0.0.1:1/closed?token=t0k3n",
        "http://user:s3cret@:80/?token=t0k3n",
        "http://user:s3cret@127.0.0.1:99999/?token=t0k3n",
        "ftp://user:s3cret@127.0.0.1/?token=t0k3n",
        "http://user:s3cret@[broken/?token=t0k3n",
        "file://user:s3cret@elsewhere/?token=t0k3n",
    ]
    caplog.set_level(logging.INFO)
    for url in urls:
        with pytest.raises((requests.RequestException, ValueError)) as error:
            open_url(url)
        shown = "".join(traceback.format_exception_only(error.value))
        chain = "".join(
            line
            for line in traceback.format_exception(error.value)
            if not line.lstrip().startswith(("File", "open_url"))
        )
        for secret in ("s3cret", "t0k3n", "pw2", "t2"):
            assert secret not in shown, url
            assert secret not in chain, url
    assert server.requests[0] is not None
    assert any("Authorization" in headers for _, headers in server.requests)
    for secret in ("s3cret", "t0k3n", "pw2"):
        assert secret not in caplog.text


# --- limits ---------------------------------------------------------------------------

MIB = 1 << 20


def read_all(response: requests.Response) -> int:
    return sum(len(chunk) for chunk in response.iter_content(1 << 16))


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("compressed", [True, False])
def test_bodies_are_read_up_to_the_limit(
    server: ByteServer, app: Flask, stream: bool, compressed: bool
) -> None:
    app.config["FETCH_MAX_BYTES"] = 100_000
    encode = gzip.compress if compressed else bytes
    coding = {"Content_Encoding": "gzip"} if compressed else {}
    fits = server.serve("/fits", encode(b"x" * 100_000), **coding)
    bomb = server.serve("/bomb", encode(b"x" * 100_001), **coding)
    with app.app_context():
        with open_url(fits, stream=stream) as response:
            assert read_all(response) == 100_000
        too_long = pytest.raises(FetchError, match="longer than the 100000 bytes")
        with too_long, open_url(bomb, stream=stream) as response:
            read_all(response)


@pytest.mark.parametrize("stream", [True, False])
def test_endless_answers_end_at_the_limit(
    server: ByteServer, app: Flask, stream: bool
) -> None:
    def endless() -> Iterator[bytes]:
        while True:
            yield b"x" * 10_000

    app.config["FETCH_MAX_BYTES"] = 1_000_000
    url = server.serve("/endless", endless)
    with (
        app.app_context(),
        pytest.raises(FetchError, match="longer"),
        open_url(url, stream=stream) as response,
    ):
        response.raw.read()


def test_only_what_is_read_at_once_has_to_fit_into_memory(
    server: ByteServer, app: Flask
) -> None:
    app.config["FETCH_MAX_BYTES_IN_MEMORY"] = 1000
    url = server.serve("/long", b"x" * 1001)
    with app.app_context():
        with pytest.raises(FetchError, match="longer than the 1000 bytes"):
            open_url(url)
        with open_url(url, stream=True) as response:
            assert read_all(response) == 1001


def test_limits_can_be_switched_off(server: ByteServer, app: Flask) -> None:
    app.config.update(
        FETCH_MAX_BYTES=None,
        FETCH_MAX_BYTES_IN_MEMORY=None,
        FETCH_MAX_SECONDS=None,
        FETCH_MAX_DATA_URL_BYTES=None,
    )
    with app.app_context():
        assert len(open_url(server.serve("/x", b"x" * 1000)).content) == 1000
        assert len(open_url("data:," + "x" * 2_000_000).content) == 2_000_000


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("compressed", [True, False])
def test_a_trickling_answer_is_given_up(
    server: ByteServer, app: Flask, stream: bool, compressed: bool
) -> None:
    bytes_ = gzip.compress(os.urandom(1000)) if compressed else b"x" * 1000

    def trickle() -> Iterator[bytes]:
        for byte in bytes_:
            time.sleep(0.05)
            yield bytes([byte])

    coding = {"Content_Encoding": "gzip"} if compressed else {}
    app.config.update(FETCH_MAX_SECONDS=0.3, FETCH_READ_TIMEOUT=0.3)
    url = server.serve("/trickle", trickle, **coding)
    started = time.monotonic()
    with (
        app.app_context(),
        pytest.raises(FetchError, match="too slowly"),
        open_url(url, stream=stream) as response,
    ):
        read_all(response)
    assert time.monotonic() - started < 10


def test_a_slow_reader_is_not_taken_for_a_slow_server(
    server: ByteServer, app: Flask
) -> None:
    app.config.update(FETCH_MAX_SECONDS=0.2, FETCH_READ_TIMEOUT=0.2)
    url = server.serve("/fast", b"x" * 300_000)
    with app.app_context(), open_url(url, stream=True) as response:
        pieces = response.iter_content(100_000)
        next(pieces)
        time.sleep(0.5)
        assert b"".join(pieces)


def test_a_trickling_head_is_given_up(app: Flask) -> None:
    def trickle(listener: socket.socket) -> None:
        connection = listener.accept()[0]
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            try:
                for _ in range(200):
                    connection.sendall(b"x")
                    time.sleep(0.05)
            except OSError:
                return

    app.config.update(FETCH_MAX_SECONDS=0.2, FETCH_READ_TIMEOUT=0.2)
    app.config["FETCH_CONNECT_TIMEOUT"] = 0.2
    with socket.create_server(("127.0.0.1", 0)) as listener, app.app_context():
        Thread(target=trickle, args=(listener,), daemon=True).start()
        with pytest.raises(requests.ReadTimeout):
            open_url(f"http://127.0.0.1:{listener.getsockname()[1]}/")


@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_that_breaks_off_is_an_error(
    server: ByteServer, app: Flask, stream: bool, bounded: bool
) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * 100

    if not bounded:
        app.config.update(FETCH_MAX_BYTES_IN_MEMORY=None, FETCH_MAX_SECONDS=None)
    url = server.serve("/broken-off", broken, Content_Length="1000")
    with (
        app.app_context(),
        pytest.raises(requests.RequestException),
        open_url(url, stream=stream) as response,
    ):
        read_all(response)


def cut_off(coding: str) -> bytes:
    """Compress a text and leave out the end of the result."""
    text = b"".join(b"%d,%d\n" % (i, i * i) for i in range(20_000))
    window = {"gzip": 31, "deflate": 15, "deflate-raw": -15}[coding]
    compressor = zlib.compressobj(wbits=window)
    whole = compressor.compress(text) + compressor.flush()
    return whole[:-6] if coding == "gzip" else whole[:-20]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "deflate-raw"])
@pytest.mark.parametrize("bounded", [True, False])
@pytest.mark.parametrize("stream", [True, False])
def test_a_compressed_answer_that_breaks_off_is_an_error(
    server: ByteServer, app: Flask, stream: bool, bounded: bool, coding: str
) -> None:
    if not bounded:
        app.config.update(
            FETCH_MAX_BYTES=None, FETCH_MAX_BYTES_IN_MEMORY=None, FETCH_MAX_SECONDS=None
        )
    name = coding.partition("-")[0]
    url = server.serve("/cut", cut_off(coding), Content_Encoding=name)
    with (
        app.app_context(),
        pytest.raises(FetchError, match="breaks off"),
        open_url(url, stream=stream) as response,
    ):
        read_all(response)


def test_an_inner_compression_that_breaks_off_is_an_error(
    server: ByteServer, app: Flask
) -> None:
    body = gzip.compress(cut_off("gzip"))
    url = server.serve("/cut-inside", body, Content_Encoding="gzip, gzip")
    with app.app_context(), pytest.raises(FetchError, match="breaks off"):
        open_url(url)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", b""),
        (gzip.compress(b""), b""),
        (gzip.compress(b"a") + gzip.compress(b"b"), b"ab"),
        (gzip.compress(b"a") + bytes(100), b"a"),
    ],
    ids=["nothing", "empty", "two members", "padding"],
)
def test_compressed_answers_may_be_empty_or_have_more_than_one_part(
    server: ByteServer, app: Flask, body: bytes, text: bytes
) -> None:
    url = server.serve("/whole", body, Content_Encoding="gzip")
    with app.app_context():
        assert open_url(url).content == text
        with open_url(url, stream=True) as response:
            assert b"".join(response.iter_content(7)) == text


def test_nothing_is_missing_after_a_part_of_an_answer(
    server: ByteServer, app: Flask
) -> None:
    url = server.serve("/part", cut_off("gzip"), Content_Encoding="gzip")
    with app.app_context(), open_url(url, stream=True) as response:
        response.raw.decode_content = True
        assert response.raw.read(4) == b"0,0\n"
        assert response.raw.readinto(bytearray()) == 0


@pytest.mark.parametrize("stream", [True, False])
def test_what_was_compressed_too_much_is_refused(
    server: ByteServer, app: Flask, stream: bool
) -> None:
    app.config["FETCH_MAX_RATIO"] = 50
    packed = {
        "/small": gzip.compress(bytes(MIB)),
        "/table": gzip.compress(os.urandom(MIB) + bytes(20 * MIB)),
        "/bomb": gzip.compress(bytes(20 * MIB)),
    }
    small, table, bomb = (
        server.serve(path, body, Content_Encoding="gzip") for path, body in packed.items()
    )
    with app.app_context():
        for url, size in ((small, MIB), (table, 21 * MIB)):
            with open_url(url, stream=stream) as response:
                assert read_all(response) == size
        with (
            pytest.raises(FetchError, match="compressed more than 50 times"),
            open_url(bomb, stream=stream) as response,
        ):
            read_all(response)
        app.config["FETCH_MAX_RATIO"] = None
        with open_url(bomb, stream=stream) as response:
            assert read_all(response) == 20 * MIB


def test_a_repetitive_table_is_no_bomb(server: ByteServer, app: Flask) -> None:
    row = ",".join(["0.0", "1.0"] * 500) + "\n"
    rows = "".join(f"entity{i},{row}" for i in range(5000)).encode()
    url = server.serve("/rows", gzip.compress(rows), Content_Encoding="gzip")
    with app.app_context(), open_url(url) as response:
        assert read_all(response) == len(rows)


def test_a_chunked_answer_is_read_within_limits(server: ByteServer, app: Flask) -> None:
    def chunks() -> Iterator[bytes]:
        for i in range(1, 50):
            yield f"{i:x}\r\n".encode() + b"x" * i + b"\r\n"
        yield b"0\r\n\r\n"

    url = server.serve("/chunked", chunks, Transfer_Encoding="chunked")
    app.config["FETCH_MAX_BYTES"] = 49 * 25
    with app.app_context():
        assert open_url(url).content == b"x" * (49 * 25)
        app.config["FETCH_MAX_BYTES"] -= 1
        with pytest.raises(FetchError):
            open_url(url)


def test_the_raw_body_can_be_read_like_a_file(server: ByteServer, app: Flask) -> None:
    content = os.urandom(200_000) + b"\nline\n"
    plain = server.serve("/raw", content)
    packed = server.serve("/raw.gz", gzip.compress(content), Content_Encoding="gzip")
    with app.app_context():
        with open_url(plain, stream=True) as response:
            assert response.raw.read(10) == content[:10]
            buffer = bytearray(7)
            assert response.raw.readinto(buffer) == 7
            assert response.raw.read(0) == b""
            assert bytes(buffer) + response.raw.read(-1) == content[10:]
            assert response.raw.read(5) == b""
        with open_url(packed, stream=True) as response:
            response.raw.decode_content = True
            assert b"".join(response.raw) == content
        with open_url(packed, stream=True) as response:
            assert gzip.decompress(response.raw.read()) == content


def test_connections_are_kept_and_used_again(server: ByteServer, app: Flask) -> None:
    url = server.serve("/kept", b"x")
    with app.app_context():
        connections = set()
        for _ in range(3):
            with open_url(url, stream=True) as response:
                connections.add(response.raw.connection.sock.getsockname())
                assert response.content == b"x"
        assert len(connections) == 1


# --- threads and processes ------------------------------------------------------------


def test_many_threads_can_share_the_session(server: ByteServer) -> None:
    urls = [server.serve(f"/thread{i}", str(i).encode() * 1000) for i in range(20)] * 5
    with ThreadPoolExecutor(20) as pool:
        bodies = list(pool.map(lambda url: open_url(url).text, urls))
    assert bodies == [str(i) * 1000 for i in range(20)] * 5


FORK = """
import os, sys
from qhana_plugin_runner.requests import open_url

def port():
    with open_url(sys.argv[1], stream=True) as response:
        name = response.raw.connection.sock.getsockname()
        assert response.content == b"x"
    return name

before = port()
child = os.fork()
if child == 0:
    os._exit(0 if port() != before and port() != before else 1)
assert os.waitpid(child, 0)[1] == 0
assert port() == before
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_forked_process_uses_connections_of_its_own(server: ByteServer) -> None:
    url = server.serve("/forked", b"x")
    command = [sys.executable, "-W", "ignore", "-c", FORK, url]
    subprocess.run(command, check=True, timeout=60)


# --- names and types ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ('attachment; filename="a b.csv"', "a b"),
        ("attachment; filename=a.tar.gz", "a.tar"),
        ("attachment; filename*=UTF-8''%E4%BD%A0.csv", "你"),
        ("attachment; filename=\"x.csv\"; filename*=UTF-8''%C3%A4.csv", "ä"),
        ("attachment; filename*=UTF-8''%C3%A4.csv; filename=\"x.csv\"", "ä"),
        ("attachment; filename*=ISO-8859-1'en'%A3%20rates.csv", "£ rates"),
        ("attachment; filename*0*=UTF-8''%C3%A4; filename*1=b.csv", "äb"),
        ('attachment; filename="ä.csv"', "ä"),
        ('attachment; filename="a;b\\"c.csv"', 'a;b"c'),
        ('attachment; filename="../../etc/evil.csv"', "evil"),
        ('attachment; filename="C:\\\\dir\\\\x.csv"', "x"),
        ("attachment; filename*1=a; filename*=b", "from-url"),
        ("attachment", "from-url"),
        ('attachment; filename=""', "from-url"),
    ],
)
def test_the_name_comes_from_the_header_or_the_url(
    server: ByteServer, header: str, name: str
) -> None:
    raw = header.encode().decode("latin-1")
    url = server.serve("/folder/from-url.txt", b"x", Content_Disposition=raw)
    assert retrieve_filename(url) == name
    with open_url(url, stream=True) as response:
        assert retrieve_filename(response) == name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b.tar.gz", "b.tar"),
        ("/a/%C3%A4%20b.csv", "ä b"),
        ("/a/b.csv?c=d.e", "b"),
        ("/a/no-suffix", "no-suffix"),
        ("/a/.hidden", ".hidden"),
        ("/a%2Fb.csv", "b"),
        ("/", "unknown"),
    ],
)
def test_the_name_is_the_last_part_of_the_path(
    server: ByteServer, path: str, name: str
) -> None:
    server.serve(path.partition("?")[0], b"x")
    assert retrieve_filename(server.url + path) == name


def test_the_name_of_a_data_url_is_no_piece_of_the_data() -> None:
    assert retrieve_filename("data:text/csv,some/private.data") == "data"
    with open_url("data:text/csv;base64,QS9C") as response:
        assert retrieve_filename(response) == "data"


def test_asking_for_the_name_does_not_close_a_response(server: ByteServer) -> None:
    url = server.serve("/open.csv", b"ID\nx\n", Content_Type="text/csv")
    with open_url(url, stream=True) as response:
        entities = load_entities(response, "text/csv")
        assert retrieve_filename(response) == "open"
        assert retrieve_data_type(response) is None
        assert list(entities) == [("x",)]


def test_a_name_needs_a_url_or_a_response() -> None:
    with pytest.raises(TypeError):
        retrieve_filename(5)  # type: ignore[arg-type]


def test_headers_about_the_data_are_found(server: ByteServer) -> None:
    url = server.serve(
        "/typed",
        X_Data_Type="entity/list",
        X_Attribute_Metadata="http://example.org/metadata",
    )
    assert retrieve_data_type(url) == "entity/list"
    assert retrieve_attribute_metadata_url(url) == "http://example.org/metadata"
    response = open_url(server.serve("/untyped"))
    assert retrieve_data_type(response) is None
    assert retrieve_attribute_metadata_url(response) is None


@pytest.mark.parametrize(
    ("header", "mimetype"),
    [
        ("text/csv", "text/csv"),
        ("text/csv; charset=utf-8", "text/csv"),
        ("Text/CSV;charset=utf-8", "text/csv"),
        ("application/x-lines+json", "application/X-lines+json"),
        ("application/X-lines+json; x=y", "application/X-lines+json"),
        ("application/JSON", "application/json"),
        ("application/vnd.Own", "application/vnd.Own"),
    ],
)
def test_the_content_type_is_that_of_the_header_without_parameters(
    server: ByteServer, header: str, mimetype: str
) -> None:
    url = server.serve("/typed.txt", Content_Type=header)
    assert get_mimetype(open_url(url), default="x/y") == mimetype


@pytest.mark.parametrize(
    ("path", "mimetype"),
    [
        ("/a.csv", "text/csv"),
        ("/a.json?x=y.txt", "application/json"),
        ("/a.csv.gz", "application/gzip"),
        ("/a", "x/y"),
    ],
)
def test_a_missing_content_type_is_guessed_from_the_url(
    server: ByteServer, path: str, mimetype: str
) -> None:
    server.serve(path.partition("?")[0])
    assert get_mimetype(open_url(server.url + path), default="x/y") == mimetype


def test_without_default_the_content_type_can_be_unknown(server: ByteServer) -> None:
    assert get_mimetype(open_url(server.serve("/plain"))) is None


# --- file-like ------------------------------------------------------------------------


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("stream", [True, False])
def test_reading_a_file_honours_the_size(
    server: ByteServer, compressed: bool, stream: bool
) -> None:
    content = b"0123456789" * 50_000
    body = gzip.compress(content) if compressed else content
    coding = {"Content_Encoding": "gzip"} if compressed else {}
    url = server.serve("/file.bin", body, **coding)
    with open_url_as_file_like_simple(url, stream=stream) as file_:
        assert file_.read(100) == content[:100]
        assert file_.read(0) == b""
        assert file_.read(7) == content[100:107]
        assert file_.read() == content[107:]
        assert file_.read(1) == b""


def test_a_file_has_a_safe_name_and_a_content_type(server: ByteServer) -> None:
    for header, name in [
        ('attachment; filename="../../../../tmp/evil.txt"', "evil.txt"),
        ("attachment; filename=my file.tar.gz", "my_file.tar.gz"),
        ("attachment; filename*=UTF-8''%E4%BD%A0.csv", "unknown.csv"),
        ('attachment; filename=".."', "unknown"),
        ("attachment", "from-url.txt"),
    ]:
        url = server.serve(
            "/from-url.txt", Content_Disposition=header, Content_Type="text/csv; a=b"
        )
        with open_url_as_file_like(url) as (file_name, _, content_type):
            assert (file_name, content_type) == (name, "text/csv")
    with open_url_as_file_like("data:application/json,[]") as opened:
        assert (opened[0], opened[1].read()) == ("data.json", b"[]")


def test_the_name_of_a_local_file_is_its_path(tmp_path: Path) -> None:
    path = tmp_path / "ä b.csv"
    path.write_bytes(b"ID")
    with open_url_as_file_like(path.as_uri()) as (name, file_, content_type):
        assert (name, file_.read(), content_type) == (str(path), b"ID", "text/csv")


def test_lines_of_a_file_can_be_read(server: ByteServer) -> None:
    with open_url_as_file_like_simple(server.serve("/lines", b"a\nb\n")) as file_:
        assert list(file_) == [b"a\n", b"b\n"]


def test_error_statuses_of_files_raise_unless_disabled(server: ByteServer) -> None:
    url = server.serve("/missing", b"text", status=404)
    with pytest.raises(requests.HTTPError), open_url_as_file_like(url):
        pass
    with open_url_as_file_like(url, raise_on_error_status=False) as opened:
        assert opened[1].read() == b"text"
