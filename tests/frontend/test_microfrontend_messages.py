"""Messages of the host, requests for data and plugins, autofill, height."""

from __future__ import annotations

import json
from typing import Any

import pytest

from frontend.host import Host

URLENCODED = "application/x-www-form-urlencoded"

LISTEN = """(id) => {
    window.events = [];
    for (const type of ["input", "change"]) {
        document.getElementById(id).addEventListener(type, (e) => {
            window.events.push([e.type, e.constructor.name, e.bubbles, e.target.value]);
        });
    }
}"""


RECORD_TARGETS = """() => {
    const targets = [];
    Object.defineProperty(window, "opener", {value: {
        postMessage: (message, origin) => targets.push(origin),
    }});
    sendMessage("ui-loaded");
    return targets;
}"""


# -- requests by buttons -----------------------------------------------------------------


def test_the_choose_button_asks_for_data(host: Host) -> None:
    frame = host.open("/all/")
    frame.click("button[data-input-id=data_url]:has-text('choose file')")
    assert host.wait_for("request-data-url") == {
        "type": "request-data-url",
        "inputKey": "data_url",
        "acceptedInputType": "entity/list",
        "acceptedContentTypes": ["text/csv", "application/json"],
    }


def test_a_choose_button_without_types_accepts_all(host: Host) -> None:
    frame = host.open("/all/")
    frame.evaluate(
        "() => { const b = document.querySelector('[data-input-id=data_url]');"
        "b.removeAttribute('data-input'); b.removeAttribute('data-content-type'); }"
    )
    frame.click("button[data-input-id=data_url]:has-text('choose file')")
    message = host.wait_for("request-data-url")
    assert message["acceptedInputType"] == "*"
    assert message["acceptedContentTypes"] == ["*"]


def test_the_related_button_follows_the_other_input(host: Host) -> None:
    frame = host.open("/all/")
    related = frame.locator("button.related")
    assert related.is_visible() and related.is_disabled()
    frame.fill("#data_url", "http://x/1")
    frame.press("#data_url", "Tab")
    related.click()
    assert host.wait_for("request-related-data-url") == {
        "type": "request-related-data-url",
        "inputKey": "related_url",
        "dataUrl": "http://x/1",
        "relation": "pre",
        "userInteraction": True,
        "includeSelf": True,
        "acceptedInputType": "entity/*",
        "acceptedContentType": "text/csv",
    }
    frame.fill("#data_url", "")
    frame.press("#data_url", "Tab")
    assert related.is_disabled()


def test_a_related_button_can_leave_out_the_data_itself(host: Host) -> None:
    frame = host.open("/all/?dataUrl=http://x/1")
    frame.evaluate(
        "document.querySelector('.related').setAttribute('data-include-self', 'False')"
    )
    frame.click("button.related")
    assert "includeSelf" not in host.wait_for("request-related-data-url")


def test_the_preview_button_shows_the_chosen_data(host: Host) -> None:
    frame = host.open("/all/")
    preview = frame.locator("button.qhana-show-preview-button[data-input-id=data_url]")
    assert not preview.is_visible()
    host.send({"type": "data-url-response", "inputKey": "data_url", "href": "http://x/2"})
    preview.click()
    expected = {"type": "request-data-preview", "dataUrl": "http://x/2"}
    assert host.wait_for("request-data-preview") == expected


def test_the_plugin_button_asks_for_a_plugin(host: Host) -> None:
    frame = host.open("/all/")
    frame.click("button.qhana-choose-plugin-button")
    assert host.wait_for("request-plugin-url") == {
        "type": "request-plugin-url",
        "inputKey": "plugin_url",
        "pluginTags": ["minimizer", "!slow"],
        "pluginVersion": ">=v1.0.0",
    }


def test_a_plugin_button_without_tags_asks_for_none(host: Host) -> None:
    frame = host.open("/all/")
    frame.evaluate(
        "() => { const b = document.querySelector('.qhana-choose-plugin-button');"
        "b.setAttribute('data-plugin-tags', '');"
        "b.setAttribute('data-plugin-name', 'x') }"
    )
    frame.click("button.qhana-choose-plugin-button")
    message = host.wait_for("request-plugin-url")
    assert (message["pluginTags"], message["pluginName"]) == ([], "x")


# -- messages of the host ----------------------------------------------------------------


def test_a_chosen_file_fills_its_input(host: Host) -> None:
    frame = host.open("/all/")
    frame.evaluate(LISTEN, "data_url")
    response: dict[str, Any] = {
        "type": "data-url-response",
        "inputKey": "data_url",
        "href": "http://x/1",
        "dataType": "entity/list",
        "contentType": "text/csv",
        "filename": "a.csv",
        "version": 3,
    }
    host.send(response)
    assert frame.evaluate("events") == [
        ["input", "InputEvent", False, "http://x/1"],
        ["change", "InputEvent", False, "http://x/1"],
    ]
    hint = frame.locator("p.selected-file-hint[data-input-id=data_url]")
    assert hint.get_attribute("aria-live") == "polite"
    name = hint.locator(".selected-file-name")
    assert name.inner_text() == "a.csv (v3) entity/list – text/csv"
    host.send({"type": "data-url-response", "inputKey": "data_url", "href": "http://x/1"})
    assert name.inner_text() == "unknown (v?) * – *"
    assert len(frame.evaluate("events")) == 4


def test_a_chosen_plugin_fills_its_input(host: Host) -> None:
    frame = host.open("/all/")
    frame.evaluate(LISTEN, "plugin_url")
    host.send(
        {
            "type": "plugin-url-response",
            "inputKey": "plugin_url",
            "pluginUrl": "http://x/p/",
            "pluginName": "opt",
            "pluginVersion": "v1.0.0",
        }
    )
    assert [event[:3] for event in frame.evaluate("events")] == [
        ["input", "InputEvent", False],
        ["change", "InputEvent", False],
    ]
    assert frame.input_value("#plugin_url") == "http://x/p/"
    assert frame.inner_text(".selected-plugin-name") == "opt (v1.0.0)"


@pytest.mark.parametrize("key", ["nowhere", 'a"]b', "12", "choice"])
def test_responses_for_no_input_are_ignored(host: Host, key: str) -> None:
    host.open("/all/")
    host.send({"type": "data-url-response", "inputKey": key, "href": "http://x"})
    host.send({"type": "plugin-url-response", "inputKey": key, "pluginUrl": "http://x"})


def test_css_of_the_host_comes_last_and_wins(host: Host) -> None:
    frame = host.open("/all/")
    urls = [
        host.url + "/host.css",
        "javascript:alert(1)",
        "data:text/css,body{}",
        "http://[",
    ]
    host.send({"type": "load-css", "urls": urls})
    sheets = "() => [...document.querySelectorAll('link')].map((link) => link.href)"
    assert frame.evaluate(sheets) == [
        host.frontend_url + "/static/forms.css",
        host.url + "/host.css",
    ]
    assert frame.evaluate("document.body.style.background") == "transparent"


def test_the_plugin_context_replaces_the_one_before(host: Host) -> None:
    frame = host.open("/all/")
    assert frame.evaluate("getPluginContext()") == {}
    host.send({"type": "plugin-context", "experimentId": "3", "location": "workspace"})
    host.send({"type": "plugin-context", "location": "data-preview"})
    assert frame.evaluate("getPluginContext()") == {"location": "data-preview"}
    frame.evaluate("getPluginContext().location = 'changed'")
    assert frame.evaluate("getPluginContext().location") == "data-preview"


def test_the_submit_status(host: Host) -> None:
    host.open("/all/")
    host.send("ui-submit-status")
    host.send("ui-prevent-submit")
    host.send("ui-submit-status")
    host.send("ui-allow-submit")
    answers = [m["isAllowedToSubmit"] for m in host.of_type("ui-submit-status")]
    assert answers == [True, False, False, True]


@pytest.mark.parametrize(
    "message",
    [None, "", "unknown", 7, [], {}, {"type": "unknown"}, {"type": "load-css"}]
    + [{"type": "autofill-response", "encoding": "x"}, {"type": "constructor"}],
)
def test_messages_without_meaning_are_ignored(host: Host, message: Any) -> None:
    host.open("/ui/")
    host.send(message)


def test_messages_of_other_windows_are_ignored(host: Host) -> None:
    frame = host.open("/all/")
    frame.evaluate(
        """(css) => {
            const stranger = document.createElement("iframe");
            const attack = JSON.stringify({type: "load-css", urls: [css]});
            stranger.srcdoc = `<script>parent.postMessage(${attack}, "*");
                parent.postMessage("ui-prevent-submit", "*")<${"/"}script>`;
            document.body.append(stranger);
            window.postMessage({type: "load-css", urls: [css]});
            return new Promise((resolve) => {
                stranger.onload = () => setTimeout(resolve, 50);
            });
        }""",
        host.url + "/host.css",
    )
    assert frame.locator("link").count() == 1
    assert host.of_type("ui-submit-status") == []


def test_messages_are_addressed_to_the_host_only(host: Host) -> None:
    frame = host.open("/all/")
    assert frame.evaluate(RECORD_TARGETS) == ["*"]  # an opener that has not spoken yet
    frame = host.open("/all/")
    host.send("ui-submit-status")
    assert frame.evaluate(RECORD_TARGETS) == [host.url]


def test_only_allowed_embedders_are_heard(host: Host, demo_app: Any) -> None:
    demo_app.config["ALLOWED_EMBEDDERS"] = ["https://ui.example.org"]
    try:
        frame = host.open("/all/", wait_for=None)
        frame.wait_for_selector("form")
        host.send("ui-prevent-submit")
        assert host.messages == []
        assert frame.evaluate("_qhana_microfrontend_state.preventSubmit") is False
        demo_app.config["ALLOWED_EMBEDDERS"].append(host.url)
        host.open("/all/")
        host.send("ui-prevent-submit")
        host.wait_for("ui-submit-status")
    finally:
        del demo_app.config["ALLOWED_EMBEDDERS"]


# -- autofill ----------------------------------------------------------------------------


def autofill(host: Host, values: Any, encoding: str = "application/json") -> None:
    value = json.dumps(values) if encoding == "application/json" else values
    host.send({"type": "autofill-response", "value": value, "encoding": encoding})


def test_autofill_from_json(host: Host) -> None:
    frame = host.open("/all/")
    frame.fill("#story", "typed before")
    frame.evaluate(LISTEN, "plain_text")
    autofill(
        host,
        {
            "plainText": "text",
            "count": 4,
            "isOn": True,
            "choice": "B",
            "story": "filled",
            "secret": "***",
            "upload": "Uploaded file: a",
            "missing": 1,
        },
    )
    values = {key: frame.input_value(f"#{key}") for key in ("plain_text", "count")}
    assert values == {"plain_text": "text", "count": "4"}
    assert frame.is_checked("#is_on")
    assert frame.input_value("#choice") == "B"
    assert frame.input_value("#story") == "filled"
    assert frame.input_value("#secret") == ""
    assert frame.evaluate("events.map((e) => e.slice(0, 3))") == [
        ["input", "InputEvent", False],
        ["change", "InputEvent", False],
    ]


def test_autofill_asks_for_information_about_data_and_plugins(host: Host) -> None:
    frame = host.open("/all/")
    autofill(host, "dataUrl=http%3A%2F%2Fx%2F1&pluginUrl=http%3A%2F%2Fp%2F", URLENCODED)
    assert host.wait_for("request-data-url-info")["dataUrl"] == "http://x/1"
    assert host.wait_for("request-plugin-url-info")["pluginUrl"] == "http://p/"
    assert frame.locator("button.related").is_enabled()


def test_autofill_asks_for_information_in_a_page_that_is_never_idle(host: Host) -> None:
    frame = host.open("/all/")
    frame.evaluate("""window.requestIdleCallback = (callback, options) => {
            if (options?.timeout) { setTimeout(callback, options.timeout); }
        }""")
    autofill(host, {"dataUrl": "http://x/1"})
    assert host.wait_for("request-data-url-info")["dataUrl"] == "http://x/1"


def test_autofill_unticks_what_was_not_ticked(host: Host) -> None:
    frame = host.open("/all/?isOn=on")
    assert frame.is_checked("#is_on")
    autofill(host, "plainText=x", URLENCODED)
    assert not frame.is_checked("#is_on")


def test_autofill_that_fits_no_form_changes_nothing(host: Host) -> None:
    frame = host.open("/all/?isOn=on")
    autofill(host, "other=x", URLENCODED)
    assert frame.is_checked("#is_on")


def test_autofill_of_groups_and_strange_names(host: Host) -> None:
    frame = host.open("/pages/groups")
    autofill(
        host,
        "size=l&tags=b&many=1&many=3&a.b+c=strange&list=1&list=2&12=x&%22%5D=y",
        URLENCODED,
    )
    names = "(name) => [...document.getElementsByName(name)].map((e) => e.checked)"
    assert frame.evaluate(names, "size") == [False, True]
    assert frame.evaluate(names, "tags") == [False, True]
    assert frame.evaluate(names, "alone") == [False]
    selected = "[...document.querySelector('select').selectedOptions].map((o) => o.value)"
    assert frame.evaluate(selected) == ["1", "3"]
    assert frame.input_value("[name='a.b c']") == "strange"
    assert frame.input_value("[name=list]") == "1,2"


def test_autofill_leaves_a_revealed_password_alone(host: Host) -> None:
    frame = host.open("/all/")
    frame.evaluate("document.getElementById('secret').type = 'text'")
    autofill(host, {"secret": "***"})
    assert frame.input_value("#secret") == ""


@pytest.mark.parametrize("value", ["{", "[1]", "null", "7"])
def test_autofill_with_broken_json_is_ignored(host: Host, value: str) -> None:
    host.open("/ui/")
    host.send(
        {"type": "autofill-response", "value": value, "encoding": "application/json"}
    )


# -- height ------------------------------------------------------------------------------


def test_the_target_height_is_reported_once_css_is_loaded(host: Host) -> None:
    host.open("/pages/full")
    host.send({"type": "load-css", "urls": []})
    host.settle()
    assert host.of_type("ui-resize")[-1]["targetHeight"] == "full"


def test_content_that_grows_later_is_reported(host: Host) -> None:
    frame = host.open("/pages/details")
    host.send({"type": "load-css", "urls": []})
    frame.evaluate("_qhana_microfrontend_state.heightUnchangedCount = 100")
    host.settle()
    host.clear()
    frame.click("summary")
    assert host.wait_for("ui-resize")["height"] > 900


def test_the_frame_may_become_smaller_again(host: Host) -> None:
    frame = host.open("/pages/details")
    host.send({"type": "load-css", "urls": []})
    frame.click("summary")
    host.page.wait_for_function("received.at(-1).data.height > 900")
    host.resize_frame(host.of_type("ui-resize")[-1]["height"])
    host.clear()
    frame.click("summary")
    height = host.wait_for("ui-resize")["height"]
    assert height < 200
    host.resize_frame(height)
    assert len(host.of_type("ui-resize")) == 1


def test_monitoring_stops_when_nothing_changes(host: Host) -> None:
    frame = host.open("/ui/")
    host.send({"type": "load-css", "urls": []})
    frame.wait_for_function(
        "_qhana_microfrontend_state.heightUnchangedCount > 60", timeout=10_000
    )
    count = frame.evaluate("_qhana_microfrontend_state.heightUnchangedCount")
    host.settle()
    host.settle()
    assert frame.evaluate("_qhana_microfrontend_state.heightUnchangedCount") == count
    height = "Math.max(document.body.scrollHeight, document.documentElement.scrollHeight)"
    assert host.of_type("ui-resize")[-1]["height"] == frame.evaluate(height)
