# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``PLUGIN_REGISTRY_CLIENT`` asks the plugin registry, also about virtual plugins."""

from .announce import init_app
from .client import PluginRegistryClient
from .types import ApiLink, ApiResponse, KeyedApiLink, match_api_link

__all__ = [
    "PLUGIN_REGISTRY_CLIENT",
    "ApiLink",
    "ApiResponse",
    "KeyedApiLink",
    "PluginRegistryClient",
    "init_app",
    "match_api_link",
]

PLUGIN_REGISTRY_CLIENT = PluginRegistryClient()
