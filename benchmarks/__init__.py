# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: each measures the runner and, in the same run, the limit it strives for."""
