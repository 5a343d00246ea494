# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugin ``hello-world-multi-step``: a task that asks the user a second question.

The smallest complete plugin with a step, laid out as a package:

* ``__init__.py``: the plugin class and the blueprint,
* ``schemas.py``: the forms,
* ``routes.py``: the views,
* ``tasks.py``: the work.

A task runs like this: ``POST /process/`` starts ``preprocessing_task``, which writes
``output1.txt``; then ``add_step`` opens the step ``demo-step`` and the task waits, with a
progress of 50 %. The step has a micro frontend (``/<task id>/demo-step-ui/``) and a
processing endpoint (``/<task id>/demo-step-process/``) of its own. The latter clears the
step and starts ``processing_task``, which writes ``output2.txt`` and ends the task.

Inputs: ``inputStr``, a text, in both forms. Outputs: ``output1.txt`` and ``output2.txt``
(``custom/hello-world-output``, ``text/plain``).
"""

from __future__ import annotations

from flask import Flask

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "hello-world-multi-step"
__version__ = "v1.0.0"
_identifier = plugin_identifier(_plugin_name, __version__)

HELLO_MULTI_BLP = SecurityBlueprint(
    _identifier,
    __name__,
    description="Stores two texts in files, one after the other.",
)


class HelloWorldMultiStep(QHAnaPluginBase):
    """What the runner knows about this plugin."""

    name = _plugin_name
    version = __version__
    description = "Tests steps: asks for a second text before the task ends."
    tags = ["hello-world", "multistep", "demo"]

    def __init__(self, app: Flask | None) -> None:
        super().__init__(app)

    def get_api_blueprint(self) -> SecurityBlueprint:
        return HELLO_MULTI_BLP

    def get_requirements(self) -> str:
        return ""


# The views and tasks read HelloWorldMultiStep.instance, so they are imported last.
from . import routes  # noqa: E402, F401
