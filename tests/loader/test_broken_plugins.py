# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Thirteen broken plugins and a good one, which works; thirteen reasons are shown."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loader.broken_plugins import REASONS, write_broken_folders
from runner_process import ROOT, Runner, runner


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    root = tmp_path_factory.mktemp("broken")
    (root / "plugins").mkdir()
    folders = write_broken_folders(root / "plugins")
    with runner(root, PLUGIN_FOLDERS=":".join(folders)) as instance:
        instance.start_server()
        instance.start_worker()
        yield instance


def test_the_good_plugin_works(broken: Runner) -> None:
    answer = broken.http.post(
        f"{broken.url}plugins/good-plugin@v1-0-0/process/", timeout=10
    )
    assert broken.wait_task(answer.url)["status"] == "SUCCESS"


def test_only_usable_plugins_are_listed(broken: Runner) -> None:
    plugins = broken.http.get(f"{broken.url}plugins/", timeout=10).json()["plugins"]
    assert [plugin["name"] for plugin in plugins] == [
        "blueprint-a",
        "first-module",
        "good-plugin",
        "same-identifier",
    ]


def test_flask_plugins_shows_thirteen_reasons(broken: Runner) -> None:
    result = broken.flask("plugins", check=False)
    assert result.returncode == 1
    failed = [line for line in result.stdout.splitlines() if "  failed  " in line]
    assert len(failed) == len(REASONS) == 13
    for module, reason in REASONS.items():
        lines = [line for line in failed if f"  {module}  " in line]
        assert len(lines) == 1, module
        assert reason in lines[0]


def test_the_log_has_an_error_for_each_with_its_cause(broken: Runner) -> None:
    log = broken.log("server")
    for module in REASONS:
        assert f"{module}.py cannot be used" in log or "cannot be used: " in log
    assert "ModuleNotFoundError: No module named 'a_package_nobody_has'" in log
    assert "RuntimeError: no blueprint" in log


def test_the_index_shows_the_failures_to_people(broken: Runner) -> None:
    page = broken.http.get(broken.url, headers={"Accept": "text/html"}, timeout=10).text
    assert "no luck" in page
    assert "PEP 440" in page


CREATE_TWICE = """
import json, sys
from qhana_plugin_runner import create_app
from qhana_plugin_runner.plugin_loader import get_load_report
found = []
for _ in range(2):
    app = create_app({"PLUGIN_FOLDERS": json.loads(sys.argv[1]), "TESTING": True})
    with app.app_context():
        report = get_load_report()
        found.append([sorted(report.plugins), sorted(e.module for e in report.failures)])
print(json.dumps(found))
"""


def run_python(code: str, *arguments: str, cwd: Path) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER": str(cwd / "instance"),
        },
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return result.stdout


def test_a_second_app_in_the_process_finds_the_same_plugins_and_failures(
    tmp_path: Path,
) -> None:
    (tmp_path / "plugins").mkdir()
    folders = write_broken_folders(tmp_path / "plugins")
    output = run_python(CREATE_TWICE, json.dumps(folders), cwd=tmp_path)
    first, second = json.loads(output)
    assert second == first


def test_requirements_of_a_module_that_failed_after_its_class_are_known(
    tmp_path: Path,
) -> None:
    (tmp_path / "late.py").write_text(
        "from qhana_plugin_runner.util.plugins import QHAnaPluginBase\n"
        "class Late(QHAnaPluginBase):\n"
        "    name, version = 'late', 'v1'\n"
        "    def get_requirements(self):\n"
        "        return 'a_package_nobody_has~=1.0'\n"
        "import a_package_nobody_has\n"
    )
    with runner(tmp_path, PLUGIN_FOLDERS=str(tmp_path)) as instance:
        result = instance.flask("install", "--dry-run", "--skip-runner-dependencies")
    assert result.stdout == "# late@v1\na_package_nobody_has~=1.0\n"


def test_the_folder_itself_may_be_a_package_and_tests_are_no_plugins(
    tmp_path: Path,
) -> None:
    package, modules = tmp_path / "one_package", tmp_path / "modules"
    package.mkdir()
    modules.mkdir()
    source = (
        "from qhana_plugin_runner.util.plugins import QHAnaPluginBase\n"
        "class P(QHAnaPluginBase):\n    name, version = '{}', 'v1'\n"
    )
    (package / "__init__.py").write_text(source.format("package"))
    (package / "inner.py").write_text("raise RuntimeError('not a plugin')")
    (modules / "plain.py").write_text(source.format("plain"))
    (modules / "with-hyphen.py").write_text(source.format("hyphen"))
    for name in ("test_x.py", "conftest.py", ".hidden.py", "a.b.py", "notes.txt"):
        (modules / name).write_text("raise RuntimeError('not a plugin')")
    (modules / "data").mkdir()
    (modules / "data" / "x.py").write_text("raise RuntimeError('not a plugin')")
    folders = [str(package), str(tmp_path / "missing"), str(modules)]
    found, _ = json.loads(run_python(CREATE_TWICE, json.dumps(folders), cwd=tmp_path))
    assert found == [["hyphen@v1", "package@v1", "plain@v1"], []]


def test_every_folder_is_on_the_search_path_before_the_first_import(
    tmp_path: Path,
) -> None:
    """Plugins import helper modules of other folders, also of such without plugins."""
    plugins, helpers, package = (tmp_path / n for n in ("plugins", "helpers", "package"))
    for folder in (plugins, helpers, package):
        folder.mkdir()
    (plugins / "needs_help.py").write_text(
        "from test_helping import NAME\n"
        "from qhana_plugin_runner.util.plugins import QHAnaPluginBase\n"
        "class P(QHAnaPluginBase):\n    name, version = NAME, 'v1'\n"
    )
    (helpers / "test_helping.py").write_text("NAME = 'helped'")
    (package / "__init__.py").write_text("")
    folders = [str(tmp_path / "missing"), str(plugins), str(helpers), str(package)]
    code = CREATE_TWICE + "print(json.dumps(sys.path))"
    found, path = run_python(code, json.dumps(folders), cwd=tmp_path).splitlines()
    assert json.loads(found)[0] == [["helped@v1"], []]
    assert json.loads(path)[-3:] == [str(plugins), str(helpers), str(tmp_path)]


def test_a_plugin_class_outside_the_loader_is_built_at_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    from qhana_plugin_runner.util.plugins import QHAnaPluginBase

    class Direct(QHAnaPluginBase):
        name, version = "direct-plugin", "v0.1.2"

    class Derived(Direct):
        name = "derived-plugin"

    class Broken(QHAnaPluginBase):
        name, version = "broken-direct", "v1"

        def __init__(self, app: object) -> None:
            raise RuntimeError("no luck")

    assert Direct.instance.identifier == "direct-plugin@v0-1-2"
    assert Derived.instance.identifier == "derived-plugin@v0-1-2"
    assert QHAnaPluginBase.get_plugins()["direct-plugin@v0-1-2"] is Direct.instance
    assert Broken.instance is None
    errors = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert "no luck" in str(errors[-1].exc_info)
    for identifier in ("direct-plugin@v0-1-2", "derived-plugin@v0-1-2"):
        del QHAnaPluginBase.__plugins__[identifier]


def test_flask_plugins_names_requirements_that_are_not_installed(tmp_path: Path) -> None:
    (tmp_path / "needy.py").write_text(
        "from qhana_plugin_runner.util.plugins import QHAnaPluginBase\n"
        "class Needy(QHAnaPluginBase):\n"
        "    name, version = 'needy', 'v1'\n"
        "    def get_requirements(self):\n"
        "        return 'a_package_nobody_has~=1.0\\nflask>=3'\n"
    )
    with runner(tmp_path, PLUGIN_FOLDERS=str(tmp_path)) as instance:
        result = instance.flask("plugins")
    assert "not installed: a_package_nobody_has~=1.0 (flask install)" in result.stdout
