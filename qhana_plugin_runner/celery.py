# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 3 of the request flow (row -> broker): the Celery application.

``CELERY`` is one object for the whole process, because plugins declare their tasks on it
while they are imported. What depends on configuration (broker, result backend, queues,
connection pools) is kept per Flask application and found through ``current_app``, so
two applications in one process never publish into each other's broker. Outside an
application context, as in the main loop of a worker, the newest application counts.
"""

from __future__ import annotations

import threading
from typing import Any

from celery import Celery
from celery.loaders import get_loader_cls
from celery.result import AsyncResult
from celery.utils.imports import instantiate
from flask import Flask, current_app, has_app_context
from kombu.utils.objects import cached_property

from .celery_settings import REDIS_SCHEMES, celery_settings
from .flask_task import FlaskTask
from .producers import RunnerAMQP
from .publishing import publish, release_held_messages
from .task_routes import queue_of_task

__all__ = ["CELERY", "FlaskTask", "RunnerCelery", "init_app"]

_EXTENSION = "qhana-celery"


class _PerApp:
    """An attribute of the Celery application with one value per Flask application."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, celery: Any, owner: type | None = None) -> Any:
        if celery is None:
            return self
        try:
            return celery.state_of_app()[self._name]
        except KeyError:
            raise AttributeError(self._name) from None

    def __set__(self, celery: Any, value: Any) -> None:
        celery.state_of_app()[self._name] = value


class RunnerAsyncResult(AsyncResult):
    """A result whose message is sent before anybody waits for it."""

    def get(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for the result; see :meth:`celery.result.AsyncResult.get`."""
        release_held_messages()
        return super().get(*args, **kwargs)

    wait = get


class RunnerCelery(Celery):
    """Celery with configuration and connections per Flask application.

    Attributes:
        worker_id: the lease of this process if it is a worker (see ``recovery``).
    """

    worker_id: str | None = None
    amqp_cls = RunnerAMQP

    # Where Celery keeps what it derives from the configuration.
    _conf = _PerApp()
    _pool = _PerApp()
    _backend_cache = _PerApp()
    _local = _PerApp()
    _config_source = _PerApp()
    configured = _PerApp()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._no_app_state = _new_state()
        self._newest_app: Flask | None = None
        super().__init__(*args, **kwargs)

    @property
    def flask_app(self) -> Flask | None:
        """The Flask application that counts here and now."""
        if has_app_context():
            app = current_app._get_current_object()  # type: ignore[attr-defined]
            if _EXTENSION in app.extensions:
                return app
        return self._newest_app

    def state_of_app(self) -> dict[str, Any]:
        """Return the attributes that belong to the current Flask application."""
        app = self.flask_app
        if app is None:
            return self._no_app_state
        return app.extensions[_EXTENSION]

    def init_app(self, app: Flask) -> None:
        """Configure Celery for a Flask application, which becomes the newest one.

        Args:
            app: its ``CELERY`` setting is copied, never changed.
        """
        state = app.extensions[_EXTENSION] = _new_state()
        state["routes"] = dict(app.config.get("TASK_ROUTES") or {})
        self._newest_app = app
        with app.app_context():
            self.config_from_object(celery_settings(app))
            schedule = dict(self.conf.beat_schedule or {})
            schedule.update(self._plugin_schedule)
            self.conf.beat_schedule = schedule
        state["flask_app"] = app

    @property
    def loader(self) -> Any:
        """The loader, which caches the raw configuration."""
        state = self.state_of_app()
        if "loader" not in state:
            state["loader"] = get_loader_cls(self.loader_cls)(app=self)
        return state["loader"]

    @property
    def amqp(self) -> Any:
        """Queues, routes and message building of the current Flask application."""
        state = self.state_of_app()
        if "amqp" not in state:
            amqp = state["amqp"] = instantiate(self.amqp_cls, app=self)
            # A worker without --queues works on everything that the runner sends.
            for queue in dict.fromkeys(state["routes"].values()):
                if queue not in amqp.queues:
                    amqp.queues.select_add(amqp.queues.new_missing(queue))
        return state["amqp"]

    @cached_property
    def AsyncResult(self) -> Any:
        """The class of results, bound to this application."""
        return self.subclass_with_self(RunnerAsyncResult)

    @property
    def _plugin_schedule(self) -> dict[str, Any]:
        return self.__dict__.setdefault("_periodic_tasks_of_plugins", {})

    def _add_periodic_task(self, key: str, entry: Any, name: Any = None) -> Any:
        # Plugins register their periodic tasks once, when Celery is finalised; every
        # Flask application gets them.
        self._plugin_schedule[key] = entry
        return super()._add_periodic_task(key, entry, name=name)

    def connection_for_write(self, url: Any = None, **kwargs: Any) -> Any:
        """Return a connection for sending; a broker that hangs is given up soon."""
        options = kwargs.get("transport_options") or {}
        if str(url or self.conf.broker_write_url).startswith(REDIS_SCHEMES):
            kwargs["transport_options"] = {"socket_timeout": 1.0, **options}
        return super().connection_for_write(url, **kwargs)

    def _get_backend(self) -> Any:
        backend = super()._get_backend()
        # Asked by name: importing it costs ten megabytes wherever Redis is not used.
        if type(backend).__module__ == "celery.backends.redis":
            # Submitting a task must not need the result backend; whoever waits for a
            # result subscribes to it then.
            backend.on_task_call = _nothing_to_prepare
        return backend

    def send_task(self, *args: Any, **kwargs: Any) -> Any:
        """Send a task; see :func:`qhana_plugin_runner.publishing.publish`.

        Raises:
            BrokerUnavailableError: if the broker does not take the message in time.
        """
        if not any(kwargs.get(key) for key in ("queue", "exchange", "routing_key")):
            # Written into the message, so that it is sent to this queue again.
            name = args[0] if args else kwargs["name"]
            routes = self.state_of_app()["routes"]
            queue = queue_of_task(routes, name, kwargs.get("task_type"))
            if queue is not None:
                kwargs["queue"] = queue
        return publish(self, super().send_task, args, kwargs)

    def send_unkept(self, *args: Any, **kwargs: Any) -> Any:
        """Send a task as Celery does, without keeping or holding the message."""
        return super().send_task(*args, **kwargs)


def _nothing_to_prepare(*_args: Any, **_kwargs: Any) -> None:
    """Stand in for the subscription that Redis results would get at submission."""


def _new_state() -> dict[str, Any]:
    return {
        "_conf": None,
        "_pool": None,
        "_backend_cache": None,
        "_local": threading.local(),
        "_config_source": None,
        "configured": False,
        "routes": {},
    }


CELERY = RunnerCelery("qhana_plugin_runner", task_cls=FlaskTask)
# Celery's current application is one per thread, its default one counts in all of them:
# plugins ask for results with celery.result.AsyncResult(id) while they answer requests.
CELERY.set_default()


def init_app(app: Flask) -> None:
    """Configure Celery for the application."""
    CELERY.init_app(app)
