"""axe-core finds nothing of WCAG levels A and AA on the runner's pages."""

from __future__ import annotations

from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page

from frontend.host import Host

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def find_violations(page: Page | Frame) -> list[str]:
    """One line for each violation, with the elements concerned."""
    results = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    return [
        f"{violation['id']}: {node['html']} {node['failureSummary']}"
        for violation in results.response["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("query", ["", "?errors", "?valid&dataUrl=http://x&isOn=on"])
def test_form_with_every_field_type(host: Host, query: str) -> None:
    frame = host.open("/all/" + query)
    assert find_violations(frame) == []


def test_form_without_host(host: Host) -> None:
    host.page.goto(host.frontend_url + "/all/?errors")
    assert find_violations(host.page) == []


@pytest.mark.parametrize("color_scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/licenses/",
        "/login/",
        "/debug/",
        "/debug/routes",
        "/debug/frontend-debugger",
    ],
)
def test_pages_of_the_runner(
    page: Page, pages_url: str, path: str, color_scheme: Literal["light", "dark"]
) -> None:
    page.emulate_media(color_scheme=color_scheme)
    page.goto(pages_url + path)
    violations = find_violations(page)
    page.emulate_media(color_scheme="light")
    assert violations == []


def test_the_controls_can_be_reached_with_the_keyboard(host: Host) -> None:
    frame = host.open("/all/")
    frame.focus("summary")
    reached = []
    for _ in range(5):
        host.page.keyboard.press("Tab")
        reached.append(
            frame.evaluate(
                "document.activeElement.id || document.activeElement.innerText"
            )
        )
    assert reached[0] == "data_url"
    assert "choose file" in reached
