# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Fields for the URLs of input data and of plugins.

The rules decide what a form accepts, not what is fetched: the fetch policy of
:mod:`qhana_plugin_runner.requests` has the last word when a task opens the URL.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any

from flask import has_request_context
from marshmallow import ValidationError
from marshmallow.fields import Url
from marshmallow.validate import URL, Validator

from qhana_plugin_runner.babel import gettext
from qhana_plugin_runner.url_adapters import Client

NETWORK_SCHEMES = frozenset({"http", "https", "ftp", "ftps"})

_CONTROL_OR_BLANK = re.compile(r"[\x00-\x20\x7f]")
_FILE_URL = re.compile(r"file://(?:localhost)?/\S*\Z", re.IGNORECASE)
# Wrapped base64 contains line breaks; other control characters have no business here.
_DATA_URL = re.compile(
    r"data:[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+*-]+(?:;[^;,\x00-\x20\x7f]+)*,"
    r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*\Z",
    re.IGNORECASE | re.ASCII,
)


_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOTTED_HOST = rf"({_LABEL}\.)+([A-Za-z]{{2,6}}|[A-Za-z0-9-]{{2,63}})"
_HEX = "[0-9A-Fa-f]{1,4}"
_IPV6 = "|".join(
    (
        f"({_HEX}:){{7}}{_HEX}",
        f"({_HEX}:){{1,7}}:",
        f":((:{_HEX}){{1,7}}|:)",
        *(f"({_HEX}:){{1,{n}}}(:{_HEX}){{1,{7 - n}}}" for n in range(1, 7)),
    )
)
_NUMERIC_HOST = rf"[0-9]{{1,3}}(\.[0-9]{{1,3}}){{3}}|\[({_IPV6})\]"
_PORT = "6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5]?[0-9]{1,4}"
_DOCUMENTED = {
    "file": r"file://(localhost)?/[!-~]*",
    "data": "data:[A-Za-z0-9.+-]+/[A-Za-z0-9.+-]+(;base64)?,[ -~]*",
}


def url_pattern(field: Url) -> str:
    """Describe the URLs that a field accepts by a regular expression for documents.

    It is as strict as the field or a little stricter: URLs are taken in upper case and
    with characters beyond ASCII as well, but nobody needs them.
    """
    rule = next(v for v in field.validators if isinstance(v, (URL, InputUrl)))
    schemes = sorted({str(scheme).lower() for scheme in rule.schemes})
    hosts = ["localhost", _NUMERIC_HOST, _DOTTED_HOST]
    if isinstance(rule, InputUrl) or not rule.require_tld:
        hosts.append(_LABEL)
    network = "|".join(scheme for scheme in schemes if scheme not in _DOCUMENTED)
    forms = [form for scheme, form in _DOCUMENTED.items() if scheme in schemes]
    if network:
        host = "|".join(hosts)
        user = r"([A-Za-z0-9._~!$&'()*+,;=:-]*@)?"
        forms.append(rf"({network})://{user}({host})(:({_PORT}))?([/?][!-~]+|/)?")
    # A field that may be empty takes the empty text for no value.
    is_optional = isinstance(rule, InputUrl) and field.allow_none
    return f"^({'|'.join(forms)}){'?' if is_optional else ''}$"


def _asks_from_outside() -> bool:
    # Values that a task reads again may be URLs that the plugin put there.
    return has_request_context() and not Client.current().is_local


class InputUrl(Validator):
    """Accepts absolute URLs that may name input data.

    Accepted are ``http``, ``https``, ``ftp`` and ``ftps`` URLs (host names without a dot
    included), ``file://`` URLs without host or with ``localhost``, and ``data:`` URLs
    with a media type.

    Args:
        schemes: the accepted schemes; ``None`` accepts all of the above.
        error: the message for everything else.
    """

    default_message = "Not a valid URL."

    def __init__(
        self, schemes: Collection[str] | None = None, error: str | None = None
    ) -> None:
        accepted = {*NETWORK_SCHEMES, "file", "data"} if schemes is None else {*schemes}
        self.schemes = frozenset(scheme.lower() for scheme in accepted)
        self.error: str = error or self.default_message
        self._network_url = URL(
            schemes=self.schemes - {"file", "data"}, require_tld=False, error=self.error
        )

    def _repr_args(self) -> str:
        return f"schemes={sorted(self.schemes)!r}"

    def __call__(self, value: str) -> str:
        scheme = value.partition(":")[0].lower()
        if scheme not in self.schemes:
            raise ValidationError(self.error.format(input=value))
        if scheme == "data":
            valid = _DATA_URL.match(value)
        elif _CONTROL_OR_BLANK.search(value):
            valid = None
        elif scheme == "file":
            valid = _FILE_URL.match(value)
        else:
            return self._network_url(value)
        if not valid:
            raise ValidationError(self.error.format(input=value))
        return value


class _InputUrlField(Url):
    """What :class:`FileUrl` and :class:`PluginUrl` share."""

    _default_schemes: frozenset[str] = frozenset()

    def __init__(
        self,
        *,
        relative: bool,
        schemes: Collection[str] | None,
        require_tld: bool,
        hints: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        given = {key: value for key, value in hints.items() if value is not None}
        super().__init__(
            relative=relative,
            require_tld=require_tld,
            metadata={**hints, **(metadata or {}), **given},
            **kwargs,
        )
        self.validators[0] = InputUrl(
            schemes=self._default_schemes if schemes is None else schemes,
            error=self.error_messages["invalid"],
        )

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Read a value; the empty string counts as ``None``."""
        # An input element that was left empty is sent as "".
        return super().deserialize(None if value == "" else value, *args, **kwargs)


class FileUrl(_InputUrlField):
    """The URL of a data input. Hosts need no dot; relative URLs are never accepted.

    ``file:`` URLs in requests of clients from outside are refused: they would not need
    the security tag of a result file, only its path.

    Args:
        relative: accepted for compatibility, without effect.
        schemes: the accepted URL schemes, ``None`` for all that :class:`InputUrl` knows.
        require_tld: accepted for compatibility, without effect.
        data_input_type: data type of the input, for example ``entity/list``.
        data_content_types: media type or types of the input.
        required: whether the field must be present.
        allow_none: whether ``None`` (and ``""``) is valid.
        **kwargs: of :class:`marshmallow.fields.Url`.

    The two ``data_*`` values are kept in :attr:`metadata` under the same names.
    """

    _default_schemes = NETWORK_SCHEMES | {"file", "data"}

    def __init__(
        self,
        *,
        relative: bool = False,
        schemes: Collection[str] | None = None,
        require_tld: bool = True,
        data_input_type: str | None = None,
        data_content_types: Sequence[str] | str | None = None,
        required: bool = False,
        allow_none: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            relative=relative,
            schemes=schemes,
            require_tld=require_tld,
            hints={
                "data_input_type": data_input_type,
                "data_content_types": data_content_types,
            },
            required=required,
            allow_none=allow_none,
            **kwargs,
        )

    def deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Read a value; the empty string counts as ``None``."""
        url = super().deserialize(value, *args, **kwargs)
        if isinstance(url, str) and url[:5].lower() == "file:" and _asks_from_outside():
            raise ValidationError(gettext("Files of the server are not accepted."))
        return url


class PluginUrl(_InputUrlField):
    """The URL of another plugin; like :class:`FileUrl`, but without ``file:`` URLs.

    Args:
        relative: accepted for compatibility, without effect.
        schemes: the accepted URL schemes, ``None`` for all but ``file``.
        require_tld: accepted for compatibility, without effect.
        plugin_tags: tags the plugin must have (with a leading ``!``: must not have).
        plugin_name: exact name of the plugin.
        plugin_version: accepted versions, for example ``>=v1.1.3 <v2.0.0``.
        required: whether the field must be present.
        allow_none: whether ``None`` (and ``""``) is valid.
        **kwargs: of :class:`marshmallow.fields.Url`.

    The three ``plugin_*`` values are kept in :attr:`metadata` under the same names.
    """

    _default_schemes = NETWORK_SCHEMES | {"data"}

    def __init__(
        self,
        *,
        relative: bool = False,
        schemes: Collection[str] | None = None,
        require_tld: bool = True,
        plugin_tags: Sequence[str] | None = None,
        plugin_name: str | None = None,
        plugin_version: str | None = None,
        required: bool = False,
        allow_none: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            relative=relative,
            schemes=schemes,
            require_tld=require_tld,
            hints={
                "plugin_tags": plugin_tags,
                "plugin_name": plugin_name,
                "plugin_version": plugin_version,
            },
            required=required,
            allow_none=allow_none,
            **kwargs,
        )
