# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``flask install``: what plugins require, without breaking the runner."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from qhana_plugin_runner import plugin_requirements
from qhana_plugin_runner.errors import PluginRequirementsError
from qhana_plugin_runner.plugin_requirements import PluginRequirements, find_conflicts
from runner_process import Runner, runner

SOURCE = """
from qhana_plugin_runner.util.plugins import QHAnaPluginBase
class {cls}(QHAnaPluginBase):
    name, version = {name!r}, 'v1'
    def get_requirements(self):
        return {requirements!r}
"""


def write_plugin(folder: Path, name: str, requirements: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = SOURCE.format(cls=name.title(), name=name, requirements=requirements)
    (folder / f"{name}.py").write_text(text)


def write_broken_plugin(folder: Path, body: str) -> None:
    (folder / "broken.py").write_text(
        "from qhana_plugin_runner.util.plugins import QHAnaPluginBase\n"
        "class Broken(QHAnaPluginBase):\n"
        "    name, version = 'broken', 'v1'\n"
        f"    def get_requirements(self):\n        {body}\n"
    )


def with_plugins(tmp_path: Path, **plugins: str) -> Runner:
    for name, requirements in plugins.items():
        write_plugin(tmp_path / "plugins", name, requirements)
    environment = {
        "PLUGIN_FOLDERS": str(tmp_path / "plugins"),
        # nothing is fetched from anywhere
        "PIP_NO_INDEX": "1",
        "PIP_NO_INPUT": "1",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_FIND_LINKS": "",
        "PIP_EXTRA_INDEX_URL": "",
    }
    return Runner(tmp_path, environment)


@pytest.mark.parametrize(
    "option", ["--skip-runner-dependencies", "--skip-runner-requirements", "-s"]
)
def test_a_dry_run_prints_one_section_for_each_plugin(
    tmp_path: Path, option: str
) -> None:
    instance = with_plugins(tmp_path, beta="x~=1.0\n", alpha="y", empty="")
    output = instance.flask("install", "--dry-run", option).stdout
    assert output == "# alpha@v1\ny\n\n# beta@v1\nx~=1.0\n"


def test_the_runner_s_own_requirements_come_first(tmp_path: Path) -> None:
    output = with_plugins(tmp_path, alpha="y").flask("install", "-d").stdout
    assert output.startswith("# qhana-plugin-runner\nflask>=3")
    assert output.endswith("# alpha@v1\ny\n")


def test_only_plugins_with_tests_can_be_chosen(tmp_path: Path) -> None:
    write_plugin(tmp_path / "tested", "tested", "x")
    (tmp_path / "tested" / "test_it.py").write_text("")
    write_plugin(tmp_path / "untested", "untested", "y")
    folders = f"{tmp_path / 'tested'}:{tmp_path / 'untested'}"
    with runner(tmp_path, PLUGIN_FOLDERS=folders) as instance:
        output = instance.flask("install", "-d", "-s", "--only-with-tests").stdout
    assert output == "# tested@v1\nx\n"


def test_a_conflict_with_the_runner_names_both_sides(tmp_path: Path) -> None:
    instance = with_plugins(tmp_path, old="flask~=1.1")
    result = instance.flask("install", check=False)
    assert result.returncode != 0
    assert "The plugin old@v1 requires 'flask~=1.1'" in result.stderr
    assert "the runner requires 'flask" in result.stderr


@pytest.mark.parametrize(
    ("requirement", "conflict"),
    [
        ("flask~=1.1", True),
        ("flask<3", True),
        ("marshmallow>=4", True),
        ("Flask_SmoRest==0.1", True),
        ("flask>=2", False),
        ("marshmallow>3.24.1,<3.26", False),
        ("requests", False),
        ("sqlalchemy~=2.0", False),
        ("something-else==1", False),
        ("flask~=1.1; python_version < '3'", False),
        ("git+https://example.org/x.git", False),
        ("# flask~=1.1", False),
        ("-e ./local", False),
    ],
)
def test_ranges_conflict_if_no_version_is_in_both(
    requirement: str, conflict: bool
) -> None:
    found = find_conflicts(
        [PluginRequirements("p@v1", requirement)],
        plugin_requirements.runner_requirements(),
    )
    assert bool(found) == conflict, found


def test_a_failing_installation_names_the_plugin_and_fails(tmp_path: Path) -> None:
    instance = with_plugins(tmp_path, good="", bad="a_package_nobody_has==1")
    result = instance.flask("install", "-s", check=False)
    assert result.returncode != 0
    assert "The requirements of bad@v1 cannot be installed" in result.stderr


@pytest.mark.parametrize(
    "body", ["return 1 / 0", "return ['x']", "raise SystemExit('no')"]
)
def test_a_plugin_that_cannot_say_what_it_requires_is_named_after_all_others(
    tmp_path: Path, body: str
) -> None:
    instance = with_plugins(tmp_path, alpha="x", omega="y")
    write_broken_plugin(tmp_path / "plugins", body)
    result = instance.flask("install", "-d", "-s", check=False)
    assert result.stdout == "# alpha@v1\nx\n\n# omega@v1\ny\n"
    assert result.returncode != 0
    assert "The plugin broken@v1 cannot say what it requires" in result.stderr


def test_what_the_others_require_is_installed_all_the_same(tmp_path: Path) -> None:
    instance = with_plugins(tmp_path, bad="a_package_nobody_has==1")
    write_broken_plugin(tmp_path / "plugins", "return 1 / 0")
    result = instance.flask("install", "-s", check=False)
    assert result.returncode != 0
    assert "The requirements of bad@v1 cannot be installed" in result.stderr
    assert "The plugin broken@v1 cannot say what it requires" in result.stderr


def build_wheel(folder: Path) -> Path:
    """Build a tiny wheel by hand; a wheel is a zip file with metadata."""
    import zipfile

    wheel = folder / "tiny_requirement-1.2-py3-none-any.whl"
    info = "tiny_requirement-1.2.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_requirement.py", "VALUE = 42\n")
        archive.writestr(
            f"{info}/METADATA",
            "Metadata-Version: 2.1\nName: tiny-requirement\nVersion: 1.2\n",
        )
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel


def test_what_plugins_require_is_installed_into_the_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = build_wheel(tmp_path)
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = str(environment / "bin" / "python")
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    requirements = PluginRequirements("tiny@v1", f"tiny-requirement @ file://{wheel}")
    plugin_requirements.install(
        [requirements], with_runner=False, constraints=["flask>=3"]
    )
    code = "import tiny_requirement; print(tiny_requirement.VALUE)"
    assert subprocess.check_output([python, "-c", code], text=True) == "42\n"


def test_the_runner_s_ranges_are_constraints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = build_wheel(tmp_path)
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    monkeypatch.setattr(sys, "executable", str(environment / "bin" / "python"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    requirements = PluginRequirements("tiny@v1", f"tiny-requirement @ file://{wheel}")
    with pytest.raises(PluginRequirementsError, match="tiny@v1"):
        plugin_requirements.install(
            [requirements], with_runner=False, constraints=["tiny-requirement[x]<1"]
        )
