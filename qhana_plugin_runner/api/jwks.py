# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The public keys of an identity provider (a JWK set, RFC 7517).

The keys are fetched when a token first needs one, and again once an hour or when a token
names a key that is not known, but not more than once a minute. While the provider does
not answer, the keys that are known stay valid.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests
from jwt import InvalidKeyError, InvalidTokenError, PyJWK, PyJWKError

_LOGGER = logging.getLogger("qhana_plugin_runner.api.jwks")

#: Which type of key each signature algorithm needs.
KEY_TYPE_OF_ALGORITHM = {
    **{f"RS{bits}": "RSA" for bits in (256, 384, 512)},
    **{f"PS{bits}": "RSA" for bits in (256, 384, 512)},
    **{f"ES{bits}": "EC" for bits in (256, 384, 512)},
    "EdDSA": "OKP",
}

_FRESH_SECONDS = 3600.0
_REFETCH_SECONDS = 60.0
_FIRST_REFETCH_SECONDS = 5.0
_TIMEOUT_SECONDS = 5.0
_LARGEST_SET = 1 << 20


@dataclass(frozen=True)
class PublicKey:
    """One key of a set.

    Attributes:
        type: its type (``kty``).
        algorithm: the only algorithm it is for, ``None`` for all of its type.
        key: the key itself.
    """

    type: str
    algorithm: str | None
    key: Any

    def is_for(self, algorithm: str) -> bool:
        """Return whether a signature of that algorithm can be checked with the key."""
        fits_type = KEY_TYPE_OF_ALGORITHM[algorithm] == self.type
        return fits_type and self.algorithm in (None, algorithm)


class KeySet:
    """The keys of one provider.

    Args:
        url: where the set is.
        clock: seconds that only grow.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: dict[str | None, PublicKey] = {}
        self._fetched_at = self._tried_at = float("-inf")

    def key(self, key_id: Any, algorithm: str) -> Any:
        """Return the public key that a token names.

        Args:
            key_id: the header ``kid``; may be missing if there is one key only.
            algorithm: the header ``alg``.

        Raises:
            jwt.InvalidTokenError: there is no such key, or it is of another type.
        """
        now = self._clock()
        if now - self._fetched_at > _FRESH_SECONDS or self._find(key_id) is None:
            self._refresh(now)
        key = self._find(key_id)
        if key is None:
            raise InvalidTokenError("it is signed with an unknown key")
        if not key.is_for(algorithm):
            raise InvalidTokenError("its key is for another algorithm")
        return key.key

    def _find(self, key_id: Any) -> PublicKey | None:
        if key_id is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return self._keys.get(key_id) if isinstance(key_id, str) else None

    def _refresh(self, now: float) -> None:
        with self._lock:
            pause = _REFETCH_SECONDS if self._keys else _FIRST_REFETCH_SECONDS
            if now - self._tried_at < pause:
                return
            self._tried_at = now
            try:
                keys = _usable_keys(_fetch(self._url))
            except (requests.RequestException, ValueError, TypeError, KeyError) as err:
                _LOGGER.warning("The keys at %s cannot be read: %s", self._url, err)
                return
            self._keys, self._fetched_at = keys, now


def _fetch(url: str) -> Any:
    with requests.get(
        url, timeout=_TIMEOUT_SECONDS, allow_redirects=False, stream=True
    ) as response:
        response.raise_for_status()
        body = response.raw.read(_LARGEST_SET + 1, decode_content=True)
    if len(body) > _LARGEST_SET:
        raise ValueError("the set of keys is too large")
    return json.loads(body)


def _usable_keys(document: Any) -> dict[str | None, PublicKey]:
    keys: dict[str | None, PublicKey] = {}
    for data in document["keys"]:
        is_public = data.get("kty") in KEY_TYPE_OF_ALGORITHM.values()
        if not is_public or data.get("use", "sig") != "sig":
            continue
        try:
            key = PyJWK.from_dict(data).key
            keys[data.get("kid")] = PublicKey(data["kty"], data.get("alg"), key)
        except (PyJWKError, InvalidKeyError) as err:
            _LOGGER.warning("The key %r cannot be used: %s", data.get("kid"), err)
    return keys
