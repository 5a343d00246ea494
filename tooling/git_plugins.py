# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugins from git repositories (GIT_PLUGINS)."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from invoke import Context, task

from . import shell


class GitSource:
    """One line of GIT_PLUGINS: ``git+<url>[@<ref>][#subdirectory=<path>]``.

    Raises:
        ValueError: when the line is something else.
    """

    _LINE = re.compile(
        r"git\+(?P<url>(?:https?|ssh|git|file)://[^\s#]+)(?:#(?P<more>\S*))?"
    )

    def __init__(self, line: str) -> None:
        match = self._LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError("expected git+<url>[@<ref>][#subdirectory=<path>]")
        scheme, _, rest = match["url"].partition("://")
        # An @ before the first slash separates user and host.
        host, slash, path = rest.partition("/")
        path, _, ref = path.partition("@")
        self.ref: str = ref
        self.url = f"{scheme}://{host}{slash}{path}"
        self.name = path.rstrip("/").rpartition("/")[2].removesuffix(".git")
        keys = dict(part.partition("=")[::2] for part in (match["more"] or "").split("&"))
        self.subdirectory = keys.get("subdirectory", "").strip("/")
        if not self.name.strip(".") or self.ref.startswith("-"):
            raise ValueError("the repository has no name or the ref starts with a dash")

    @property
    def label(self) -> str:
        """The URL without user and password, for messages."""
        return re.sub(r"//[^/@]*@", "//", self.url)


def _git(folder: Path, *arguments: str) -> bool:
    command = ["git", "-C", str(folder), *arguments]
    # A private repository without access must fail, not ask for a password.
    env = {**shell.environment(), "GIT_TERMINAL_PROMPT": "0"}
    return subprocess.run(command, env=env, check=False).returncode == 0


def fetch_repository(source: GitSource, folder: Path) -> None:
    """Bring ``folder`` to the newest state of the source, with little history.

    Raises:
        ValueError: when the repository or the ref cannot be fetched.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".git").is_dir():
        _git(folder, "init", "--quiet")
    fetch = ("fetch", "--quiet", "--force")
    if _git(folder, *fetch, "--depth=1", source.url, source.ref or "HEAD"):
        done = _git(folder, "checkout", "--quiet", "--force", "FETCH_HEAD")
    else:
        # Not every server hands out single commits.
        heads = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        done = _git(folder, *fetch, source.url, *heads) and _git(
            folder, "checkout", "--quiet", "--force", source.ref
        )
    if not done:
        raise ValueError(f"cannot fetch {source.ref or 'the default branch'}")


def copy_plugins(source: GitSource, repository: Path, target: Path) -> None:
    """Copy a module, a package or the contents of a folder of plugins into ``target``.

    Raises:
        ValueError: when the subdirectory does not exist in the repository.
    """
    origin = (repository / source.subdirectory).resolve()
    if not origin.exists() or not origin.is_relative_to(repository.resolve()):
        raise ValueError(f"there is no '{source.subdirectory}' in the repository")
    if origin.is_file():
        shutil.copy2(origin, target)
        return
    if (origin / "__init__.py").exists():
        # The folder's own name is no module name when it is the whole repository.
        name = origin.name if source.subdirectory else source.name.replace("-", "_")
        target = target / name
    ignore = shutil.ignore_patterns(".git", "__pycache__")
    shutil.copytree(origin, target, dirs_exist_ok=True, ignore=ignore)


@task(help={"plugins_path": "folder for the plugins, one of PLUGIN_FOLDERS"})
def load_git_plugins(c: Context, plugins_path: str = "./git-plugins") -> None:
    """Fetch the plugins of the repositories in GIT_PLUGINS, one per line."""
    lines = [
        line.strip() for line in shell.environment().get("GIT_PLUGINS", "").splitlines()
    ]
    target = shell.ROOT / plugins_path
    count: dict[str, int] = {}
    for line in filter(None, lines):
        if line.startswith("#"):
            continue
        label = "a line that is no git URL"
        try:
            source = GitSource(line)
            label = source.label
            number = count[source.name] = count.get(source.name, -1) + 1
            repository = target / ".repositories" / f"{source.name}_{number}"
            fetch_repository(source, repository)
            copy_plugins(source, repository, target)
        except (ValueError, OSError) as error:
            print(f"GIT_PLUGINS: skipped {label}: {error}", file=sys.stderr, flush=True)
        else:
            print(f"GIT_PLUGINS: loaded {label}", flush=True)
