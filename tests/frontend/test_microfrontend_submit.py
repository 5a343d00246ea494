"""Submitting and validating: what the host and the server are told."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask

from frontend.host import Host

TASK_PATH = "/tasks/1/"


def test_submit_tells_server_and_host(host: Host, demo_app: Flask) -> None:
    frame = host.open("/all/?dataUrl=http://x/1&relatedUrl=http://x/1&plainText=a b")
    host.clear()
    frame.fill("#secret", "hunter2")
    frame.check("#is_on")
    frame.set_input_files(
        "#upload", {"name": "a.txt", "mimeType": "text/plain", "buffer": b"content"}
    )
    frame.click("text=submit")
    message = host.wait_for("form-submit")
    pairs = dict(pair.split("=") for pair in message.pop("formData").split("&"))
    assert pairs["secret"] == "***"
    assert pairs["upload"] == "Uploaded+file%3A+a.txt"
    assert pairs["plainText"] == "a+b"
    assert pairs["isOn"] == "on"
    assert list(pairs)[:4] == ["dataUrl", "relatedUrl", "pluginUrl", "plainText"]
    assert message == {
        "type": "form-submit",
        "formDataType": "application/x-www-form-urlencoded",
        "dataInputs": ["http://x/1"],
        "submitUrl": host.frontend_url + "/process/ok",
        "resultUrl": host.frontend_url + TASK_PATH,
    }
    assert "hunter2" not in str(host.messages)
    assert host.messages[-2:] == ["ui-loading", host.messages[-1]]
    posted = demo_app.config["POSTED"][-1]
    assert posted["method"] == "POST"
    assert posted["form"]["secret"] == "hunter2"
    assert posted["files"] == {"upload": "a.txt"}


def test_the_query_of_the_action_is_kept(host: Host, demo_app: Flask) -> None:
    frame = host.open("/ui/?inputStr=x")
    frame.click("text=submit")
    assert host.wait_for("form-submit")["submitUrl"].endswith("/process/ok?kept=1")
    assert demo_app.config["POSTED"][-1]["query"] == {"kept": "1"}


def test_a_validation_error_reaches_host_and_form(host: Host) -> None:
    frame = host.open("/ui/?inputStr=x&process=/process/invalid")
    frame.click("text=submit")
    assert host.wait_for("form-error") == {
        "type": "form-error",
        "status": 422,
        "error": {
            "code": 422,
            "status": "Unprocessable Entity",
            "errors": {"form": {"inputStr": ["Not <allowed>."]}},
        },
    }
    error = frame.locator("#input_str-description .qhana-error-message")
    assert error.inner_text() == "Not <allowed>."
    assert frame.get_attribute("#input_str", "aria-invalid") == "true"
    frame.click("text=submit")
    host.wait_for("form-error", 2)
    assert error.count() == 1


@pytest.mark.parametrize(
    ("process", "status", "reason"),
    [
        ("/process/broken", 500, "INTERNAL SERVER ERROR"),
        ("/process/accepted", 202, "ACCEPTED"),
        ("http://127.0.0.1:1/closed", 500, "Network Error"),
        ("http://[", 500, "Network Error"),
    ],
)
def test_every_failure_ends_the_loading(
    host: Host, process: str, status: int, reason: str
) -> None:
    frame = host.open(f"/ui/?inputStr=x&process={process}")
    frame.click("text=submit")
    message = host.wait_for("form-error")
    assert message["status"] == status
    assert message["error"]["code"] == status
    assert message["error"]["status"] == reason
    assert host.of_type("form-submit") == []


def test_another_success_counts_if_it_is_a_task(host: Host) -> None:
    frame = host.open("/ui/?inputStr=x&process=/process/created")
    frame.click("text=submit")
    assert host.wait_for("form-submit")["resultUrl"].endswith("/process/created")


def test_a_prevented_submit_shows_no_loading(host: Host, demo_app: Flask) -> None:
    frame = host.open("/ui/?inputStr=x")
    host.send("ui-prevent-submit")
    host.clear()
    frame.click("text=submit")
    message = host.wait_for("form-submit")
    host.settle()
    assert "resultUrl" not in message
    assert message["formData"] == "inputStr=x&secret=***"
    assert host.of_type("ui-loading") == []
    assert demo_app.config["POSTED"] == []
    host.send("ui-allow-submit")
    frame.click("text=submit")
    host.wait_for("form-submit", 2)
    assert host.of_type("form-submit")[-1]["resultUrl"].endswith(TASK_PATH)


def test_validate_posts_natively_and_keeps_the_query(host: Host) -> None:
    frame = host.open("/ui/?callback=http://x/hook")
    frame.fill("#input_str", "bad")
    frame.fill("#secret", "hunter2")
    host.clear()
    with host.page.expect_request(lambda sent: sent.method == "POST") as request:
        frame.click("text=validate")
    assert request.value.url.endswith("/ui/?callback=http://x/hook")
    host.wait_for("ui-loaded")
    assert host.messages[0] == "ui-loading"
    assert frame.inner_text(".qhana-error-message") == "Invalid value."
    assert frame.input_value("#input_str") == "bad"
    assert frame.input_value("#secret") == ""
    host.clear()
    frame.fill("#input_str", "good")
    frame.click("text=validate")
    host.wait_for("ui-loaded")
    frame.wait_for_selector("text=Validation successful!")


def test_enter_validates_instead_of_choosing_a_file(host: Host) -> None:
    frame = host.open("/all/?dataUrl=http://x/1")
    host.clear()
    frame.press("#plain_text", "Enter")
    host.wait_for("ui-loading")
    assert host.of_type("request-data-url") == []


def test_submitting_by_script_uses_the_form(host: Host) -> None:
    frame = host.open("/ui/?inputStr=x")
    host.clear()
    frame.evaluate("document.forms[0].requestSubmit()")
    host.wait_for("ui-loaded")
    assert host.messages[0] == "ui-loading"


def test_free_targets_are_left_to_the_plugin(host: Host) -> None:
    frame = host.open("/pages/free_target")
    host.clear()
    frame.click("text=check")
    host.settle()
    assert frame.evaluate("window.prevented") is False
    assert host.of_type("ui-loading") == []


def test_controls_may_be_called_like_properties_of_the_form(
    host: Host, demo_app: Flask
) -> None:
    frame = host.open("/pages/clobbered")
    frame.click("text=go")
    message = host.wait_for("form-submit")
    assert message["submitUrl"] == host.frontend_url + "/process/ok"
    assert message["formData"] == "action=1&method=2&12=***&notes=***"
    assert demo_app.config["POSTED"][-1]["form"]["notes"] == "hidden"


@pytest.mark.parametrize(
    ("before", "after"), [("password", "text"), ("text", "password")]
)
def test_a_field_that_was_private_once_is_censored(
    host: Host, before: str, after: str
) -> None:
    frame = host.open("/ui/?inputStr=x")
    set_type = "(type) => { document.getElementById('secret').type = type; }"
    frame.evaluate(set_type, before)
    frame.evaluate("instrumentForm(true)")
    frame.fill("#secret", "hunter2")
    frame.evaluate(set_type, after)
    frame.click("text=submit")
    assert "hunter2" not in host.wait_for("form-submit")["formData"]


def test_private_data_is_no_input_of_the_step(host: Host) -> None:
    frame = host.open("/all/?dataUrl=http://x/1&relatedUrl=http://x/2")
    frame.evaluate("document.getElementById('data_url').dataset.private = ''")
    frame.click("text=submit")
    assert host.wait_for("form-submit")["dataInputs"] == ["http://x/2"]


SUBMIT = """([method, asUrl]) => {
    const data = new FormData();
    data.append("a", "1");
    data.append("a", "2");
    data.append("f", new File(["x"], "f.txt"));
    const path = "/process/created?q=0";
    const url = new URL(path, document.baseURI);
    return submitFormData(data, asUrl ? url : path, method).then((r) => r.url);
}"""


@pytest.mark.parametrize("as_url", [True, False])
def test_plugins_may_submit_form_data(host: Host, demo_app: Flask, as_url: bool) -> None:
    frame = host.open("/ui/")
    url = frame.evaluate(SUBMIT, ["GET", as_url])
    assert url.endswith("/process/created?q=0&a=1&a=2&f=f.txt")
    frame.evaluate(SUBMIT, ["put", as_url])
    posted: dict[str, Any] = demo_app.config["POSTED"][-1]
    assert (posted["method"], posted["query"]) == ("PUT", {"q": "0"})
    assert posted["files"] == {"f": "f.txt"}
