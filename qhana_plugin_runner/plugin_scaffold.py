# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``flask plugins new``: a complete plugin, its test and its page, made from a template.

The templates in the folder ``scaffold`` are a working plugin named ``example-plugin``;
making a plugin of it means replacing that name in its four spellings.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from .errors import PluginScaffoldError

TEMPLATES = Path(__file__).resolve().parent / "scaffold"

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST_NAME = 30  # lines with the name stay within 90 columns


@dataclass(frozen=True)
class ScaffoldName:
    """The spellings of a plugin's name.

    Attributes:
        name: as in URLs, for example ``word-count``.
    """

    name: str

    @property
    def module(self) -> str:
        """The name of the module, for example ``word_count``."""
        return self.name.replace("-", "_")

    @property
    def plugin_class(self) -> str:
        """The name of the class, for example ``WordCount``."""
        return "".join(part.capitalize() for part in self.name.split("-"))

    @property
    def title(self) -> str:
        """The title for people, for example ``Word count``."""
        return self.name.replace("-", " ").capitalize()

    def in_text(self, template: str) -> str:
        """Return a text of the template with this name in it."""
        example = ScaffoldName("example-plugin")
        for old, new in (
            (example.name, self.name),
            (example.module, self.module),
            (example.plugin_class, self.plugin_class),
            (example.title, self.title),
        ):
            template = template.replace(old, new)
        return template


def write_plugin(name: str, folder: Path, as_package: bool = False) -> list[Path]:
    """Write the files of a new plugin.

    Args:
        name: name of the plugin: lower-case words joined by dashes. Underscores, blanks
            and capitals are understood.
        folder: the plugin folder; created if missing.
        as_package: write a package instead of a single module.

    Returns:
        The files: first the one with the plugin class.

    Raises:
        PluginScaffoldError: if the name cannot be used or a file exists already.
    """
    names = ScaffoldName(_checked_name(name))
    source = TEMPLATES / ("package" if as_package else "module")
    texts = {
        folder
        / names.in_text(str(path.relative_to(source))): names.in_text(
            path.read_text(encoding="utf-8")
        )
        for path in _template_files(source)
    }
    existing = [str(path) for path in _taken(names, folder, list(texts))]
    if existing:
        raise PluginScaffoldError(
            f"{', '.join(existing)} exists already. Choose another name or folder."
        )
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return sorted(texts, key=lambda path: (_rank(path), path))


def _template_files(source: Path) -> list[Path]:
    return [path for path in source.rglob("*") if path.suffix in (".py", ".md")]


def _taken(names: ScaffoldName, folder: Path, files: list[Path]) -> list[Path]:
    either = [folder / f"{names.module}.py", folder / names.module]
    return [path for path in dict.fromkeys([*either, *files]) if path.exists()]


def _rank(path: Path) -> int:
    if path.name.startswith("test_"):
        return 2
    return 0 if path.name == "__init__.py" or path.suffix == ".py" else 1


def _checked_name(wish: str) -> str:
    name = re.sub(r"[\s_]+", "-", wish.strip().lower())
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise PluginScaffoldError(
            f"{wish!r} is no name for a plugin. Use lower-case words joined by dashes, "
            f"such as word-count, with at most {_LONGEST_NAME} characters."
        )
    module = ScaffoldName(name).module
    if keyword.iskeyword(module) or module in sys.stdlib_module_names:
        raise PluginScaffoldError(
            f"The module {module} would shadow a word or a module of Python. Choose "
            "another name."
        )
    if importlib.util.find_spec(module) is not None:
        raise PluginScaffoldError(
            f"A package or module named {module} is installed or loaded already. Choose "
            "another name."
        )
    return name
