# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The Flask class of the runner: what each request costs, whatever it asks for."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any

from flask import Flask, Request, Response, has_request_context
from flask.globals import request_ctx
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.signals import request_tearing_down
from flask.typing import ResponseReturnValue
from werkzeug.routing import MapAdapter

from .api.json_answers import RunnerJSONProvider
from .api.step_ids import RunnerRule
from .config.hidden import HidingConfig
from .util.current import this_request
from .util.request_hooks import RequestHooks

# Probes and scrapers use addresses as hosts; these answers contain no URLs.
_PROBED_PATHS = ("/health/", "/healthz", "/readyz", "/metrics")

# Clients can choose the host and, behind a proxy that says so, the prefix.
_KEPT_URLS = 4096
_LONGEST_KEPT_URL = 512


class LazySessions(SecureCookieSessionInterface):
    """Cookie sessions that cost nothing while nobody uses them.

    The runner has no sessions of its own, plugins may have them.
    """

    def open_session(self, app: Flask, request: Request) -> Any:
        """Return the session of a request; without a cookie there is nothing to check."""
        if app.secret_key and not self._has_cookie(app, request):
            return self.session_class()
        return super().open_session(app, request)

    def _has_cookie(self, app: Flask, request: Request) -> bool:
        return (
            "HTTP_COOKIE" in request.environ
            and self.get_cookie_name(app) in request.cookies
        )

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Write the cookie of a session that was used."""
        if session or session.accessed or session.modified:
            super().save_session(app, session, response)


class RunnerFlask(Flask):
    """Flask, except that ``SERVER_NAME`` only counts where there is no request.

    Its configuration shows no secrets.
    """

    config_class = HidingConfig
    json_provider_class = RunnerJSONProvider
    session_interface = LazySessions()
    url_rule_class = RunnerRule

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request_hooks = RequestHooks(self)
        self._urls: dict[tuple[str, ...], str] = {}

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Return the adapter that builds URLs, for the host of the request if any."""
        if request is None:
            return super().create_url_adapter(None)
        trusted_hosts = self.config.get("TRUSTED_HOSTS")
        if trusted_hosts is not None and not request.path.startswith(_PROBED_PATHS):
            request.trusted_hosts = trusted_hosts
            _ = request.host  # raises SecurityError for other hosts
        if "HTTP_UPGRADE" in request.environ or self.url_map.host_matching:
            return self.url_map.bind_to_environ(request.environ)
        # The same, without parsing the host again.
        return self.url_map.bind(
            request.host,
            request.root_path,
            "",
            request.scheme,
            request.method,
            request.path,
            request.query_string.decode(errors="replace"),
        )

    def url_for(self, /, endpoint: str, **values: Any) -> str:
        """Return the URL of an endpoint, see :meth:`flask.Flask.url_for`.

        That of an endpoint without arguments is built once for each host.
        """
        given = {name: value for name, value in values.items() if value is not None}
        is_external = given.pop("_external", False)
        if (
            given
            or endpoint not in self.view_functions
            or self.url_default_functions
            or self.url_map.host_matching
            or not has_request_context()
        ):
            return super().url_for(endpoint, **values)
        request = this_request()
        # Of several rules of an endpoint the one with the method of the request is used.
        key: tuple[str, ...] = endpoint, request.method, request.root_path
        if is_external:
            key += request.scheme, request.host
        url = self._urls.get(key)
        if url is None:
            url = super().url_for(endpoint, **values)
            if len(self._urls) < _KEPT_URLS and len(url) <= _LONGEST_KEPT_URL:
                self._urls[key] = url
        return url

    def preprocess_request(self) -> ResponseReturnValue | None:
        """Run what comes before the view: the runner's hooks, then those of plugins."""
        request = this_request()
        answer = self.request_hooks.before_view(request)
        if answer is None and (self.before_request_funcs or self.url_value_preprocessors):
            return super().preprocess_request()
        return answer

    def process_response(self, response: Response) -> Response:
        """Run what comes after the view: the hooks of plugins, then the runner's."""
        context = request_ctx._get_current_object()  # type: ignore[attr-defined]
        for function in context._after_request_functions:
            response = self.ensure_sync(function)(response)
        if self.after_request_funcs:
            for name in (*context.request.blueprints, None):
                for function in reversed(self.after_request_funcs.get(name, ())):
                    response = self.ensure_sync(function)(response)
        response = self.request_hooks.after_view(context.request, response)
        if not self.session_interface.is_null_session(context._session):
            self.session_interface.save_session(self, context._session, response)
        return response

    def do_teardown_request(self, *error: BaseException | None) -> None:
        """Run what comes at the end: the hooks of plugins, then the runner's."""
        try:
            if self.teardown_request_funcs or not error:
                super().do_teardown_request(*error)
            else:
                request_tearing_down.send(
                    self, _async_wrapper=self.ensure_sync, exc=error[0]
                )
        finally:
            self.request_hooks.end(this_request())

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that can be called without an event loop.

        Flask asks for every hook and view of every request.
        """
        if isinstance(func, (FunctionType, MethodType)):
            is_async = func.__code__.co_flags & inspect.CO_COROUTINE
            # inspect.markcoroutinefunction() sets the attribute.
            if not is_async and "_is_coroutine_marker" not in func.__dict__:
                return func
        return super().ensure_sync(func)
