# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The tutorial works: its commands and code are run as they stand on its page."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from runner_process import ROOT, free_port

PAGE = ROOT / "docs" / "tutorial" / "first-plugin.md"
FOLDERS = ["qhana_plugin_runner", "plugins", "tooling", "migrations", "translations"]
FILES = [
    ".flaskenv",
    "Makefile",
    "tasks.py",
    "pyproject.toml",
    "requirements-plugins.txt",
]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass
class Block:
    """A block of code on the page.

    Attributes:
        language: what stands behind its fence.
        code: its content.
        before: the text between the block before and this one.
    """

    language: str
    code: str
    before: str


def blocks(page: str) -> Iterator[Block]:
    end = 0
    for match in FENCE.finditer(page):
        yield Block(match[1], match[2], page[end : match.start()])
        end = match.end()


class Reader:
    """Somebody who follows the page word by word in a checkout of their own.

    Args:
        folder: the checkout; a copy, so that nothing changes in this one.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://localhost:{self.port}/"
        for name in FOLDERS:
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        for name in FILES:
            shutil.copy(ROOT / name, folder / name)
        self._pretend_installed()
        self.server: subprocess.Popen[bytes] | None = None

    def _pretend_installed(self) -> None:
        """Let .venv be the environment of the tests, with the code of the copy."""
        binaries = self.folder / ".venv" / "bin"
        binaries.mkdir(parents=True)
        for name in ("python", "flask", "invoke"):
            module = "" if name == "python" else f" -m {name}"
            script = f'#!/bin/sh\nexec {sys.executable}{module} "$@"\n'
            path = binaries / name
            path.write_text(script, encoding="utf-8")
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        (self.folder / ".venv" / ".installed-plugins").touch()

    @property
    def environment(self) -> dict[str, str]:
        """What the terminal of the reader knows."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        here = {"PYTHONPATH": str(self.folder), "PORT": str(self.port)}
        return {**kept, **here, "PYTHONUNBUFFERED": "1", "no_proxy": "*"}

    def type(self, command: str) -> str:
        """Run the commands of a block; returns what they print."""
        command = command.replace("localhost:5005", f"localhost:{self.port}")
        if command.strip() == "make start":
            self.start(command)
            return ""
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
        return result.stdout

    def start(self, command: str) -> None:
        with (self.folder / "server.log").open("wb") as log:
            self.server = subprocess.Popen(
                ["bash", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + 90
        while f"ready  | {self.url}" not in self.log():
            assert self.server.poll() is None, self.log()
            assert time.monotonic() < deadline, self.log()
            time.sleep(0.1)

    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def edit(self, block: Block) -> None:
        """Replace the function or class of a block in the file that its text names."""
        file = self.folder / re.findall(r"`(local_plugins/[\w.]+)`", block.before)[-1]
        (new,) = ast.parse(block.code).body
        assert isinstance(new, (ast.FunctionDef, ast.ClassDef))
        source = file.read_text(encoding="utf-8")
        (old,) = (
            node
            for node in ast.parse(source).body
            if getattr(node, "name", None) == new.name
        )
        lines = source.splitlines(keepends=True)
        lines[old.lineno - 1 : old.end_lineno] = [block.code]
        file.write_text("".join(lines), encoding="utf-8")

    def close(self) -> None:
        if self.server is not None:
            os.killpg(self.server.pid, signal.SIGINT)
            try:
                self.server.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(self.server.pid, signal.SIGKILL)
                self.server.wait()


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    person = Reader(tmp_path)
    yield person
    person.close()


def test_the_tutorial_runs_from_its_own_text(reader: Reader) -> None:
    page = PAGE.read_text(encoding="utf-8")
    printed, submitted = "", False
    for block in blocks(page):
        if block.language == "bash":
            printed = reader.type(block.code)
            submitted = submitted or "curl" in block.code
        elif block.language == "python":
            reader.edit(block)
        else:
            assert block.language == "text"
            for line in block.code.splitlines():
                assert line in printed
    assert submitted
    assert printed == "2 to\n2 be\n1 or\n1 not\n"
    for address in re.findall(r"<(http://localhost:5005[^>]*)>", page):
        here = address.replace("http://localhost:5005/", reader.url)
        answer = requests.get(here, headers={"Accept": "text/html"}, timeout=30)
        assert answer.status_code == 200
        assert "Word count" in answer.text or "ignoreCase" in answer.text
