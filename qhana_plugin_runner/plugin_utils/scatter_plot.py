# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""An interactive scatter plot of entities (step 6 of a request: the plugin works).

The plot is either one HTML file that needs no network, because the drawing script is
written into it, or the ``data`` and ``layout`` for ``Plotly.newPlot`` of a page that has
the script already. Only the former needs the package ``plotly``, so a plugin that uses
:meth:`ScatterPlot.write_html` lists it in its requirements.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any, TextIO

SVG_LIMIT = 20_000
"""With more points than this, the plot is drawn by WebGL: a browser slows down with that
many SVG elements, while below it SVG works on machines without a graphics card."""

NO_LABEL = "no label"
SYMBOLS = ("circle", "square", "diamond", "cross", "triangle-up", "star", "pentagon", "x")
CONFIG = {"responsive": True, "displaylogo": False}

_PAGE_START = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<style>html, body, #plot {{height: 100%; margin: 0}} #plot {{min-height: 25rem}}</style>
</head>
<body>
<div id="plot" role="img" aria-label="{title}"></div>
<script>"""
_PAGE_END = """</script>
<script>Plotly.newPlot("plot", {data}, {layout}, {config});</script>
</body>
</html>
"""


@dataclass(frozen=True)
class ScatterPlot:
    """Points in the plane, coloured by label.

    Attributes:
        title: shown above the plot.
        ids: the text of each point.
        columns: the coordinates; the first two columns are drawn (a single one along a
            line).
        axes: the name of each column.
        labels: the label of each point (``None``: it has none); empty to draw all points
            alike.
    """

    title: str
    ids: Sequence[str]
    columns: Sequence[Sequence[float]]
    axes: Sequence[str]
    labels: Sequence[str | None] = ()

    def to_dict(self) -> dict[str, Any]:
        """``data``, ``layout`` and ``config`` for ``Plotly.newPlot``, JSON-ready."""
        one_line = len(self.columns) < 2
        layout: dict[str, Any] = {
            "title": {"text": escape(self.title)},
            "hovermode": "closest",
            "xaxis": {"title": {"text": escape(self.axes[0])}},
            "yaxis": {
                "title": {"text": "" if one_line else escape(self.axes[1])},
                "visible": not one_line,
            },
            "showlegend": bool(self.labels),
        }
        return {"data": self._traces(), "layout": layout, "config": CONFIG}

    def write_html(self, file_: TextIO) -> None:
        """Write one HTML page with everything in it.

        Args:
            file_: a text file; it stays open.

        Raises:
            ImportError: if plotly is not installed.
        """
        from plotly.offline import get_plotlyjs

        parts = {key: script_json(value) for key, value in self.to_dict().items()}
        file_.write(_PAGE_START.format(title=escape(self.title)))
        file_.write(get_plotlyjs())
        file_.write(_PAGE_END.format_map(parts))

    def _traces(self) -> list[dict[str, Any]]:
        if not self.labels:
            return [self._trace(range(len(self.ids)), 0)]
        groups: dict[str | None, list[int]] = {}
        for index, label in enumerate(self.labels):
            groups.setdefault(label, []).append(index)
        names = sorted((name for name in groups if name is not None), key=_natural)
        traces = [
            self._trace(groups[name], number) | {"name": escape(name) or "(empty)"}
            for number, name in enumerate(names)
        ]
        if None in groups:
            trace = self._trace(groups[None], 0) | {"name": NO_LABEL}
            trace["marker"] |= {"color": "#888888", "symbol": "circle-open"}
            traces.append(trace)
        return traces

    def _trace(self, indices: Sequence[int], number: int) -> dict[str, Any]:
        xs = self.columns[0]
        ys = self.columns[1] if len(self.columns) > 1 else None
        return {
            "type": "scatter" if len(self.ids) <= SVG_LIMIT else "scattergl",
            "mode": "markers",
            "x": [xs[index] for index in indices],
            "y": [0.0 if ys is None else ys[index] for index in indices],
            # The library shows a subset of HTML in texts, so data is escaped.
            "hovertext": [escape(self.ids[index]) for index in indices],
            "marker": {"size": 8, "symbol": SYMBOLS[number % len(SYMBOLS)]},
        }


def script_json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    """JSON that may stand inside a ``script`` element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _natural(text: str) -> tuple[int, float, str]:
    """Sorts labels that are numbers by value, before the others."""
    try:
        return (0, float(text), text)
    except ValueError:
        return (1, 0.0, text)
