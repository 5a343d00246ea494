# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Who may let the runner fetch from private networks: clients that are on one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from werkzeug.middleware.proxy_fix import ProxyFix

from byte_server import ByteServer
from qhana_plugin_runner.errors import FetchError
from qhana_plugin_runner.requests import open_url
from qhana_plugin_runner.url_adapters import Client, FetchPolicy, working_for
from runner_process import Runner, runner

PUBLIC = "8.8.8.8"
OUTSIDER = Client(is_local=False)


@pytest.fixture(scope="module")
def server() -> Iterator[ByteServer]:
    with ByteServer() as server:
        server.serve("/inside", b"inside")
        yield server


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    app = Flask("clients", instance_path=str(tmp_path / "instance"))

    @app.route("/fetch/<path:url>")
    def fetch(url: str) -> Response:
        try:
            return Response(open_url(url).content)
        except FetchError as error:
            return Response(str(error), 422)

    @app.route("/client")
    def client() -> str:
        return Client.current().to_text()

    return app


def seen(app: Flask, address: str, base_url: str = "http://far/", **headers: str) -> str:
    """Return whether the app takes a client for local."""
    answer = app.test_client().get(
        "/client",
        base_url=base_url,
        environ_base={"REMOTE_ADDR": address},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )
    return answer.text.split()[0]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.7.8", "169.254.3.4"]
    + ["::1", "fe80::1%eth0", "fd12:3456::1", "::ffff:10.0.0.1", "localhost"],
)
def test_clients_of_private_networks_are_local(app: Flask, address: str) -> None:
    assert seen(app, address) == "local"


@pytest.mark.parametrize(
    "address",
    [PUBLIC, "100.64.0.1", "203.0.113.9", "172.32.0.1", "2001:db8::1", "2600::1"]
    + ["::ffff:8.8.8.8", "2002:7f00:1::", "64:ff9b::10.0.0.1", "", "unknown", "0.0.0.0"],
)
def test_all_other_clients_are_from_outside(app: Flask, address: str) -> None:
    assert seen(app, address) == "outside"


@pytest.mark.parametrize(
    ("forwarded", "kind"),
    [
        ("10.0.0.9", "local"),
        ("10.0.0.9, 192.168.1.1:4711, [::1]:80", "local"),
        (PUBLIC, "outside"),
        (f"10.0.0.9, {PUBLIC}", "outside"),
        (f"{PUBLIC}:443, 10.0.0.9", "outside"),
        ("unknown", "outside"),
    ],
)
def test_a_proxy_that_is_not_counted_makes_nobody_local(
    app: Flask, forwarded: str, kind: str
) -> None:
    assert seen(app, "127.0.0.1", X_Forwarded_For=forwarded) == kind


def test_a_client_behind_a_counted_proxy_cannot_pretend_to_be_local(app: Flask) -> None:
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1)  # type: ignore[method-assign]
    pretended = f"10.0.0.9, {PUBLIC}"
    assert seen(app, "172.17.0.1", X_Forwarded_For=pretended) == "outside"
    assert seen(app, "172.17.0.1", X_Forwarded_For="10.0.0.9") == "local"


def test_work_without_a_request_is_local(app: Flask) -> None:
    assert Client.current() == Client()
    with app.test_request_context():
        assert Client.current() == Client()


def test_a_task_works_for_its_client_whatever_requests_it_makes_itself(
    app: Flask,
) -> None:
    with app.test_request_context(), working_for(OUTSIDER):
        assert Client.current() == OUTSIDER
    with working_for(OUTSIDER):
        assert seen(app, "127.0.0.1") == "outside"


@pytest.mark.parametrize("client", [Client(), OUTSIDER, Client(False, "a:1")])
def test_a_client_survives_as_text(client: Client) -> None:
    assert Client.from_text(client.to_text()) == client


@pytest.mark.parametrize("setting", [None, "auto", True, False])
@pytest.mark.parametrize("address", ["127.0.0.1", PUBLIC])
def test_the_setting_and_the_client_decide(
    app: Flask, server: ByteServer, setting: Any, address: str
) -> None:
    if setting is not None:
        app.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = setting
    allowed = setting is True or (setting is not False and address == "127.0.0.1")
    answer = app.test_client().get(
        f"/fetch/{server.url}/inside", environ_base={"REMOTE_ADDR": address}
    )
    if allowed:
        assert answer.text == "inside"
    else:
        assert answer.status_code == 422
        assert "private network" in answer.text
        assert "127.0.0.1" not in answer.text


def test_listed_hosts_are_open_to_outsiders(app: Flask, server: ByteServer) -> None:
    app.config["FETCH_ALLOWED_HOSTS"] = [f"127.0.0.1:{server.port}"]
    with app.app_context(), working_for(OUTSIDER):
        assert open_url(f"{server.url}/inside").content == b"inside"


def test_where_rules_lead_is_open_to_outsiders(app: Flask, server: ByteServer) -> None:
    """The operator has chosen the host, not the client."""
    app.config["URL_REWRITE_RULES"] = {r"^http://shop\.example/": f"{server.url}/"}
    with app.app_context(), working_for(OUTSIDER):
        assert open_url("http://shop.example/inside").content == b"inside"
        with pytest.raises(FetchError):  # not asked for through the rule
            open_url(f"{server.url}/inside")


@pytest.mark.parametrize(
    ("rules", "url"),
    [
        ({"^http://x.example": "http://127.0.0.1"}, "http://x.example:{port}/inside"),
        ({"^http://x.example:": "http://127.0.0.1:"}, "http://x.example:{port}/inside"),
        ({r"^http://x.example/(\d+)/": r"http://127.0.0.1:\1/"},)
        + ("http://x.example/{port}/inside",),
        ({"^http://([0-9.]+)-x/": r"http://\1:{port}/"}, "http://127.0.0.1-x/inside"),
        ({"q=1": "http://127.0.0.1:{port}/"}, "http://127.0.0.1:{port}/inside?q=1"),
        ({"^http://x.example/": "http://127.0.0.1:{port}/a/"},)
        + ("http://127.0.0.1:{port}/inside",),
        ({"localhost": "127.0.0.1"}, "http://localhost:{port}/inside"),
    ],
)
def test_a_host_or_port_that_the_client_chooses_is_not(
    app: Flask, server: ByteServer, rules: dict[str, str], url: str
) -> None:
    app.config["URL_REWRITE_RULES"] = {
        pattern: target.replace("{port}", str(server.port))
        for pattern, target in rules.items()
    }
    with app.app_context(), working_for(OUTSIDER), pytest.raises(FetchError):
        open_url(url.replace("{port}", str(server.port)))


@pytest.mark.parametrize("with_port", [True, False])
def test_the_server_name_is_open_to_outsiders(
    app: Flask, server: ByteServer, with_port: bool
) -> None:
    app.config["SERVER_NAME"] = f"127.0.0.1:{server.port}" if with_port else "127.0.0.1"
    with app.app_context(), working_for(OUTSIDER):
        policy = FetchPolicy.current()
        policy.check_address("127.0.0.1", "127.0.0.1", server.port if with_port else 443)
        with pytest.raises(FetchError):
            policy.check_address("127.0.0.1", "127.0.0.1", 6379)


def own_host(app: Flask, address: str, host: str, port: int = 5005) -> str:
    """Return the host of its own that the app believes in; it listens on 5005."""
    environ = {"REMOTE_ADDR": address, "SERVER_PORT": "5005"}
    with app.test_request_context(
        "/", base_url=f"http://{host}:{port}/", environ_base=environ
    ) as context:
        context.request.environ["SERVER_PORT"] = "5005"
        return Client.current().own_host or ""


@pytest.mark.parametrize(
    ("address", "host", "port", "own"),
    [
        ("127.0.0.1", "localhost", 5005, "localhost:5005"),
        (PUBLIC, "127.0.0.1", 5005, "127.0.0.1:5005"),  # this is the runner itself
        ("10.0.0.9", "runner.lan", 5005, "runner.lan:5005"),
        ("10.0.0.9", "runner.lan", 6379, ""),
        (PUBLIC, "10.0.0.1", 5005, ""),
        (PUBLIC, "redis", 5005, ""),
        (PUBLIC, "localhost", 6379, ""),
        ("", "localhost", 5005, ""),  # a Unix socket: the port is that of the header
    ],
)
def test_a_host_header_opens_no_other_service(
    app: Flask, address: str, host: str, port: int, own: str
) -> None:
    assert own_host(app, address, host, port) == own


@pytest.mark.parametrize(
    ("port", "own"), [(80, "a.lan:80"), (5005, "a.lan:5005"), (6379, "")]
)
def test_trusted_hosts_are_own_hosts(app: Flask, port: int, own: str) -> None:
    app.config["TRUSTED_HOSTS"] = ["a.lan"]
    assert own_host(app, PUBLIC, "a.lan", port) == own


def test_an_outsider_stays_one_for_the_next_runner(
    app: Flask, server: ByteServer
) -> None:
    app.config["FETCH_ALLOW_PRIVATE_NETWORKS"] = True
    for client, sent in ((OUTSIDER, "outside"), (Client(), None)):
        with app.app_context(), working_for(client):
            open_url(f"{server.url}/inside")
        assert server.requests[-1][1].get("X-QHAna-Client") == sent
    assert seen(app, "127.0.0.1", X_QHAna_Client="outside") == "outside"


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("clients")
    with runner(folder, REVERSE_PROXY_COUNT="1") as instance:
        instance.start_server()
        instance.start_worker()
        yield instance


@pytest.mark.parametrize(
    ("before", "op"),
    [
        (None, "fetch"),
        ("retry", "fetch"),
        ("chained", "fetch"),
        (None, "fetch_in_thread"),
    ],
)
def test_a_worker_knows_for_whom_it_works(
    processes: Runner, server: ByteServer, before: str | None, op: str
) -> None:
    operations = [{"op": before}] if before else []
    operations.append({"op": op, "url": f"{server.url}/inside"})
    outcomes = {}
    for address in ("10.0.0.9", PUBLIC):
        processes.http.headers["X-Forwarded-For"] = address
        task = processes.wait_task(processes.submit(*operations))
        outcomes[address] = task["status"], "private network" in task["log"]
    assert outcomes == {"10.0.0.9": ("SUCCESS", False), PUBLIC: ("FAILURE", True)}


def test_a_thread_of_a_task_reads_no_other_files(
    app: Flask, tmp_path: Path, server: ByteServer
) -> None:
    (tmp_path / "a.txt").touch()
    with ThreadPoolExecutor(1) as pool:

        def status() -> int:
            url = f"file://{tmp_path}/a.txt"
            return pool.submit(open_url, url, False).result().status_code

        assert status() == 200
        with app.app_context(), working_for(Client()):
            assert status() == 403
            with working_for(OUTSIDER), pytest.raises(FetchError):
                pool.submit(open_url, f"{server.url}/inside").result()
        assert status() == 200


def test_a_very_long_host_is_no_own_host(app: Flask) -> None:
    long = "a." * 126 + "a"
    assert own_host(app, "10.0.0.9", long) == f"{long}:5005"
    assert own_host(app, "10.0.0.9", f"a.{long}") == ""
