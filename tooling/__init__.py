# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The invoke commands, one module per subject; ``tasks.py`` lists them for invoke."""
