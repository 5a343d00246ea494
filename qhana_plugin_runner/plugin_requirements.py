# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the plugins need installed, and what the runner itself does.

A plugin must not break the runner: the runner's declared version ranges are constraints
of the installation (not its lock, old scientific packages need older releases within the
ranges).
"""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from .errors import PluginRequirementsError
from .util.plugins import QHAnaPluginBase, source_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DISTRIBUTION = "qhana-plugin-runner"


@dataclass(frozen=True)
class PluginRequirements:
    """The requirements of one plugin.

    Attributes:
        label: ``<name>@<version>``.
        text: lines in the format of ``requirements.txt``.
    """

    label: str
    text: str

    @property
    def section(self) -> str:
        """The lines below a comment that names the plugin."""
        return f"# {self.label}\n{self.text.strip()}\n"


def runner_requirements() -> list[str]:
    """Return the dependencies that the runner declares, with their version ranges.

    Raises:
        PluginRequirementsError: if the runner is neither installed nor run from its
            source folder.
    """
    pyproject = Path(__file__).resolve().parent.parent / "pyproject.toml"
    if pyproject.is_file():
        with pyproject.open("rb") as file:
            return list(tomllib.load(file)["project"]["dependencies"])
    try:
        declared = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError as err:
        raise PluginRequirementsError(
            "The runner's own requirements are unknown: neither pyproject.toml nor the "
            f"installed package {DISTRIBUTION} was found."
        ) from err
    return [line for line in declared if "extra ==" not in line]


def requirements_of(plugin: QHAnaPluginBase) -> PluginRequirements | None:
    """Return the requirements of a plugin, ``None`` if it names none.

    Raises:
        PluginRequirementsError: if its ``get_requirements`` fails.
    """
    label = f"{plugin.name}@{plugin.version}"
    try:
        text = plugin.get_requirements()
        is_empty = not text or not text.strip()
    except NotImplementedError:
        return None
    except (Exception, SystemExit) as err:
        raise PluginRequirementsError(
            f"The plugin {label} cannot say what it requires: {err!r}"
        ) from err
    return None if is_empty else PluginRequirements(label, text)


def collect(
    plugins: Iterable[QHAnaPluginBase], only_with_tests: bool = False
) -> tuple[list[PluginRequirements], list[str]]:
    """Return the requirements of the plugins that name some.

    Args:
        plugins: the loaded plugins.
        only_with_tests: leave out plugins whose folder contains no ``test_*.py``.

    Returns:
        The requirements, and a sentence for each plugin whose ``get_requirements`` fails.
    """
    found, failures = [], []
    for plugin in plugins:
        if only_with_tests and not _has_tests(plugin):
            continue
        try:
            requirements = requirements_of(plugin)
        except PluginRequirementsError as err:
            failures.append(str(err))
            continue
        if requirements is not None:
            found.append(requirements)
    return found, failures


def _has_tests(plugin: QHAnaPluginBase) -> bool:
    file = Path(source_file(type(plugin)))
    beside = file.parent.parent / f"test_{file.parent.name}.py"
    if file.name == "__init__.py" and beside.is_file():
        return True
    return any(file.parent.rglob("test_*.py"))


def missing(plugin: QHAnaPluginBase) -> list[str]:
    """Return the requirements of a plugin that this interpreter does not meet.

    Lines that name a repository or a file are not checked.

    Raises:
        PluginRequirementsError: if its ``get_requirements`` fails.
    """
    requirements = requirements_of(plugin)
    return [
        line
        for line, requirement in _parse(
            requirements.text.splitlines() if requirements else []
        )
        if not _is_installed(requirement)
    ]


def _is_installed(requirement: Requirement) -> bool:
    try:
        version = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)


def find_conflicts(
    plugins: Iterable[PluginRequirements], runner: Iterable[str]
) -> list[str]:
    """Return one sentence for each requirement that excludes the runner's range."""
    ranges = {
        canonicalize_name(requirement.name): requirement
        for _line, requirement in _parse(runner)
    }
    sentences = []
    for plugin in plugins:
        for line, requirement in _parse(plugin.text.splitlines()):
            own = ranges.get(canonicalize_name(requirement.name))
            if own is not None and not _overlap(own.specifier, requirement.specifier):
                sentences.append(
                    f"The plugin {plugin.label} requires {line!r}, but the runner "
                    f"requires '{own.name}{own.specifier}'."
                )
    return sentences


def _parse(lines: Iterable[str]) -> Iterator[tuple[str, Requirement]]:
    for raw in lines:
        line = raw.split(" #")[0].strip()
        if not line or line.startswith(("#", "-")):
            continue
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue  # version control and path lines are pip's business
        if requirement.marker is None or requirement.marker.evaluate():
            yield line, requirement


def _overlap(first: SpecifierSet, second: SpecifierSet) -> bool:
    """Return whether some version at or just after a bound satisfies both."""
    versions = {Version("0")}
    for specifier in [*first, *second]:
        try:
            version = Version(specifier.version.removesuffix(".*"))
        except InvalidVersion:
            return True  # arbitrary equality
        release = (*version.release, 0, 0)[: max(3, len(version.release))]
        versions.add(version)
        versions.add(Version(".".join(map(str, (*release[:-1], release[-1] + 1)))))
        versions.add(Version(".".join(map(str, (*release[:-1], release[-1], 1)))))
    return any(
        first.contains(version, prereleases=True)
        and second.contains(version, prereleases=True)
        for version in versions
    )


def requirements_file(
    plugins: Iterable[PluginRequirements], runner: Iterable[str]
) -> str:
    """Return the text of one requirements file for the runner and the plugins."""
    lines = list(runner)
    sections = ["# qhana-plugin-runner\n" + "\n".join(lines) + "\n"] if lines else []
    sections.extend(plugin.section for plugin in plugins)
    return "\n".join(sections)


def install(
    plugins: list[PluginRequirements], with_runner: bool, constraints: list[str]
) -> None:
    """Install everything with one call of pip into the running interpreter.

    Args:
        plugins: the requirements of the plugins.
        with_runner: install the runner's own requirements as well.
        constraints: version ranges that nothing may leave.

    Raises:
        PluginRequirementsError: naming the plugins whose requirements fail.
    """
    text = requirements_file(plugins, constraints if with_runner else [])
    if _pip_install(text, constraints):
        return
    guilty = [
        plugin.label
        for plugin in plugins
        if not _pip_install(plugin.section, constraints, dry_run=True)
    ]
    names = ", ".join(guilty) or "the plugins together (each alone could be installed)"
    raise PluginRequirementsError(
        f"The requirements of {names} cannot be installed; see pip's output above."
    )


def _pip_install(text: str, constraints: list[str], dry_run: bool = False) -> bool:
    with tempfile.TemporaryDirectory(prefix="qhana-install-") as folder:
        requirements, limits = Path(folder, "requirements.txt"), Path(
            folder, "limits.txt"
        )
        requirements.write_text(text, encoding="utf-8")
        limits.write_text(_without_extras(constraints), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "-r", str(requirements)]
        command += ["-c", str(limits), "--disable-pip-version-check"]
        if dry_run:
            command += ["--dry-run", "--quiet"]
        return subprocess.run(command, check=False).returncode == 0


def _without_extras(lines: Iterable[str]) -> str:
    # pip refuses extras in constraints
    constraints = []
    for _line, requirement in _parse(lines):
        constraints.append(f"{requirement.name}{requirement.specifier}")
    return "\n".join(constraints) + "\n"
