# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""One repository of GIT_PLUGINS and who may read it."""

import re
from collections.abc import Mapping
from urllib.parse import unquote

# No ext:: and other transports that run programs; also what redirects lead to is checked.
SCHEMES = ("https", "http", "ssh", "git", "file")
_FORM = "expected git+<url>[@<branch, tag or commit>][#subdirectory=<path>]"
_LINE = re.compile(rf"git\+((?:{'|'.join(SCHEMES)})://[^\s#]+)(?:#(\S*))?")
_REF = re.compile(
    r"(?!.*(?:\.\.|@\{|//|/$))[^-\s:^~?*\[\\\x00-\x20\x7f][^\s:^~?*\[\\\x7f]*"
)
# What GitHub, GitLab and others take as the user of a token.
_TOKEN_USER = "oauth2"  # nosec B105 # a user, the same for everybody


class GitSource:
    """One line of GIT_PLUGINS: ``git+<url>[@<ref>][#subdirectory=<path>]``.

    Attributes:
        url: without user and password, except for the user of ``ssh``; fit for messages.
        credentials: user and password that the line itself gives, if any.
        ref: branch, tag or commit; empty: the repository's default branch.
        subdirectory: path within the repository; empty: all of it.
        name: the repository's name.

    Raises:
        ValueError: when the line is something else.
    """

    def __init__(self, line: str) -> None:
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(_FORM)
        scheme, _, rest = match[1].partition("://")
        place, slash, path = rest.partition("/")
        path, self.ref = _split_ref(path)
        user, _, host = place.rpartition("@")
        self.host: str = host
        self.credentials: tuple[str, str] | None = None
        if scheme in ("http", "https") and user:
            name, _, password = user.partition(":")
            self.credentials = (unquote(name), unquote(password))
            user = ""
        self.url = f"{scheme}://{user.partition(':')[0]}{'@' * bool(user)}"
        self.url += f"{self.host}{slash}{path}"
        self.scheme = scheme
        self.path = f"/{path}"
        self.name = path.rstrip("/").rpartition("/")[2].removesuffix(".git")
        keys = dict(part.partition("=")[::2] for part in (match[2] or "").split("&"))
        self.subdirectory = unquote(keys.get("subdirectory", "")).strip("/")
        if not self.name.strip("."):
            raise ValueError(f"the repository has no name, {_FORM}")
        if self.host.startswith("-") or user.startswith("-"):
            raise ValueError("the host starts with a dash")

    def login(self, tokens: Mapping[str, tuple[str, str]]) -> tuple[str, str] | None:
        """Return user and password for the repository's host.

        Args:
            tokens: user and token by host, see ``tokens_by_host``.
        """
        if self.scheme not in ("http", "https"):
            return None
        return self.credentials or tokens.get(self.host)


def _split_ref(path: str) -> tuple[str, str]:
    before, at, ref = path.rpartition("@")
    # In a path such as @group/repository the @ is part of a name.
    if not at or not before or before.endswith("/"):
        return path, ""
    if not _REF.fullmatch(ref):
        raise ValueError(f"'{ref}' is no branch, tag or commit")
    return before, ref


def tokens_by_host(text: str) -> dict[str, tuple[str, str]]:
    """Return user and token by host from a text such as ``git.example.org=token``.

    Several are separated by blanks or newlines; ``host=user:token`` names a user as well.

    Raises:
        ValueError: when a part is something else; it shows no part of the text.
    """
    tokens = {}
    for number, part in enumerate(text.split(), start=1):
        host, equals, secret = part.partition("=")
        if not host or not equals or not secret:
            raise ValueError(f"part {number} is not <host>=<token>")
        user, colon, token = secret.partition(":")
        tokens[host] = (user, token) if colon else (_TOKEN_USER, secret)
    return tokens
