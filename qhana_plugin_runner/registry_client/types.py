# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The documents of the plugin registry: links, and answers that carry them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import Required, TypedDict

#: One relation, or several of which all must match.
Rels = str | Iterable[str]


class ApiLink(TypedDict, total=False):
    """A link of an answer; ``rel`` also names the method if it is not GET."""

    href: Required[str]
    rel: Required[list[str]]
    resourceType: Required[str]
    resourceKey: dict[str, str]
    name: str
    doc: str
    schema: str


class KeyedApiLink(ApiLink, total=False):
    """A link with variables in its ``href``.

    ``key`` names the variables of the path, ``queryKey`` those of the query.
    """

    key: list[str]
    queryKey: list[str]


def rel_set(rel: Rels) -> frozenset[str]:
    """Return the relations as a set."""
    return frozenset((rel,) if isinstance(rel, str) else rel)


def match_api_link(
    link: Mapping[str, Any], rel: Rels, resource_type: str | None = None
) -> bool:
    """Return whether a link has all the relations.

    Args:
        link: the link.
        rel: each must be in the link's ``rel`` or be its ``resourceType``.
        resource_type: if given, the link must have exactly this type.
    """
    own_type = link.get("resourceType")
    if resource_type is not None and own_type != resource_type:
        return False
    return rel_set(rel) <= {own_type, *link.get("rel", ())}


@dataclass
class ApiResponse:
    """An answer of the registry.

    Attributes:
        data: the resource; ``data["self"]`` is the link to it.
        links: where one can go from here.
        keyed_links: links with variables.
        embedded: resources that the registry sent along, by URL; ``None`` if it sent
            none.
    """

    data: dict[str, Any]
    links: list[ApiLink] = field(default_factory=list)
    keyed_links: list[KeyedApiLink] = field(default_factory=list)
    embedded: dict[str, ApiResponse] | None = None

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> ApiResponse:
        """Return the answer that a JSON document describes.

        Raises:
            ValueError: it is no document of a registry.
        """
        if not isinstance(document, Mapping) or not isinstance(
            document.get("data"), dict
        ):
            raise ValueError("The answer is not a document of a plugin registry.")
        embedded: dict[str, ApiResponse] | None = None
        if document.get("embedded"):
            parts = [cls.from_json(part) for part in document["embedded"]]
            embedded = {part.self_link["href"]: part for part in parts}
        return cls(
            data=document["data"],
            links=list(document.get("links") or ()),
            keyed_links=list(document.get("keyedLinks") or ()),
            embedded=embedded,
        )

    @property
    def self_link(self) -> ApiLink:
        """The link to the resource itself."""
        unknown: ApiLink = {"href": "", "rel": [], "resourceType": ""}
        return self.data.get("self") or unknown

    @property
    def items(self) -> list[ApiLink]:
        """The links to the items of a collection."""
        return list(self.data.get("items") or ())

    def get_links_by_rel(
        self, rel: Rels, resource_type: str | None = None
    ) -> list[ApiLink]:
        """Return the links that match, see :func:`match_api_link`."""
        return [link for link in self.links if match_api_link(link, rel, resource_type)]

    def matches_rel(self, rel: Rels) -> bool:
        """Return whether the resource has all the relations (or is of that type)."""
        return match_api_link(self.self_link, rel)

    def is_collection_resource(self) -> bool:
        """Return whether the resource is a list of other resources."""
        return "collection" in self.self_link.get("rel", ()) or "items" in self.data
