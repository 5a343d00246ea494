# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""Whatever is saved comes back, with and without a real HTTP connection between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from byte_server import ByteServer
from entity_sources import KeepsLineEnds, response_of, saved
from qhana_plugin_runner.plugin_utils.entity_marshalling import (
    get_entity_tuple_class,
    load_entities,
)

JSON = "application/json"
LINES = "application/X-lines+json"
CSV = "text/csv"

# Surrogates have no bytes; older csv modules refuse NUL.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
AWKWARD = st.sampled_from("\n\r\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e\",; '\t\ufeffäa")
VALUES = TEXT | st.text(AWKWARD) | st.just("")
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | VALUES
NAMES = st.lists(VALUES, min_size=1, max_size=5, unique=True)
TABLES = NAMES.flatmap(
    lambda names: st.tuples(
        st.just(names),
        st.lists(st.tuples(*[VALUES for _ in names]), max_size=5),
    )
)
ENTITIES = st.lists(
    st.dictionaries(VALUES, SCALARS | st.lists(SCALARS, max_size=3), max_size=5),
    max_size=5,
)

Reload = Callable[[str, str], Any]


@pytest.fixture(scope="module")
def server() -> Iterator[ByteServer]:
    with ByteServer() as server:
        yield server


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


@pytest.fixture(params=["bytes", "stream", "lines", "http", "http stream", "latin-1?"])
def reload(
    request: pytest.FixtureRequest, server: ByteServer, session: requests.Session
) -> Reload:
    def over_http(text: str, mimetype: str) -> list[Any]:
        url = server.serve("/data", text.encode(), Content_Type=mimetype)
        streamed = "stream" in request.param
        with session.get(url, stream=streamed, timeout=5) as response:
            return list(load_entities(response, response.headers["Content-Type"]))

    def in_other_charset(text: str, mimetype: str) -> list[Any]:
        body = text.encode("utf-16-le")
        declared = f"{mimetype}; charset=utf-16-le"
        return list(load_entities(response_of(body, declared, True), mimetype))

    def locally(text: str, mimetype: str) -> list[Any]:
        if request.param == "lines":
            return list(load_entities(KeepsLineEnds(text), mimetype))
        response = response_of(text.encode(), None, request.param == "stream")
        return list(load_entities(response, mimetype))

    if "http" in request.param:
        return over_http
    return in_other_charset if "?" in request.param else locally


ROUND_TRIP = settings(
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@ROUND_TRIP
@given(table=TABLES)
def test_csv_keeps_any_text(reload: Reload, table: tuple[list[str], Any]) -> None:
    names, rows = table
    entities = reload(saved(rows, CSV, attributes=names), CSV)
    assert entities == rows
    assert all(entity.entity_attributes == tuple(names) for entity in entities)


@ROUND_TRIP
@given(table=TABLES)
def test_csv_is_the_same_bytes_the_second_time(
    reload: Reload, table: tuple[list[str], Any]
) -> None:
    names, rows = table
    class_ = get_entity_tuple_class(names)
    dicts_and_tuples = [
        class_(*row).as_dict() if i % 2 else class_(*row) for i, row in enumerate(rows)
    ]
    first = saved(dicts_and_tuples, CSV, attributes=names)
    assert saved(reload(first, CSV), CSV, attributes=names) == first


@ROUND_TRIP
@given(entities=ENTITIES)
@pytest.mark.parametrize("mimetype", [JSON, LINES])
def test_json_keeps_any_value(
    reload: Reload, mimetype: str, entities: list[dict[str, Any]]
) -> None:
    assert reload(saved(entities, mimetype), mimetype) == entities
