# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The listeners to the signals of tasks under their old import path."""

from .webhooks import init_app, notify_subscribers

__all__ = ["init_app", "notify_subscribers"]
