# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""A session of aiobotocore that keeps of the descriptions of AWS what S3 needs.

botocore reads the endpoints of all services, and the documentation of all operations,
into ordered dictionaries. They take 15 MiB of each process that uses S3; 7 MiB are left
with plain dictionaries, without the texts and the other services. Only imported with S3:
its packages are optional.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, BinaryIO

from aiobotocore.session import AioSession
from botocore.loaders import JSONFileLoader

# S3 itself, and where credentials come from.
_SERVICES = ("s3", "sts", "sso", "sso-oidc", "portal.sso", "oidc", "signin")


class _SlimLoader(JSONFileLoader):
    def _load_file(
        self, full_path: str, open_method: Callable[[str, str], BinaryIO]
    ) -> dict[str, Any] | None:
        try:
            with open_method(full_path, "rb") as file:
                return json.loads(file.read(), object_pairs_hook=_slim)
        except FileNotFoundError:
            return None


def _slim(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if isinstance(found.get("documentation"), str):
        found["documentation"] = ""  # some of botocore's code asks for the key
    if "partition" in found and isinstance(found.get("services"), dict):
        services = found["services"]
        found["services"] = {
            name: services[name] for name in _SERVICES if name in services
        }
    return found


class S3Session(AioSession):
    """A session for the connections of one filesystem."""

    def get_component(self, name: str) -> Any:
        """Return a part of the session; the loader of descriptions is a slim one."""
        component = super().get_component(name)
        if name == "data_loader":
            component.file_loader = _SlimLoader()
        return component
