# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The OpenAPI document of one app.

Routes are registered at start, their documentation is written when somebody asks for it:
that takes longer than importing most plugins, and no worker needs it. A blueprint that
cannot be documented is left out, with an error in the log; its routes work all the same.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow import resolver as usual_schema_name
from flask import Blueprint, Flask, json
from flask_smorest import Api
from marshmallow import Schema
from marshmallow.fields import Field, Integer, Url

from qhana_plugin_runner.api.extra_fields import CSVList, EnumField
from qhana_plugin_runner.api.jwt import SECURITY_SCHEMES
from qhana_plugin_runner.api.operation_details import OperationDetails
from qhana_plugin_runner.api.url_fields import url_pattern

_LOGGER = logging.getLogger("qhana_plugin_runner.api")

_NUMBERS = "^([+-]?[0-9]+(,[+-]?[0-9]+)*)?$"


@dataclass(frozen=True)
class _Registered:
    name: str
    blueprint: Blueprint
    parameters: list[Any] | None


class RunnerApi(Api):
    """The one flask-smorest API of an app; it documents its blueprints when asked."""

    def __init__(self, app: Flask) -> None:
        self._lock = threading.RLock()
        self._spec: APISpec | None = None
        self._registered: list[_Registered] = []
        self._is_documented = True
        self._is_documenting = False
        self._serialised: tuple[bytes, str] | None = None
        super().__init__(app)

    @property
    def spec(self) -> APISpec | None:
        """The specification with all blueprints that are registered so far."""
        if not self._is_documented:
            with self._lock:
                # flask-smorest reads this property while the document is written.
                if not (self._is_documented or self._is_documenting):
                    self._document()
        return self._spec

    @spec.setter
    def spec(self, spec: APISpec | None) -> None:
        self._spec = spec

    def register_blueprint(
        self, blp: Blueprint, *, parameters: list[Any] | None = None, **options: Any
    ) -> None:
        """Register the routes of a blueprint now, its documentation is written later.

        Args:
            blp: a blueprint of flask-smorest, or a plain one of Flask, which stays
                undocumented.
            parameters: documentation of the parameters in the URL prefix.
            **options: of :meth:`flask.Flask.register_blueprint`.
        """
        name = options.get("name", blp.name)
        self._app.register_blueprint(blp, **options)
        self._app.extensions["flask-smorest"]["blp_name_to_api"][name] = self
        if hasattr(blp, "register_views_in_doc"):
            self._registered.append(_Registered(name, blp, parameters))
            self._is_documented = False
            self._serialised = None

    def serialised(self, root_path: str = "") -> tuple[bytes, str]:
        """Return the document as bytes of JSON, and an entity tag for them.

        Args:
            root_path: path below which a proxy serves the runner; paths in the document
                are relative to it.
        """
        with self._lock:
            assert self.spec is not None
            if self._serialised is None:
                text = json.dumps(self.spec.to_dict(), indent=2, sort_keys=False)
                body = text.encode("utf-8")
                self._serialised = body, hashlib.sha256(body).hexdigest()[:32]
            body, tag = self._serialised
            if not root_path or "servers" in self.spec.options:
                return body, tag
        servers = json.dumps([{"url": root_path}]).encode("utf-8")
        body = b'{\n  "servers": ' + servers + b"," + body.removeprefix(b"{")
        return body, hashlib.sha256(tag.encode() + servers).hexdigest()[:32]

    def _document(self) -> None:
        self._is_documenting = True
        try:
            # Whatever a failed blueprint has left behind must not stay, least of all
            # references to schemas that are missing: start again without it.
            while (failed := self._document_until_failure()) is not None:
                self._registered.remove(failed)
                self._init_spec()
            self._is_documented = True
        finally:
            self._is_documenting = False

    def _document_until_failure(self) -> _Registered | None:
        assert self._spec is not None
        for entry in self._registered:
            blueprint: Any = entry.blueprint
            try:
                blueprint.register_views_in_doc(
                    self,
                    self._app,
                    self._spec,
                    name=entry.name,
                    parameters=entry.parameters,
                )
            except Exception as err:
                _LOGGER.error(
                    "The routes of %s work, but are not part of the OpenAPI document.",
                    entry.name,
                    exc_info=err,
                )
                return entry
            self._spec.tag({"name": entry.name, "description": blueprint.description})
        return None

    def _init_spec(self, **options: Any) -> None:
        super()._init_spec(
            marshmallow_plugin=_SchemaPlugin(),
            extra_plugins=[OperationDetails()],
            **options,
        )
        assert self._spec is not None
        for field_type in (EnumField, CSVList):
            self._register_field(field_type, "string", None)
        self.ma_plugin.converter.add_attribute_function(_plain_attributes)
        for name, scheme in SECURITY_SCHEMES.items():
            self._spec.components.security_scheme(name, dict(scheme))

    def _register_doc_blueprint(self) -> None:
        """Leave the routes of the document to :mod:`.viewers`."""

    def _register_error_handlers(self) -> None:
        """Leave errors to :mod:`.error_answers`."""


class _SchemaPlugin(MarshmallowPlugin):
    """Numbers schemas of equal name (``Name``, ``Name1``, …) without warning about it.

    Plugins do not know each other's schemas, equal names are no mistake.
    """

    def __init__(self) -> None:
        super().__init__(schema_name_resolver=self._free_name)

    def _free_name(self, schema: type[Schema]) -> str:
        assert self.spec is not None
        name = free = usual_schema_name(schema)
        number = 0
        while free in self.spec.components.schemas:
            number += 1
            free = f"{name}{number}"
        return free


def _plain_attributes(
    _converter: Any, field: Field, *, ret: dict[str, Any], **_kwargs: Any
) -> dict[str, Any]:
    """Describe a field in values that JSON knows (plugins use members of enums)."""
    if isinstance(field, EnumField):
        choices = list(field.metadata["options"])
        ret = {**ret, "enum": [*choices, None] if field.allow_none else choices}
    if isinstance(field, Url) and not (field.relative or field.dump_only):
        ret = {"pattern": url_pattern(field), **ret}
    if isinstance(field, CSVList) and isinstance(field.element_type, Integer):
        ret = {"pattern": _NUMBERS, **ret}
    if ret.get("type") == "file":  # as in the version before OpenAPI 3
        ret = {**ret, "type": "string", "format": "binary"}
    return _plain(ret)


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    return str(value)
