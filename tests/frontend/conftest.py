"""A small app with the runner's templates, and what the frontend tests share."""

from __future__ import annotations

import pytest
from flask import Flask

from qhana_plugin_runner import APP_NAME, babel
from qhana_plugin_runner.frontend import forms, markdown


@pytest.fixture()
def frontend_app() -> Flask:
    """An app that can render forms and nothing else."""
    app = Flask(APP_NAME)
    for part in (babel, forms, markdown):
        part.init_app(app)
    return app
