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
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from celery import Celery
from celery.backends.redis import RedisBackend
from celery.loaders import get_loader_cls
from celery.result import AsyncResult
from celery.utils.imports import instantiate
from flask import Flask, current_app, has_app_context
from kombu.utils.objects import cached_property

from . import embedded_broker
from .errors import ConfigurationError
from .flask_task import FlaskTask
from .publishing import publish, release_held_messages

__all__ = ["CELERY", "FlaskTask", "RunnerCelery", "init_app"]

_EXTENSION = "qhana-celery"
_REDIS_SCHEMES = ("redis", "rediss", "sentinel")

_BOUNDED_PUBLISHING = {
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
    "interval_max": 0.2,
}

_FIXED_SETTINGS: dict[str, Any] = {
    "task_serializer": "json",
    "result_serializer": "json",
    "accept_content": ["json"],
    "enable_utc": True,
}

_DEFAULT_SETTINGS: dict[str, Any] = {
    # A broken broker must be known within three seconds.
    "broker_connection_timeout": 2,
    "task_publish_retry": True,
    "task_publish_retry_policy": _BOUNDED_PUBLISHING,
    "result_backend_transport_options": {"retry_policy": {"timeout": 2.0}},
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    # A free slot takes one task; nothing waits behind a busy one.
    "worker_prefetch_multiplier": 1,
    # A dead pool child is reported after this time (seconds); its outcome is recorded
    # by itself, so there is no late result to wait for.
    "worker_lost_wait": 0.5,
    "worker_hijack_root_logger": False,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "beat_schedule": {},
}


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
        if has_app_context() and _EXTENSION in current_app.extensions:
            return current_app._get_current_object()  # type: ignore[attr-defined]
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
            state["amqp"] = instantiate(self.amqp_cls, app=self)
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
        if str(url or self.conf.broker_write_url).startswith(_REDIS_SCHEMES):
            kwargs["transport_options"] = {"socket_timeout": 1.0, **options}
        return super().connection_for_write(url, **kwargs)

    def _get_backend(self) -> Any:
        backend = super()._get_backend()
        if isinstance(backend, RedisBackend):
            # Submitting a task must not need the result backend; whoever waits for a
            # result subscribes to it then.
            backend.on_task_call = _nothing_to_prepare
        return backend

    def send_task(self, *args: Any, **kwargs: Any) -> Any:
        """Send a task; see :func:`qhana_plugin_runner.publishing.publish`.

        Raises:
            BrokerUnavailableError: if the broker does not take the message in time.
        """
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
    }


def celery_settings(app: Flask) -> dict[str, Any]:
    """Return the complete settings of Celery for an application.

    Raises:
        ConfigurationError: if a serialiser other than JSON is configured.
    """
    given: Mapping[str, Any] = app.config.get("CELERY") or {}
    for key in ("task_serializer", "result_serializer"):
        if given.get(key, "json") != "json":
            raise ConfigurationError(
                f"The setting CELERY has the value {given[key]!r} for {key}, allowed is "
                "'json': other serialisers can run code."
            )
    settings = {**_DEFAULT_SETTINGS, **given, **_FIXED_SETTINGS}
    broker = settings.get("broker_url") or "embedded://"
    folder = Path(app.instance_path) / "celery"
    if broker.startswith("embedded:"):
        settings["broker_url"] = "embedded://localhost//"
        options = {"folder": str(folder / "broker")}
    else:
        options = _transport_options(broker)
    settings["broker_transport_options"] = {
        **options,
        **settings.get("broker_transport_options", {}),
    }
    if not settings.get("result_backend"):
        settings["result_backend"] = _default_backend(broker, folder)
    if broker.startswith(_REDIS_SCHEMES):
        settings.setdefault("worker_disable_prefetch", True)
        settings.setdefault("redis_socket_connect_timeout", 2)
        settings.setdefault("redis_socket_timeout", 10)
    return settings


def _transport_options(broker: str) -> dict[str, Any]:
    if broker.startswith(_REDIS_SCHEMES):
        return {
            "socket_connect_timeout": 2,
            "socket_timeout": 5,
            "socket_keepalive": True,
            "retry_on_timeout": False,
            "max_retries": 2,
            "interval_start": 0,
            "interval_step": 0.1,
            "interval_max": 0.2,
        }
    if broker.startswith(("amqp", "pyamqp")):
        return {
            "confirm_publish": True,
            "max_retries": 2,
            "interval_start": 0,
            "interval_step": 0.1,
            "interval_max": 0.2,
        }
    return {}


def _default_backend(broker: str, folder: Path) -> str:
    if broker.startswith(("redis", "rediss")):
        return broker
    if broker.startswith("memory:"):
        return "cache+memory://"
    results = folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    return f"{embedded_broker.__name__}.EmbeddedBackend+file://{results}"


CELERY = RunnerCelery("qhana_plugin_runner", task_cls=FlaskTask)


def init_app(app: Flask) -> None:
    """Configure Celery for the application."""
    CELERY.init_app(app)
