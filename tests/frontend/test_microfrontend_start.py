"""How the script starts, and what it leaves to plugins."""

from __future__ import annotations

from playwright.sync_api import Page

from frontend.host import Host

PUBLIC_FUNCTIONS = {
    "getMicrofrontendWidth",
    "getPluginContext",
    "instrumentForm",
    "monitorHeightChanges",
    "notifyParentWindowOnHeightChange",
    "notifyParentWindowOnLoad",
    "onAutoFillResponse",
    "onDataUrlResponseMessage",
    "onFormSubmit",
    "onLoadCssMessage",
    "onPluginContextUpdate",
    "onPluginUrlResponseMessage",
    "registerMessageListener",
    "sendMessage",
    "sendSubmitStatus",
    "submitFormData",
}


def test_start_announces_the_page_and_its_height(host: Host) -> None:
    host.open("/ui/", wait_for="ui-resize")
    first, second = host.messages[:2]
    assert first == "ui-loaded"
    assert set(second) == {"type", "height"}
    assert second["height"] > 100


def test_info_requests_come_before_the_page_is_announced(host: Host) -> None:
    host.open("/all/?dataUrl=http://x/1&pluginUrl=http://x/p/")
    assert host.messages[:3] == [
        {
            "type": "request-data-url-info",
            "inputKey": "data_url",
            "dataUrl": "http://x/1",
        },
        {
            "type": "request-plugin-url-info",
            "inputKey": "plugin_url",
            "pluginUrl": "http://x/p/",
        },
        "ui-loaded",
    ]


def test_state_of_a_framed_page(host: Host) -> None:
    frame = host.open("/ui/")
    assert frame.evaluate("window._qhana_microfrontend_state") == {
        "href": host.frontend_url + "/ui/",
        "lastHeight": 0,
        "heightUnchangedCount": 0,
        "preventSubmit": False,
        "formSubmitHandler": None,
    }


def test_the_script_defines_the_public_functions_only(host: Host, page: Page) -> None:
    frame = host.open("/ui/")
    names = "() => Object.getOwnPropertyNames(window)"
    with_script = set(frame.evaluate(names))
    empty = page.context.new_page()
    empty.goto(host.url)
    added = with_script - set(empty.evaluate(names))
    empty.close()
    assert added == PUBLIC_FUNCTIONS | {"_qhana_microfrontend_state"}


def test_without_a_host_nothing_runs(host: Host) -> None:
    host.page.goto(host.frontend_url + "/all/?dataUrl=http://x/1")
    assert host.page.evaluate("window._qhana_microfrontend_state === undefined")
    assert host.page.evaluate("typeof sendMessage") == "function"
    assert host.page.locator("button:visible").all_inner_texts() == ["validate", "submit"]


def test_without_a_host_the_form_ends_on_the_task(host: Host) -> None:
    host.page.goto(host.frontend_url + "/ui/?inputStr=x")
    host.page.click("//button[@class='qhana-form-submit'][text()='submit']")
    host.page.wait_for_url("**/tasks/1/")


def test_a_page_with_the_script_in_its_head_is_announced(host: Host) -> None:
    frame = host.open("/pages/in_head")
    host.send({"type": "load-css", "urls": [host.url + "/host.css"]})
    assert host.of_type("ui-loaded") == ["ui-loaded"]
    assert frame.evaluate("document.body.style.background") == "transparent"


def test_loading_the_script_twice_changes_nothing(host: Host) -> None:
    frame = host.open("/pages/twice")
    host.settle()
    assert host.of_type("ui-loaded") == ["ui-loaded"]
    frame.fill("#input_str", "x")
    frame.click("text=submit")
    host.wait_for("form-submit")
    host.settle()
    assert len(host.of_type("form-submit")) == 1


def test_instrumenting_again_does_not_submit_twice(host: Host) -> None:
    frame = host.open("/ui/?inputStr=x")
    frame.evaluate("instrumentForm(); instrumentForm(true)")
    frame.click("text=submit")
    host.wait_for("form-submit")
    host.settle()
    assert len(host.of_type("form-submit")) == 1


def test_scripts_of_plugins_may_use_any_other_name(host: Host) -> None:
    frame = host.open("/pages/hooks")
    assert frame.evaluate("[form, hostOrigin, typeof state]") == [1, 3, "object"]


def test_a_plugin_may_handle_messages_itself(host: Host) -> None:
    frame = host.open("/pages/hooks")
    mine = {"type": "data-url-response", "inputKey": "mine", "href": "http://x"}
    other = {"type": "data-url-response", "inputKey": "input_str", "href": "http://y"}
    host.send(mine)
    host.send(other)
    assert frame.evaluate("log") == [mine, other]
    assert frame.input_value("#input_str") == "http://y"


def test_a_plugin_may_handle_the_submit_itself(host: Host) -> None:
    frame = host.open("/pages/hooks?inputStr=x")
    host.clear()
    frame.evaluate("window.handle = true")
    frame.click("text=submit")
    host.settle()
    assert frame.evaluate("log") == [["submit", [], ["secret"]]]
    assert host.of_type("ui-loading") == []
    frame.evaluate("window.handle = false")
    frame.click("text=submit")
    host.wait_for("form-submit")


def test_buttons_of_plugins_are_left_alone(host: Host) -> None:
    frame = host.open("/pages/own_buttons")
    host.clear()
    frame.click("#outside")
    frame.click("#late")
    host.settle()
    assert host.of_type("request-data-url") == []


def test_errors_and_selects_are_tied_to_their_descriptions(host: Host) -> None:
    frame = host.open("/all/?errors")
    assert frame.get_attribute("#choice", "aria-describedby") == "choice-description"
    assert frame.get_attribute("#count", "aria-invalid") == "true"
    assert frame.get_attribute("#ratio", "aria-invalid") is None
