# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``flask plugins new``: what it writes works at once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from qhana_plugin_runner.errors import PluginScaffoldError
from qhana_plugin_runner.plugin_scaffold import write_plugin
from runner_process import ROOT, Runner

FORMS = pytest.mark.parametrize("as_package", [False, True], ids=["module", "package"])


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=120,
    )


@FORMS
def test_a_new_plugin_passes_its_own_tests(tmp_path: Path, as_package: bool) -> None:
    write_plugin("word-count", tmp_path / "plugins", as_package)
    result = run(tmp_path / "plugins", "pytest", "-q", "-p", "no:cacheprovider")
    assert result.returncode == 0, result.stdout
    assert "3 passed" in result.stdout


@FORMS
def test_a_new_plugin_passes_the_check(tmp_path: Path, as_package: bool) -> None:
    write_plugin("word-count", tmp_path / "plugins", as_package)
    runner = Runner(tmp_path, {"PLUGIN_FOLDERS": str(tmp_path / "plugins")})
    result = runner.flask("plugins", "check", "word-count")
    assert result.stdout.split() == ["word-count@v0-1-0:", "fine"]


@FORMS
@pytest.mark.parametrize("name", ["tiny", "word-count", "a-plugin-with-a-very-long-name"])
def test_a_new_plugin_is_formatted_and_has_no_findings(
    tmp_path: Path, name: str, as_package: bool
) -> None:
    write_plugin(name, tmp_path, as_package)
    config = ROOT / "pyproject.toml"
    black = run(tmp_path, "black", "--check", "--config", config, tmp_path)
    assert black.returncode == 0, black.stderr
    options = ("--isolated", "--no-cache", "--line-length=90", "--select=E,F,W,B,UP")
    ruff = run(tmp_path, "ruff", "check", *options, tmp_path)
    assert ruff.returncode == 0, ruff.stdout
    flake8 = run(tmp_path, "flake8", "--config", ROOT / ".flake8", tmp_path)
    assert flake8.returncode == 0, flake8.stdout


@FORMS
def test_nothing_is_left_of_the_name_in_the_template(
    tmp_path: Path, as_package: bool
) -> None:
    for path in write_plugin("Word Count", tmp_path, as_package):
        assert "example_plugin" not in str(path)
        text = path.read_text(encoding="utf-8")
        for spelling in ("example-plugin", "example_plugin", "ExamplePlugin"):
            assert spelling not in text, path


def test_names_are_written_the_usual_way(tmp_path: Path) -> None:
    module, page, test = write_plugin(" Word_Count ", tmp_path)
    assert module == tmp_path / "word_count.py"
    assert page == tmp_path / "word_count.md"
    assert test == tmp_path / "test_word_count.py"
    assert '_plugin_name = "word-count"' in module.read_text(encoding="utf-8")
    assert "class WordCount(QHAnaPluginBase)" in module.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    ["", "ä", "a/b", "../x", "-a", "a--b", "9lives", "x" * 31, "class", "json", "flask"],
)
def test_names_that_cannot_be_modules_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(PluginScaffoldError, match="name"):
        write_plugin(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@FORMS
def test_nothing_is_overwritten(tmp_path: Path, as_package: bool) -> None:
    (tmp_path / "test_word_count.py").write_text("mine")
    with pytest.raises(PluginScaffoldError, match="test_word_count.py exists already"):
        write_plugin("word-count", tmp_path, as_package)
    assert [path.name for path in tmp_path.iterdir()] == ["test_word_count.py"]


def test_a_package_does_not_shadow_a_module(tmp_path: Path) -> None:
    write_plugin("word-count", tmp_path)
    with pytest.raises(PluginScaffoldError, match="word_count.py exists already"):
        write_plugin("word-count", tmp_path, as_package=True)


def test_the_command_writes_into_the_first_plugin_folder(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    runner = Runner(tmp_path, {"PLUGIN_FOLDERS": f"{folder}:{tmp_path / 'other'}"})
    result = runner.flask("plugins", "new", "word-count")
    assert f"wrote {folder / 'word_count.py'}" in result.stdout
    assert "PLUGIN_FOLDERS" not in result.stdout
    assert "word-count@v0-1-0" in runner.flask("plugins").stdout


def test_the_command_says_which_folder_the_runner_does_not_load(tmp_path: Path) -> None:
    runner = Runner(tmp_path, {"PLUGIN_FOLDERS": str(tmp_path / "mine")})
    result = runner.flask("plugins", "new", "tiny", "--folder", str(tmp_path / "new"))
    assert "to PLUGIN_FOLDERS" in result.stdout


def test_the_command_explains_what_is_wrong(tmp_path: Path) -> None:
    runner = Runner(tmp_path, {"PLUGIN_FOLDERS": ""})
    result = runner.flask("plugins", "new", "tiny", check=False)
    assert result.returncode == 1
    assert "Name a --folder" in result.stderr
    result = runner.flask("plugins", "new", "a b/c", "--folder", "x", check=False)
    assert result.returncode == 1
    assert "no name for a plugin" in result.stderr
