# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Keeping secrets out of logs and out of the errors that tasks show.

Redacted are users and passwords in URLs, tokens, signatures in queries, and the values of
secret settings wherever they occur.
"""

from __future__ import annotations

import logging
import re
import traceback
from collections.abc import Collection, Iterable

from flask import Flask, current_app, has_app_context

from .config.hidden import secret_values

REDACTED = "****"
_EXTENSION = "qhana-redactor"

_PATTERNS = (
    # password and user of a URL, or a token in place of both
    (re.compile(r"(://[^\s/?#'\"<>@:]*):[^\s/?#'\"<>]*@"), rf"\1:{REDACTED}@"),
    (re.compile(r"://[^\s/?#'\"<>@:]{16,}@"), f"://{REDACTED}@"),
    (re.compile(r"\b(bearer)(\s+)[\w.~+/=-]{8,}", re.IGNORECASE), rf"\1\2{REDACTED}"),
    # JSON web tokens
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]{2,}\.[\w-]*"), REDACTED),
    (
        re.compile(
            r"([?&](?:x-amz-signature|x-amz-security-token|signature|sig|"
            r"(?:access_?|auth_?)?token|api_?key|passw(?:or)?d)=)[^&\s'\"<>]+",
            re.IGNORECASE,
        ),
        rf"\1{REDACTED}",
    ),
)


class Redactor:
    """Replaces secrets in texts.

    Args:
        secrets: texts that are secret wherever they occur.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        longest_first = sorted(secrets, key=len, reverse=True)
        words = "|".join(map(re.escape, longest_first))
        self._secrets = re.compile(rf"(?<!\w)(?:{words})(?!\w)") if words else None

    def redact(self, text: str) -> str:
        """Return the text without secrets."""
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return self._secrets.sub(REDACTED, text) if self._secrets else text


class RedactingFilter(logging.Filter):
    """Removes secrets from records before a handler formats them.

    A record without secrets stays as it is.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact message and traceback; every record passes."""
        redact = self._redactor.redact
        try:
            message = record.getMessage()
        except (TypeError, ValueError):
            return True  # the handler reports the mistake
        if (redacted := redact(message)) != message:
            record.msg, record.args = redacted, None
        if record.exc_info and record.exc_info[1] is not None:
            text = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
            if (redacted := redact(text)) != text:
                record.exc_info, record.exc_text = None, redacted
        elif record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


def init_app(app: Flask) -> None:
    """Learn the secrets of an app and redact them in what all handlers write.

    Each new app takes the place of the one before, as its log handler does.
    """
    redactor = app.extensions[_EXTENSION] = Redactor(secret_values(app.config))
    for handler in _handlers():
        for old in handler.filters[:]:
            if isinstance(old, RedactingFilter):
                handler.removeFilter(old)
        handler.addFilter(RedactingFilter(redactor))


def redact(text: str) -> str:
    """Return a text without secrets, those of the current app included."""
    redactor: Redactor | None = None
    if has_app_context():
        redactor = current_app.extensions.get(_EXTENSION)
    return (redactor or Redactor()).redact(text)


def _handlers() -> Iterable[logging.Handler]:
    loggers: list[logging.Logger] = [logging.getLogger()]
    for logger in logging.getLogger().manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            loggers.append(logger)
    return {handler for logger in loggers for handler in logger.handlers}
