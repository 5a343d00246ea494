"""Plugin ``example-plugin``: writes a text in capital letters to a file.

``flask plugins new`` made this package. It is complete and works. Change ``transform``
in ``tasks.py`` first, then the form in ``schemas.py`` and the metadata in ``routes.py``.
"""

from __future__ import annotations

from qhana_plugin_runner.api.util import SecurityBlueprint
from qhana_plugin_runner.util.plugins import QHAnaPluginBase, plugin_identifier

_plugin_name = "example-plugin"
__version__ = "v0.1.0"
_identifier = plugin_identifier(_plugin_name, __version__)

BLP = SecurityBlueprint(
    _identifier,
    __name__,
    description="Writes a text in capital letters to a file.",
)


class ExamplePlugin(QHAnaPluginBase):
    """What the runner knows about this plugin."""

    name = _plugin_name
    version = __version__
    description = "Writes a text in capital letters to a file."
    tags = ["example"]

    def get_api_blueprint(self) -> SecurityBlueprint:
        return BLP

    def get_requirements(self) -> str:
        return ""  # one line per package, as in requirements.txt


# The views and tasks read the instance of the class, so they are imported last.
from . import routes  # noqa: E402, F401
