# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Tells the plugin registry that a virtual plugin was made or deleted.

The registry is asked at once. If it does not answer, a task asks again later, and for a
while nobody waits for the registry any more. No failure reaches the plugin that sent the
signal.
"""

from __future__ import annotations

import logging
import time
from typing import Any

import requests
from flask import Flask, current_app

from ..celery import CELERY
from ..errors import RegistryNotConfiguredError
from ..signals import VIRTUAL_PLUGIN_CREATED, VIRTUAL_PLUGIN_REMOVED
from .client import PluginRegistryClient

_LOGGER = logging.getLogger(__name__)
_EXTENSION = "qhana-registry"

#: Seconds that a view may wait for each answer of the registry.
_SHORT_TIMEOUT = 1
#: Seconds without attempts in a view after the registry did not answer.
_PAUSE = 30

_NEW_PLUGIN = ("plugin", ("plugin", "post"))


def init_app(app: Flask) -> None:
    """Listen to the signals of this app about its virtual plugins."""
    app.extensions[_EXTENSION] = {"not_before": 0.0}
    for signal in (VIRTUAL_PLUGIN_CREATED, VIRTUAL_PLUGIN_REMOVED):
        signal.connect(_on_change, sender=app)


def announce(plugin_url: str, client: PluginRegistryClient) -> None:
    """Ask the registry to look at a plugin (again).

    Args:
        plugin_url: the URL of the plugin's metadata.
        client: the client to use.

    Raises:
        requests.RequestException: the registry was not reached or refused.
    """
    answer = client.fetch_by_rel(_NEW_PLUGIN, query_params={"url": plugin_url})
    if answer is None:
        _LOGGER.warning(
            "The plugin registry %s takes no plugin URLs, so it was not told about %s.",
            *(client.plugin_registry_url, plugin_url),
        )


@CELERY.task(
    name="qhana-plugin-runner.announce-plugin",
    bind=True,
    ignore_result=True,
    max_retries=8,
)
def announce_later(self: Any, plugin_url: str) -> None:
    """Announce a plugin, with growing pauses between attempts (about 20 minutes)."""
    try:
        announce(plugin_url, PluginRegistryClient())
    except RegistryNotConfiguredError as err:
        _log_failure(plugin_url, err)
    except requests.RequestException as err:
        if not _may_pass(err) or self.request.retries >= self.max_retries:
            _log_failure(plugin_url, err)
            return
        raise self.retry(exc=err, countdown=5 * 2**self.request.retries) from err


def _on_change(app: Flask, plugin_url: str, **_other: Any) -> None:
    try:
        with app.app_context():
            _announce_now_or_later(plugin_url)
    except Exception:
        # The listener runs inside a view of a plugin, which cannot help it.
        _LOGGER.exception("The plugin registry was not told about %s.", plugin_url)


def _announce_now_or_later(plugin_url: str) -> None:
    client = PluginRegistryClient(timeout=_SHORT_TIMEOUT)
    if not client.ready:
        return
    state = current_app.extensions[_EXTENSION]
    if time.monotonic() >= state["not_before"]:
        try:
            announce(plugin_url, client)
            return
        except requests.RequestException as err:
            if not _may_pass(err):
                _log_failure(plugin_url, err)
                return
            state["not_before"] = time.monotonic() + _PAUSE
    announce_later.s(plugin_url=plugin_url).apply_async()


def _may_pass(err: requests.RequestException) -> bool:
    """Return whether the same request may succeed later."""
    return err.response is None or err.response.status_code >= 500


def _log_failure(plugin_url: str, err: Exception) -> None:
    _LOGGER.error("The plugin registry was not told about %s: %s", plugin_url, err)
