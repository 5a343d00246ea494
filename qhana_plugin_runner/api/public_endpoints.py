# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What answers without a token where tokens are required: one table for all parts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Public:
    """Why an endpoint needs no token.

    Attributes:
        why: one sentence for people.
        setting: name of the boolean setting that opens it, ``None`` if it is open always.
        ignores_tokens: whether it answers the same to everybody, so that tokens are not
            even looked at: a stale one in a probe must not get a server restarted.
    """

    why: str
    setting: str | None = None
    ignores_tokens: bool = False


#: By the name of an endpoint, or of a blueprint for all of its endpoints.
PUBLIC_ENDPOINTS: dict[str, Public] = {
    "static": Public(
        "Style sheets and scripts of the runner's own pages.", ignores_tokens=True
    ),
    "api-root.RootView": Public("The title of the API; browsers must log in."),
    "login": Public("Where people log in and out."),
    "health-api": Public("Probes know no tokens.", ignores_tokens=True),
    "health-aliases": Public("Probes know no tokens.", ignores_tokens=True),
    "plugins-api": Public(
        "The list of plugins, for registries.", "AUTHENTICATION_PUBLIC_METADATA"
    ),
}

#: The setting that opens the metadata of every plugin.
METADATA_SETTING = "AUTHENTICATION_PUBLIC_METADATA"

#: Methods of task endpoints for which the opaque URL of the task replaces the token.
CAPABILITIES: dict[str, frozenset[str]] = {
    "tasks-api.TaskView": frozenset({"GET", "HEAD", "POST"}),
    "tasks-api.TaskEventsView": frozenset({"GET", "HEAD"}),
}

#: Where a query parameter with the tag of the file replaces the token.
FILE_ENDPOINT, TAG_PARAMETER = "files-api.FileView", "file-id"


def public_entry(endpoint: str) -> Public | None:
    """Return the entry of an endpoint or of its blueprint."""
    blueprint = endpoint.rpartition(".")[0]
    return PUBLIC_ENDPOINTS.get(endpoint) or PUBLIC_ENDPOINTS.get(blueprint)
