# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""From folders to plugins, with a report of what failed and why.

A plugin is a module file or a package directly below a plugin folder, or a folder that is
a package itself. It is imported by its bare name, because task names, template folders
and the imports of plugins' own tests depend on that; a name that is taken is reported.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import flask
from flask import Flask, current_app
from markupsafe import Markup

from .errors import PluginConflictError, PluginLoadError
from .slow_imports import SlowImports
from .util.plugins import LOADING, Loading, QHAnaPluginBase

_LOGGER = logging.getLogger("qhana_plugin_runner.plugin_loader")
_EXTENSION = "qhana-plugins"
SLOW_IMPORT_SECONDS = 10.0

# Classes that could not be built, by module: a second app finds the module imported.
_KNOWN_PROBLEMS: dict[str, list[tuple[type, BaseException]]] = {}

LOADED = "loaded"
FAILED = "failed"


@dataclass
class PluginEntry:
    """One line of the report.

    Attributes:
        module: import name of the module.
        folder: the plugin folder that it comes from.
        file: the module's file.
        state: ``loaded`` or ``failed``.
        name: name of the plugin, empty if it is not known.
        version: its version, empty if it is not known.
        reason: one sentence on why it failed.
        seconds: how long the import took.
        exception: the failure.
        plugin: the plugin; a failed module may have one all the same.
    """

    module: str
    folder: str
    file: str
    state: str = LOADED
    name: str = ""
    version: str = ""
    reason: str = ""
    exception: BaseException | None = None
    seconds: float = 0.0
    plugin: QHAnaPluginBase | None = None

    @property
    def traceback(self) -> str:
        """The traceback of the failure, empty if there is none."""
        if self.exception is None:
            return ""
        return "".join(traceback.format_exception(self.exception))

    @property
    def identifier(self) -> str | None:
        """``name@version`` of the plugin, ``None`` if it is not known."""
        return self.plugin.identifier if self.plugin is not None else None


@dataclass
class LoadReport:
    """What the loader found for one application.

    Attributes:
        entries: one for each plugin and for each module that failed without one.
        plugins: the plugins of the application by identifier; plugins whose module failed
            after their class statement are among them, their requirements are needed.
    """

    entries: list[PluginEntry] = field(default_factory=list)
    plugins: dict[str, QHAnaPluginBase] = field(default_factory=dict)

    @property
    def failures(self) -> list[PluginEntry]:
        """The entries that failed."""
        return [entry for entry in self.entries if entry.state == FAILED]

    def fail(
        self,
        plugin: QHAnaPluginBase | str,
        reason: str,
        exception: BaseException | None = None,
    ) -> None:
        """Mark a plugin as failed after it was loaded, and log it.

        Args:
            plugin: the plugin or its identifier.
            reason: one sentence.
            exception: its cause.
        """
        identifier = plugin if isinstance(plugin, str) else plugin.identifier
        _LOGGER.error(
            "The plugin %s cannot be used: %s", identifier, reason, exc_info=exception
        )
        for entry in self.entries:
            if entry.identifier == identifier and entry.state != FAILED:
                entry.state = FAILED
                entry.reason = reason
                entry.exception = exception


def init_app(app: Flask) -> None:
    """Load the plugins of all folders in ``PLUGIN_FOLDERS``."""
    _provide_removed_names()
    report = app.extensions[_EXTENSION] = LoadReport()
    slow = SlowImports(SLOW_IMPORT_SECONDS)
    paths = [Path(path).absolute() for path in app.config.get("PLUGIN_FOLDERS") or []]
    folders = [folder for folder in paths if _is_folder(folder)]
    _extend_search_path(folders)
    with slow.watching():
        for folder in folders:
            for candidate in _candidates(folder):
                _load(app, report, candidate, slow)


def _provide_removed_names() -> None:
    # Existing plugins import flask.Markup, which Flask 3 dropped.
    if not hasattr(flask, "Markup"):
        flask.Markup = Markup  # type: ignore[attr-defined]


def get_load_report() -> LoadReport:
    """Return the report of the current application."""
    return current_app.extensions[_EXTENSION]


@dataclass(frozen=True)
class _Candidate:
    name: str
    file: Path
    folder: Path


def _is_folder(path: Path) -> bool:
    if path.is_dir():
        return True
    level = logging.WARNING if path.exists() else logging.INFO
    _LOGGER.log(level, "The plugin folder %s is no directory, it is skipped.", path)
    return False


def _is_package(folder: Path) -> bool:
    return (folder / "__init__.py").is_file()


def _extend_search_path(folders: list[Path]) -> None:
    """Let plugins import each other and helper modules, whatever is imported first."""
    for folder in folders:
        search_path = str(folder.parent if _is_package(folder) else folder)
        if search_path not in sys.path:
            sys.path.append(search_path)
    importlib.invalidate_caches()


def _candidates(folder: Path) -> Iterator[_Candidate]:
    if _is_package(folder):
        yield _Candidate(folder.name, folder / "__init__.py", folder)
        return
    for child in sorted(folder.iterdir()):
        if child.name.startswith("."):
            continue
        if child.is_dir():
            if _is_package(child):
                yield _Candidate(child.name, child / "__init__.py", folder)
        elif child.suffixes == [".py"] and not _is_test_file(child):
            yield _Candidate(child.stem, child, folder)


def _is_test_file(path: Path) -> bool:
    return path.stem.startswith("test_") or path.stem == "conftest"


def _load(
    app: Flask, report: LoadReport, candidate: _Candidate, slow: SlowImports
) -> None:
    if any(entry.file == str(candidate.file) for entry in report.entries):
        return  # the same folder is configured twice
    loading = Loading(app=app)
    token = LOADING.set(loading)
    start = time.monotonic()
    error: BaseException | None = None
    try:
        with slow.importing(candidate.file):
            _import(candidate, loading)
    except KeyboardInterrupt:
        raise
    except BaseException as err:  # a plugin may even call sys.exit()
        error = err
    finally:
        LOADING.reset(token)
    seconds = time.monotonic() - start
    _report(report, candidate, loading, error, seconds)


def _import(candidate: _Candidate, loading: Loading) -> None:
    if candidate.name in sys.stdlib_module_names:
        raise PluginConflictError(
            f"The module {candidate.file} has the name of a module of Python's standard "
            "library. Rename it."
        )
    loaded = sys.modules.get(candidate.name)
    if loaded is not None:
        _require_same_file(candidate, getattr(loaded, "__file__", None))
        _find_plugins_of_module(loaded, loading)
        return
    spec = importlib.util.find_spec(candidate.name)
    _require_same_file(candidate, spec.origin if spec is not None else None)
    assert spec is not None and spec.loader is not None
    # What import_module does, without searching the path a second time.
    module = sys.modules[candidate.name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(candidate.name, None)
        raise


def _require_same_file(candidate: _Candidate, file: str | None) -> None:
    if file == str(candidate.file):
        return
    if file is None or Path(file).resolve() != candidate.file.resolve():
        raise PluginConflictError(
            f"The module {candidate.file} is not loaded: its import name "
            f"{candidate.name!r} belongs to {file or 'another module'}. Rename it."
        )


def _find_plugins_of_module(module: ModuleType, loading: Loading) -> None:
    """Find the plugins of a module that another app or a test imported before."""
    package = f"{module.__name__}."
    for plugin in QHAnaPluginBase.get_plugins().values():
        name = type(plugin).__module__
        if name == module.__name__ or name.startswith(package):
            loading.plugins.append(plugin)
    loading.problems.extend(_KNOWN_PROBLEMS.get(module.__name__, []))


def _report(
    report: LoadReport,
    candidate: _Candidate,
    loading: Loading,
    error: BaseException | None,
    seconds: float,
) -> None:
    if loading.problems:
        _KNOWN_PROBLEMS[candidate.name] = list(loading.problems)
    entries = []
    for plugin in loading.plugins:
        entries.append(_plugin_entry(candidate, plugin, seconds))
        report.plugins.setdefault(plugin.identifier, plugin)
    for plugin_class, problem in loading.problems:
        # A module that uses the missing instance fails next: the first error counts.
        entry = _entry(candidate, seconds)
        entry.name = str(getattr(plugin_class, "name", ""))
        entry.version = str(getattr(plugin_class, "version", ""))
        _mark_failed(entry, problem)
        entries.append(entry)
    if error is not None and not loading.problems:
        if not entries:
            entries.append(_entry(candidate, seconds))
        for entry in entries:
            _mark_failed(entry, error)
    for entry in entries:
        if entry.state == FAILED:
            _LOGGER.error(
                "The plugin module %s cannot be used: %s",
                candidate.file,
                entry.reason,
                exc_info=entry.exception,
            )
    if not entries:
        _LOGGER.info("The module %s contains no plugin.", candidate.file)
    report.entries.extend(entries)


def _entry(candidate: _Candidate, seconds: float) -> PluginEntry:
    return PluginEntry(
        module=candidate.name,
        folder=str(candidate.folder),
        file=str(candidate.file),
        seconds=seconds,
    )


def _plugin_entry(
    candidate: _Candidate, plugin: QHAnaPluginBase, seconds: float
) -> PluginEntry:
    entry = _entry(candidate, seconds)
    entry.plugin = plugin
    entry.name, entry.version = plugin.name, plugin.version
    return entry


def _mark_failed(entry: PluginEntry, error: BaseException) -> None:
    entry.state = FAILED
    entry.reason = _reason(error)
    entry.exception = error


def _reason(error: BaseException) -> str:
    if isinstance(error, (PluginConflictError, PluginLoadError)):
        return str(error)
    if isinstance(error, SystemExit):
        return f"The module calls sys.exit({error.code!r}) while it is imported."
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}, line {error.lineno})"
    where = ""
    frames = traceback.extract_tb(error.__traceback__)
    if frames:
        where = f" ({frames[-1].filename}, line {frames[-1].lineno})"
    return f"{type(error).__name__}: {error}{where}"
