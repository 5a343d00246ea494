# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""git as a child process that asks nobody and shows no password."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from . import shell
from .git_source import SCHEMES, GitSource

# The password goes through the environment: not on a command line, not into a file.
_HELPER = (
    '!f() { test "$1" != get || printf "username=%s\\npassword=%s\\n" '
    '"$GIT_PLUGINS_LOGIN_USER" "$GIT_PLUGINS_LOGIN_PASSWORD"; }; f'
)
_STALLED_SECONDS = 60


def git_environment(
    source: GitSource, login: tuple[str, str] | None, folder: Path
) -> dict[str, str]:
    """Return the environment in which git may read the source.

    Args:
        source: the repository.
        login: user and password for its host.
        folder: the checkout; a configuration file is written beside it.

    Raises:
        ValueError: when user or password have control characters.
    """
    env = shell.environment()
    env["GIT_TERMINAL_PROMPT"] = "0"
    env["GIT_ALLOW_PROTOCOL"] = ":".join(SCHEMES)
    env["GIT_HTTP_LOW_SPEED_LIMIT"] = "100"
    env["GIT_HTTP_LOW_SPEED_TIME"] = str(_STALLED_SECONDS)
    connect = f"-o BatchMode=yes -o ConnectTimeout={_STALLED_SECONDS}"
    env.setdefault("GIT_SSH_COMMAND", f"ssh {connect}")
    env["GIT_CONFIG_GLOBAL"] = str(_trusting_configuration(source, folder, env))
    if login is not None:
        if any(not character.isprintable() for part in login for character in part):
            raise ValueError("user or password have control characters")
        env["GIT_PLUGINS_LOGIN_USER"], env["GIT_PLUGINS_LOGIN_PASSWORD"] = login
        # Only for this host: a redirect to another one gets no password.
        key = f"credential.{source.scheme}://{source.host}.helper"
        env |= {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": key}
        env["GIT_CONFIG_VALUE_0"] = _HELPER
    return env


def _trusting_configuration(
    source: GitSource, folder: Path, env: Mapping[str, str]
) -> Path:
    """Write the user's configuration, and trust in the folders that are named here.

    Volumes and mounted repositories often belong to another user; git refuses them.
    """
    home = Path(env.get("HOME") or "/")
    xdg = Path(env.get("XDG_CONFIG_HOME") or home / ".config") / "git" / "config"
    known = env.get("GIT_CONFIG_GLOBAL")
    trusted = [folder]
    if source.scheme == "file":
        trusted += [Path(source.path), Path(source.path) / ".git"]
    lines = ["[include]"]
    lines += [
        _line("path", file) for file in ([known] if known else [xdg, home / ".gitconfig"])
    ]
    lines += ["[safe]", *(_line("directory", path) for path in trusted)]
    file = folder.parent / f"{folder.name}.gitconfig"
    file.write_text("\n".join(lines) + "\n")
    return file


def _line(key: str, value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'\t{key} = "{text}"'


class Git:
    """git in one folder.

    Args:
        folder: the repository.
        env: the environment, see ``git_environment``.
        timeout: seconds after which a command is ended and counts as failed.
    """

    def __init__(self, folder: Path, env: Mapping[str, str], timeout: float) -> None:
        self._folder = folder
        self._env = env
        self._timeout = timeout

    def __call__(self, *arguments: str) -> bool:
        """Run a command and tell whether it succeeded; git's own words are shown."""
        return self.output(*arguments) is not None

    def output(self, *arguments: str) -> str | None:
        """Return what a command prints, or nothing when it fails."""
        command = ["git", "-C", str(self._folder), *arguments]
        try:
            result = subprocess.run(
                command,
                env=self._env,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=self._timeout,
            )
        except subprocess.TimeoutExpired:
            print(f"git {arguments[0]} took too long.", file=sys.stderr, flush=True)
            return None
        password = self._env.get("GIT_PLUGINS_LOGIN_PASSWORD")
        words = result.stderr.strip()
        if words and result.returncode:
            shown = words.replace(password, "(hidden)") if password else words
            print(shown, file=sys.stderr, flush=True)
        return None if result.returncode else result.stdout.strip()
