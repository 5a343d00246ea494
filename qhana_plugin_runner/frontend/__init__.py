# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What browsers see: form macros, rendered Markdown, and the runner's own pages."""
