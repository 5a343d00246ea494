# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The Markdown filter under its old import path."""

from qhana_plugin_runner.frontend.markdown import init_app, render_markdown

__all__ = ["init_app", "render_markdown"]
