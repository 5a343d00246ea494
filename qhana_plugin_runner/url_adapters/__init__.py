# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How URLs are read: ``file:`` and ``data:`` URLs, rewrite rules, what may be fetched.

:class:`FetchPolicy` says what may be fetched, :class:`FetchSession` obeys it for web
addresses (the one really connected to, for every redirect), the two adapters for local
URLs.
"""

from __future__ import annotations

import requests

from qhana_plugin_runner.url_adapters.clients import Client, working_for
from qhana_plugin_runner.url_adapters.http_transport import (
    FetchSession,
    refuse_other_redirects,
)
from qhana_plugin_runner.url_adapters.local_schemes import (
    DataAdapter,
    FileAdapter,
    path_of_file_url,
)
from qhana_plugin_runner.url_adapters.policy import FetchPolicy, trusting
from qhana_plugin_runner.url_adapters.rewriting import (
    host_chosen_by_rule,
    parse_rewrite_rules,
    rewrite_url,
)
from qhana_plugin_runner.url_adapters.safe_texts import describe_url, redact

__all__ = [
    "Client",
    "DataAdapter",
    "FetchPolicy",
    "FetchSession",
    "FileAdapter",
    "describe_url",
    "host_chosen_by_rule",
    "parse_rewrite_rules",
    "path_of_file_url",
    "redact",
    "register_additional_schemas",
    "rewrite_url",
    "trusting",
    "working_for",
]


def register_additional_schemas(session: requests.Session) -> None:
    """Let a session read ``file:`` and ``data:`` URLs, but not be redirected to them.

    Doing it twice changes nothing.
    """
    if not isinstance(session.adapters.get("file://"), FileAdapter):
        session.mount("file://", FileAdapter())
    if not isinstance(session.adapters.get("data:"), DataAdapter):
        session.mount("data:", DataAdapter())
    hooks = session.hooks["response"]
    if refuse_other_redirects not in hooks:
        hooks.append(refuse_other_redirects)
