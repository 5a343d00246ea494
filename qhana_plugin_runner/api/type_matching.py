# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How data types and media types match: ``entity/*`` accepts ``entity/list``.

The rule is the one of the QHAna clients: ``x``, ``x/`` and ``x/*`` mean the same and
match every type whose part before the ``/`` is ``x``; ``*`` matches everything; all other
types match only themselves. Parameters (``; charset=utf-8``) and case do not count.
"""

from __future__ import annotations

from collections.abc import Iterable


def type_matches(accepted: str, offered: str) -> bool:
    """Whether data of the offered type may be used where the other type is accepted."""
    accepted_main, accepted_sub = _split(accepted)
    offered_main, offered_sub = _split(offered)
    if accepted_main == "*":
        return True
    if accepted_main != offered_main:
        return False
    return accepted_sub in ("*", offered_sub)


def any_type_matches(accepted: Iterable[str], offered: str) -> bool:
    """Whether the offered type matches at least one of the accepted types."""
    return any(type_matches(one, offered) for one in accepted)


def _split(name: str) -> tuple[str, str]:
    main, _, sub = name.partition(";")[0].strip().lower().partition("/")
    return main, sub or "*"
