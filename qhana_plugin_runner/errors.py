# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The errors of the plugin runner, in one tree.

Every class knows the HTTP status that it turns into when it leaves a view
(``http_status``) and carries one sentence for people (``str(error)``). Classes that
plugins could catch as a builtin before inherit that builtin as well.

::

    QHAnaError                        500
    ├── ConfigurationError            500  ValueError
    ├── PluginError                   500
    │   ├── PluginLoadError           500
    │   ├── PluginConflictError       500
    │   ├── PluginRequirementsError   500
    │   └── PluginScaffoldError       500
    ├── NotFoundError                 404  KeyError
    │   ├── TaskNotFoundError         404
    │   ├── FileNotFoundInStoreError  404
    │   └── StoreNotFoundError        500
    ├── TaskStateError                409  AssertionError
    │   ├── OpenStepError             409
    │   └── TaskInUseError            409
    ├── TaskOutcomeError              500
    │   ├── TaskResultTypeError       500  TypeError
    │   ├── TaskExitError             500
    │   └── TaskCancelledError        500
    ├── AccessTokenError              422  ValueError
    ├── TooManySubscriptionsError     429
    ├── BrokerUnavailableError        503  ConnectionError, kombu's OperationalError
    ├── DatabaseUnavailableError      503
    ├── TooManyListenersError         503
    ├── InvalidFileNameError          422  ValueError
    ├── InvalidFileContentError       422  ValueError
    ├── StoreWriteError               507  OSError
    ├── StoreUnavailableError         503  OSError
    ├── StoreMigrationError           500
    ├── FetchError                    422  ValueError
    ├── RegistryNotConfiguredError    500  ValueError
    ├── TableError                    422  ValueError
    └── EntityFormatError             422  ValueError
        ├── EntityShapeError          422  TypeError
        └── EntityJSONError           422  json.JSONDecodeError
"""

from __future__ import annotations

from json import JSONDecodeError

from kombu.exceptions import OperationalError


class QHAnaError(Exception):
    """Base of all errors that the runner raises on purpose.

    Attributes:
        http_status: the status of the answer if the error leaves a view.
    """

    http_status: int = 500

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(self.args[0]) if self.args else type(self).__name__

    def __str__(self) -> str:
        # KeyError would show the repr of the sentence.
        return self.message


class ConfigurationError(QHAnaError, ValueError):
    """A setting is unknown or its value is malformed."""


class PluginError(QHAnaError):
    """Something is wrong with a plugin."""


class PluginLoadError(PluginError):
    """A plugin module or class could not be loaded."""


class PluginConflictError(PluginError):
    """Two plugins (or modules, or blueprints) claim the same name."""


class PluginRequirementsError(PluginError):
    """The requirements of a plugin cannot be read or installed."""


class PluginScaffoldError(PluginError):
    """A new plugin cannot be written: its name or a file is taken."""


class NotFoundError(QHAnaError, KeyError):
    """Something with the given id or name does not exist."""

    http_status = 404


class TaskNotFoundError(NotFoundError):
    """There is no task with that id."""


class FileNotFoundInStoreError(NotFoundError):
    """There is no such file in the store."""


class StoreNotFoundError(NotFoundError):
    """No file store of that name is configured."""

    http_status = 500


class TaskStateError(QHAnaError, AssertionError):
    """The task is not in a state that allows the change."""

    http_status = 409


class OpenStepError(TaskStateError):
    """A step cannot be added while the last step is not cleared."""


class TaskOutcomeError(QHAnaError):
    """A task ended in a way that is a failure."""


class TaskResultTypeError(TaskOutcomeError, TypeError):
    """A task returned something other than text or ``None``."""


class TaskExitError(TaskOutcomeError):
    """A task tried to exit its worker process."""


class TaskCancelledError(TaskOutcomeError):
    """A task was cancelled while it ran."""


class AccessTokenError(QHAnaError, ValueError):
    """An access token cannot be made as asked for, or is not known."""

    http_status = 422


class TooManySubscriptionsError(QHAnaError):
    """A task has as many subscriptions as it may have."""

    http_status = 429


class BrokerUnavailableError(QHAnaError, OperationalError, ConnectionError):
    """The message broker does not accept messages."""

    http_status = 503


class DatabaseUnavailableError(QHAnaError):
    """The database does not answer."""

    http_status = 503


class InvalidFileNameError(QHAnaError, ValueError):
    """A file name would leave its folder or cannot be stored."""

    http_status = 422


class InvalidFileContentError(QHAnaError, ValueError):
    """A file cannot be stored as given (content, media type or data type)."""

    http_status = 422


class FetchError(QHAnaError, ValueError):
    """A URL may not be fetched, or fetching it broke a limit."""

    http_status = 422


class RegistryNotConfiguredError(QHAnaError, ValueError):
    """No plugin registry URL is configured."""


class TableError(QHAnaError, ValueError):
    """The rows or columns of an input file are not what a plugin needs."""

    http_status = 422


class StoreWriteError(QHAnaError, OSError):
    """A file store cannot keep a file, for example because the disk is full."""

    http_status = 507


class StoreMigrationError(QHAnaError):
    """Files cannot be moved between two stores, or a copy is not the same."""


class StoreUnavailableError(QHAnaError, OSError):
    """A file store does not answer, or refuses to do what it is asked for."""

    http_status = 503


class EntityFormatError(QHAnaError, ValueError):
    """Entity data cannot be read or written; the sentence names line and column."""

    http_status = 422


class EntityShapeError(EntityFormatError, TypeError):
    """An entity has other attributes, or another number of them, than the header."""


class EntityJSONError(EntityFormatError, JSONDecodeError):
    """Entity data that should be JSON is not."""

    def __init__(self, message: str, doc: str = "", pos: int = 0) -> None:
        JSONDecodeError.__init__(self, message, doc, pos)
        self.args = (message,)


class TaskInUseError(TaskStateError):
    """A task cannot be deleted because something refers to it."""


class TooManyListenersError(QHAnaError):
    """A server process has as many listeners to tasks as it may have."""

    http_status = 503
