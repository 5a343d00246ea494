"""The micro frontend debugger: a host made for people."""

from __future__ import annotations

import pytest
from playwright.sync_api import FrameLocator, Page, expect

UI = "/plugins/pages-good@v1-0-0/ui/"


@pytest.fixture()
def debugger(page: Page, pages_url: str) -> Page:
    page.goto(pages_url + "/debug/frontend-debugger")
    return page


def load(debugger: Page) -> FrameLocator:
    debugger.select_option("#route", UI)
    expect(debugger.locator("#loading")).to_have_text("loaded")
    return debugger.frame_locator("#frame")


def test_a_chosen_micro_frontend_is_embedded_like_in_the_ui(debugger: Page) -> None:
    frame = load(debugger)
    expect(frame.get_by_text("choose file")).to_be_visible()
    assert debugger.get_attribute("#frame", "sandbox") == (
        "allow-forms allow-downloads allow-scripts allow-same-origin"
    )
    height = int(debugger.get_attribute("#frame", "height") or 0)
    assert height > 150


def test_all_messages_of_both_sides_are_logged(debugger: Page) -> None:
    load(debugger)
    incoming = debugger.locator(".message-in strong")
    outgoing = debugger.locator(".message-out strong")
    expect(incoming.first).to_have_text("ui-loaded")
    assert outgoing.all_inner_texts() == ["load-css", "plugin-context"]


@pytest.mark.parametrize(
    ("template", "selector", "value"),
    [
        ("autofill-response (JSON)", "#input_str", "some text"),
        ("autofill-response (form)", "#input_str", "some text"),
    ],
)
def test_any_message_can_be_sent(
    debugger: Page, template: str, selector: str, value: str
) -> None:
    frame = load(debugger)
    debugger.select_option("#template", template)
    debugger.click("#send-form button")
    expect(frame.locator(selector)).to_have_value(value)


def test_the_payload_can_be_edited(debugger: Page) -> None:
    frame = load(debugger)
    debugger.fill(
        "#payload",
        '{"type": "data-url-response", "inputKey": "data", "href": "http://x"}',
    )
    debugger.click("#send-form button")
    expect(frame.locator("#data")).to_have_value("http://x")


def test_a_payload_that_is_no_json_is_reported(debugger: Page) -> None:
    load(debugger)
    debugger.fill("#payload", "{")
    debugger.click("#send-form button")
    expect(debugger.locator("#payload-error")).to_contain_text("This is no JSON")


def test_requests_for_data_are_answered_on_demand(debugger: Page) -> None:
    frame = load(debugger)
    debugger.check("#answer-data")
    debugger.fill("#data-url", "http://data.example/1")
    frame.get_by_text("choose file").click()
    expect(frame.locator("#data")).to_have_value("http://data.example/1")


def test_a_submit_shows_the_url_of_the_result(debugger: Page) -> None:
    frame = load(debugger)
    frame.get_by_text("submit", exact=True).click()
    expect(debugger.locator("#loading")).to_contain_text("submitted: http://")


def test_routes_with_variable_parts_wait_for_them(debugger: Page) -> None:
    debugger.select_option("#route", "/plugins/pages-good@v1-0-0/<int:db_id>/step-ui/")
    expect(debugger.locator("#url")).to_be_focused()
    expect(debugger.locator("#loading")).to_have_text("nothing loaded")


def test_a_micro_frontend_of_another_origin_can_be_debugged(
    debugger: Page, demo_url: str
) -> None:
    debugger.fill("#url", demo_url + "/ui/")
    debugger.click("text=Load")
    expect(debugger.locator("#loading")).to_have_text("loaded")


def test_the_url_may_come_with_the_link(page: Page, pages_url: str) -> None:
    page.goto(pages_url + "/debug/frontend-debugger?url=" + UI)
    expect(page.locator("#loading")).to_have_text("loaded")


def test_script_urls_in_the_link_are_not_loaded(page: Page, pages_url: str) -> None:
    page.goto(pages_url + "/debug/frontend-debugger?url=javascript:alert(1)")
    expect(page.locator("#loading")).to_have_text("nothing loaded")
