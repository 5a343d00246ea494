# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Loading, converting and saving entities: the import path of all of it.

Reading, writing, tuples and arrays have a module each.
"""

from __future__ import annotations

from qhana_plugin_runner.plugin_utils.csv_dialect import DefaultDialect
from qhana_plugin_runner.plugin_utils.entity_arrays import (
    ArrayEntity,
    array_to_entity,
    ensure_array,
)
from qhana_plugin_runner.plugin_utils.entity_reading import load_entities
from qhana_plugin_runner.plugin_utils.entity_tuples import (
    EntityTupleMixin,
    ensure_dict,
    ensure_tuple,
    entity_attribute_sort_key,
    get_entity_tuple_class,
)
from qhana_plugin_runner.plugin_utils.entity_writing import save_entities
from qhana_plugin_runner.plugin_utils.line_sources import ResponseLike

__all__ = [
    "ArrayEntity",
    "DefaultDialect",
    "EntityTupleMixin",
    "ResponseLike",
    "array_to_entity",
    "ensure_array",
    "ensure_dict",
    "ensure_tuple",
    "entity_attribute_sort_key",
    "get_entity_tuple_class",
    "load_entities",
    "save_entities",
]
