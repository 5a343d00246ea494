# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The complete settings of Celery, made from ``app.config["CELERY"]``.

Brokers and result backends are completed so that a broker that is away is known within
seconds, whichever kind it is: embedded, Redis (also with TLS or behind Sentinel), or
RabbitMQ (also with quorum queues).
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask import Flask
from kombu.transport import TRANSPORT_ALIASES

from . import embedded_broker
from .errors import ConfigurationError

REDIS_SCHEMES = ("redis", "rediss", "sentinel")

# Imported if a broker is a Redis.
_REDIS_BROKER = f"{__package__}.redis_broker"
TRANSPORT_ALIASES.update(
    redis=f"{_REDIS_BROKER}:Transport",
    rediss=f"{_REDIS_BROKER}:Transport",
    sentinel=f"{_REDIS_BROKER}:SentinelTransport",
)

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

_RESULT_RETRIES = {"retry_policy": {"timeout": 2.0}}
_VERIFIED = {"ssl_cert_reqs": ssl.CERT_REQUIRED}
# What Sentinel needs to find the master; the results are kept at the same place.
_SENTINEL_OPTIONS = ("master_name", "min_other_sentinels", "sentinel_kwargs")


def celery_settings(app: Flask) -> dict[str, Any]:
    """Return the complete settings of Celery for an application.

    Raises:
        ConfigurationError: if a serialiser other than JSON is configured, or Sentinel
            without the name of the master.
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
    options = _transport_options(broker)
    if broker.startswith("embedded:"):
        settings["broker_url"] = "embedded://localhost//"
        options = {"folder": str(folder / "broker")}
    options.update(settings.get("broker_transport_options", {}))
    settings["broker_transport_options"] = options
    if not settings.get("result_backend"):
        settings["result_backend"] = _default_backend(broker, folder)
    if broker.startswith(REDIS_SCHEMES):
        settings.setdefault("worker_disable_prefetch", True)
        settings.setdefault("redis_socket_connect_timeout", 2)
        settings.setdefault("redis_socket_timeout", 10)
    if broker.startswith("sentinel:") and not options.get("master_name"):
        raise ConfigurationError(
            "The broker is Redis Sentinel, so the setting CELERY needs the name of the "
            'master: {"broker_transport_options": {"master_name": "…"}}.'
        )
    _verify_certificates(settings, broker)
    _complete_result_options(settings)
    # Queues of TASK_ROUTES are of the same type as the default queue.
    queue_type = settings.get("task_default_queue_type", "classic")
    settings.setdefault("task_create_missing_queue_type", queue_type)
    return settings


def _transport_options(broker: str) -> dict[str, Any]:
    retries = {
        "max_retries": 2,
        "interval_start": 0,
        "interval_step": 0.1,
        "interval_max": 0.2,
    }
    if broker.startswith(REDIS_SCHEMES):
        return {
            "socket_connect_timeout": 2,
            "socket_timeout": 5,
            "socket_keepalive": True,
            "retry_on_timeout": False,
            **retries,
        }
    if broker.startswith(("amqp", "pyamqp")):
        return {"confirm_publish": True, **retries}
    return {}


def _default_backend(broker: str, folder: Path) -> str:
    if broker.startswith(REDIS_SCHEMES):
        return broker
    if broker.startswith("memory:"):
        return "cache+memory://"
    results = folder / "results"
    results.mkdir(parents=True, exist_ok=True)
    return f"{embedded_broker.__name__}.EmbeddedBackend+file://{results}"


def _verify_certificates(settings: dict[str, Any], broker: str) -> None:
    """Check the certificates of TLS connections unless the settings say otherwise."""
    if broker.startswith("rediss:"):  # parameters of the URL count more
        settings.setdefault("broker_use_ssl", _VERIFIED)
    backend = settings["result_backend"]
    if backend.startswith("rediss:") and "ssl_cert_reqs=" not in backend:
        settings.setdefault("redis_backend_use_ssl", _VERIFIED)


def _complete_result_options(settings: dict[str, Any]) -> None:
    options = dict(_RESULT_RETRIES)
    if settings["result_backend"].startswith("sentinel:"):
        broker = settings["broker_transport_options"]
        options.update({key: broker[key] for key in _SENTINEL_OPTIONS if key in broker})
    options.update(settings.get("result_backend_transport_options", {}))
    settings["result_backend_transport_options"] = options
