# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The client of the plugin registry: finds resources by following links.

Nothing but the URL of the registry's root is known in advance. In a ``with`` block of a
thread, connections are kept open and answers of GET requests are remembered; every write
is sent and makes the client forget what it remembers.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Any
from urllib.parse import urljoin

import requests
from flask import Flask, current_app, has_app_context
from requests.exceptions import InvalidJSONError

from ..errors import RegistryNotConfiguredError
from .types import ApiLink, ApiResponse, Rels, match_api_link, rel_set

#: Where a search may start: an answer, a link, or a URL.
Base = ApiResponse | ApiLink | str

_WRITES = ("post", "put", "patch", "delete")


class _Session:
    """Connections and remembered answers of one ``with`` block."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._http = requests.Session()
        self._documents: dict[str, Any] = {}

    def send(
        self, method: str, url: str, params: Any, body: Any, json: Any
    ) -> ApiResponse:
        """Send a request, or answer a GET request from memory.

        Raises:
            requests.RequestException: no answer, an error status, or no JSON document.
        """
        request = self._http.prepare_request(
            requests.Request(method, url, params=params, data=body, json=json)
        )
        reading = method == "GET" and not request.body
        key = request.url or url
        if not reading:
            self._documents.clear()
        elif key in self._documents:
            return ApiResponse.from_json(copy.deepcopy(self._documents[key]))
        settings = self._http.merge_environment_settings(key, {}, None, None, None)
        try:
            response = self._http.send(request, timeout=self._timeout, **settings)
        finally:
            if not reading:
                self._documents.clear()
        response.raise_for_status()
        document = _document_of(response)
        try:
            answer = ApiResponse.from_json(document)
        except ValueError as err:
            raise InvalidJSONError(f"{err} ({key})", response=response) from err
        if reading:
            self._documents[key] = copy.deepcopy(document)
        return answer

    def close(self) -> None:
        self._http.close()


class PluginRegistryClient:
    """Reads and writes the resources of the configured plugin registry.

    The client can be used as it is or, for several requests, in a ``with`` block. Threads
    do not share sessions. Where nothing else is said, methods raise
    ``requests.RequestException`` if the registry cannot be reached or answers with an
    error.
    """

    def __init__(self, app: Flask | None = None, timeout: float = 5) -> None:
        """Make a client.

        Args:
            app: whose settings count outside of an application context.
            timeout: seconds to wait for a connection and for each part of an answer.
        """
        self._app = app
        self._timeout = timeout
        self._sessions: ContextVar[tuple[_Session, ...]] = ContextVar("sessions")

    def init_app(self, app: Flask) -> None:
        """Use the settings of the app outside of application contexts."""
        self._app = app

    @property
    def plugin_registry_url(self) -> str | None:
        """The root of the registry's API, from the setting ``PLUGIN_REGISTRY_URL``."""
        app = current_app if has_app_context() else self._app
        return (app.config.get("PLUGIN_REGISTRY_URL") or None) if app else None

    @property
    def ready(self) -> bool:
        """Whether a registry is configured."""
        return self.plugin_registry_url is not None

    def __enter__(self) -> PluginRegistryClient:
        self._sessions.set((*self._sessions.get(()), _Session(self._timeout)))
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        *others, session = self._sessions.get()
        self._sessions.set(tuple(others))
        session.close()

    def fetch_by_api_link(
        self,
        link: ApiLink,
        query_params: Any = None,
        body: Any = None,
        json: Any = None,
    ) -> ApiResponse:
        """Follow a link.

        Args:
            link: its ``rel`` says whether it is a POST, PUT, PATCH or DELETE request;
                otherwise it is a GET request.
            query_params: added to the query of the URL.
            body: form data or raw content.
            json: content that is sent as JSON.

        Returns:
            The answer; one without content has the ``resourceType`` ``accepted``.
        """
        method = next((verb for verb in _WRITES if verb in link.get("rel", ())), "get")
        url = urljoin(self.plugin_registry_url or "", link["href"])
        with self._session() as session:
            return session.send(method.upper(), url, query_params, body, json)

    def search_by_rel(
        self,
        rel: Rels,
        query_params: Any = None,
        body: Any = None,
        json: Any = None,
        allow_collection_resource: bool = True,
        base: Base | None = None,
        ignore_base_match: bool = False,
    ) -> ApiResponse | None:
        """Find the nearest resource with the relations.

        Args:
            rel: all of them must match, see :func:`.types.match_api_link`. Only a search
                for ``post``, ``put``, ``patch`` or ``delete`` writes anything.
            query_params: query of every request except the one for the root.
            body: form data or raw content of the request for the resource.
            json: JSON content of the request for the resource.
            allow_collection_resource: otherwise the first matching item is returned in
                place of a collection.
            base: where to start, by default the root of the registry.
            ignore_base_match: the start itself is not a result.

        Returns:
            The resource, or ``None`` if nothing matches.

        Raises:
            RegistryNotConfiguredError: a ``ValueError``; no registry URL is set.
        """
        rel = rel_set(rel)
        with self._session():
            start = self._start(base, query_params)
            if start.matches_rel(rel) and not ignore_base_match:
                return self._item(start, rel, query_params, allow_collection_resource)
            link = self._find_link(start, rel, query_params)
            if link is None:
                return None
            found = self.fetch_by_api_link(link, query_params, body, json)
            return self._item(found, rel, query_params, allow_collection_resource)

    def fetch_by_rel(
        self,
        rels: Sequence[Rels],
        query_params: Any = None,
        body: Any = None,
        json: Any = None,
        allow_collection_resource: bool = True,
        base: Base | None = None,
    ) -> ApiResponse | None:
        """Follow a path of relations.

        Args:
            rels: the relations of each step, for example
                ``["plugin", ["plugin", "post"]]``.
            query_params: query of every request except the one for the root.
            body: form data or raw content of the last request.
            json: JSON content of the last request.
            allow_collection_resource: as in :meth:`search_by_rel`.
            base: where to start, by default the root of the registry.

        Returns:
            The resource at the end, or ``None`` if a step leads nowhere.

        Raises:
            RegistryNotConfiguredError: a ``ValueError``; no registry URL is set.
        """
        with self._session():
            current = self._start(base, query_params)
            steps = [rel_set(rel) for rel in ([rels] if isinstance(rels, str) else rels)]
            for number, rel in enumerate(steps, start=1):
                link = self._find_link(current, rel, query_params)
                if link is None:
                    return None
                if number < len(steps):
                    current = self.fetch_by_api_link(link, query_params)
                else:
                    current = self.fetch_by_api_link(link, query_params, body, json)
            if not steps:
                return current
            return self._item(current, steps[-1], query_params, allow_collection_resource)

    @contextmanager
    def _session(self) -> Iterator[_Session]:
        """The session of this thread, or one for a single call."""
        sessions = self._sessions.get(())
        if sessions:
            yield sessions[-1]
        else:
            with self:
                yield self._sessions.get()[-1]

    def _start(self, base: Base | None, query_params: Any) -> ApiResponse:
        if isinstance(base, ApiResponse):
            return base
        if base is None:
            root = self.plugin_registry_url
            if root is None:
                raise RegistryNotConfiguredError(
                    "There is no plugin registry. Set PLUGIN_REGISTRY_URL to the root of "
                    "its API (for example http://localhost:5006/api/)."
                )
            return self.fetch_by_api_link({"href": root, "rel": [], "resourceType": ""})
        if isinstance(base, str):
            base = {"href": base, "rel": [], "resourceType": ""}
        return self.fetch_by_api_link(base, query_params)

    def _find_link(
        self, start: ApiResponse, rel: Rels, query_params: Any
    ) -> ApiLink | None:
        """Return the first matching link, looking behind ``api`` links as well."""
        queue, seen = [start], {start.self_link["href"]}
        while queue:
            current = queue.pop(0)
            links = [*current.links, *current.items]
            for link in links:
                if _leads_to(link, rel):
                    return link
            for link in links:
                if _leads_to(link, "api") and link["href"] not in seen:
                    seen.add(link["href"])
                    queue.append(self.fetch_by_api_link(link, query_params))
        return None

    def _item(
        self, found: ApiResponse, rel: Rels, query_params: Any, allow_collection: bool
    ) -> ApiResponse | None:
        if allow_collection or not found.is_collection_resource():
            return found
        wanted = rel_set(rel) - {"collection"}
        for link in found.items:
            if _leads_to(link, wanted):
                return self.fetch_by_api_link(link, query_params)
        return None


def _leads_to(link: ApiLink, rel: Rels) -> bool:
    """Return whether a link matches and does not write unless a write is wanted."""
    unwanted = set(_WRITES) - rel_set(rel)
    return match_api_link(link, rel) and unwanted.isdisjoint(link.get("rel", ()))


def _document_of(response: requests.Response) -> Any:
    if response.status_code == requests.codes.no_content:
        own = {"href": response.url, "rel": [], "resourceType": "accepted"}
        return {"data": {"self": own}}
    return response.json()
