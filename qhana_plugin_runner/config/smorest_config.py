# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Defaults of the settings of flask-smorest (API title, OpenAPI document, viewers)."""

from __future__ import annotations

from typing import Any

SMOREST_PRODUCTION_CONFIG: dict[str, Any] = {
    "API_TITLE": "QHAna plugin runner api.",
    "API_VERSION": "v1",
    "OPENAPI_VERSION": "3.0.2",
    "OPENAPI_URL_PREFIX": "",
    "OPENAPI_JSON_PATH": "api-spec.json",
    "OPENAPI_REDOC_PATH": "/redoc/",
    "OPENAPI_REDOC_URL": None,
    "OPENAPI_RAPIDOC_PATH": "/rapidoc/",
    "OPENAPI_RAPIDOC_URL": None,
    "OPENAPI_SWAGGER_UI_PATH": "/swagger-ui/",
    "OPENAPI_SWAGGER_UI_URL": None,
    "OPENAPI_RAPIDOC_CONFIG": {"use-path-in-nav-bar": "true"},
}

SMOREST_DEBUG_CONFIG: dict[str, Any] = {**SMOREST_PRODUCTION_CONFIG}
