# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Developer and container commands: ``invoke --list`` shows them all.

The commands live in ``tooling``, one module per subject. Settings come from the real
environment, then ``.env``, then ``.flaskenv`` (see ``tooling/shell.py``).
"""

from tooling.checks import benchmark, chaos, check, test
from tooling.container import (
    await_db,
    ensure_paths,
    install_plugin_dependencies,
    start_docker,
)
from tooling.dependencies import list_licenses, update_dependencies, update_licenses
from tooling.documentation import (
    browse_doc,
    doc,
    doc_index,
    screenshots,
    update_source_doc,
)
from tooling.git_plugins import load_git_plugins
from tooling.server import start_gunicorn, upgrade_db
from tooling.services import (
    reset_broker,
    reset_camunda,
    start_broker,
    start_camunda,
    start_containers,
    stop_broker,
    stop_camunda,
    stop_containers,
)
from tooling.spelling import accept_underscores
from tooling.start import demo, start
from tooling.worker import (
    celery_disable_events,
    celery_enable_events,
    celery_inspect,
    celery_monitor,
    celery_queues,
    celery_status,
    purge_task_queues,
    worker,
)

__all__ = [
    "await_db",
    "benchmark",
    "browse_doc",
    "celery_disable_events",
    "celery_enable_events",
    "celery_inspect",
    "celery_monitor",
    "celery_queues",
    "celery_status",
    "chaos",
    "check",
    "demo",
    "doc",
    "doc_index",
    "ensure_paths",
    "install_plugin_dependencies",
    "list_licenses",
    "load_git_plugins",
    "purge_task_queues",
    "reset_broker",
    "reset_camunda",
    "screenshots",
    "start",
    "start_broker",
    "start_camunda",
    "start_containers",
    "start_docker",
    "start_gunicorn",
    "stop_broker",
    "stop_camunda",
    "stop_containers",
    "test",
    "update_dependencies",
    "update_licenses",
    "update_source_doc",
    "upgrade_db",
    "worker",
]

accept_underscores()
