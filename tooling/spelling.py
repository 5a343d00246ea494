# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The spelling of flags on the command line."""

from typing import Any

from invoke.parser import ParserContext


def accept_underscores() -> None:
    """Make ``--log_level`` another spelling of ``--log-level``, in every task.

    invoke only knows flags with dashes, the README promises both.
    """
    add_arg = ParserContext.add_arg

    def add_both_spellings(self: ParserContext, *args: Any, **kwargs: Any) -> None:
        add_arg(self, *args, **kwargs)
        for flag in [flag for flag in self.flags if "-" in flag[2:]]:
            spelling = "--" + flag[2:].replace("-", "_")
            if spelling not in self.flags:
                self.flags.alias(spelling, to=flag)

    setattr(ParserContext, "add_arg", add_both_spellings)  # noqa: B010
