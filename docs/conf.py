# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Sphinx settings. The build needs no network: ``invoke doc``."""

import sys
from pathlib import Path

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "_ext")]

_PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

project = "QHAna plugin runner"
author = "QHAna plugin runner contributors"
copyright = f"2026, {author}"
release = version = _PROJECT["version"]

extensions = [
    "myst_parser",
    "reference",
    "api_reference",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "sphinx_copybutton",
    "sphinxcontrib.mermaid",
]
exclude_patterns = ["_build", "examples", "README.md"]

html_theme = "furo"
html_title = f"{project} {release}"

myst_heading_anchors = 3
# Attributes are in the docstrings of their classes, not objects of their own.
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"
copybutton_prompt_text = "$ "
