# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Every setting of the runner, once: name, default, environment variable, parser, help.

Settings of Flask, Flask-SQLAlchemy, flask-jwt-extended and of plugins pass through
without being listed here.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigurationError
from . import parsers as p
from .celery_config import CELERY_DEBUG_CONFIG, CELERY_PRODUCTION_CONFIG
from .smorest_config import SMOREST_PRODUCTION_CONFIG
from .sqlalchemy_config import SQLALCHEMY_DEBUG_CONFIG, SQLALCHEMY_PRODUCTION_CONFIG

DEBUG_SECRET_KEY = "debug_secret"  # nosec B105 # refused in production


@dataclass(frozen=True)
class Setting:
    """One setting.

    Attributes:
        name: the key in ``app.config``.
        default: the value in production when no source sets it.
        parse: checks and converts a raw value, raises ``ValueError`` (what is allowed).
        help: one sentence for operators.
        env: the environment variable that sets it, if any.
        debug_default: the default in debug mode; ``None`` means the same as ``default``.
        secret: the value is never shown.
    """

    name: str
    default: Any
    parse: p.Parser
    help: str
    env: str | None = None
    debug_default: Any = None
    secret: bool = False

    def default_for(self, debug: bool) -> Any:
        """Return a fresh copy of the default for the mode."""
        value = self.default
        if debug and self.debug_default is not None:
            value = self.debug_default
        return deepcopy(value)

    def parse_value(self, value: Any, source: str) -> Any:
        """Check and convert a raw value.

        Args:
            value: the raw value.
            source: where it comes from, for the error message.

        Raises:
            ConfigurationError: naming the setting, the value and what is allowed.
        """
        try:
            return self.parse(value)
        except ValueError as err:
            shown = "(hidden)" if self.secret else repr(value)
            raise ConfigurationError(
                f"The setting {self.name} has the value {shown} ({source}), "
                f"allowed is {err}."
            ) from None


def _smorest_settings() -> list[Setting]:
    helps = {
        "API_TITLE": "Title of the OpenAPI document.",
        "API_VERSION": "Version of the API in the OpenAPI document.",
        "OPENAPI_VERSION": "Version of the OpenAPI specification to follow.",
        "OPENAPI_URL_PREFIX": "Path below which all API routes are served.",
        "OPENAPI_JSON_PATH": "Path of the OpenAPI document.",
        "OPENAPI_REDOC_PATH": "Path of the ReDoc viewer.",
        "OPENAPI_REDOC_URL": "URL of ReDoc's script; empty: the installed package.",
        "OPENAPI_RAPIDOC_PATH": "Path of the RapiDoc viewer.",
        "OPENAPI_RAPIDOC_URL": "URL of RapiDoc's script; empty: the installed package.",
        "OPENAPI_SWAGGER_UI_PATH": "Path of the Swagger UI viewer.",
        "OPENAPI_SWAGGER_UI_URL": "URL of Swagger UI's files; empty: the installed "
        "package.",
        "OPENAPI_RAPIDOC_CONFIG": "Attributes of the RapiDoc element.",
    }
    settings = []
    for name, default in SMOREST_PRODUCTION_CONFIG.items():
        parse: p.Parser = p.text
        if default is None:
            parse = p.optional_text
        elif isinstance(default, dict):
            parse = p.mapping
        settings.append(Setting(name, default, parse, helps[name]))
    return settings


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "SECRET_KEY",
        None,
        p.optional(p.secret),
        "Key for signing tokens and cookies, shared by all server and worker processes. "
        "Without one, a random key is created once in the instance folder.",
        env="QHANA_SECRET_KEY",
        debug_default=DEBUG_SECRET_KEY,
        secret=True,
    ),
    Setting(
        "SECRET_KEY_FALLBACKS",
        None,
        p.optional(p.secret_list),
        "Former values of SECRET_KEY, with which stored parameters and cookies can still "
        "be read.",
        env="SECRET_KEY_FALLBACKS",
        secret=True,
    ),
    Setting(
        "ENCRYPT_TASK_PARAMETERS",
        True,
        p.boolean,
        "Whether the parameters of tasks are encrypted in the database.",
        env="ENCRYPT_TASK_PARAMETERS",
        debug_default=False,
    ),
    Setting(
        "REVERSE_PROXY_COUNT",
        0,
        p.integer(0, 100),
        "Number of trusted reverse proxies that set X-Forwarded-* headers.",
        env="REVERSE_PROXY_COUNT",
    ),
    Setting(
        "SERVER_NAME",
        None,
        p.optional_text,
        "host[:port] used to build absolute URLs when there is no request. Requests to "
        "other hosts are answered all the same.",
        env="SERVER_NAME",
    ),
    Setting(
        "LOG_CONFIG",
        None,
        p.optional(p.mapping),
        "A mapping for logging.config.dictConfig; replaces all other logging settings.",
    ),
    Setting(
        "DEFAULT_LOG_SEVERITY",
        logging.WARNING,
        p.severity,
        "Messages below this level are not logged.",
        env="DEFAULT_LOG_LEVEL",
        debug_default=logging.INFO,
    ),
    Setting(
        "LOG_FORMAT",
        "text",
        p.one_of("text", "json"),
        "How log lines look: text as DEFAULT_LOG_FORMAT says, or one JSON object each.",
        env="LOG_FORMAT",
    ),
    Setting(
        "DEFAULT_LOG_FORMAT_STYLE",
        "{",
        p.one_of("%", "{", "$"),
        "Style of the log format.",
    ),
    Setting(
        "DEFAULT_LOG_FORMAT",
        "{asctime} [{levelname:^7}] [{module:<30}] {message}{context}    "
        "<{funcName}, {lineno}; {pathname}>",
        p.text,
        "Format of a log line. Besides what logging knows there is context: the request, "
        "task and plugin that the line belongs to.",
    ),
    Setting(
        "DEFAULT_LOG_DATE_FORMAT",
        None,
        p.optional_text,
        "Format of the time in a log line (strftime).",
    ),
    Setting(
        "CELERY",
        CELERY_PRODUCTION_CONFIG,
        p.mapping,
        "Settings of Celery in lower case. Without broker_url the runner uses a broker "
        "in its instance folder that needs no server.",
        debug_default=CELERY_DEBUG_CONFIG,
    ),
    Setting(
        "TASK_ROUTES",
        {},
        p.text_mapping("plugin", "queue"),
        "Queues for the tasks of plugins: identifier, name or tag of a plugin to name of "
        "a queue. Workers take them from all queues unless --queues says otherwise.",
        env="TASK_ROUTES",
    ),
    Setting(
        "PLUGIN_FOLDERS",
        [],
        p.path_list,
        "Folders whose modules and packages are loaded as plugins.",
        env="PLUGIN_FOLDERS",
        debug_default=["./plugins", "./local_plugins"],
    ),
    Setting(
        "PLUGIN_REGISTRY_URL",
        None,
        p.optional_url,
        "API root of the QHAna plugin registry (with /api/).",
        env="PLUGIN_REGISTRY_URL",
    ),
    Setting(
        "URL_REWRITE_RULES",
        [],
        p.rewrite_rules,
        "Regular expressions and replacements, applied in order to URLs that tasks open.",
        env="URL_MAP",
    ),
    Setting(
        "DEFAULT_FILE_STORE",
        "local_filesystem",
        p.text,
        "Name of the store that keeps result files.",
        env="DEFAULT_FILE_STORE",
    ),
    Setting(
        "FILE_STORE_ROOT_PATH",
        "files",
        p.text,
        "Folder of the local file store, relative to the instance folder.",
        env="FILE_STORE_ROOT_PATH",
    ),
    Setting(
        "FILE_SERVE_HEADER",
        "none",
        p.one_of("none", "x-accel-redirect", "x-sendfile"),
        "Header by which the web server in front of the runner is told to send local "
        "files.",
        env="FILE_SERVE_HEADER",
    ),
    Setting(
        "FILE_SERVE_PREFIX",
        None,
        p.optional_text,
        "What stands for the folder of the local file store in that header; by default "
        "/_files for x-accel-redirect and the folder itself for x-sendfile.",
        env="FILE_SERVE_PREFIX",
    ),
    Setting(
        "OBJECT_STORE_URL",
        None,
        p.optional(p.store_url),
        "Bucket and folder of the store object_store, for example s3://bucket/results.",
        env="OBJECT_STORE_URL",
    ),
    Setting(
        "OBJECT_STORE_OPTIONS",
        {},
        p.mapping,
        "Arguments of the fsspec filesystem of OBJECT_STORE_URL as a JSON object: "
        "endpoint, keys, encryption.",
        env="OBJECT_STORE_OPTIONS",
        secret=True,
    ),
    Setting(
        "OBJECT_STORE_DOWNLOAD",
        "proxied",
        p.one_of("proxied", "presigned"),
        "Whether the runner sends the bytes of files in the object store itself, or "
        "redirects clients to signed URLs of the object store.",
        env="OBJECT_STORE_DOWNLOAD",
    ),
    Setting(
        "OBJECT_STORE_URL_SECONDS",
        21_600,
        p.integer(7_200, 604_800),
        "How long a signed URL of the object store is valid.",
        env="OBJECT_STORE_URL_SECONDS",
    ),
    Setting(
        "FETCH_FILE_ROOTS",
        [],
        p.path_list,
        "Folders besides the file store that tasks may read through file: URLs.",
        env="FETCH_FILE_ROOTS",
    ),
    Setting(
        "FETCH_ALLOW_PRIVATE_NETWORKS",
        "auto",
        p.boolean_or("auto"),
        "Whether tasks may fetch URLs of private and loopback addresses; auto: only for "
        "clients that are on such a network themselves.",
        env="FETCH_ALLOW_PRIVATE_NETWORKS",
    ),
    Setting(
        "FETCH_MAX_BYTES",
        16 * 1024**3,
        p.optional(p.integer(1)),
        "Largest (decompressed) answer in bytes that a task may fetch; none: no limit.",
        env="FETCH_MAX_BYTES",
    ),
    Setting(
        "FETCH_MAX_DATA_URL_BYTES",
        1_048_576,
        p.optional(p.integer(1)),
        "Largest data: URL in bytes that a task may open; none: no limit.",
        env="FETCH_MAX_DATA_URL_BYTES",
    ),
    Setting(
        "FETCH_ALLOWED_HOSTS",
        [],
        p.text_list,
        "Hosts (or host:port) that tasks may fetch from on private networks.",
        env="FETCH_ALLOWED_HOSTS",
    ),
    Setting(
        "FETCH_MAX_BYTES_IN_MEMORY",
        512 * 1024 * 1024,
        p.optional(p.integer(1)),
        "Largest answer in bytes that a task may read without streaming it.",
        env="FETCH_MAX_BYTES_IN_MEMORY",
    ),
    Setting(
        "FETCH_MAX_RATIO",
        1000,
        p.optional(p.number(1)),
        "How many times smaller than its content a compressed answer may be, if the "
        "content has more than 10 MiB; none: no limit.",
        env="FETCH_MAX_RATIO",
    ),
    Setting(
        "FETCH_MAX_SECONDS",
        60,
        p.optional(p.number(1)),
        "Seconds that a fetch may take, plus one for every 16 KiB received.",
        env="FETCH_MAX_SECONDS",
    ),
    Setting(
        "FETCH_CONNECT_TIMEOUT",
        5,
        p.number(0.1),
        "Seconds to wait for a connection to a fetched URL.",
        env="FETCH_CONNECT_TIMEOUT",
    ),
    Setting(
        "FETCH_READ_TIMEOUT",
        30,
        p.number(0.1),
        "Seconds to wait for the next bytes of a fetched URL.",
        env="FETCH_READ_TIMEOUT",
    ),
    Setting(
        "ZIP_MAX_BYTES",
        8 * 1024**3,
        p.optional(p.integer(1)),
        "Largest uncompressed size in bytes of a zip archive that a task reads.",
        env="ZIP_MAX_BYTES",
    ),
    Setting(
        "ZIP_MAX_FILES",
        100_000,
        p.optional(p.integer(1)),
        "Most entries of a zip archive that a task reads.",
        env="ZIP_MAX_FILES",
    ),
    Setting(
        "ZIP_MAX_RATIO",
        250,
        p.optional(p.number(1)),
        "How many times longer than the archive the files of a zip archive of more than "
        "256 MiB may be; none: no limit.",
        env="ZIP_MAX_RATIO",
    ),
    Setting(
        "FILE_STORE_FSYNC",
        False,
        p.boolean,
        "Whether result files are flushed to the disk before they count as stored.",
        env="FILE_STORE_FSYNC",
    ),
    Setting(
        "CORS_ORIGINS",
        ["*"],
        p.text_list,
        "Origins whose pages may call the API; * allows all, never with credentials.",
        env="CORS_ORIGINS",
    ),
    Setting(
        "FRAME_ANCESTORS",
        [],
        p.text_list,
        "Origins whose pages may show micro frontends in frames; empty: any.",
        env="FRAME_ANCESTORS",
    ),
    Setting(
        "HSTS_SECONDS",
        365 * 24 * 3600,
        p.integer(0),
        "How long browsers use TLS only for the host of an answer that came over TLS, "
        "whatever the port; 0: not told.",
        env="HSTS_SECONDS",
    ),
    Setting(
        "TRUSTED_HOSTS",
        None,
        p.optional(p.text_list),
        "Host names that requests may be sent to, others are answered with 400; none: "
        "any.",
        env="TRUSTED_HOSTS",
    ),
    Setting(
        "ALLOWED_EMBEDDERS",
        [],
        p.text_list,
        "Origins whose pages may embed micro frontends; empty: any.",
        env="ALLOWED_EMBEDDERS",
    ),
    Setting(
        "AUTHENTICATION",
        "optional",
        p.one_of("optional", "required"),
        "Whether requests need a token (required); a token that is sent must always be "
        "valid.",
        env="AUTHENTICATION",
    ),
    Setting(
        "AUTHENTICATION_PUBLIC_METADATA",
        False,
        p.boolean,
        "Whether the list of plugins and their metadata need no token even if "
        "AUTHENTICATION is required; a plugin registry needs this.",
        env="AUTHENTICATION_PUBLIC_METADATA",
    ),
    Setting(
        "JWT_JWKS_URL",
        None,
        p.optional_url,
        "Where an identity provider publishes its keys; its tokens are accepted then.",
        env="JWT_JWKS_URL",
    ),
    Setting(
        "JWT_DECODE_ISSUER",
        None,
        p.optional_text,
        "The issuer that tokens must name (claim iss); none: any.",
        env="JWT_ISSUER",
    ),
    Setting(
        "JWT_DECODE_AUDIENCE",
        None,
        p.optional(p.text_list),
        "Audiences of which tokens must name one (claim aud); none: any.",
        env="JWT_AUDIENCE",
    ),
    Setting(
        "LOGIN_COOKIE_SAMESITE",
        "Lax",
        p.one_of("Lax", "Strict", "None"),
        "SameSite attribute of the login cookie; None lets pages of other sites frame "
        "micro frontends of logged-in people, and needs HTTPS.",
        env="LOGIN_COOKIE_SAMESITE",
    ),
    Setting(
        "TASK_IDS",
        "opaque",
        p.one_of("opaque", "plain"),
        "What task URLs contain: numbers that nobody can guess (opaque), or the ids of "
        "the database rows (plain), with which anybody can find all tasks.",
        env="TASK_IDS",
        debug_default="plain",
    ),
    Setting(
        "TASK_LIST_PUBLIC",
        False,
        p.boolean,
        "Whether GET /tasks/ lists all tasks to clients that send no token.",
        env="TASK_LIST_PUBLIC",
        debug_default=True,
    ),
    Setting(
        "SQLALCHEMY_DATABASE_URI",
        None,
        p.optional(p.database_uri),
        "URL of the database; without one, an SQLite file in the instance folder.",
        env="SQLALCHEMY_DATABASE_URI",
        secret=True,
    ),
    Setting(
        "SQLALCHEMY_ENGINE_OPTIONS",
        SQLALCHEMY_PRODUCTION_CONFIG["SQLALCHEMY_ENGINE_OPTIONS"],
        p.mapping,
        "Arguments of sqlalchemy.create_engine.",
    ),
    Setting(
        "SQLALCHEMY_ECHO",
        SQLALCHEMY_PRODUCTION_CONFIG["SQLALCHEMY_ECHO"],
        p.boolean,
        "Log every SQL statement.",
        debug_default=SQLALCHEMY_DEBUG_CONFIG["SQLALCHEMY_ECHO"],
    ),
    Setting(
        "SQLALCHEMY_TRACK_MODIFICATIONS",
        SQLALCHEMY_PRODUCTION_CONFIG["SQLALCHEMY_TRACK_MODIFICATIONS"],
        p.boolean,
        "Flask-SQLAlchemy's own change signals (unused by the runner).",
    ),
    Setting(
        "SQLITE_FOREIGN_KEYS",
        SQLALCHEMY_PRODUCTION_CONFIG["SQLITE_FOREIGN_KEYS"],
        p.boolean,
        "Enforce foreign keys on SQLite.",
    ),
    Setting(
        "DATABASE_CONNECT_TIMEOUT",
        5,
        p.integer(1),
        "Seconds to wait for a connection to the database server.",
        env="DATABASE_CONNECT_TIMEOUT",
    ),
    Setting(
        "DATABASE_STATEMENT_TIMEOUT",
        15,
        p.integer(1),
        "Seconds that one statement may take on a database server.",
        env="DATABASE_STATEMENT_TIMEOUT",
    ),
    Setting(
        "TASK_OUTCOME_RETRY_SECONDS",
        120,
        p.number(0),
        "How long a worker tries to record the outcome of a task while the database is "
        "away.",
        env="TASK_OUTCOME_RETRY_SECONDS",
    ),
    Setting(
        "TASK_LEASE_SECONDS",
        30,
        p.number(1),
        "A worker that shows no sign of life for this long is taken for dead and its "
        "running tasks are closed as lost.",
        env="TASK_LEASE_SECONDS",
    ),
    Setting(
        "TASK_LOG_MAX_BYTES",
        1024 * 1024,
        p.optional(p.integer(1000)),
        "Largest log of a task in bytes; the middle of a longer one is left out. None: "
        "no limit.",
        env="TASK_LOG_MAX_BYTES",
    ),
    Setting(
        "TASK_RETENTION_DAYS",
        None,
        p.optional(p.number(0)),
        "Days that a task is kept after its end, with its files. None: for ever.",
        env="TASK_RETENTION_DAYS",
    ),
    Setting(
        "TASK_FAILED_RETENTION_DAYS",
        None,
        p.optional(p.number(0)),
        "The same for tasks that did not succeed. None: as TASK_RETENTION_DAYS.",
        env="TASK_FAILED_RETENTION_DAYS",
    ),
    Setting(
        "TASK_ABANDONED_DAYS",
        None,
        p.optional(p.number(0)),
        "Days after which a task that waits for a worker or for input is cancelled. "
        "None: never.",
        env="TASK_ABANDONED_DAYS",
    ),
    Setting(
        "WEBHOOK_TIMEOUT_SECONDS",
        1,
        p.number(0.1),
        "Seconds that the receiver of a webhook call has to connect and to answer.",
        env="WEBHOOK_TIMEOUT_SECONDS",
    ),
    Setting(
        "WORKER_HEARTBEAT_FILE",
        None,
        p.optional_text,
        "A file that a worker touches whenever it renews its lease, for health checks.",
        env="WORKER_HEARTBEAT_FILE",
    ),
    Setting(
        "WEBHOOK_RETRY_SECONDS",
        3600,
        p.number(0),
        "How long a webhook call is tried again while its receiver does not answer.",
        env="WEBHOOK_RETRY_SECONDS",
    ),
    Setting(
        "WEBHOOK_MAX_SUBSCRIPTIONS",
        20,
        p.optional(p.integer(1)),
        "Most webhook subscriptions of one task; none: no limit.",
        env="WEBHOOK_MAX_SUBSCRIPTIONS",
    ),
    Setting(
        "WEBHOOK_SECRET",
        None,
        p.optional(p.secret),
        "Key of the signatures of webhook calls; none: made of the SECRET_KEY.",
        env="WEBHOOK_SECRET",
        secret=True,
    ),
    Setting(
        "TASK_EVENTS_MAX_LISTENERS",
        64,
        p.integer(0),
        "Most clients that may listen to the events of tasks at the same time, for each "
        "server process. Each one occupies a thread of it.",
        env="TASK_EVENTS_MAX_LISTENERS",
    ),
    Setting(
        "METRICS",
        True,
        p.boolean,
        "Whether requests, tasks, webhooks and stores are counted and /metrics shows it.",
        env="METRICS",
    ),
    Setting(
        "TRACING",
        False,
        p.boolean,
        "Whether requests, messages, SQL statements and HTTP calls are traced.",
        env="TRACING",
    ),
    Setting(
        "TRACING_ENDPOINT",
        None,
        p.optional_url,
        "Where spans are sent (OTLP over HTTP); none: what OTEL_EXPORTER_OTLP_ENDPOINT "
        "says, else localhost.",
        env="TRACING_ENDPOINT",
    ),
    Setting(
        "HEALTH_CHECK_SECONDS",
        3,
        p.number(0.1),
        "Seconds that the checks of the readiness may take, all at the same time.",
        env="HEALTH_CHECK_SECONDS",
    ),
    Setting(
        "MAX_FORM_MEMORY_SIZE",
        16 * 1_048_576,
        p.optional(p.integer(1)),
        "Largest form field, form without files or JSON in bytes; larger ones are "
        "answered with 413. None: no limit.",
        env="MAX_FORM_MEMORY_SIZE",
    ),
    Setting(
        "MAX_CONTENT_LENGTH",
        2 * 1024**3,
        p.optional(p.integer(1)),
        "Largest body of a request in bytes, uploads included; larger ones are answered "
        "with 413. None: no limit.",
        env="MAX_CONTENT_LENGTH",
    ),
    Setting(
        "SUBMISSION_RATE",
        None,
        p.optional(p.rates),
        "How often one client may start tasks, for example 600/minute or "
        "10/second;1000/hour; more is answered with 429. None: any number.",
        env="SUBMISSION_RATE",
    ),
    Setting(
        "NISQ_ANALYZER_UI_URL",
        "http://localhost:4201",
        p.text,
        "Address of the NISQ analyzer's user interface (read by a plugin).",
        env="NISQ_ANALYZER_UI_URL",
    ),
    Setting(
        "JSON_SORT_KEYS",
        True,
        p.boolean,
        "Kept for plugins that read it: Flask has app.json.sort_keys in its place.",
    ),
    Setting(
        "JSONIFY_PRETTYPRINT_REGULAR",
        False,
        p.boolean,
        "Kept for plugins that read it: Flask has app.json.compact in its place.",
    ),
    *_smorest_settings(),
)


def default_settings(debug: bool) -> dict[str, Any]:
    """Return fresh defaults of all settings for the mode."""
    return {setting.name: setting.default_for(debug) for setting in SETTINGS}


def check_settings(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return a copy of the mapping in which every known setting is parsed.

    Args:
        config: raw values by name; names that are not settings of the runner pass.
        source: where the values come from, for error messages.

    Raises:
        ConfigurationError: for the first malformed value.
    """
    known = {setting.name: setting for setting in SETTINGS}
    return {
        name: known[name].parse_value(value, source) if name in known else value
        for name, value in config.items()
    }
