# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""How each kind of task of the plugin ``task-kinds`` must end: status and log."""

from __future__ import annotations

KINDS: dict[str, tuple[str, str]] = {
    "returns": ("SUCCESS", "returned"),
    "none": ("SUCCESS", ""),
    "number": ("FAILURE", "TaskResultTypeError"),
    "immutable": ("SUCCESS", "last"),
    "fails": ("FAILURE", "ValueError('failed on purpose')"),
    "fails_unseen": ("FAILURE", "ValueError('ignored result, but no ignored error')"),
    "returns_unseen": ("SUCCESS", "unseen"),
    "single_fails": ("FAILURE", "ValueError('failed on purpose')"),
    "second_member_fails": ("FAILURE", "ValueError('failed on purpose')"),
    "result_as_errback": ("SUCCESS", "returned"),
    "replaces_by_single": ("SUCCESS", "from the replacement"),
    "replaces_by_chain": ("SUCCESS", "replaced by a chain"),
    "replaces_by_result": ("SUCCESS", "replaced by the result"),
    "replaces_by_failure": ("FAILURE", "ValueError('failed on purpose')"),
    "replaces_itself_twice": ("SUCCESS", "replaced itself twice"),
    "retries": ("SUCCESS", "tried 3 times, 1"),
    "autoretries": ("SUCCESS", "autoretried"),
    "gives_up": ("FAILURE", "ConnectionError('never')"),
}
