# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What a plugin says about itself, as plain dataclasses.

:mod:`.plugin_schemas` turns them into JSON and back, and offers all their names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class PluginType(Enum):
    """What a plugin is for; clients filter by it."""

    processing = "processing"
    visualization = "visualization"
    conversion = "conversion"
    dataloader = "dataloader"
    interaction = "interaction"


@dataclass
class DataMetadata:
    """Data that a plugin reads or writes.

    Attributes:
        data_type: for example ``entity/list``; see :mod:`.type_matching`.
        content_type: accepted or possible media types.
        required: whether the input must be given (the output is always produced).
    """

    data_type: str
    content_type: list[str]
    required: bool


@dataclass
class InputDataMetadata(DataMetadata):
    """A data input; ``parameter`` is the key of the form field that takes its URL."""

    parameter: str


@dataclass
class OutputDataMetadata(DataMetadata):
    """A data output; ``name`` is its file name if that is known beforehand."""

    name: str | None = None


@dataclass
class PluginDependencyMetadata:
    """Another plugin that this plugin needs.

    Attributes:
        parameter: key of the form field that takes the URL of the other plugin.
        required: whether the plugin must be given.
        name: exact name.
        version: for example ``v1.2.0``, ``>=v1.1.3`` or ``>=v1.1.3 <v2.0.0``.
        tags: tags it must have; a leading ``!`` excludes a tag.
        type: its :class:`PluginType`.
    """

    parameter: str
    required: bool
    name: str | None = None
    version: str | None = None
    tags: list[str] | None = None
    type: PluginType | None = None


@dataclass
class EntryPoint:
    """Where the work of a plugin starts.

    Attributes:
        href: URL of the processing endpoint.
        ui_href: URL of the micro frontend.
        data_input: data inputs of the form.
        data_output: outputs of a successful task.
        plugin_dependencies: other plugins that the form asks for.
    """

    href: str
    ui_href: str
    data_input: list[DataMetadata] = field(default_factory=list)
    data_output: list[DataMetadata] = field(default_factory=list)
    plugin_dependencies: list[PluginDependencyMetadata] = field(default_factory=list)


@dataclass
class ApiLink:
    """A link with the role it plays."""

    type: str
    href: str


@dataclass
class PluginMetadata:
    """The answer of a plugin's root resource.

    Attributes:
        title, description: for people.
        name, version: stable, URL-safe name and PEP 440 version.
        type: what the plugin is for.
        entry_point: where its work starts.
        tags: for finding it.
        links: endpoints that are usable outside of a task.
    """

    title: str
    description: str
    name: str
    version: str
    type: PluginType
    entry_point: EntryPoint
    tags: list[str] = field(default_factory=list)
    links: list[ApiLink] = field(default_factory=list)


@dataclass
class ProgressMetadata:
    """The progress of a task."""

    value: int
    start: int = 0
    target: int = 100
    unit: str = "%"


@dataclass
class StepMetadata:
    """A step of a task. The names are those of the JSON."""

    href: str
    uiHref: str
    stepId: str
    cleared: bool = False


class WebhookParams(dict[str, Any]):
    """The query of a webhook call: a mapping whose keys are also attributes.

    Args:
        source: URL of the task that changed.
        event: ``status``, ``steps`` or ``details``; left out if unknown.
    """

    def __init__(self, source: str | None = None, event: Any = ..., **more: Any) -> None:
        given = {} if source is None else {"source": source}
        if event is not ...:
            given["event"] = event
        super().__init__(given, **more)

    @property
    def source(self) -> str | None:
        """URL of the task that changed."""
        return self.get("source")

    @property
    def event(self) -> str | None:
        """What changed, or ``None``."""
        return self.get("event")
