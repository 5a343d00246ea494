# Read by the flask command and by invoke tasks. No secrets here: private values go into .env,
# which wins over this file; the real environment wins over both.
FLASK_APP=qhana_plugin_runner
FLASK_DEBUG=true
FLASK_RUN_PORT=5005
PYTHONUTF8=1
# Colon-separated list of the folders with the bundled plugins.
PLUGIN_FOLDERS=./plugins
