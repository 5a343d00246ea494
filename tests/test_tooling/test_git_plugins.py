# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``invoke load-git-plugins`` with real repositories on this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from invoke import Context

from tooling.git_plugins import GitSource, load_git_plugins

HASH = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("line", "url", "ref", "subdirectory", "name"),
    [
        ("git+https://h.org/g/p.git", "https://h.org/g/p.git", "", "", "p"),
        ("  git+https://h.org/g/p@main  ", "https://h.org/g/p", "main", "", "p"),
        (
            "git+https://h.org/g/p.git@main#subdirectory=/plugins",
            "https://h.org/g/p.git",
            "main",
            "plugins",
            "p",
        ),
        (
            "git+ssh://git@h.org:22/g/p.git@feature/x",
            "ssh://git@h.org:22/g/p.git",
            "feature/x",
            "",
            "p",
        ),
        (
            "git+https://user:token@h.org/p.git#egg=p&subdirectory=a/b",
            "https://user:token@h.org/p.git",
            "",
            "a/b",
            "p",
        ),
        (f"git+file:///srv/p@{HASH}#egg=p", "file:///srv/p", HASH, "", "p"),
    ],
)
def test_forms_of_a_line(
    line: str, url: str, ref: str, subdirectory: str, name: str
) -> None:
    source = GitSource(line)
    found = (source.url, source.ref, source.subdirectory, source.name)
    assert found == (url, ref, subdirectory, name)


@pytest.mark.parametrize(
    "line",
    [
        "https://h.org/p.git",
        "git+ext::sh -c touch% /tmp/pwned",
        "git+https://h.org/p.git extra",
        "git+https://h.org/p.git@--upload-pack=touch",
        "git+https://h.org/",
        "git+https://h.org/..",
        "p",
    ],
)
def test_other_lines_are_refused(line: str) -> None:
    with pytest.raises(ValueError):
        GitSource(line)


def test_messages_show_no_token() -> None:
    source = GitSource("git+https://user:token@h.org/p.git")
    assert source.label == "https://h.org/p.git"


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return result.stdout.strip()


def commit(folder: Path, files: dict[str, str]) -> str:
    """Write and commit files, return the commit's hash."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "change")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "my-plugins"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, {"one.py": "1", "nested/two.py": "2", "package/__init__.py": "p"})
    return folder


def load(target: Path, monkeypatch: pytest.MonkeyPatch, *lines: str) -> list[str]:
    """Run the task and return the loaded files relative to the target."""
    monkeypatch.setenv("GIT_PLUGINS", "\n".join(lines))
    load_git_plugins.body(Context(), plugins_path=str(target))
    files = [path.relative_to(target) for path in target.rglob("*") if path.is_file()]
    return sorted(str(path) for path in files if path.parts[0] != ".repositories")


def test_a_folder_of_plugins_brings_its_contents(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = load(tmp_path / "out", monkeypatch, f"git+file://{repository}")
    assert found == ["nested/two.py", "one.py", "package/__init__.py"]


@pytest.mark.parametrize(
    ("subdirectory", "expected"),
    [
        ("/nested", ["two.py"]),
        ("nested/two.py", ["two.py"]),
        ("package", ["package/__init__.py"]),
    ],
)
def test_a_subdirectory_is_a_folder_a_module_or_a_package(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    subdirectory: str,
    expected: list[str],
) -> None:
    line = f"git+file://{repository}#subdirectory={subdirectory}"
    assert load(tmp_path / "out", monkeypatch, line) == expected


def test_a_repository_that_is_a_package_becomes_one_plugin(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(repository, {"__init__.py": "root"})
    found = load(tmp_path / "out", monkeypatch, f"git+file://{repository}")
    assert "my_plugins/__init__.py" in found
    assert all(path.startswith("my_plugins/") for path in found)


def test_branch_tag_and_commit(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "v1")
    git(repository, "branch", "old/branch")
    commit(repository, {"one.py": "newer"})
    for ref in (first, first[:10], "v1", "old/branch"):
        target = tmp_path / ref
        load(target, monkeypatch, f"git+file://{repository}@{ref}")
        assert (target / "one.py").read_text() == "1", ref


def test_running_again_brings_the_newest_state(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = f"git+file://{repository}@main"
    load(tmp_path / "out", monkeypatch, line)
    commit(repository, {"one.py": "newer"})
    load(tmp_path / "out", monkeypatch, line)
    assert (tmp_path / "out" / "one.py").read_text() == "newer"


def test_repositories_of_one_name_do_not_collide(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other" / "my-plugins"
    other.mkdir(parents=True)
    git(other, "init", "--quiet", "--initial-branch=main")
    commit(other, {"three.py": "3"})
    lines = [f"git+file://{repository}#subdirectory=nested", f"git+file://{other}"]
    assert load(tmp_path / "out", monkeypatch, *lines) == ["three.py", "two.py"]


def test_bad_lines_are_named_and_skipped(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = [
        "# a comment",
        "nonsense",
        f"git+file://{tmp_path}/missing.git",
        f"git+file://{repository}@no-such-branch",
        f"git+file://{repository}#subdirectory=../..",
        f"git+file://{repository}#subdirectory=nested",
    ]
    assert load(tmp_path / "out", monkeypatch, *lines) == ["two.py"]
    skipped = [line for line in capsys.readouterr().err.splitlines() if "skipped" in line]
    assert len(skipped) == 4
    assert "missing.git" in skipped[1]
    assert "no-such-branch" in skipped[2]


def test_nothing_to_load_does_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(tmp_path / "out", monkeypatch, "") == []
    assert not os.path.exists(tmp_path / "out")
