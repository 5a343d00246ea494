# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a task must not be made to fetch: a real server and worker, one URL after another.

The servers of the test are on loopback. One of them plays the web outside (its address
is listed in ``FETCH_ALLOWED_HOSTS``), the other one a service that is not public.
"""

from __future__ import annotations

import gzip
import os
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from byte_server import ByteServer
from qhana_plugin_runner.requests import open_url
from runner_process import Runner, runner

SECRET = "the-secret-of-the-inside"
MIB = 1 << 20
# How a refusal begins: the kind of error, without a word about the target.
CLEAR = re.compile(
    r"(FetchError|HTTPError|ValueError|ConnectionError|ConnectTimeout|ReadTimeout"
    r"|Timeout|InvalidURL|InvalidSchema|MissingSchema|TooManyRedirects|UnicodeError"
    r"|ChunkedEncodingError|ContentDecodingError|LocationParseError|NameResolutionError)"
)


@dataclass
class World:
    """Everything that URLs of the table may point to."""

    runner: Runner
    inside: ByteServer
    outside: ByteServer
    files: Path

    def url(self, template: str) -> str:
        """Fill in ports and paths."""
        return (
            template.replace("PORT", str(self.inside.port))
            .replace("OUTSIDE", self.outside.url)
            .replace("INSTANCE", str(self.files.parent))
            .replace("FILES", str(self.files))
        )


# Spellings of the loopback address and other addresses that are not public.
ADDRESSES = {
    "dotted": "http://127.0.0.1:PORT/",
    "other-loopback": "http://127.8.9.10:PORT/",
    "short": "http://127.1:PORT/",
    "three-parts": "http://127.0.1:PORT/",
    "decimal": "http://2130706433:PORT/",
    "octal": "http://0177.0.0.01:PORT/",
    "octal-whole": "http://017700000001:PORT/",
    "hexadecimal": "http://0x7f000001:PORT/",
    "hexadecimal-parts": "http://0x7f.0x0.0x0.0x1:PORT/",
    "mixed": "http://0x7f.0.1:PORT/",
    "zero": "http://0:PORT/",
    "all-zero": "http://0.0.0.0:PORT/",
    "trailing-dot": "http://127.0.0.1.:PORT/",
    "percent-encoded": "http://127%2e0%2e0%2e1:PORT/",
    "percent-encoded-digits": "http://%31%32%37.0.0.1:PORT/",
    "circled-digits": "http://①②⑦.⓪.⓪.①:PORT/",
    "full-width-digits": "http://１２７.０.０.１:PORT/",
    "ideographic-dots": "http://127。0。0。1:PORT/",
    "name": "http://localhost:PORT/",
    "name-in-capitals": "http://LOCALHOST:PORT/",
    "name-with-dot": "http://localhost.:PORT/",
    "name-below-localhost": "http://metadata.localhost:PORT/",
    "name-of-this-machine": f"http://{socket.gethostname()}:PORT/",
    "ipv6-loopback": "http://[::1]:PORT/",
    "ipv6-any": "http://[::]:PORT/",
    "ipv6-long": "http://[0:0:0:0:0:0:0:1]:PORT/",
    "ipv6-mapped": "http://[::ffff:127.0.0.1]:PORT/",
    "ipv6-mapped-hex": "http://[::ffff:7f00:1]:PORT/",
    "ipv6-compatible": "http://[::127.0.0.1]:PORT/",
    "ipv6-nat64": "http://[64:ff9b::7f00:1]:PORT/",
    "ipv6-nat64-local": "http://[64:ff9b:1::7f00:1]:PORT/",
    "ipv6-6to4": "http://[2002:7f00:1::]:PORT/",
    "ipv6-teredo": "http://[2001:0:7f00:1::80ff:fffe]:PORT/",
    "ipv6-zone": "http://[fe80::1%25lo]:PORT/",
    "ipv6-unique-local": "http://[fd00::1]:PORT/",
    "user-info": "http://public.example@127.0.0.1:PORT/",
    "user-info-twice": "http://public.example:80@127.0.0.1:PORT/",
    "fragment": "http://127.0.0.1:PORT/#@public.example/",
    "backslash": "http://127.0.0.1:PORT\\@public.example/",
    "tabs": "http://127.0\t.0.1:PORT/",
    "capital-scheme": "HTTP://127.0.0.1:PORT/",
    "tls": "https://127.0.0.1:PORT/",
    "class-a": "http://10.0.0.1/",
    "class-b": "http://172.16.0.1/",
    "class-c": "http://192.168.0.1/",
    "carrier": "http://100.64.0.1/",
    "benchmarks": "http://198.18.0.1/",
    "reserved": "http://240.0.0.1/",
    "broadcast": "http://255.255.255.255/",
    "multicast": "http://224.0.0.1/",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "metadata-decimal": "http://2852039166/",
    "metadata-mapped": "http://[::ffff:169.254.169.254]/",
    "metadata-ipv6": "http://[fd00:ec2::254]/",
    "metadata-other-cloud": "http://100.100.100.200/",
}

REDIRECTS = {
    "redirect-to-private": "OUTSIDE/to-inside",
    "redirect-to-metadata": "OUTSIDE/to-metadata",
    "redirect-to-file": "OUTSIDE/to-file",
    "redirect-to-data": "OUTSIDE/to-data",
    "redirect-without-scheme": "OUTSIDE/to-no-scheme",
    "redirect-loop": "OUTSIDE/loop",
    "redirect-six-hops": "OUTSIDE/hop/6",
    "redirect-second-hop": "OUTSIDE/to-to-inside",
}

FILES = {
    "file": "file:///etc/passwd",
    "file-localhost": "file://localhost/etc/passwd",
    "file-one-slash": "file:/etc/passwd",
    "file-no-slash": "file:etc/passwd",
    "file-four-slashes": "file:////etc/passwd",
    "file-capitals": "FILE:///etc/passwd",
    "file-other-host": "file://127.0.0.1/etc/passwd",
    "file-backslashes": "file:\\\\\\etc\\passwd",
    "file-encoded": "file:///%65tc/%70asswd",
    "file-environment": "file:///proc/self/environ",
    "file-root-of-process": "file:///proc/self/root/etc/passwd",
    "file-of-descriptor": "file:///proc/self/fd/0",
    "file-device": "file:///dev/zero",
    "file-input": "file:///dev/stdin",
    "file-database": "file://INSTANCE/qhana-plugin-runner.db",
    "file-secret-key": "file://INSTANCE/secret_key",
    "file-traversal": "file://FILES/../../outside.txt",
    "file-traversal-encoded": "file://FILES/%2e%2e/%2e%2e/outside.txt",
    "file-traversal-slashes": "file://FILES/..%2f..%2foutside.txt",
    "file-beside": "file://FILES-of-others/outside.txt",
    "file-link": "file://FILES/link",
    "file-link-to-folder": "file://FILES/folder-link/passwd",
    "file-pipe": "file://FILES/pipe",
    "file-folder": "file://FILES/",
    "file-null": "file:///etc/passwd%00.csv",
}

OTHERS = {
    "ftp": "ftp://127.0.0.1:PORT/",
    "gopher": "gopher://127.0.0.1:PORT/_GET%20/",
    "dict": "dict://127.0.0.1:PORT/x",
    "ldap": "ldap://127.0.0.1:PORT/",
    "unix-socket": "http+unix://%2Fvar%2Frun%2Fdocker.sock/info",
    "jar": "jar:file:///etc/passwd!/x",
    "url-prefix": "url:file:///etc/passwd",
    "no-scheme": "//127.0.0.1:PORT/",
    "script": "javascript:alert(1)",
    "empty": "",
    "null": "http://127.0.0.1:PORT/\x01",
    "huge-port": "http://127.0.0.1:99999/",
    "data-too-long": "data:text/plain," + "x" * (MIB + 1),
    "data-without-comma": "data:text/plain;base64",
    "data-not-base64": "data:;base64,*",
    "gzip-bomb": "OUTSIDE/bomb",
    "gzip-bomb-twice": "OUTSIDE/bomb-twice",
    "gzip-broken": "OUTSIDE/broken",
    "gzip-cut-off": "OUTSIDE/gzip-cut-off",
    "too-long": "OUTSIDE/long",
    "endless": "OUTSIDE/endless",
    "drip": "OUTSIDE/drip",
    "drip-in-head": "OUTSIDE/drip-in-head",
    "says-too-long": "OUTSIDE/says-too-long",
    "cut-off": "OUTSIDE/cut-off",
}

TARGETS = {**ADDRESSES, **REDIRECTS, **FILES, **OTHERS}

# Targets of which one exists and one does not; the answers must not tell which.
TWINS = [
    ("file:///etc/passwd", "file:///etc/passwd-of-nobody"),
    ("file:///proc/self/environ", "file:///proc/self/nothing"),
    ("file://INSTANCE/secret_key", "file://INSTANCE/no-secret_key"),
    ("http://127.0.0.1:PORT/", "http://127.0.0.1:1/"),
    ("http://10.0.0.1/", "http://10.255.255.254/"),
]


def _pieces(count: int, pause: float = 0.0) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * (MIB if not pause else 1)
        time.sleep(pause)


def _serve_outside(outside: ByteServer, inside: ByteServer) -> None:
    def redirect(path: str, target: str) -> None:
        outside.serve(path, status=302, Location=target)

    redirect("/to-inside", f"{inside.url}/")
    redirect("/to-to-inside", "/to-inside")
    redirect("/to-metadata", "http://169.254.169.254/")
    redirect("/to-file", "file:///etc/passwd")
    redirect("/to-data", f"data:,{SECRET}")
    redirect("/to-no-scheme", f"//127.0.0.1:{inside.port}/")
    redirect("/loop", "/loop")
    for hop in range(1, 7):
        redirect(f"/hop/{hop}", f"/hop/{hop - 1}")
    outside.serve("/hop/0", SECRET.encode())
    bomb = gzip.compress(bytes(64 * MIB))
    outside.serve("/bomb", bomb, Content_Encoding="gzip")
    outside.serve("/bomb-twice", gzip.compress(bomb), Content_Encoding="gzip, gzip")
    outside.serve("/broken", b"\x1f\x8b" + b"!" * 200, Content_Encoding="gzip")
    half = gzip.compress(SECRET.encode() * 9)[:-9]
    outside.serve("/gzip-cut-off", half, Content_Encoding="gzip")
    outside.serve("/long", bytes(9 * MIB))
    outside.serve("/endless", lambda: _pieces(10_000))
    outside.serve("/drip", lambda: _pieces(600, 0.3))
    outside.serve("/drip-in-head", lambda: _pieces(0), X_Long="x" * 70_000)
    outside.serve("/says-too-long", lambda: _pieces(1), Content_Length=str(1 << 40))
    outside.serve("/cut-off", lambda: _pieces(1), Content_Length=str(2 * MIB))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A runner in production mode that may not fetch from private networks."""
    folder = tmp_path_factory.mktemp("targets")
    files = folder / "instance" / "files"
    files.mkdir(parents=True)
    (folder / "outside.txt").write_text(SECRET)
    (files.parent / "files-of-others").mkdir()
    (files.parent / "files-of-others" / "outside.txt").write_text(SECRET)
    (files / "link").symlink_to("/etc/passwd")
    (files / "folder-link").symlink_to("/etc")
    os.mkfifo(files / "pipe")
    with ByteServer() as inside, ByteServer() as outside:
        inside.serve("/", SECRET.encode())
        _serve_outside(outside, inside)
        settings = {
            "FLASK_DEBUG": "0",
            "FETCH_ALLOW_PRIVATE_NETWORKS": "false",
            "FETCH_ALLOWED_HOSTS": f"127.0.0.1:{outside.port}",
            "FETCH_MAX_BYTES": str(8 * MIB),
            "FETCH_MAX_SECONDS": "2",
            "FETCH_CONNECT_TIMEOUT": "1",
            "FETCH_READ_TIMEOUT": "2",
            "MARK_IN_ENVIRONMENT": SECRET,
        }
        with runner(folder, **settings) as process:
            process.start_server()
            process.start_worker(concurrency=4)
            yield World(process, inside, outside, files)


@pytest.fixture(scope="module")
def tasks(world: World) -> dict[str, dict[str, Any]]:
    """The ends of tasks, each of which tried to fetch one target."""
    twins = [url for pair in TWINS for url in pair]
    urls = {**TARGETS, **{url: url for url in twins}}
    started = {
        name: world.runner.submit({"op": "fetch", "url": world.url(url)})
        for name, url in urls.items()
    }
    return {name: world.runner.wait_task(task, 90) for name, task in started.items()}


def test_what_is_allowed_is_fetched(world: World) -> None:
    """So that the refusals below are no accident."""
    world.outside.serve("/fine", b"fine", Content_Type="text/plain")
    world.outside.serve("/to-fine", status=302, Location="/fine")
    (world.files / "own.txt").write_text("own")
    for url, text in (("OUTSIDE/to-fine", "fine"), ("file://FILES/own.txt", "own")):
        task = world.runner.submit({"op": "fetch", "url": world.url(url)})
        ended = world.runner.wait_task(task)
        assert ended["status"] == "SUCCESS", ended["log"]
        assert text in ended["log"]


@pytest.mark.parametrize("name", TARGETS)
def test_the_target_is_refused_with_a_clear_error(
    tasks: dict[str, dict[str, Any]], name: str
) -> None:
    task = tasks[name]
    assert task["status"] == "FAILURE"
    assert CLEAR.match(task["log"]), task["log"][:300]


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_of_the_target_is_told(
    tasks: dict[str, dict[str, Any]], name: str
) -> None:
    log = tasks[name]["log"]
    assert SECRET not in log
    assert "root:" not in log
    assert "No such file" not in log
    assert "Connection refused" not in log
    assert len(log) < 20_000


def test_no_request_reaches_the_inside(
    world: World, tasks: dict[str, dict[str, Any]]
) -> None:
    assert tasks
    assert world.inside.requests == []


@pytest.mark.parametrize("pair", TWINS)
def test_it_cannot_be_told_what_exists(
    world: World, tasks: dict[str, dict[str, Any]], pair: tuple[str, str]
) -> None:
    logs = [tasks[url]["log"].replace(world.url(url), "URL") for url in pair]
    ports = [re.sub(r"\b\d{1,5}\b", "N", log) for log in logs]
    assert ports[0] == ports[1]


def test_the_worker_survives_it_all(world: World, tasks: dict[str, Any]) -> None:
    assert tasks
    ended = world.runner.wait_task(world.runner.submit({"op": "returns", "value": "x"}))
    assert ended["status"] == "SUCCESS"


def test_a_name_that_changes_its_address_gains_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The first answer of the name server is public, all later ones are not."""
    app = Flask("rebinding", instance_path=str(tmp_path))
    app.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = False
    app.config["FETCH_CONNECT_TIMEOUT"] = 0.2
    answers = iter(["203.0.113.1", *["127.0.0.1"] * 20])

    def resolve(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        address = next(answers) if host == "rebinding.example" else host
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with ByteServer() as inside, app.app_context():
        inside.serve("/", SECRET.encode())
        for _ in range(5):
            with pytest.raises((OSError, ValueError)):
                open_url(f"http://rebinding.example:{inside.port}/")
        assert inside.requests == []
