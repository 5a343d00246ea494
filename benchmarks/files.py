# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Downloads of result files beside nginx with the same files, and uploads."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from benchmarks import upload
from benchmarks.load import connect, fetch, get_request, post_request, run_load
from benchmarks.report import Row, row_of_rounds
from benchmarks.system import HELLO_WORLD, Settings, System, free_port, system

BIG = 1 << 30
SMALL = 1000
CONNECTIONS = 8

_NGINX = """
worker_processes {processes}; pid {folder}/nginx.pid; daemon off;
error_log {folder}/nginx-errors.log;
events {{ worker_connections 64; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{ listen 127.0.0.1:{port}; root {root}; }}
}}
"""


def run(settings: Settings) -> list[Row]:
    """Measure an upload, and downloads of one large and many small files."""
    program = shutil.which("nginx")
    if program is None:
        print("files: without nginx there is no limit for downloads, they are left out.")
        return upload.run(settings)
    return [*upload.run(settings), *_downloads(settings, program)]


def _downloads(settings: Settings, program: str) -> list[Row]:
    big, small = int(BIG * settings.scale), max(10, int(SMALL * settings.scale))
    with system(settings) as runner:
        runner.start_server()
        paths = _write_files(runner, big, small)
        with _nginx(runner, program) as port:
            pairs = [
                (f"http://127.0.0.1:{port}/{file}", runner.url + path)
                for file, path in paths
            ]
            return [_big(runner, pairs[0], big), _small(runner, pairs[1:])]


def _write_files(runner: System, big: int, small: int) -> list[tuple[str, str]]:
    """Return the place of each file in its store and the path of its URL."""
    form = post_request(f"{runner.url}{HELLO_WORLD}process/", "inputStr=x")
    with connect(runner.url) as sock:
        fetch(sock, form)
    places = [f"task_1/out/file-{number}.bin" for number in range(small + 1)]
    rows = [
        {
            "id": number,
            "task_id": 1,
            "security_tag": f"{number:043}",
            "storage_provider": "local_filesystem",
            "file_name": Path(place).name,
            "file_storage_data": place,
            "file_type": "custom/benchmark",
            "mimetype": "application/octet-stream",
            "created_at": sa.func.now(),
        }
        for number, place in enumerate(places, 1)
    ]
    store = runner.folder / "instance" / "files"
    (store / places[0]).parent.mkdir(parents=True)
    with (store / places[0]).open("wb") as file:
        file.truncate(big)
    for place in places[1:]:
        (store / place).write_bytes(b"x" * 2000)
    engine = sa.create_engine(runner.database_url)
    table = sa.Table("TaskFile", sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        for row in rows:
            connection.execute(sa.insert(table).values(row))
    engine.dispose()
    return [
        (row["file_storage_data"], f"files/{row['id']}/?file-id={row['security_tag']}")
        for row in rows
    ]


@contextmanager
def _nginx(runner: System, program: str) -> Iterator[int]:
    port = free_port()
    text = _NGINX.format(
        folder=runner.folder,
        root=runner.folder / "instance" / "files",
        port=port,
        processes=runner.settings.server_processes,
    )
    configuration = runner.folder / "nginx.conf"
    configuration.write_text(text, encoding="utf-8")
    # Its processes must be able to enter the folder, whoever they run as.
    for folder in (runner.folder, runner.folder / "instance"):
        folder.chmod(0o755)
    runner.start("nginx", program, "-c", str(configuration))
    runner.wait_for_port("nginx", port)
    yield port


def _download(url: str) -> int:
    """Return the number of bytes of an answer, which is thrown away."""
    buffer, total = bytearray(1 << 20), 0
    with connect(url) as sock:
        sock.sendall(
            get_request(url).replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        )
        while received := sock.recv_into(buffer):
            total += received
    return total


def _big(runner: System, urls: tuple[str, str], size: int) -> Row:
    rates: tuple[list[float], list[float]] = ([], [])
    before = after = runner.memory_bytes("server")
    for _ in range(runner.settings.rounds):
        for url, found in zip(urls, rates, strict=True):
            start = time.perf_counter()
            if _download(url) < size:
                raise ValueError(f"{url} did not send the whole file.")
            found.append(size / 2**20 / (time.perf_counter() - start))
        after = max(after, runner.memory_bytes("server"))
    name = f"download of {size / 2**20:,.0f} MiB"
    note = f"memory of the server +{(after - before) / 2**20:.0f} MiB"
    return row_of_rounds(name, "MiB/s", rates[1], rates[0], floor=0.7, note=note)


def _small(runner: System, urls: list[tuple[str, str]]) -> Row:
    rates: tuple[list[float], list[float]] = ([], [])
    for _ in range(runner.settings.rounds):
        for side, found in enumerate(rates):
            requests = [get_request(pair[side]) for pair in urls]
            found.append(run_load(urls[0][side], requests, CONNECTIONS).rate)
    name = f"download of {len(urls)} small files"
    return row_of_rounds(name, "files/s", rates[1], rates[0])
