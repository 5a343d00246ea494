# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``python -m benchmarks [name …]``: run benchmarks, print a table and JSON."""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks import report
from benchmarks.system import Settings

#: What there is, in the order of a full run: module and function of each.
BENCHMARKS = {
    "tasks": ("tasks", "run"),
    "latency": ("tasks", "run_latency"),
    "api": ("api", "run"),
    "files": ("files", "run"),
    "entities": ("entities", "run"),
    "workers": ("workers", "run"),
    "rows": ("rows", "run"),
    "plugins": ("plugin_loading", "run"),
    "listeners": ("listeners", "run"),
}

#: Names for several of them.
GROUPS = {"scale": ("workers", "rows", "plugins", "listeners")}

DATABASE = "postgresql+psycopg://postgres@127.0.0.1:5432/test"
BROKER = "redis://127.0.0.1:6379/9"


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the parsed command line."""
    known = [*BENCHMARKS, *GROUPS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(known))
    parser.add_argument("--database", default=DATABASE, help="server, or 'sqlite'")
    parser.add_argument("--broker", default=BROKER, help="'' for the embedded one")
    parser.add_argument("--rounds", type=int, default=Settings.rounds)
    parser.add_argument("--seconds", type=float, default=Settings.seconds)
    parser.add_argument("--scale", type=float, default=Settings.scale)
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"{unknown[0]!r} is none of {', '.join(known)}.")
    options.names = [one for name in options.names for one in GROUPS.get(name, (name,))]
    return options


def main(arguments: Sequence[str]) -> int:
    """Run the named benchmarks (all without names); 1 if a floor does not hold."""
    options = parse(arguments)
    # Ended like Ctrl-C does it, with its servers, workers and databases.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = Settings(
        options.database,
        options.broker,
        rounds=options.rounds,
        seconds=options.seconds,
        scale=options.scale,
    )
    rows = []
    for name in options.names or BENCHMARKS:
        module, function = BENCHMARKS[name]
        measure = getattr(importlib.import_module(f"benchmarks.{module}"), function)
        found = measure(settings)
        print(f"{name}\n{report.table(found)}\n", flush=True)
        rows += found
    print(json.dumps(report.as_json(rows, asdict(settings))))
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
