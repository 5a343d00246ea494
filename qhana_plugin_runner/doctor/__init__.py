# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Examining a runner's configuration and surroundings, with advice in words.

Each examination looks at one subject and yields what it has found. What cannot be
examined (because a service is away) is a finding, too.
"""

from .examine import examine
from .findings import Advice, Verdict

__all__ = ["Advice", "Verdict", "examine"]
