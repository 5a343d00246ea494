# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Rewriting URLs that have another name from where this server runs."""

from __future__ import annotations

from flask import current_app, has_app_context

from qhana_plugin_runner.config.parsers import RewriteRules, rewrite_rules
from qhana_plugin_runner.errors import ConfigurationError


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
