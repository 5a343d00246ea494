# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the parts of the runner do before and after every request.

Flask looks for the hooks of an application and of each blueprint, asks of every hook
whether it is a coroutine, and tells it nothing, so that each looks the request up again.
The runner has a dozen of them. They get the application and the request here, and run
before the hooks of plugins and after them.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any

from flask import Flask, Request, Response
from flask.typing import ResponseReturnValue

from .current import this_request

_EXTENSION = "qhana-request-hooks"

UrlValues = MutableMapping[str, Any]
Unwrap = Callable[[Request, UrlValues], None]
Check = Callable[[Flask, Request], ResponseReturnValue | None]
Finish = Callable[[Flask, Request, Response], Response | None]
End = Callable[[Request], None]


class RequestHooks:
    """The hooks of one application, which calls them at each request."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._unwraps: list[Unwrap] = []
        self._checks: list[Check] = []
        self._finishes: list[Finish] = []
        self._ends: list[End] = []

    def unwrap(self, hook: Unwrap) -> None:
        """Run a hook that changes the arguments of a URL, if it has any."""
        self._unwraps.append(hook)

    def before(self, hook: Check) -> None:
        """Run a hook before every request; what it returns is the answer."""
        self._checks.append(hook)

    def after(self, hook: Finish) -> None:
        """Run a hook for every answer, before those that are there already.

        It changes the answer or returns another one.
        """
        self._finishes.insert(0, hook)

    def at_end(self, hook: End) -> None:
        """Run a hook when a request is over, also if it never began."""
        self._ends.append(hook)

    def before_view(self, request: Request) -> ResponseReturnValue | None:
        """Run all hooks that come before the view; returns the answer if one has it."""
        app, values = self._app, request.view_args
        if values:
            for unwrap in self._unwraps:
                unwrap(request, values)
        for check in self._checks:
            answer = check(app, request)
            if answer is not None:
                return answer
        return None

    def after_view(self, request: Request, response: Response) -> Response:
        """Run all hooks for an answer; returns the answer that is sent."""
        app = self._app
        for finish in self._finishes:
            answer = finish(app, request, response)
            if answer is not None:
                response = answer
        return response

    def end(self, request: Request) -> None:
        """Run all hooks for the end of a request."""
        for hook in self._ends:
            hook(request)


def request_hooks(app: Flask) -> RequestHooks:
    """Return the hooks of an application.

    One that does not know them calls them as it calls all others.
    """
    hooks = getattr(app, "request_hooks", None) or app.extensions.get(_EXTENSION)
    if hooks is None:
        hooks = app.extensions[_EXTENSION] = RequestHooks(app)
        app.before_request(lambda: hooks.before_view(this_request()))
        app.after_request(lambda response: hooks.after_view(this_request(), response))
        app.teardown_request(lambda _error: hooks.end(this_request()))
    return hooks
