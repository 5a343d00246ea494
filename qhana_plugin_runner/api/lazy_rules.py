# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""URL rules that compile how to build a URL when somebody builds one.

Werkzeug writes two Python functions for each rule when it is added, which took half of
the time in which an application with many plugins starts. Most are never called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]


class LazyRule(Rule):
    """A URL rule whose builders are compiled at their first use."""

    def _compile_builder(self, append_unknown: bool = True) -> Builder:
        compile_now = super()._compile_builder
        if self.defaults:
            return compile_now(append_unknown)  # checks the defaults, too
        name = "_build_unknown" if append_unknown else "_build"

        def build_first(rule: Any, /, **values: Any) -> tuple[str, str]:
            builder = compile_now(append_unknown).__get__(rule, None)
            setattr(rule, name, builder)
            return builder(**values)

        return build_first
