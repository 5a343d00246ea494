# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Everything that the OpenAPI document says holds, for any request (schemathesis).

Valid and invalid requests are made up for each operation of the runner, the bundled
plugins and the plugins of the API tests. No answer is a server error; every status, type
and body is documented; what the document calls valid is accepted, all else is refused.

``QHANA_SCHEMATHESIS_EXAMPLES=200`` makes up that many requests per operation.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from flask import Flask
from schemathesis import HookContext
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema

from qhana_plugin_runner import create_app
from qhana_plugin_runner.db.cli import create_db_function
from qhana_plugin_runner.db.models.tasks import ProcessingTask
from qhana_plugin_runner.plugin_utils.previews import get_preview
from qhana_plugin_runner.storage import STORE

ROOT = Path(__file__).parents[2]
FOLDERS = ("plugins", "tests/api/lab_plugins", "tests/api/plugin_folder")

# Views of test plugins that fail or lie on purpose: errors on demand, JSON that is
# documented as HTML, numbers that are read from any JSON value. And a stream of events,
# which ends when its task ends; tests/tasks/test_task_events.py is about it.
ON_PURPOSE = "/errors/|/fail/|/api-lab@v1-2-0/ui/|/api-lab@v1-2-0/json/|/events/$"
# A form sends all values as texts, a list with one value like the value, and an empty
# list or null not at all; the client of the tests takes an object for a file.
FORMS = (
    "POST /plugins/api-probe@v1-10-0/strict/",
    "POST /plugins/api-lab@v1-2-0/upload/",
    "POST /plugins/api-probe@v1-10-0/upload/",
)
TEXTS = ("inputStr", "names", "color", "colour", "entityUrl")


@pytest.fixture
def fuzzed_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An app in production mode with plugins, tasks and files; nothing is fetched."""
    monkeypatch.setenv("QHANA_PLUGIN_RUNNER_INSTANCE_FOLDER", str(tmp_path))
    monkeypatch.setenv("FLASK_DEBUG", "0")
    monkeypatch.setattr(socket, "getaddrinfo", _resolve_nothing)
    # No worker makes previews here, so no request needs to wait for one.
    monkeypatch.setattr(get_preview, "__defaults__", (0.0,))
    app = create_app(
        {
            "SECRET_KEY": "a key of the tests that is long enough",
            "SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'fuzzed.db'}",
            "FILE_STORE_ROOT_PATH": str(tmp_path / "files"),
            "PLUGIN_FOLDERS": [str(ROOT / folder) for folder in FOLDERS],
            "CELERY": {"broker_url": "memory://", "result_backend": "cache+memory://"},
        },
        silent_log=True,
    )
    with app.app_context():
        create_db_function(app)
        for _ in range(5):
            task = ProcessingTask(task_name="fuzzed")
            task.save(commit=True)
            STORE.persist_task_result(task.id, b"x", "a.txt", "entity/list", "text/plain")
    yield app


def _resolve_nothing(*_args: Any, **_kwargs: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, "No name has an address in this test.")


def made_up_requests(app: Flask, examples: int) -> Iterator[events.EngineEvent]:
    """Send valid and invalid requests to every operation, and say how each went."""
    config = SchemathesisConfig.from_dict(
        {
            "seed": 1,
            "cache": {"enabled": False},
            "checks": {"enabled": True},
            "generation": {
                "max-examples": examples,
                "deterministic": True,
                "no-shrink": True,
                "database": "none",
                # Refused in all fields that are read, see tests/api/test_base_schemas.py.
                "allow-x00": False,
            },
            "phases": {"stateful": {"enabled": False}},
        }
    )
    schema = schemathesis.openapi.from_wsgi("/api-spec.json", app, config=config)
    schema.hook("filter_body")(_is_wrong_on_the_wire)
    return from_schema(schema.exclude(path_regex=ON_PURPOSE)).execute()


def _is_wrong_on_the_wire(context: HookContext, body: Any) -> bool:
    """Leave out bodies that are wrong only until they are sent."""
    if context.operation is None or context.operation.label not in FORMS:
        return True
    if not isinstance(body, dict):
        return True
    are_texts = all(isinstance(body.get(name, ""), str) for name in TEXTS)
    are_sent = all(_is_sent_as_it_is(value) for value in body.values())
    return are_texts and are_sent and isinstance(body.get("numbers", []), list)


def _is_sent_as_it_is(value: Any) -> bool:
    """Tell whether a form contains the value: not nothing, nor a file instead of it."""
    values = value if isinstance(value, list) else [value]
    return values != [] and all(isinstance(v, (str, int, float)) for v in values)


def failures(event: events.EngineEvent) -> Iterator[str]:
    """Tell in words what a request and its answer show to be wrong."""
    if isinstance(event, events.NonFatalError):
        yield f"{event.label}: {event.value!r}"
    elif isinstance(event, events.FatalError):
        yield repr(event.exception)
    elif isinstance(event, events.ScenarioFinished):
        for case, checks in event.recorder.checks.items():
            response = event.recorder.interactions[case].response
            answer = (response.status_code, response.content[:300]) if response else None
            for check in checks:
                if check.failure_info is not None:
                    failure = check.failure_info.failure
                    text = f"{type(failure).__name__} {failure.message}"[:600]
                    code = check.failure_info.code_sample[:3000]
                    yield f"{failure.operation}: {text}\n  {code}\n  {answer}"


@pytest.mark.timeout(3000)
def test_all_answers_are_as_documented(fuzzed_app: Flask) -> None:
    examples = int(os.environ.get("QHANA_SCHEMATHESIS_EXAMPLES", "10"))
    requests, found = 0, []
    for event in made_up_requests(fuzzed_app, examples):
        found += failures(event)
        if isinstance(event, events.ScenarioFinished):
            requests += len(event.recorder.cases)
    assert not found, f"{len(found)} failures\n" + "\n".join(found[:20])
    assert requests > 40 * examples
