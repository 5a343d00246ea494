# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The rooms of the house and who may import whom (see docs/adr/0001-layers.md)."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "qhana_plugin_runner"
SCAFFOLD = ROOT / PACKAGE / "scaffold"

# From the bottom to the top. A module imports from its own line and the lines above it
# in this list. A name stands for itself and everything below it, unless a longer name
# says something else.
LAYERS = {
    "words": (
        "config",
        "errors",
        "signals",
        "babel",
        "identity",
        "log_context",
        "redaction",
        "util",
    ),
    "parts": (
        "db",
        "celery",
        "producers",
        "redis_broker",
        "celery_settings",
        "task_routes",
        "task_plugins",
        "embedded_broker",
        "flask_task",
        "publishing",
        "stored_message",
        "requests",
        "request_ids",
        "service_token",
        "tracing",
        "metrics",
        "task_metrics",
        "running_task",
        "bounded_calls",
        "url_adapters",
        "api",
    ),
    "services": ("storage", "plugin_utils", "registry_client"),
    "use cases": (
        "tasks",
        "access_tokens",
        "cancelling",
        "task_list",
        "task_watch",
        "retention",
        "store_migration",
        "webhooks",
        "webhook_delivery",
        "recovery",
        "lost_messages",
        "plugin_loader",
        "slow_imports",
        "start_up",
        "plugin_requirements",
        "health",
        "health_checks",
        "runner_metrics",
        "doctor",
        "plugin_scaffold",
        "listeners",
    ),
    "surface": (
        "api.openapi",
        "api.error_answers",
        "api.file_server",
        "api.gate",
        "api.viewers",
        "frontend",
        # Old import paths.
        "markdown",
        "licenses",
    ),
    "wiring": (
        "app",
        "web_app",
        "celery_worker",
        "gunicorn_logging",
        "commands",
        "task_cli",
        "token_cli",
        "store_cli",
        "doctor_cli",
        "plugins_cli",
        "plugin_check",
        "testing",
        "",
    ),
}
NAMES = list(LAYERS)
LAYER_OF = {name: NAMES.index(layer) for layer, all_ in LAYERS.items() for name in all_}

# (importer, imported): why this one import may break the rule.
EXCEPTIONS: dict[tuple[str, str], str] = {
    ("db.db", "db.models"): "init_app declares the tables, which need DB",
    ("util.request_helpers", "url_adapters"): "an old import path of the fetch policy",
}


def module_name(path: Path) -> str:
    """Return the name of a module relative to the package, "" for the package itself."""
    parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    """Return all modules of the package by their name relative to the package.

    The templates of new plugins are no modules: nothing imports them.
    """
    files = sorted((ROOT / PACKAGE).rglob("*.py"))
    return {module_name(path): path for path in files if SCAFFOLD not in path.parents}


def layer(name: str) -> int:
    """Return the index of the layer that a module belongs to."""
    if name.startswith("api.") and name.endswith("_api"):
        return NAMES.index("surface")  # views
    while name not in LAYER_OF:
        name = name.rpartition(".")[0]
    return LAYER_OF[name]


def imported_names(tree: ast.AST, package: str) -> Iterator[tuple[str, int]]:
    """Yield every imported absolute name with its line, imports in functions included.

    Args:
        tree: the parsed module
        package: absolute name of the package the module is in, for relative imports
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1]
            prefix = ".".join(base) if node.level else ""
            origin = ".".join(filter(None, (prefix, node.module)))
            for alias in node.names:
                yield f"{origin}.{alias.name}", node.lineno


def own_module(absolute: str) -> str | None:
    """Return the module of the package that an imported name is or lies in."""
    if absolute.split(".")[0] != PACKAGE:
        return None
    name = absolute.removeprefix(PACKAGE).removeprefix(".")
    while name and name not in modules() and name not in LAYER_OF:
        name = name.rpartition(".")[0]
    return name


class DropTypeChecking(ast.NodeTransformer):
    """Removes ``if TYPE_CHECKING:`` blocks, which never run."""

    def visit_If(self, node: ast.If) -> ast.AST:
        names = {name.id for name in ast.walk(node.test) if isinstance(name, ast.Name)}
        return ast.Pass() if names == {"TYPE_CHECKING"} else self.generic_visit(node)


@cache
def imports(running: bool = False) -> dict[str, dict[str, int]]:
    """Return for each module the modules of the package it imports, with the line.

    Args:
        running: without the imports that only type checkers see
    """
    found: dict[str, dict[str, int]] = {}
    for name, path in modules().items():
        is_package = path.name == "__init__.py"
        inner = name if is_package else name.rpartition(".")[0]
        package = ".".join(filter(None, (PACKAGE, inner)))
        tree = ast.parse(path.read_text(encoding="utf-8"))
        if running:
            tree = DropTypeChecking().visit(tree)
        found[name] = {}
        for absolute, line in imported_names(tree, package):
            target = own_module(absolute)
            if target is not None and target != name:
                found[name].setdefault(target, line)
    return found


def test_every_module_has_a_layer() -> None:
    homeless = [name for name in modules() if name.split(".")[0] not in LAYER_OF]
    assert homeless == []


def test_imports_go_downwards_or_within_a_layer() -> None:
    upwards = [
        f"{name}:{line} ({NAMES[layer(name)]}) imports {target or PACKAGE} "
        f"({NAMES[layer(target)]})"
        for name, targets in imports().items()
        for target, line in targets.items()
        if layer(target) > layer(name) and (name, target) not in EXCEPTIONS
    ]
    assert upwards == []


def test_nothing_imports_the_package_itself_but_the_worker_entry_and_tests() -> None:
    importers = {name for name, targets in imports().items() if "" in targets}
    assert importers <= {"celery_worker", "testing"}


def test_there_are_no_import_cycles() -> None:
    # A package's __init__ that re-exports from its own modules is no cycle by itself,
    # but one of these modules that imports from the __init__ makes it one.
    done: set[str] = set()
    cycles: list[str] = []

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            cycles.append(" -> ".join([*path[path.index(name) :], name]))
            return
        if name in done:
            return
        for target in imports(running=True).get(name, {}):
            if (name, target) not in EXCEPTIONS:
                visit(target, (*path, name))
        done.add(name)

    for name in modules():
        visit(name, ())
    assert cycles == []


def test_every_exception_is_still_needed() -> None:
    unused = [pair for pair in EXCEPTIONS if pair[1] not in imports().get(pair[0], {})]
    assert unused == []


def python_files() -> list[Path]:
    """Return the tracked and new Python files of the project."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if result.returncode:
        pytest.skip("this is no git checkout")
    return [path for line in result.stdout.split("\n") if (path := ROOT / line).is_file()]


def test_plugins_import_no_view_and_no_wiring() -> None:
    found = []
    for path in python_files():
        in_plugin = path.is_relative_to(ROOT / "plugins") or SCAFFOLD in path.parents
        if in_plugin and not path.name.startswith("test_"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for absolute, line in imported_names(tree, path.parent.name):
                target = own_module(absolute)
                if target is not None and layer(target) > NAMES.index("use cases"):
                    found.append(f"{path.relative_to(ROOT)}:{line} imports {absolute}")
    assert found == []


def hides_everything(handler: ast.ExceptHandler) -> bool:
    """Tell whether an except clause catches everything, or drops any exception."""
    if handler.type is None:
        return True
    names = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
    only_pass = all(isinstance(statement, ast.Pass) for statement in handler.body)
    return only_pass and bool(names & {"Exception", "BaseException"})


@pytest.mark.parametrize(
    ("clause", "hides"),
    [
        ("except" + ":\n  raise", True),
        ("except Exception" + ":\n  pass", True),
        ("except (ValueError, BaseException)" + ":\n  pass", True),
        ("except ValueError:\n  pass", False),
        ("except Exception:\n  raise", False),
    ],
)
def test_the_rule_about_hidden_errors_knows_what_it_looks_for(
    clause: str, hides: bool
) -> None:
    tree = ast.parse(f"try:\n  x\n{clause}")
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    assert [hides_everything(handler) for handler in handlers] == [hides]


def test_no_except_clause_hides_every_error() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and hides_everything(node)
    ]
    assert found == []
