# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Reference pages that are generated from the code, so that they cannot disagree with it.

``.. settings::`` lists all settings, ``.. metrics::`` all metrics, ``.. errors::`` the
exception tree and ``.. invoke-tasks::`` the commands of ``tasks.py``.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective


class GeneratedDirective(SphinxDirective):
    """A directive whose content is reStructuredText made by :meth:`lines`."""

    def lines(self) -> Iterator[str]:
        """Yield the lines of the content."""
        raise NotImplementedError("A generated directive must say what it generates.")

    def run(self) -> list[nodes.Node]:
        """Parse the generated lines in place of the directive."""
        self.env.note_reread()  # the code can change without the page
        content = StringList(list(self.lines()), source=f"<{self.name}>")
        container = nodes.container()
        self.state.nested_parse(content, self.content_offset, container)
        return container.children


def shown(value: Any) -> str:
    """Return a value as a literal that fits on one line."""
    return f"``{value!r}``" if value != "" else "empty"


class Settings(GeneratedDirective):
    """All settings with default, environment variable and help."""

    def lines(self) -> Iterator[str]:
        from qhana_plugin_runner.config.settings import SETTINGS

        for setting in sorted(SETTINGS, key=lambda setting: setting.name):
            yield f".. describe:: {setting.name}"
            yield ""
            yield f"   {setting.help}"
            yield ""
            default = f"Default: {shown(setting.default_for(debug=False))}"
            if setting.default_for(debug=True) != setting.default_for(debug=False):
                default += f", in debug mode {shown(setting.default_for(debug=True))}"
            yield f"   {default}."
            if setting.env:
                yield f"   Environment variable: ``{setting.env}``."
            yield ""


class Errors(GeneratedDirective):
    """All error classes with HTTP status, builtin bases and meaning."""

    def lines(self) -> Iterator[str]:
        from qhana_plugin_runner import errors

        yield ".. list-table::"
        yield "   :header-rows: 1"
        yield ""
        yield from self.row("error", "HTTP", "is also a", "meaning")
        for name, error in inspect.getmembers(errors, inspect.isclass):
            if not issubclass(error, errors.QHAnaError):
                continue
            others = [
                base.__name__
                for base in error.__mro__[1:]
                if base not in (Exception, BaseException, object)
            ]
            summary = (inspect.getdoc(error) or "").splitlines()[0]
            bases = ", ".join(f"``{base}``" for base in others)
            yield from self.row(f"``{name}``", str(error.http_status), bases, summary)

    def row(self, *cells: str) -> Iterator[str]:
        """Yield the lines of one table row."""
        for number, cell in enumerate(cells):
            yield f"   {'*' if number == 0 else ' '} - {cell}".rstrip()


class Metrics(GeneratedDirective):
    """All metrics with kind, labels and meaning."""

    def lines(self) -> Iterator[str]:
        from qhana_plugin_runner.metrics import METRICS

        sources = {"processes": "counted by all processes", "now": "looked up when asked"}
        for metric in METRICS:
            yield f".. describe:: {metric.name}"
            yield ""
            yield f"   {metric.help}"
            yield ""
            labels = ", ".join(f"``{label}``" for label in metric.labels) or "none"
            kind = metric.kind.capitalize()
            yield f"   {kind}, {sources[metric.source]}. Labels: {labels}."
            yield ""


class InvokeTasks(GeneratedDirective):
    """All invoke tasks with their flags and documentation."""

    def lines(self) -> Iterator[str]:
        from invoke import Collection
        from invoke.parser import ParserContext

        import tasks

        collection = Collection.from_module(tasks)
        for name in sorted(collection.task_names):
            task = collection[name]
            yield f".. describe:: invoke {name}"
            yield ""
            for line in inspect.cleandoc(task.__doc__ or "").splitlines():
                yield f"   {line}"
            yield ""
            context = ParserContext(name=name, args=task.get_arguments())
            for flags, text in context.help_tuples():
                yield f"   ``{flags}``"
                yield f"      {text or 'see above'}"
                yield ""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("settings", Settings)
    app.add_directive("metrics", Metrics)
    app.add_directive("errors", Errors)
    app.add_directive("invoke-tasks", InvokeTasks)
    return {"parallel_read_safe": True}
