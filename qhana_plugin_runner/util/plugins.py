# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The base class of all plugins.

The class statement of a plugin builds its one instance at once, because the next lines
of the module already read ``ThePlugin.instance.identifier`` to name blueprints and tasks.
A plugin that cannot be built is reported to whoever loads the module, and logged if
nobody does.
"""

from __future__ import annotations

import inspect
import logging
import re
import threading
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from flask import current_app, has_app_context
from packaging.version import InvalidVersion, Version

from ..errors import PluginConflictError, PluginLoadError

if TYPE_CHECKING:
    from flask import Blueprint, Flask

_LOGGER = logging.getLogger("qhana_plugin_runner.plugins")

# What a name must not contain to be one segment of a URL path.
_UNSAFE_IN_NAME = re.compile(r"[\s/?#%@\\\x00-\x1f\x7f]")


def plugin_identifier(name: str, version: str) -> str:
    """Return ``name@version`` with every dot replaced by a dash.

    Args:
        name: name of the plugin.
        version: version of the plugin.
    """
    return f"{name.replace('.', '-')}@{version.replace('.', '-')}"


@dataclass
class Loading:
    """What happens while the loader imports a module.

    Attributes:
        app: the application that plugins are built for.
        plugins: the plugins that were built.
        problems: the plugin classes that could not be built, with the reason.
    """

    app: Flask | None = None
    plugins: list[QHAnaPluginBase] = field(default_factory=list)
    problems: list[tuple[type, BaseException]] = field(default_factory=list)


LOADING: ContextVar[Loading | None] = ContextVar("qhana_plugin_loading", default=None)


class QHAnaPluginBase:
    """A plugin. Deriving a class registers it.

    Attributes:
        name: stable name that is safe in a URL.
        version: version after PEP 440, a leading ``v`` is allowed.
        description: text for people.
        tags: words to find the plugin by.
        instance: the one instance of a plugin class, ``None`` if it could not be built.
        has_api: whether the blueprint of the plugin is mounted.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = ""
    description: ClassVar[str] = ""
    tags: ClassVar[list[str]] = []

    instance: ClassVar[Any] = None
    has_api: ClassVar[bool] = False

    __plugins__: ClassVar[dict[str, QHAnaPluginBase]] = {}
    __lock__: ClassVar[Any] = threading.RLock()

    def __init__(self, app: Flask | None) -> None:
        self._built_for: Flask | None = None
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask) -> None:
        """Take the application. Plugins may override this and read ``app.config``.

        Args:
            app: the application; its configuration is complete, its parts are not.
        """
        self.app = app

    @property
    def app(self) -> Flask | None:
        """The current application, or the one that the plugin was built for."""
        if has_app_context():
            return current_app._get_current_object()  # type: ignore[attr-defined]
        return self._built_for

    @app.setter
    def app(self, app: Flask | None) -> None:
        self._built_for = app

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.instance = None
        cls.has_api = False
        loading = LOADING.get()
        if not cls.name and not cls.version:
            return  # a base class of plugins
        try:
            check_name_and_version(cls)
            instance = cls(app=loading.app if loading else None)
            cls.instance = instance
            _register(instance)
        except Exception as err:
            if loading is None:
                _LOGGER.error("The plugin class %s cannot be used.", cls, exc_info=err)
            else:
                loading.problems.append((cls, err))
            return
        if loading is not None:
            loading.plugins.append(instance)

    @property
    def __app__(self) -> Flask | None:
        """The application that is being built right now, if any."""
        loading = LOADING.get()
        return loading.app if loading else None

    @cached_property
    def identifier(self) -> str:
        """The plugin's name and version as used in URLs and task names."""
        return plugin_identifier(self.name, self.version)

    @cached_property
    def parsed_version(self) -> Version:
        """The version in comparable form.

        Raises:
            InvalidVersion: if the version does not follow PEP 440.
        """
        try:
            return Version(self.version)
        except InvalidVersion:
            _LOGGER.error(
                "The version %r of plugin %s is invalid.", self.version, self.name
            )
            raise

    def get_api_blueprint(self) -> Blueprint:
        """Return the plugin's blueprint, the same object at each call.

        Raises:
            NotImplementedError: if the plugin has no API.
        """
        raise NotImplementedError(f"The plugin {self.identifier} has no API.")

    def get_requirements(self) -> str:
        """Return what the plugin needs, in the format of ``requirements.txt``.

        Raises:
            NotImplementedError: if the plugin does not say.
        """
        raise NotImplementedError(f"The plugin {self.identifier} names no requirements.")

    @staticmethod
    def get_plugins() -> dict[str, QHAnaPluginBase]:
        """Return all plugins of this process by identifier."""
        return dict(QHAnaPluginBase.__plugins__)


def source_file(plugin_class: type) -> str:
    """Return the file with the class statement, ``<unknown>`` if there is none."""
    try:
        return inspect.getfile(plugin_class)
    except (TypeError, OSError):
        return "<unknown>"


def check_name_and_version(plugin_class: type[QHAnaPluginBase]) -> None:
    """Refuse names and versions that cannot be part of URLs or be compared.

    Raises:
        PluginLoadError: naming the class, the value and what is expected.
    """
    name, version = plugin_class.name, plugin_class.version
    where = f"The plugin class {plugin_class.__qualname__}"
    if not isinstance(name, str) or not name:
        raise PluginLoadError(f"{where} has no name.")
    if not isinstance(version, str) or not version:
        raise PluginLoadError(f"{where} ({name}) has no version.")
    if _UNSAFE_IN_NAME.search(name):
        raise PluginLoadError(
            f"{where} has the name {name!r}; it must be safe in a URL (no blanks, "
            "slashes or other reserved characters)."
        )
    try:
        Version(version)
    except InvalidVersion:
        raise PluginLoadError(
            f"{where} ({name}) has the version {version!r}; expected is one after "
            "PEP 440, such as v1.2.0."
        ) from None


def _register(plugin: QHAnaPluginBase) -> None:
    registry = QHAnaPluginBase.__plugins__
    with QHAnaPluginBase.__lock__:
        other = registry.get(plugin.identifier)
        if other is not None:
            files = source_file(type(other)), source_file(type(plugin))
            if files[0] != files[1]:
                raise PluginConflictError(
                    f"Two plugins have the identifier {plugin.identifier}: {files[0]} "
                    f"(used) and {files[1]} (refused)."
                )
        registry[plugin.identifier] = plugin
