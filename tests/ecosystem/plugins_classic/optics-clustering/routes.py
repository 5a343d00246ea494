# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Needs what is not installed."""

import a_package_that_nobody_has
from flask.views import MethodView

from . import OPTICS_BLP
from .tasks import cluster


@OPTICS_BLP.route("/")
class PluginsView(MethodView):
    """Never reached."""

    def get(self):
        """Never reached."""
        return a_package_that_nobody_has.run(cluster)
