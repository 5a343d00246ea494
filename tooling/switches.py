# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Yes and no in environment variables."""


def is_switched_on(text: str | None) -> bool:
    """Tell whether the text of a variable means yes; empty and ``False`` mean no."""
    return (text or "").strip().lower() not in ("", "0", "false", "no", "off", "none")
