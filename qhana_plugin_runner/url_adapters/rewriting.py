# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Rewriting URLs that have another name from where this server runs."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import current_app, has_app_context

from qhana_plugin_runner.config.parsers import RewriteRules, rewrite_rules
from qhana_plugin_runner.errors import ConfigurationError
from qhana_plugin_runner.url_adapters.addresses import DEFAULT_PORTS

# Replacements that tell host and port themselves, with nothing of the URL in them.
_WHOLE_ORIGIN = re.compile(r"https?://([^/?#@\\\s]+)(?:/|$)", re.IGNORECASE)


def parse_rewrite_rules(rules: object) -> RewriteRules:
    """Read rewrite rules in any of their forms.

    Args:
        rules: a mapping from regular expression to replacement, or a list of such pairs;
            expressions may be compiled.

    Raises:
        ConfigurationError: the rules are malformed.
    """
    try:
        return rewrite_rules(rules or [])
    except ValueError as error:
        raise ConfigurationError(f"URL_REWRITE_RULES must be {error}.") from error


def rewrite_url(url: str) -> str:
    """Apply the ``URL_REWRITE_RULES`` of the current application, one after the other.

    Outside of an application the URL stays as it is.
    """
    if not has_app_context():
        return url
    for pattern, replacement in parse_rewrite_rules(
        current_app.config.get("URL_REWRITE_RULES")
    ):
        url = pattern.sub(replacement, url)
    return url


def host_chosen_by_rule(url: str, rewritten: str) -> str | None:
    """Return ``host:port`` of a rewritten URL if a rule alone has chosen them.

    The operator trusts that host then, whoever asks. It is ``None`` if the client has a
    say in it, or has named the host itself.

    Args:
        url: the URL as the client gave it.
        rewritten: what :func:`rewrite_url` made of it.
    """
    if url == rewritten:
        return None
    replacements = parse_rewrite_rules(current_app.config.get("URL_REWRITE_RULES"))
    origins = (_WHOLE_ORIGIN.match(replacement) for _, replacement in replacements)
    try:
        before, after = urlsplit(url), urlsplit(rewritten)
        port = after.port or DEFAULT_PORTS.get(after.scheme)
    except ValueError:
        return None
    chosen = {origin[1] for origin in origins if origin}
    if after.netloc == before.netloc or after.netloc not in chosen:
        return None
    return f"{after.hostname}:{port}"
