# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The clustering itself: a table in, labels out. Needs the scientific packages."""

from __future__ import annotations

import numpy as np
from sklearn.cluster import KMeans

from qhana_plugin_runner.errors import TableError
from qhana_plugin_runner.plugin_utils.numeric_table import NumericTable


def find_clusters(table: NumericTable, clusters: int, seed: int = 0) -> list[int]:
    """Group the rows of a table.

    Args:
        table: the points.
        clusters: at most the number of different points.
        seed: of the random start.

    Returns:
        The number of the cluster of each row; clusters are numbered in the order in which
        they appear.

    Raises:
        TableError: if there are not enough different points, or their numbers are too
            large to compute with.
    """
    values = np.array(table.columns).T
    different = len(np.unique(values, axis=0))
    if clusters > different:
        raise TableError(
            f"{clusters} clusters were asked for, but the {len(table)} rows hold only "
            f"{different} different points."
        )
    # Distances are squared and summed up.
    if np.abs(values).max() > 1e150:
        raise TableError("The numbers are too large to compute with.")
    found = KMeans(n_clusters=clusters, n_init=10, random_state=seed).fit_predict(values)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(label, len(numbers)) for label in found.tolist()]
