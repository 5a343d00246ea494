# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a benchmark finds: rows with a ratio to their limit, as a table and as JSON."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

_PACKAGES = (
    "flask",
    "werkzeug",
    "gunicorn",
    "celery",
    "kombu",
    "sqlalchemy",
    "psycopg",
    "redis",
    "orjson",
    "requests",
)


@dataclass
class Row:
    """One measured thing beside its limit.

    Attributes:
        name: what was measured.
        unit: of value and limit, for example ``requests/s``.
        value: what the runner reached (median of the rounds).
        limit: what the limit reached (median of the rounds).
        ratio: how near the runner comes to the limit, for a speed value / limit.
        floor: the ratio that must hold, ``None`` if there is none.
        at_most: the ratio must not exceed the floor (a time or a size) instead.
        note: more for people, for example the ratio of CPU times.
        ratios: the ratio of each round.
    """

    name: str
    unit: str
    value: float
    limit: float
    ratio: float
    floor: float | None = None
    at_most: bool = False
    note: str = ""
    ratios: list[float] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether the ratio is on the right side of its floor."""
        if self.floor is None:
            return True
        return self.ratio <= self.floor if self.at_most else self.ratio >= self.floor


def row_of_rounds(
    name: str,
    unit: str,
    values: Sequence[float],
    limits: Sequence[float],
    **more: Any,
) -> Row:
    """Return the row of rounds that measured value and limit one after the other.

    The ratio is the median of the rounds' own ratios: what else the machine did in a
    round slowed both down.
    """
    ratios = [value / limit for value, limit in zip(values, limits, strict=True)]
    return Row(
        name,
        unit,
        statistics.median(values),
        statistics.median(limits),
        statistics.median(ratios),
        ratios=ratios,
        **more,
    )


def machine() -> dict[str, Any]:
    """Return what the numbers depend on: processor, memory, load and versions."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(_memory_bytes() / 2**30, 1),
        "load": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    return next(names, platform.processor())


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def as_json(rows: Sequence[Row], settings: dict[str, Any]) -> dict[str, Any]:
    """Return rows, machine and settings as one JSON document."""
    return {
        "machine": machine(),
        "settings": settings,
        "rows": [{**asdict(row), "holds": row.holds} for row in rows],
    }


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text for people."""
    lines = [("benchmark", "value", "limit", "ratio", "floor", "")]
    for row in rows:
        floor = "" if row.floor is None else f"{'<=' if row.at_most else '>='}{row.floor}"
        note = row.note if row.holds else f"BELOW THE FLOOR {row.note}"
        numbers = (_number(row.value), f"{_number(row.limit)} {row.unit}")
        lines.append((row.name, *numbers, f"{row.ratio:.2f}", floor, note))
    widths = [max(len(line[i]) for line in lines) for i in range(5)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i in (0, 2) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, [*widths, 0], strict=True))
        ).rstrip()
        for line in lines
    )


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
