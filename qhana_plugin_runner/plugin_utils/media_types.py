# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Reading the content types that servers and plugins write."""

from __future__ import annotations

from werkzeug.http import parse_options_header


def split_media_type(media_type: str | None) -> tuple[str, str | None]:
    """Split a content type into what it is and how its text is encoded.

    Plugins pass the header of a response on verbatim, and the runner itself serves
    ``text/csv; charset=utf-8``, so parameters and letter case must not matter.

    Args:
        media_type: for example ``"Text/CSV; charset=latin-1"``.

    Returns:
        The lower-case type without parameters and the charset, if one is declared.
    """
    essence, parameters = parse_options_header(media_type)
    return essence.strip().lower(), parameters.get("charset") or None
