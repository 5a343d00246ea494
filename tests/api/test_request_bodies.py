# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""What views get from queries, forms, uploads and JSON; broken ones are refused."""

from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from qhana_plugin_runner.db.models.tasks import ProcessingTask

LAB = "/plugins/api-lab@v1-2-0"
MISSING = ["Missing data for required field."]
URLENCODED = "application/x-www-form-urlencoded"


def form(client: FlaskClient, data: Any, path: str = "process", **kwargs: Any) -> Any:
    return client.post(f"{LAB}/{path}/", data=data, **kwargs)


def with_boundary(text: str) -> dict[str, Any]:
    body = text.replace("\n", "\r\n").encode()
    return {"data": body, "content_type": "multipart/form-data; boundary=b"}


# forms


@pytest.mark.parametrize("content_type", [URLENCODED, "multipart/form-data"])
def test_form_becomes_values(client: FlaskClient, content_type: str):
    data = {
        "inputStr": "Grüße 🌍\r\n",
        "num2D": "7",
        "colour": "dark_blue",
        "entityUrl": "data:text/csv,a,b",
        "numbers": "1,2,3",
    }
    answer = form(client, data, content_type=content_type)
    assert answer.status_code == 200
    assert json.loads(answer.text) == {**data, "num2D": 7}


def test_missing_fields_get_their_defaults(client: FlaskClient):
    answer = form(client, {"inputStr": ""})
    assert json.loads(answer.text) == {"inputStr": "", "colour": "red"}


def test_redirect_passes_whatever_status_is_declared(client: FlaskClient):
    answer = form(client, {"inputStr": "redirect"})
    assert answer.status_code == 303
    assert answer.location == "/tasks/1/"


def test_unknown_fields_are_excluded_if_the_schema_says_so(client: FlaskClient):
    assert form(client, {"inputStr": "x", "more": "y"}).status_code == 200


def test_unknown_fields_of_other_forms_are_refused(client: FlaskClient):
    answer = form(client, {"inputStr": "x", "more": "y"}, "strict-form")
    assert answer.status_code == 422
    assert answer.json["errors"] == {"form": {"more": ["Unknown field."]}}


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("num2D", "seven", "Not a valid integer."),
        ("num2D", "", "Not a valid integer."),
        ("colour", "green", "Not a valid choice."),
        ("colour", "", "Not a valid choice."),
        ("entityUrl", "not a url", "Not a valid URL."),
        ("entityUrl", "", "Field may not be null."),
    ],
)
def test_invalid_fields_are_named_by_their_key(
    client: FlaskClient, field: str, value: str, message: str
):
    answer = form(client, {"inputStr": "x", field: value})
    assert answer.status_code == 422
    assert answer.json == {
        "code": 422,
        "status": "Unprocessable Entity",
        "errors": {"form": {field: [message]}},
    }


@pytest.mark.parametrize("data", [None, {}, "", {"inputstr": "x"}])
def test_missing_fields_are_named(client: FlaskClient, data: Any):
    answer = form(client, data)
    assert answer.status_code == 422
    assert answer.json["errors"] == {"form": {"inputStr": MISSING}}


# the validation round trip of micro frontends


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_form_is_shown_with_its_errors(client: FlaskClient, method: str):
    values = {"num2D": "seven", "colour": "green", "more": "x"}
    key = "query_string" if method == "GET" else "data"
    answer = client.open(f"{LAB}/ui/", method=method, **{key: values})
    assert answer.status_code == 200
    assert answer.json["errors"] == {
        "num2D": ["Not a valid integer."],
        "colour": ["Not a valid choice."],
    }
    assert answer.json["values"] == values


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_form_without_values_has_no_errors(client: FlaskClient, method: str):
    answer = client.open(f"{LAB}/ui/", method=method)
    assert answer.status_code == 200
    assert answer.json == {"errors": {}, "values": {}}


def test_query_of_the_page_does_not_disturb_its_form(client: FlaskClient):
    answer = form(client, {"inputStr": "x"}, "ui/?callback=http://c/")
    assert answer.status_code in (200, 308)
    answer = client.post(f"{LAB}/ui/?callback=http://c/&num2D=x", data={"inputStr": "x"})
    assert answer.json == {"errors": {}, "values": {"inputStr": "x"}}


# uploads, several locations


def test_upload_with_form_fields(client: FlaskClient):
    data = {"inputStr": "x", "someFile": (io.BytesIO(b"content"), "a.txt")}
    answer = form(client, data, "upload")
    assert answer.json == {"form": "x", "file": "content"}


def test_missing_upload_is_named(client: FlaskClient):
    answer = form(client, {"inputStr": "x"}, "upload", content_type="multipart/form-data")
    assert answer.status_code == 422
    assert answer.json["errors"] == {"files": {"someFile": MISSING}}


@pytest.mark.parametrize("name", ["../../x", "ü🌍", 'a"b', "a\\b", "CON", "..", ""])
def test_upload_of_any_name(client: FlaskClient, name: str):
    data = {"inputStr": "x", "someFile": (io.BytesIO(b"content"), name)}
    assert form(client, data, "upload").status_code in (200, 422)


def test_values_of_several_locations_come_in_order(client: FlaskClient):
    answer = client.put(f"{LAB}/json/7/?someNumber=2&more=x", json={"someNumber": "1"})
    assert answer.json == {"body": 1, "query": {"some_number": 2}, "path": 7}


def test_empty_answers(client: FlaskClient):
    empty, null = client.get(f"{LAB}/empty/"), client.get(f"{LAB}/null/")
    assert (empty.status_code, empty.data) == (204, b"")
    assert (null.status_code, null.json, null.mimetype) == (200, None, "application/json")


# broken bodies


def assert_refused(answer: TestResponse, code: int) -> None:
    assert answer.status_code == code
    assert answer.json["code"] == code
    assert answer.json.get("message") or answer.json.get("errors")


@pytest.mark.parametrize(
    "kwargs",
    [
        {"json": {"inputStr": "x"}},
        {"data": "inputStr=x", "content_type": "text/plain"},
        {"data": "<a/>", "content_type": "application/xml"},
        {"data": b"\x00", "content_type": "application/octet-stream"},
        {"data": "inputStr=x", "content_type": "text/"},
    ],
)
def test_form_of_another_type_is_unsupported(client: FlaskClient, kwargs: dict[str, Any]):
    assert_refused(client.post(f"{LAB}/process/", **kwargs), 415)


@pytest.mark.parametrize(
    "content_type", ["text/plain", URLENCODED, "text/json", "application/xml"]
)
def test_json_of_another_type_is_unsupported(client: FlaskClient, content_type: str):
    path = f"{LAB}/json/1/"
    assert_refused(client.post(path, data="{}", content_type=content_type), 415)


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "application/ld+json", "APPLICATION/JSON"],
)
def test_json_types(client: FlaskClient, content_type: str):
    body = '{"someNumber": 1}'
    answer = client.post(f"{LAB}/json/1/", data=body, content_type=content_type)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "kwargs",
    [
        {"data": "x", "content_type": "multipart/form-data"},
        {"data": "x" * 100, "content_type": "multipart/form-data; boundary=b"},
        {"data": "x", "content_type": "multipart/form-data; boundary=b"},
        {"data": "--b--" * 9, "content_type": "multipart/form-data; boundary="},
        with_boundary('--b\nContent-Disposition: form-data; name="inputStr"\n\nx'),
        with_boundary("--b\nContent-Disposition: form-data\n\nx\n--b--\n"),
        with_boundary("--b\nno header\n\nx\n--b--\n"),
        with_boundary("--b\n" + "X: y\n" * 50_000 + "\nx\n--b--\n"),
    ],
)
def test_broken_multipart_is_a_bad_request(client: FlaskClient, kwargs: dict[str, Any]):
    answer = client.post(f"{LAB}/process/", **kwargs)
    assert answer.status_code in (400, 413, 422)
    if answer.status_code == 422:  # Werkzeug takes it for a form without fields
        assert b"Disposition: form-data\r\n" in kwargs["data"]


@pytest.mark.parametrize("body", ["--b--\r\n", "\r\n--b--\r\n", "--b--"])
def test_empty_multipart_is_an_empty_form(client: FlaskClient, body: str):
    type_ = "multipart/form-data; boundary=b"
    answer = client.post(f"{LAB}/process/", data=body, content_type=type_)
    assert answer.status_code == 422
    assert answer.json["errors"] == {"form": {"inputStr": MISSING}}


def test_broken_multipart_is_refused_for_uploads_too(client: FlaskClient):
    kwargs = {"data": "x" * 100, "content_type": "multipart/form-data; boundary=b"}
    assert_refused(client.post(f"{LAB}/upload/", **kwargs), 400)


@pytest.mark.parametrize(
    "data",
    [
        "&".join(f"field{number}=x" for number in range(1001)),
        "&".join(["inputStr=x"] * 1001),
    ],
)
def test_too_many_fields_are_too_large(client: FlaskClient, data: str):
    assert_refused(form(client, data, content_type=URLENCODED), 413)


@pytest.mark.parametrize("content_type", [URLENCODED, "multipart/form-data"])
def test_large_fields_are_accepted_up_to_the_limit(
    client: FlaskClient, content_type: str
):
    for size, status in ((2_000_000, 200), (17 * 2**20, 413)):
        data = {"inputStr": "x" * size}
        answer = form(client, data, content_type=content_type)
        assert answer.status_code == status


def test_large_form_of_unknown_length_is_too_large(client: FlaskClient):
    stream = io.BytesIO(b"inputStr=" + b"x" * 17 * 2**20)
    answer = client.post(
        f"{LAB}/process/",
        input_stream=stream,
        content_type=URLENCODED,
        headers={"Transfer-Encoding": "chunked"},
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert answer.status_code == 413


def test_large_files_are_no_fields(client: FlaskClient):
    data = {"inputStr": "x", "someFile": (io.BytesIO(b"x" * 17 * 2**20), "a.bin")}
    assert form(client, data, "upload").status_code == 200


def test_too_many_parts_are_too_large(client: FlaskClient):
    data = {f"field{number}": "x" for number in range(1001)}
    answer = form(client, data, content_type="multipart/form-data")
    assert answer.status_code == 413
    assert answer.json == {"code": 413, "status": "Request Entity Too Large"}


def test_percent_encoded_bytes_that_are_not_utf_8_stay_encoded(client: FlaskClient):
    answer = form(client, b"inputStr=%ff%fe", content_type=URLENCODED)
    assert json.loads(answer.text)["inputStr"] == "%FF%FE"


def test_multipart_bytes_that_are_not_utf_8_are_replaced(client: FlaskClient):
    head = b'--b\r\nContent-Disposition: form-data; name="inputStr"\r\n\r\n'
    type_ = "multipart/form-data; boundary=b"
    answer = form(client, head + b"\xff\r\n--b--\r\n", content_type=type_)
    assert json.loads(answer.text)["inputStr"] == "\ufffd"


@pytest.mark.parametrize("data", [b"inputStr=\xff", b"\xff", b"&"])
def test_broken_urlencoded_form_is_a_bad_request(client: FlaskClient, data: bytes):
    assert_refused(form(client, data, content_type=URLENCODED), 400)


@pytest.mark.parametrize("value", ["a\x00b", "%00"])
def test_null_characters_are_refused(client: FlaskClient, value: str):
    data = f"inputStr={value}".encode()
    answer = form(client, data, content_type=URLENCODED)
    assert answer.status_code == 422
    assert list(answer.json["errors"]["form"]) == ["inputStr"]


@pytest.mark.parametrize("charset", ["utf-7", "no-such-charset", "utf-16"])
def test_charset_of_a_form_is_ignored(client: FlaskClient, charset: str):
    type_ = f"{URLENCODED}; charset={charset}"
    answer = form(client, "inputStr=%C3%A4", content_type=type_)
    assert json.loads(answer.text)["inputStr"] == "ä"


@pytest.mark.parametrize(
    "body",
    [
        b"[[",
        b"{",
        b'{"someNumber": }',
        b"{'someNumber': 1}",
        b"\xff\xfe",
        b'{"a": "\xff"}',
        b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000,
    ],
)
@pytest.mark.parametrize("path", [f"{LAB}/json/1/", "/tasks/{}/"])
def test_broken_json_is_a_bad_request(
    client: FlaskClient, task: ProcessingTask, path: str, body: bytes
):
    answer = client.post(path.format(task.id), data=body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.json == {
        "code": 400,
        "status": "Bad Request",
        "errors": {"json": ["Invalid JSON body."]},
    }


@pytest.mark.parametrize("body", ["[1]", "NaN", "null", '"text"', "17", "true"])
def test_json_that_is_no_object_is_invalid(client: FlaskClient, body: str):
    answer = client.post(f"{LAB}/json/1/", data=body, content_type="application/json")
    assert_refused(answer, 422)
    assert list(answer.json["errors"]) == ["json"]


@pytest.mark.parametrize("number", ["1e999", "NaN", "-Infinity", "9" * 5000, '"9e9"'])
def test_json_numbers_that_are_none(client: FlaskClient, number: str):
    body = f'{{"someNumber": {number}}}'
    answer = client.post(f"{LAB}/json/1/", data=body, content_type="application/json")
    assert answer.status_code in (400, 422)


def test_missing_body_is_an_empty_object(client: FlaskClient):
    answer = client.post(f"{LAB}/json/1/")
    assert answer.status_code == 422
    assert answer.json["errors"] == {"json": {"someNumber": MISSING}}


# nothing that a client sends is an internal error

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["command", "webhookHref", "event"])
fuzz = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@fuzz
@given(body=JSON | st.dictionaries(KEYS, JSON | st.just("subscribe")))
def test_any_command(client: FlaskClient, task: ProcessingTask, body: Any):
    assert client.post(f"/tasks/{task.id}/", json=body).status_code < 500


@fuzz
@given(body=st.binary(max_size=200))
def test_any_json_bytes(client: FlaskClient, body: bytes):
    answer = client.post(f"{LAB}/json/1/", data=body, content_type="application/json")
    assert answer.status_code in (400, 422)


@fuzz
@given(
    values=st.dictionaries(
        st.sampled_from(["inputStr", "num2D", "colour", "entityUrl", "numbers", "x"]),
        st.text(st.characters(exclude_categories=["Cs"])),
    ),
    content_type=st.sampled_from([URLENCODED, "multipart/form-data"]),
)
def test_any_form(client: FlaskClient, values: dict[str, str], content_type: str):
    for path in ("process", "ui", "strict-form"):
        answer = form(client, dict(values), path, content_type=content_type)
        assert answer.status_code in (200, 303, 422)


@fuzz
@given(body=st.binary(max_size=300))
def test_any_multipart_bytes(client: FlaskClient, body: bytes):
    type_ = "multipart/form-data; boundary=b"
    for path in ("process", "upload"):
        data = b"--b\r\n" + body
        answer = client.post(f"{LAB}/{path}/", data=data, content_type=type_)
        assert answer.status_code in (400, 413, 422)


@fuzz
@given(path=st.text(max_size=40), query=st.text(max_size=40))
def test_any_path(client: FlaskClient, path: str, query: str):
    # A slash behind the root would be taken for the begin of a host by the client.
    path = quote(path.encode("utf-8", "replace"), safe="")
    query = quote(query.encode("utf-8", "replace"))
    for root in ("/", "/plugins/", "/tasks/", "/files/", f"{LAB}/"):
        for suffix in ("", "/"):
            url = f"{root}{path}{suffix}?file-id={query}&{path}={query}"
            assert client.get(url).status_code < 500
