# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The virtual environment that takes the requirements of plugins in a container.

The runner's own packages are part of the image and cannot be changed. What plugins
require goes to an environment on top of it, in PLUGIN_ENVIRONMENT, which may be a volume:
the image works with a read-only root file system, and a restart finds everything there.
"""

import hashlib
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NoReturn

from . import shell

_STAMP = "made-for"


def _fingerprint() -> str:
    """Tell what the environment lies on; another image or Python needs a new one."""
    locked = (shell.ROOT / "requirements.txt").read_bytes()
    return f"{sys.version}\n{sys.prefix}\n{hashlib.sha256(locked).hexdigest()}\n"


def make(folder: Path) -> Path:
    """Make the environment in ``folder`` if it is missing or of another image.

    Returns:
        Its Python.

    Raises:
        OSError: when the folder cannot be written.
        subprocess.CalledProcessError: when Python cannot make the environment.
    """
    interpreter, stamp = folder / "bin" / "python", folder / _STAMP
    if interpreter.exists() and stamp.exists() and stamp.read_text() == _fingerprint():
        return interpreter
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _STAMP).unlink(missing_ok=True)
    subprocess.run(shell.python("venv", "--without-pip", "--clear", folder), check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    # Packages of the environment come first, then those of the image.
    (packages / "runner.pth").write_text(sysconfig.get_path("purelib") + "\n")
    stamp.write_text(_fingerprint())
    return interpreter


def enter(*task: str) -> None:
    """Go on as ``invoke TASK FLAGS`` in the environment of PLUGIN_ENVIRONMENT.

    Returns when there is nothing to do: the variable is not set, this is the
    environment already, or it cannot be made (a warning says why).
    """
    name = shell.environment().get("PLUGIN_ENVIRONMENT")
    if not name or Path(sys.prefix).resolve() == Path(name).resolve():
        return
    try:
        interpreter = make(Path(name))
    except (OSError, subprocess.CalledProcessError) as error:
        print(
            f"WARNING: the requirements of plugins cannot be installed, "
            f"PLUGIN_ENVIRONMENT={name} is not usable: {error}",
            file=sys.stderr,
            flush=True,
        )
        return
    _continue_with(interpreter, *task)


def _continue_with(interpreter: Path, *task: str) -> NoReturn:
    os.chdir(shell.ROOT)
    path = f"{interpreter.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {
        **os.environ,
        "PATH": path,
        "VIRTUAL_ENV": str(interpreter.parent.parent),
    }
    command = [str(interpreter), "-m", "invoke", *task]
    os.execve(interpreter, command, environment)  # nosec B606 # our own command
