# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Plugins from git repositories (GIT_PLUGINS)."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from invoke import Context, Exit, task

from . import shell
from .git_commands import Git, git_environment
from .git_source import GitSource, tokens_by_host
from .switches import is_switched_on

_DEFAULT_TIMEOUT_SECONDS = 300.0
# Within a repository's .git folder: what was checked out there last.
_STATE = "qhana-source.json"


def fetch_repository(source: GitSource, folder: Path, git: Git) -> str:
    """Bring ``folder`` to the newest state of the source, with little history.

    Returns:
        The commit that is checked out.

    Raises:
        ValueError: when the repository or the ref cannot be fetched.
    """
    if not (folder / ".git").is_dir():
        git("init", "--quiet")
    if not _fetch_one(source, git) and not _fetch_all(source, folder, git):
        raise ValueError(f"cannot fetch {source.ref or 'the default branch'}")
    commit = git.output("rev-parse", "HEAD")
    if commit is None:
        raise ValueError("git does not tell the commit")
    state = {"url": source.url, "ref": source.ref, "commit": commit}
    (folder / ".git" / _STATE).write_text(json.dumps(state))
    return commit


def _checkout(git: Git, commit: str) -> bool:
    return git("checkout", "--quiet", "--force", "--detach", commit) and git(
        "clean", "-ffdxq"
    )


def _fetch_one(source: GitSource, git: Git) -> bool:
    fetch = ("fetch", "--quiet", "--force", "--depth=1", "--no-tags", "--")
    return git(*fetch, source.url, source.ref or "HEAD") and _checkout(git, "FETCH_HEAD")


def _fetch_all(source: GitSource, folder: Path, git: Git) -> bool:
    """Fetch the whole history: not every server hands out single commits."""
    if not source.ref:
        return False
    depth = ["--unshallow"] if (folder / ".git" / "shallow").exists() else []
    heads = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
    if not git("fetch", "--quiet", "--force", *depth, "--", source.url, *heads):
        return False
    names = (f"refs/tags/{source.ref}", f"refs/remotes/origin/{source.ref}", source.ref)
    for name in names:
        commit = git.output("rev-parse", "--quiet", "--verify", f"{name}^{{commit}}")
        if commit:
            return _checkout(git, commit)
    return False


def known_commit(source: GitSource, folder: Path) -> str | None:
    """Return the commit of an earlier start if ``folder`` has it for the same line."""
    try:
        state = json.loads((folder / ".git" / _STATE).read_text())
    except (OSError, ValueError):
        return None
    same = (state.get("url"), state.get("ref")) == (source.url, source.ref)
    return state.get("commit") if same else None


def plugin_files(source: GitSource, repository: Path) -> Iterator[tuple[Path, Path]]:
    """Yield the files of a module, a package or a folder of plugins.

    Yields:
        A file of the repository and its path relative to the folder of plugins.

    Raises:
        ValueError: when the subdirectory does not exist in the repository.
    """
    origin = (repository / source.subdirectory).resolve()
    inside = origin.is_relative_to(repository.resolve())
    if not origin.exists() or not inside or ".git" in Path(source.subdirectory).parts:
        raise ValueError(f"there is no '{source.subdirectory}' in the repository")
    if origin.is_file():
        yield origin, Path(origin.name)
        return
    prefix = Path()
    if (origin / "__init__.py").exists():
        # The folder's own name is no module name when it is the whole repository.
        whole = origin == repository.resolve()
        prefix = Path(source.name.replace("-", "_") if whole else origin.name)
    for file in sorted(origin.rglob("*")):
        path = file.relative_to(origin)
        if file.is_file() and not {".git", "__pycache__"} & set(path.parts):
            yield file, prefix / path


class PluginFolder:
    """The folder that takes the plugins of all repositories.

    It remembers what came from repositories, so that a file which is gone there goes
    here as well, and files of other origin stay.

    Args:
        folder: one of PLUGIN_FOLDERS.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._list = folder / ".repositories" / "files.json"
        self._owners: dict[str, str] = {}

    def repository(self, name: str, number: int) -> Path:
        """Return the folder for the checkout of a repository."""
        folder = self.folder / ".repositories" / f"{name}_{number}"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def copy(self, source: GitSource, repository: Path) -> None:
        """Copy the plugins of a checkout.

        Raises:
            ValueError: when the subdirectory does not exist in the repository.
        """
        for file, path in plugin_files(source, repository):
            owner = self._owners.get(str(path))
            if owner not in (None, source.url):
                _say(f"{path} of {owner} is replaced by that of {source.url}", sys.stderr)
            self._owners[str(path)] = source.url
            target = self.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)

    def remove_old_files(self) -> None:
        """Remove what an earlier start copied and this one did not."""
        if not self._list.parent.exists():
            return
        try:
            before = json.loads(self._list.read_text())
        except (OSError, ValueError):
            before = []
        for path in set(before) - set(self._owners):
            file = self.folder / path
            file.unlink(missing_ok=True)
            for parent in Path(path).parents[:-1]:
                folder = self.folder / parent
                shutil.rmtree(folder / "__pycache__", ignore_errors=True)
                if folder.exists() and not any(folder.iterdir()):
                    folder.rmdir()
        self._list.write_text(json.dumps(sorted(self._owners), indent=1))


def _say(text: str, stream: TextIO | None = None) -> None:
    print(f"GIT_PLUGINS: {text}", file=stream or sys.stdout, flush=True)


@task(help={"plugins_path": "folder for the plugins, one of PLUGIN_FOLDERS"})
def load_git_plugins(c: Context, plugins_path: str = "./git-plugins") -> None:
    """Fetch the plugins of the repositories in GIT_PLUGINS, one per line.

    A repository that fails is named and skipped; with GIT_PLUGINS_STRICT the command
    fails. GIT_PLUGINS_TOKEN (host=token) opens private repositories over HTTPS.
    """
    env = shell.environment()
    try:
        tokens = tokens_by_host(env.get("GIT_PLUGINS_TOKEN", ""))
        timeout = float(env.get("GIT_PLUGINS_TIMEOUT") or _DEFAULT_TIMEOUT_SECONDS)
    except ValueError as error:
        raise Exit(f"GIT_PLUGINS_TOKEN or GIT_PLUGINS_TIMEOUT: {error}.") from error
    target = PluginFolder(shell.ROOT / plugins_path)
    count: dict[str, int] = {}
    failed = 0
    lines = map(str.strip, env.get("GIT_PLUGINS", "").splitlines())
    for row, line in enumerate(lines, start=1):
        if not line or line.startswith("#"):
            continue
        label = f"line {row}"  # not its text, which may hold a password
        try:
            source = GitSource(line)
            label = source.url
            number = count[source.name] = count.get(source.name, -1) + 1
            _load(source, target, number, tokens, timeout)
        except (ValueError, OSError) as error:
            failed += 1
            _say(f"skipped {label}: {error}", sys.stderr)
    target.remove_old_files()
    if failed and is_switched_on(env.get("GIT_PLUGINS_STRICT")):
        raise Exit(f"GIT_PLUGINS: {failed} failed and GIT_PLUGINS_STRICT is set.")


def _load(
    source: GitSource,
    target: PluginFolder,
    number: int,
    tokens: dict[str, tuple[str, str]],
    timeout: float,
) -> None:
    """Load one repository; if it is out of reach, its state of an earlier start."""
    folder = target.repository(source.name, number)
    env = git_environment(source, source.login(tokens), folder)
    ref = source.ref or "the default branch"
    try:
        commit = fetch_repository(source, folder, Git(folder, env, timeout))
        words = f"loaded {source.url}"
    except ValueError as error:
        known = known_commit(source, folder)
        if known is None or is_switched_on(env.get("GIT_PLUGINS_STRICT")):
            raise
        commit, words = known, f"{error}; loaded {source.url} as it was before"
    target.copy(source, folder)
    _say(f"{words}, {ref} is commit {commit}")
