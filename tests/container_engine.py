# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Building and running the container image with docker, podman or buildah."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENTRYPOINT = ["/opt/runner/bin/python", "-m", "invoke", "start-docker"]


def find_engine() -> str | None:
    """Return the first program that can build images here."""
    for name in ("docker", "podman"):
        if shutil.which(name) and not _status([name, "info"]):
            return name
    return "buildah" if shutil.which("buildah") else None


def _status(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True).returncode


class Engine:
    """One of the programs that build images and run containers.

    Args:
        name: ``docker``, ``podman`` or ``buildah``.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._working: list[str] = []

    def build(self, tag: str, base_image: str = "") -> None:
        """Build the image of this checkout."""
        command = [self.name, "build", "-t", tag, "-f", "Dockerfile"]
        command += ["--build-arg", f"BASE_IMAGE={base_image}"] if base_image else []
        subprocess.run([*command, "."], cwd=ROOT, check=True, timeout=1800)

    def command(
        self,
        tag: str,
        env: Mapping[str, str],
        volumes: Mapping[Path, str],
        program: list[str] | None = None,
    ) -> list[str]:
        """Return the command line that runs the image in the host's network.

        Args:
            tag: the image.
            env: environment variables.
            volumes: folders of this machine and where they are mounted.
            program: what runs in place of the image's entrypoint.
        """
        options = [f"--env={name}={value}" for name, value in env.items()]
        options += [f"--volume={folder}:{path}" for folder, path in volumes.items()]
        if self.name == "buildah":
            return ["buildah", "run", *options, self._container(tag), "--"] + (
                program or ENTRYPOINT
            )
        # The image promises to work like this.
        options += ["--read-only", "--tmpfs=/tmp", "--tmpfs=/app/git-plugins:mode=1777"]
        options += ["--tmpfs=/app/plugin-environment:exec,mode=1777", "--cap-drop=ALL"]
        options += ["--network=host", "--security-opt=no-new-privileges", "--init"]
        options += [f"--entrypoint={program[0]}"] if program else []
        return [self.name, "run", "--rm", *options, tag, *(program or [])[1:]]

    def _container(self, tag: str) -> str:
        made = subprocess.run(
            ["buildah", "from", tag], check=True, capture_output=True, text=True
        )
        self._working.append(made.stdout.strip())
        return self._working[-1]

    def close(self) -> None:
        """Remove the working containers."""
        for name in self._working:
            subprocess.run(["buildah", "rm", name], capture_output=True)


def base_image() -> str:
    """Return the image to build on, if not the Dockerfile's own."""
    return os.environ.get("QHANA_TEST_BASE_IMAGE", "")
