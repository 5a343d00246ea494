# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The analysis itself: a table in, a table out. Needs the scientific packages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from qhana_plugin_runner.errors import TableError
from qhana_plugin_runner.plugin_utils.numeric_table import NumericTable

from .schemas import Scaling

SCALERS = {Scaling.standard: StandardScaler, Scaling.min_max: MinMaxScaler}


@dataclass(frozen=True)
class Reduction:
    """The result of a principal component analysis.

    Attributes:
        points: one vector per row of the table.
        explained: the share of the variance that each dimension keeps, 0 to 1.
        components: the axes of the new dimensions, in the (scaled) attributes.
        means: the point (of the scaled attributes) that is the new origin.
    """

    points: list[list[float]]
    explained: list[float]
    components: list[list[float]]
    means: list[float]


def reduce_dimensions(
    table: NumericTable, dimensions: int, scaling: Scaling
) -> Reduction:
    """Project a table on its first principal components.

    Args:
        table: at least two rows.
        dimensions: at most the number of rows and of columns.
        scaling: what to do with each column first.

    Raises:
        TableError: if the table is too small, or its numbers too large to compute with.
    """
    possible = min(len(table), len(table.attributes))
    if len(table) < 2:
        raise TableError("Row 2 is missing: the analysis needs at least two entities.")
    if dimensions > possible:
        raise TableError(
            f"{dimensions} dimensions were asked for, but {len(table)} rows with "
            f"{len(table.attributes)} numeric columns have at most {possible}."
        )
    values = np.array(table.columns).T
    # Deviations are squared and summed up.
    if np.abs(values).max() > 1e150:
        raise TableError("The numbers are too large to compute with.")
    if scaling in SCALERS:
        values = SCALERS[scaling]().fit_transform(values)
    pca = PCA(n_components=dimensions, random_state=0)
    # Without any variance the shares are 0 / 0.
    with np.errstate(invalid="ignore"):
        points = pca.fit_transform(values)
    return Reduction(
        points=points.tolist(),
        explained=np.nan_to_num(pca.explained_variance_ratio_).tolist(),
        components=pca.components_.tolist(),
        means=pca.mean_.tolist(),
    )
