# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Helpers for the code of tasks: entities, attributes, archives, other plugins.

Nothing here knows views or database rows.
"""
