# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What the endpoints of a plugin answer: metadata, micro frontend, processing."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import marshmallow as ma
from flask import current_app
from werkzeug import Response
from werkzeug.exceptions import HTTPException

from ..api.mounted import mounted_plugins
from ..api.plugin_schemas import PluginMetadata, PluginMetadataSchema
from ..util.plugins import QHAnaPluginBase
from .findings import Finding, advice, problem
from .forms import check_schema, data_keys, schemas_of

_TOKEN_NEEDED = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def check_answers(plugin: QHAnaPluginBase) -> Iterator[Finding]:
    """Check the endpoints of a plugin that is mounted in the current app."""
    mounted = mounted_plugins().by_identifier.get(plugin.identifier)
    if mounted is None:
        return
    try:
        answer = _send("GET", f"{mounted.url_prefix}/")
    except Exception as err:  # whatever the plugin's view raises
        yield problem(f"The metadata view fails: {err!r}.", "Repair it.")
        return
    if answer.status_code in _TOKEN_NEEDED:
        yield advice(
            "The runner wants a token, so the endpoints were not checked.",
            "Run the check with the default configuration.",
        )
        return
    if answer.status_code != HTTPStatus.OK:
        yield problem(
            f"The metadata endpoint answers {answer.status_code}.",
            'Add a view for the route "/" that returns PluginMetadata.',
        )
        return
    try:
        metadata = PluginMetadataSchema().load(answer.get_json(force=True) or {})
    except ma.ValidationError as err:
        yield problem(
            f"The metadata is not valid: {err.messages}.",
            "Return a PluginMetadata through PluginMetadataSchema.",
        )
        return
    yield from _check_metadata(plugin, metadata)
    yield from _check_micro_frontend(metadata)
    yield from _check_processing(metadata)


def _check_metadata(
    plugin: QHAnaPluginBase, metadata: PluginMetadata
) -> Iterator[Finding]:
    for attribute in ("name", "version"):
        said, known = getattr(metadata, attribute), getattr(plugin, attribute)
        if said != known:
            yield problem(
                f"The metadata says {attribute} {said!r}, the class {known!r}.",
                f"Take the {attribute} from the instance of the class.",
            )
    if not metadata.title or not metadata.description:
        yield problem(
            "The metadata has no title or no description.", "People choose by them."
        )
    for data in [*metadata.entry_point.data_input, *metadata.entry_point.data_output]:
        if not data.content_type or not data.data_type:
            yield problem(
                "An input or output has no data type or no content type.",
                'Say both; "*" and ["*"] stand for any.',
            )


def _check_micro_frontend(metadata: PluginMetadata) -> Iterator[Finding]:
    href = metadata.entry_point.ui_href
    endpoint = _endpoint(href, "GET")
    if endpoint is None:
        yield problem(
            f"No route of the runner answers GET {href}.",
            "Let ui_href be url_for() of the micro frontend.",
        )
        return
    try:
        answer = _send("GET", href)
    except Exception as err:  # whatever the plugin's view raises
        yield problem(f"The micro frontend fails: {err!r}.", "Repair its view.")
        return
    if answer.status_code != HTTPStatus.OK or answer.mimetype != "text/html":
        yield problem(
            f"The micro frontend answers {answer.status_code} ({answer.mimetype}).",
            "It must answer 200 with HTML, also without any query.",
        )
        return
    yield from _check_page(answer.get_data(as_text=True), endpoint)


def _check_page(page: str, endpoint: str) -> Iterator[Finding]:
    if "microfrontend.js" not in page and "ui-loaded" not in page:
        yield problem(
            "The micro frontend does not load microfrontend.js.",
            "Extend simple_template.html; without the script the host waits for ever.",
        )
    for schema in schemas_of(endpoint, "GET", "query"):
        for key in data_keys(schema):
            if f'name="{key}"' not in page:
                yield advice(
                    f"The field {key} is not in the form.",
                    "Render it with forms.render_fields, or remove it from the schema.",
                )


def _check_processing(metadata: PluginMetadata) -> Iterator[Finding]:
    href = metadata.entry_point.href
    endpoint = _endpoint(href, "POST")
    if endpoint is None:
        yield problem(
            f"No route of the runner answers POST {href}.",
            "Let href be url_for() of the processing view.",
        )
        return
    schemas = schemas_of(endpoint, "POST", "form")
    for schema in schemas:
        yield from check_schema(schema)
    if not schemas:
        return
    keys = {key: field for schema in schemas for key, field in data_keys(schema).items()}
    for data in metadata.entry_point.data_input:
        parameter = getattr(data, "parameter", None)
        if parameter is not None and parameter not in keys:
            yield problem(
                f"The form has no field for the input {parameter!r} of the metadata.",
                f"The form has {', '.join(sorted(keys))}; names are camelCase.",
            )
    # Forms without a required field would start a task.
    if any(field.required for field in keys.values()):
        yield from _check_refusal(href)


def _check_refusal(href: str) -> Iterator[Finding]:
    try:
        status = _send("POST", href, data={}).status_code
    except Exception as err:  # whatever the plugin's view raises
        yield problem(
            f"The processing view fails on an empty form: {err!r}.", "Repair it."
        )
        return
    if status != HTTPStatus.UNPROCESSABLE_ENTITY:
        yield problem(
            f"An empty form is answered with {status} although a field is required.",
            'Parse it with BLP.arguments(Schema(unknown=EXCLUDE), location="form").',
        )


def _endpoint(href: str, method: str) -> str | None:
    """Return the endpoint of this app that answers, ``None`` if none does."""
    adapter = current_app.url_map.bind(_host())
    try:
        endpoint, _arguments = adapter.match(urlsplit(href).path, method)
    except HTTPException:  # not found, wrong method, or a redirect
        return None
    return str(endpoint)


def _send(method: str, href: str, **kwargs: Any) -> Response:
    parts = urlsplit(href)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    client = current_app.test_client()
    return client.open(path, method=method, base_url=f"http://{_host()}", **kwargs)


def _host() -> str:
    trusted = current_app.config.get("TRUSTED_HOSTS") or ["localhost"]
    return str(trusted[0]).lstrip(".")
