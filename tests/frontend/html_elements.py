"""Reads the elements of a page, so that tests do not depend on white space."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID_TAGS = {"br", "hr", "img", "input", "link", "meta", "path"}


@dataclass
class Element:
    """One element: tag, attributes, child elements and all text inside."""

    tag: str
    attrs: dict[str, str | None] = field(default_factory=dict)
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str | None = None, **attrs: str | None) -> list[Element]:
        """All descendants with this tag and these attributes (``class_`` for class)."""
        wanted = {k.rstrip("_").replace("_", "-"): v for k, v in attrs.items()}
        found = []
        for child in self.children:
            same = all(
                name in child.attrs and child.attrs[name] == value
                for name, value in wanted.items()
            )
            if same and tag in (None, child.tag):
                found.append(child)
            found += child.all(tag, **attrs)
        return found

    def one(self, tag: str | None = None, **attrs: str | None) -> Element:
        """The only descendant with this tag and these attributes."""
        found = self.all(tag, **attrs)
        assert len(found) == 1, f"{len(found)} elements {tag} {attrs}"
        return found[0]


class _TreeBuilder(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs))
        assert len(element.attrs) == len(attrs), f"attribute given twice: {attrs}"
        self.open[-1].children.append(element)
        if tag not in _VOID_TAGS:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data


def parse(html: str) -> Element:
    """The tree of a page or fragment; wrong nesting fails the test."""
    builder = _TreeBuilder()
    builder.feed(html)
    assert len(builder.open) == 1, f"not closed: {[e.tag for e in builder.open[1:]]}"
    return builder.root
