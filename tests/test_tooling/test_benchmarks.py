# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The benchmarks that the documentation explains are those that can be run."""

from __future__ import annotations

import importlib
import os
import re
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS, GROUPS, parse
from benchmarks.load import fetch, get_request
from benchmarks.system import Processes, free_port

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "performance.rst").read_text(encoding="utf-8")


def test_the_page_explains_exactly_the_benchmarks_that_exist() -> None:
    table = PAGE.split(".. list-table::", 2)[1]
    explained = re.findall(r"^    \* - ``(\w+)``$", table, re.MULTILINE)
    assert explained == [*BENCHMARKS, *GROUPS]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_has_its_function(name: str) -> None:
    module, function = BENCHMARKS[name]
    assert callable(getattr(importlib.import_module(f"benchmarks.{module}"), function))


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_stands_for_benchmarks(name: str) -> None:
    assert parse([name]).names == list(GROUPS[name])
    assert set(GROUPS[name]) <= set(BENCHMARKS)


def test_an_unknown_name_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        parse(["speed"])
    error = capsys.readouterr().err
    assert "'speed' is none of" in error
    assert "scale" in error


def test_the_processes_of_a_server_get_equally_many_connections(tmp_path: Path) -> None:
    (tmp_path / "slow_start.py").write_text(
        "import os, time\n"
        "time.sleep(0.3)\n"
        "def app(environ, start_response):\n"
        "    body = str(os.getpid()).encode()\n"
        "    start_response('200 OK', [('Content-Length', str(len(body)))])\n"
        "    return [body]\n"
    )
    servers, port = Processes(tmp_path, dict(os.environ)), free_port()
    url = f"http://127.0.0.1:{port}/"
    try:
        servers.start_gunicorn("server", port, "slow_start:app", processes=3)
        sockets = servers.connections("server", url, 6)
        answers = Counter(fetch(sock, get_request(url)).body for sock in sockets)
        for sock in sockets:
            sock.close()
    finally:
        servers.stop_all()
    assert sorted(answers.values()) == [2, 2, 2]
