# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Names that plugins import from here; closed: nothing new goes here."""
