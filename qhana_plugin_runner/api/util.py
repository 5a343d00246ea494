# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Step 1 (form to values) and step 4 (answer) of a request: the bases of every API."""

from __future__ import annotations

import copy
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from flask import redirect, url_for
from flask_smorest import Blueprint
from marshmallow import EXCLUDE, Schema, ValidationError, pre_load
from marshmallow.fields import Field
from werkzeug import Response

from qhana_plugin_runner.api import jwt
from qhana_plugin_runner.api.argument_details import documented_parameters
from qhana_plugin_runner.api.request_data import RequestParser
from qhana_plugin_runner.api.url_fields import FileUrl, PluginUrl
from qhana_plugin_runner.api.validation_texts import translate_field, translate_schema
from qhana_plugin_runner.babel import gettext

if TYPE_CHECKING:
    from marshmallow.types import StrSequenceOrSet

    from qhana_plugin_runner.db.models.tasks import ProcessingTask

__all__ = [
    "FileUrl",
    "FrontendFormBaseSchema",
    "MaBaseSchema",
    "PluginUrl",
    "SecurityBlueprint",
    "camelcase",
    "redirect_to_task",
]

# No database column and no UTF-8 answer can hold these.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

View = Callable[..., Any]


def camelcase(name: str) -> str:
    """Turn ``snake_case`` into ``camelCase``.

    The first part stays as it is, the following parts are title-cased:
    ``num_2d`` becomes ``num2D``, ``file-id`` stays ``file-id``.
    """
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def redirect_to_task(task: ProcessingTask | int) -> Response:
    """Answer a processing request: 303 to the status of the task.

    Args:
        task: the committed task, or its id.
    """
    task_id = task if isinstance(task, int) else task.id
    return redirect(
        url_for("tasks-api.TaskView", task_id=str(task_id)), HTTPStatus.SEE_OTHER
    )


class MaBaseSchema(Schema):
    """Schema whose keys are camelCase outside and snake_case inside.

    Texts with characters that no database can store (the null character, lone
    surrogates) are refused with a message at their field. So are those of unknown keys,
    unless the schema leaves them out.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        translate_schema(self)

    def on_bind_field(self, field_name: str, field_obj: Field) -> None:
        """Set the outside key of a field when it is bound to this schema."""
        field_obj.data_key = camelcase(field_obj.data_key or field_name)
        translate_field(field_obj)

    @pre_load
    def _refuse_unstorable_text(self, data: Any, **kwargs: Any) -> Any:
        if isinstance(data, Mapping):
            errors = {
                key: [_unstorable_message()]
                for key, value in data.items()
                if _is_unstorable(value) and self._keeps(key)
            }
            if errors:
                raise ValidationError(errors)
        return data

    def _keeps(self, key: str) -> bool:
        """Whether the value of an outside key is read at all."""
        known = (field.data_key for field in self.load_fields.values())
        return self.unknown != EXCLUDE or key in known


def _unstorable_message() -> str:
    return gettext("Null characters and lone surrogates are not allowed.")


def _is_unstorable(value: Any) -> bool:
    if isinstance(value, str):
        return _UNSTORABLE.search(value) is not None
    return isinstance(value, (list, tuple)) and any(_is_unstorable(v) for v in value)


class FrontendFormBaseSchema(MaBaseSchema):
    """Schema of a form. The order of its fields is the order of the inputs.

    Args:
        only, exclude, many, context, load_only, dump_only, partial, unknown:
            of :class:`marshmallow.Schema`.
        validate_errors_as_result: make :meth:`load` return the errors of the data
            (camelCase key to list of messages, ``{}`` if it is fine) instead of values.
            Micro frontends use this to show the errors in the form.
    """

    dict_class = OrderedDict

    def __init__(
        self,
        *,
        only: StrSequenceOrSet | None = None,
        exclude: StrSequenceOrSet = (),
        many: bool = False,
        context: dict[str, Any] | None = None,
        load_only: StrSequenceOrSet = (),
        dump_only: StrSequenceOrSet = (),
        partial: bool | StrSequenceOrSet | None = False,
        unknown: str | None = None,
        validate_errors_as_result: bool = False,
    ) -> None:
        super().__init__(
            only=only,
            exclude=exclude,
            many=many,
            context=context,
            load_only=load_only,
            dump_only=dump_only,
            partial=partial,
            unknown=unknown,
        )
        self._validate_errors_as_result = validate_errors_as_result

    def load(
        self,
        data: Any,
        *,
        many: bool | None = None,
        partial: bool | StrSequenceOrSet | None = None,
        unknown: str | None = None,
    ) -> Any:
        """Read the data of a form.

        Returns:
            The values, or with ``validate_errors_as_result`` the errors.

        Raises:
            marshmallow.ValidationError: if the data is invalid and errors are not the
                result.
        """
        if not self._validate_errors_as_result:
            return super().load(data, many=many, partial=partial, unknown=unknown)
        checker = self
        if unknown is not None and unknown != self.unknown:
            # validate() knows no `unknown`, and this instance is shared by all requests.
            checker = copy.copy(self)
            checker.unknown = unknown
        return checker.validate(data, many=many, partial=partial)


class SecurityBlueprint(Blueprint):
    """The blueprint of a plugin: flask-smorest plus HTML answers and tokens.

    Stacked ``arguments`` decorators append their values in decorator order, top first.
    """

    ARGUMENTS_PARSER = RequestParser()

    def html_response(
        self,
        status: int | str | HTTPStatus,
        *,
        description: str | None = None,
        example: Any = None,
        examples: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        success: bool = True,
    ) -> Callable[[View], View]:
        """Document that a view answers with HTML; its return value stays untouched."""
        return self.alt_response(
            status,
            schema={"type": "string"},
            content_type="text/html",
            description=description,
            example=example,
            examples=examples,
            headers=headers,
            success=success,
        )

    def require_jwt(
        self,
        scheme: str = "jwt",
        *,
        fresh: bool = False,
        optional: bool = False,
        refresh_token: bool = False,
    ) -> Callable[[View], View]:
        """Check and document the token of a view; the innermost decorator.

        Args:
            scheme: key of :data:`qhana_plugin_runner.api.jwt.SECURITY_SCHEMES`.
            fresh: only tokens that come directly from a log-in are valid.
            optional: a request without token reaches the view as well.
            refresh_token: the token must be a refresh token.
        """
        check = jwt.require_jwt(
            scheme, fresh=fresh, optional=optional, refresh_token=refresh_token
        )
        security: list[dict[str, list[str]]] = [{}] if optional else []
        document = self.doc(security=[*security, {scheme: []}])

        def decorate(view: View) -> View:
            checked = check(view)
            checked._apidoc = document(checked)._apidoc  # type: ignore[attr-defined]
            return checked

        return decorate

    def _prepare_arguments_doc(
        self, doc: dict[str, Any], doc_info: dict[str, Any], **kwargs: Any
    ) -> dict[str, Any]:
        arguments = doc_info.get("arguments", {})
        if "parameters" in arguments:
            arguments["parameters"] = documented_parameters(
                arguments["parameters"], kwargs["api"].ma_plugin.converter
            )
        return super()._prepare_arguments_doc(doc, doc_info, **kwargs)
