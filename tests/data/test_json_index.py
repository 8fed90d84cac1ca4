from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segue.data.json_index import GroupedPlaces, Place, read_values, scan_json
from segue.errors import DataError

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60)
@given(
    content=st.dictionaries(st.text(max_size=3), st.lists(values, max_size=3) | values, max_size=4),
    ascii_only=st.booleans(),
    indent=st.sampled_from([None, 1]),
)
def test_every_element_is_found_and_lies_where_it_is_said(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any], ascii_only: bool, indent: int | None
):
    content.pop("", None)
    path = tmp_path_factory.mktemp("json") / "a.json"
    path.write_text(json.dumps(content, ensure_ascii=ascii_only, indent=indent), encoding="utf-8")
    elements = list(scan_json(path, list(content)))
    expected = [
        (name, value)
        for name, held in content.items()
        for value in (held if isinstance(held, list) else [held])
    ]
    assert [(element.name, element.value) for element in elements] == expected
    assert read_values(path, [element.place for element in elements]) == [value for _, value in expected]


def test_a_list_alone_a_mark_of_the_encoding_and_lists_not_asked_for(tmp_path: Path):
    path = tmp_path / "a.json"
    path.write_bytes(b'\xef\xbb\xbf [ 1, {"a": "\xc3\xa9"} ,[] ]\n')
    assert [element.value for element in scan_json(path, ("",))] == [1, {"a": "é"}, []]
    assert read_values(path, [e.place for e in scan_json(path, ("",))]) == [1, {"a": "é"}, []]
    path.write_text('{"info": {"x": [1]}, "a": [], "b": [3], "info2": 4}')
    assert [(e.name, e.value) for e in scan_json(path, ("b", "info2", "c"))] == [("b", 3), ("info2", 4)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file is empty"),
        (b'{"images": [{"id": 1}, {"id": 2', "at byte"),
        (b'{"images": [{"id": 1} {"id": 2}]}', "',' expected, found '{' at byte 22"),
        (b'{"images": [1,]}', "a comma before the end"),
        (b'{"images": [1]', "',' expected, found the end"),
        (b'{"images": [1]} {}', "more follows after its end"),
        (b"{1: [1]}", "expected, found '1'"),
        (b"[1, 2]", "'{' expected"),
        (b'{"images": ["\xff"]}', "text that is not UTF-8 at byte 13"),
        (b'{"images": ' + b"[" * 200_000, "nested too deeply"),
        (b"\x80\x02]q\x01.", "'{' expected"),
    ],
)
def test_damage_is_named_with_its_place(tmp_path: Path, content: bytes, message: str):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.json: not valid JSON") as caught:
        list(scan_json(path, ("images",)))
    assert message in str(caught.value)


def test_an_object_where_a_list_is_wanted(tmp_path: Path):
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(DataError, match=r"'\[' expected"):
        list(scan_json(tmp_path / "a.json", ("",)))


def test_a_file_that_is_not_there_or_has_changed(tmp_path: Path):
    path = tmp_path / "a.json"
    with pytest.raises(DataError, match="cannot be read"):
        list(scan_json(path, ("",)))
    with pytest.raises(DataError, match="cannot be read"):
        read_values(path, [Place(0, 1)])
    path.write_text("[10, 20]")
    places = [element.place for element in scan_json(path, ("",))]
    path.write_text("[1, 2]")
    with pytest.raises(DataError, match="has changed since it was opened"):
        read_values(path, places)


def test_groups_keep_the_order_of_their_keys_and_survive_a_worker():
    entries = [
        ("b", Place(0, 1)),
        ("a", Place(1, 2)),
        (None, Place(2, 3)),
        ("b", Place(3, 4)),
        ([], Place(4, 5)),
    ]
    groups = pickle.loads(pickle.dumps(GroupedPlaces(entries)))
    assert list(groups) == [
        [(0, Place(0, 1)), (3, Place(3, 4))],
        [(1, Place(1, 2))],
        [(2, Place(2, 3))],
        [(4, Place(4, 5))],
    ]
    assert groups[-1] == groups[3]
    assert groups.of("a") == groups[1]
    assert groups.of("c") == []
    assert len(GroupedPlaces([])) == 0
    with pytest.raises(IndexError):
        groups[4]
