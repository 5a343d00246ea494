# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Text that is encrypted in the database and plain everywhere else.

The keys are made of ``SECRET_KEY``, which encrypts, and ``SECRET_KEY_FALLBACKS``, which
can still be read. Rows from before, and those of apps with ``ENCRYPT_TASK_PARAMETERS``
off, are plain text.
"""

from __future__ import annotations

import logging
from base64 import urlsafe_b64encode
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import current_app

from .base import LongText

PREFIX = "encrypted:1:"
_PURPOSE = b"qhana task parameters"
_LOGGER = logging.getLogger("qhana_plugin_runner.db")


class EncryptedText(LongText):
    """Long text, encrypted with a key of the current app.

    A text that no key of the app can decrypt is read as the empty text; an error is
    logged, and the row keeps what it has.
    """

    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Any) -> str | None:
        """Return what is stored."""
        text = super().process_bind_param(value, dialect)
        if not text:
            return text
        # A text that looks encrypted must be, or it could not be read.
        config = current_app.config
        wanted = config.get("ENCRYPT_TASK_PARAMETERS", True) or text.startswith(PREFIX)
        if not wanted or not config["SECRET_KEY"]:
            return text
        return PREFIX + _keys().encrypt(text.encode()).decode("ascii")

    def process_result_value(self, value: str | None, dialect: Any) -> str | None:
        """Return the plain text."""
        if not value or not value.startswith(PREFIX):
            return value
        try:
            return _keys().decrypt(value[len(PREFIX) :].encode()).decode()
        except (InvalidToken, ValueError):  # no key at all is a ValueError
            _LOGGER.error(
                "The parameters of a task cannot be decrypted. Was the SECRET_KEY "
                "changed? Add the old one to SECRET_KEY_FALLBACKS."
            )
            return ""


def _keys() -> MultiFernet:
    config = current_app.config
    secrets = (config["SECRET_KEY"], *(config.get("SECRET_KEY_FALLBACKS") or ()))
    return _keys_of(tuple(filter(None, secrets)))


@lru_cache(maxsize=16)
def _keys_of(secrets: tuple[str | bytes, ...]) -> MultiFernet:
    return MultiFernet([Fernet(_derived(secret)) for secret in secrets])


def _derived(secret: str | bytes) -> bytes:
    raw = secret.encode() if isinstance(secret, str) else secret
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE)
    return urlsafe_b64encode(kdf.derive(raw))
