# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Reading the options of an execution, for example of a circuit."""

from __future__ import annotations

from typing import Any

from qhana_plugin_runner.plugin_utils.entity_marshalling import (
    ensure_dict,
    load_entities,
)
from qhana_plugin_runner.requests import get_mimetype, open_url
from qhana_plugin_runner.url_adapters import describe_url


def parse_execution_options(url: str) -> dict[str, Any]:
    """Read execution options: the first entity of a file.

    Args:
        url: the URL of the file (CSV, JSON or JSON lines). In CSV all values are text.

    Returns:
        The options, none if the file is empty.

    Raises:
        ValueError: the content type is unknown, or the file is malformed.
    """
    with open_url(url) as response:
        mimetype = get_mimetype(response)
        if mimetype is None:
            raise ValueError(f"The content type of {describe_url(url)} is unknown.")
        return next(ensure_dict(load_entities(response, mimetype)), {})
