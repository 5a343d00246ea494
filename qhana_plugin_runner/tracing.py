# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Traces in the format of OpenTelemetry: requests, messages, SQL statements, HTTP calls.

A span of a request, the message that it sends, and what a worker does for that message
belong to one trace. Where spans go is said by the setting ``TRACING_ENDPOINT`` or the
standard variables ``OTEL_*``, which the libraries read themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from celery import signals as celery_signals
from flask import Flask, Request

from .celery import CELERY
from .db import DB
from .errors import ConfigurationError
from .util.request_hooks import request_hooks

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_EXTENSION = "qhana-tracing"
_SERVICE = "qhana-plugin-runner"
_FLUSH_MILLISECONDS = 2000

# As the conventions named them first, and as they name them now.
_URL_ATTRIBUTES = ("http.url", "http.target", "url.full", "url.path")

# Probes and scrapers ask all the time.
_NOT_TRACED = "health/.*,healthz,readyz,metrics"


def init_app(app: Flask) -> None:
    """Trace what the app does if the settings ask for it.

    Raises:
        ConfigurationError: if the packages for that are not installed.
    """
    if not app.config.get("TRACING"):
        return
    try:
        provider = _new_provider(app.config.get("TRACING_ENDPOINT"))
        _instrument(app, provider)
    except ImportError as err:
        raise ConfigurationError(
            f"The setting TRACING is on, but {err.name} is not installed. Install the "
            "runner with its extra named tracing."
        ) from err
    app.extensions[_EXTENSION] = provider


def _new_provider(endpoint: str | None) -> TracerProvider:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create()
    if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": _SERVICE}))
    # What OTEL_TRACES_SAMPLER says.
    usual_sampler = TracerProvider(resource=resource, shutdown_on_exit=False).sampler
    provider = TracerProvider(resource=resource, sampler=_no_lone_calls(usual_sampler))
    url = None if endpoint is None else f"{endpoint.rstrip('/')}/v1/traces"
    # After a fork the processor starts its thread again by itself.
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)))
    return provider


def _no_lone_calls(usual: Any) -> Any:
    """Return a sampler that drops calls which belong to no request and to no task.

    Workers renew their leases and look for webhook calls all the time.
    """
    from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, Sampler, SamplingResult
    from opentelemetry.trace import SpanKind, get_current_span

    class NoLoneCalls(Sampler):
        def should_sample(
            self,
            parent_context: Any,
            trace_id: int,
            name: str,
            kind: Any = None,
            *more: Any,
            **named: Any,
        ) -> SamplingResult:
            parent = get_current_span(parent_context).get_span_context()
            is_lone = kind is SpanKind.CLIENT and not parent.is_valid
            sampler = ALWAYS_OFF if is_lone else usual
            return sampler.should_sample(
                parent_context, trace_id, name, kind, *more, **named
            )

        def get_description(self) -> str:
            return f"NoLoneCalls({usual.get_description()})"

    return NoLoneCalls()


def _instrument(app: Flask, provider: TracerProvider) -> None:
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.flask import FlaskInstrumentor
    from opentelemetry.instrumentation.requests import RequestsInstrumentor
    from opentelemetry.instrumentation.sqlalchemy import SQLAlchemyInstrumentor

    FlaskInstrumentor().instrument_app(
        app,
        tracer_provider=provider,
        excluded_urls=_NOT_TRACED,
    )
    hooks = request_hooks(app)
    # The span must be there before anything can refuse the request.
    begin_span = app._before_request  # type: ignore[attr-defined]
    app.before_request_funcs[None].remove(begin_span)
    hooks.before(lambda _app, _request: begin_span())
    hooks.before(_hide_query_of_request)
    with app.app_context():
        engines = list(DB.engines.values())
    for engine in engines:
        SQLAlchemyInstrumentor().instrument(engine=engine, tracer_provider=provider)
    options = {"tracer_provider": provider, "request_hook": _hide_query_of_call}
    for instrumentor in (CeleryInstrumentor(), RequestsInstrumentor()):
        # One for all apps of this process.
        if not instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.instrument(**options)


def _hide_query_of_request(_app: Flask, request: Request) -> None:
    # Tags that open files and tokens are there. The instrumentation has just set these.
    from opentelemetry.trace import get_current_span

    _set_url(get_current_span(), request.path, request.base_url)


def _hide_query_of_call(span: Any, prepared: Any) -> None:
    parts = urlsplit(prepared.url)
    host = parts.netloc.rpartition("@")[2]
    _set_url(span, parts.path, f"{parts.scheme}://{host}{parts.path}")


def _set_url(span: Any, path: str, url: str) -> None:
    if span is not None and span.is_recording():
        for name in set(_URL_ATTRIBUTES) & set(span.attributes or ()):
            span.set_attribute(name, url if name.endswith(("http.url", "full")) else path)
        if "url.query" in (span.attributes or ()):
            span.set_attribute("url.query", "")


@celery_signals.worker_process_shutdown.connect
def _send_what_is_left(**_kwargs: Any) -> None:
    # A pool child ends without the clean-up of the interpreter.
    app = CELERY.flask_app
    provider = app.extensions.get(_EXTENSION) if app is not None else None
    if provider is not None:
        provider.force_flush(_FLUSH_MILLISECONDS)
