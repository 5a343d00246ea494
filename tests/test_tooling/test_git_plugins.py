# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""``invoke load-git-plugins`` with real repositories on this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from invoke import Context, Exit

from git_server import git_server
from tooling.git_plugins import load_git_plugins
from tooling.git_source import GitSource, tokens_by_host

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
            "https://h.org/p.git",
            "",
            "a/b",
            "p",
        ),
        ("git+https://h.org/@group/p@v1", "https://h.org/@group/p", "v1", "", "p"),
        ("git+https://h.org/@group/p", "https://h.org/@group/p", "", "", "p"),
        ("git+https://h.org/p#egg=p", "https://h.org/p", "", "", "p"),
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
        "--upload-pack=touch",
        "git+ext::sh -c touch% /tmp/pwned",
        "git+ext://sh",
        "git+ssh://-oProxyCommand=touch/p.git",
        "git+ssh://-oProxyCommand=touch@h.org/p.git",
        "git+https://h.org/p.git extra",
        "git+https://h.org/p.git@--upload-pack=touch",
        "git+https://h.org/p.git@main:refs/heads/other",
        "git+https://h.org/p.git@../..",
        "git+https://h.org/",
        "git+https://h.org/..",
        "p",
    ],
)
def test_other_lines_are_refused(line: str) -> None:
    with pytest.raises(ValueError):
        GitSource(line)


def test_user_and_password_are_kept_apart_from_the_url() -> None:
    source = GitSource("git+https://user:to%40ken@h.org/p.git")
    assert source.url == "https://h.org/p.git"
    assert source.login({}) == ("user", "to@ken")


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", {}),
        ("h.org=secret", {"h.org": ("oauth2", "secret")}),
        (
            "h.org=user:secret\n g.org:8443=a=b",
            {"h.org": ("user", "secret"), "g.org:8443": ("oauth2", "a=b")},
        ),
    ],
)
def test_tokens_by_host(text: str, tokens: dict[str, tuple[str, str]]) -> None:
    assert tokens_by_host(text) == tokens


def test_a_token_without_a_host_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="part 2") as error:
        tokens_by_host("h.org=secret other-secret")
    assert "secret" not in str(error.value)


def test_a_token_is_only_for_its_host() -> None:
    tokens = {"h.org": ("user", "secret")}
    assert GitSource("git+https://h.org/p").login(tokens) == ("user", "secret")
    assert GitSource("git+https://h.org.example/p").login(tokens) is None
    assert GitSource("git+ssh://git@h.org/p").login(tokens) is None


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


def test_what_is_gone_from_the_repository_goes_here_and_other_files_stay(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = f"git+file://{repository}@main"
    load(tmp_path / "out", monkeypatch, line)
    (tmp_path / "out" / "mine.py").write_text("mine")
    git(repository, "rm", "-r", "--quiet", "nested", "one.py")
    commit(repository, {"new.py": "new"})
    found = load(tmp_path / "out", monkeypatch, line)
    assert found == ["mine.py", "new.py", "package/__init__.py"]
    assert load(tmp_path / "out", monkeypatch, "") == ["mine.py"]


def test_a_commit_older_than_the_shallow_history_is_found(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = git(repository, "rev-parse", "HEAD")
    for number in range(3):
        commit(repository, {"one.py": f"newer {number}"})
    load(tmp_path / "out", monkeypatch, f"git+file://{repository}@main")
    load(tmp_path / "out", monkeypatch, f"git+file://{repository}@{first[:10]}")
    assert (tmp_path / "out" / "one.py").read_text() == "1"


def test_the_commit_is_reported(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    git(repository, "tag", "v1")
    load(tmp_path / "out", monkeypatch, f"git+file://{repository}@v1")
    head = git(repository, "rev-parse", "HEAD")
    assert f"v1 is commit {head}" in capsys.readouterr().out


def test_without_the_repository_the_state_of_the_last_start_is_used(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    line = f"git+file://{repository}@main#subdirectory=nested"
    load(tmp_path / "out", monkeypatch, line)
    repository.rename(tmp_path / "away")
    assert load(tmp_path / "out", monkeypatch, line) == ["two.py"]
    assert "as it was before" in capsys.readouterr().out
    assert load(tmp_path / "out", monkeypatch, line.replace("main", "other")) == []


def test_two_repositories_with_one_file_are_reported(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet", "--initial-branch=main")
    commit(other, {"two.py": "other"})
    lines = [f"git+file://{repository}#subdirectory=nested", f"git+file://{other}"]
    assert load(tmp_path / "out", monkeypatch, *lines) == ["two.py"]
    assert "two.py of" in capsys.readouterr().err


def test_strict_loading_fails_after_naming_all_failures(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("GIT_PLUGINS_STRICT", "true")
    lines = [f"git+file://{tmp_path}/missing", "nonsense", f"git+file://{repository}"]
    with pytest.raises(Exit, match="2 failed"):
        load(tmp_path / "out", monkeypatch, *lines)
    assert capsys.readouterr().err.count("skipped") == 2


def test_a_private_repository_opens_with_a_token_that_is_shown_nowhere(
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with git_server(tmp_path, user="oauth2", password="s3cret-token") as address:
        line = f"git+http://{address}/my-plugins#subdirectory=nested"
        assert load(tmp_path / "out", monkeypatch, line) == []
        monkeypatch.setenv("GIT_PLUGINS_TOKEN", f"{address}=wrong-s3cret")
        assert load(tmp_path / "out", monkeypatch, line) == []
        monkeypatch.setenv("GIT_PLUGINS_TOKEN", f"{address}=s3cret-token")
        assert load(tmp_path / "out", monkeypatch, line) == ["two.py"]
        monkeypatch.delenv("GIT_PLUGINS_TOKEN")
        line = line.replace("//", "//oauth2:s3cret-token@")
        assert load(tmp_path / "other", monkeypatch, line) == ["two.py"]
    assert "s3cret" not in "".join(capfd.readouterr())
    files = [path for path in tmp_path.glob("o*/.repositories/**/*") if path.is_file()]
    assert files
    assert not any(b"s3cret" in path.read_bytes() for path in files)


def test_ssh_uses_the_operators_command(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "ssh-with-key"
    program.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/log\nexec sh -c "$2"\n')
    program.chmod(0o700)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(program))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    line = f"git+ssh://git@h.org{repository}#subdirectory=nested"
    assert load(tmp_path / "out", monkeypatch, line) == ["two.py"]
    assert "git@h.org" in (tmp_path / "log").read_text()


def test_a_repository_of_another_user_may_be_read(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    line = f"git+file://{repository}#subdirectory=nested"
    assert load(tmp_path / "out", monkeypatch, line) == ["two.py"]


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
