# Copyright 2026 QHAna plugin runner contributors.
# SPDX-License-Identifier: Apache-2.0
"""The names under which files are stored, on whatever file system."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qhana_plugin_runner.errors import InvalidFileNameError
from qhana_plugin_runner.storage.names import clean_label, safe_name


@pytest.mark.parametrize(
    ("label", "stored"),
    [
        ("a.csv", "a.csv"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("COM¹.txt", "_COM¹.txt"),
        ("aux .txt", "_aux .txt"),
        ("CONIN$", "_CONIN$"),
        ("console.txt", "console.txt"),
        ("trailing...", "trailing_"),
        ("trailing ", "trailing_"),
        ("a.txt:stream", "a.txt_stream"),
        ('<a>"b"|c?*', "_a__b__c__"),
        ("folder/a\\b", "folder_a_b"),
    ],
)
def test_a_name_means_the_same_on_every_file_system(label: str, stored: str) -> None:
    assert safe_name(clean_label(label)) == stored


@pytest.mark.parametrize("mark", "\u200f\u202a\u202e\u2066\u2069")
def test_names_cannot_turn_the_direction_of_writing(mark: str) -> None:
    assert clean_label(f"photo{mark}gpj.exe") == "photo_gpj.exe"


@given(st.text(max_size=600))
def test_any_name_is_refused_or_stored_in_its_folder(name: str) -> None:
    try:
        stored = safe_name(clean_label(name))
    except InvalidFileNameError:
        return
    assert stored not in ("", ".", "..")
    assert not set(stored) & set('/\\\0:<>"|?*\r\n')
    assert len(stored.encode()) <= 255
    assert stored[-1] not in ". "
