from __future__ import annotations

import copyreg
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from segue.data.pickles import read_plain_pickle
from segue.errors import DataError

PLAIN = {
    "refs": [{"ref_id": 7, "sents": ("a", "ü")}, {"box": [1.5, -2.0]}],
    "none": None,
    "set": {1, 2},
    "b": b"x",
}


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_containers_of_every_protocol_come_back(tmp_path: Path, protocol: int):
    # Sets and bytes of the oldest protocols are calls: these are refused, like every other call.
    plain = PLAIN if protocol >= 4 else {key: PLAIN[key] for key in ("refs", "none")}
    assert read_plain_pickle(written(tmp_path / "a.p", pickle.dumps(plain, protocol))) == plain


def test_strings_of_python_2(tmp_path: Path):
    """`cPickle.dump([{'sent': 'the caf\\xc3\\xa9', 'raw': u'\\xe9'}], file, 2)` of Python 2."""
    content = (
        b"\x80\x02]q\x01}q\x02(U\x04sentq\x03U\x09the caf\xc3\xa9q\x04U\x03rawX\x02\x00\x00\x00\xc3\xa9ua."
    )
    assert read_plain_pickle(written(tmp_path / "refs(unc).p", content)) == [{"sent": "the café", "raw": "é"}]


class Call:
    """Pickles to a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.made = (function, arguments)

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return self.made


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(lambda path: Call(os.mkdir, str(path)), id="a call"),
        pytest.param(lambda path: [Call(eval, f"__import__('os').mkdir({str(path)!r})")], id="inside a list"),
        pytest.param(lambda path: OrderedDict(a=1), id="even a harmless class"),
        pytest.param(lambda path: np.int64(3), id="a number of NumPy"),
        pytest.param(lambda path: os.mkdir, id="a function that is not called"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_whatever_is_named_is_refused_before_it_is_made(tmp_path: Path, content: Any, protocol: int):
    trap = tmp_path / "trap"
    path = written(tmp_path / "a.p", pickle.dumps(content(trap), protocol))
    with pytest.raises(DataError, match=r"a\.p: .*asks for .*only plain data is read"):
        read_plain_pickle(path)
    assert not trap.exists()


def test_registered_extensions_and_outside_objects_are_refused(tmp_path: Path):
    copyreg.add_extension("os", "mkdir", 0x7F)
    try:
        with pytest.raises(DataError, match="only plain data"):
            read_plain_pickle(written(tmp_path / "a.p", b"\x80\x02\x82\x7f."))
    finally:
        copyreg.remove_extension("os", "mkdir", 0x7F)
    with pytest.raises(DataError, match="only plain data"):
        read_plain_pickle(written(tmp_path / "a.p", b"P1\n."))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(pickle.dumps(PLAIN)[:-20], id="cut short"),
        pytest.param(b"[1, 2, 3]", id="JSON"),
        pytest.param(b"\x80\x02U\x01\xff.", id="not UTF-8"),
        pytest.param(b"0.", id="takes from an empty stack"),
        pytest.param(b"]}s.", id="a list as a key's holder"),
    ],
)
def test_damaged_files_are_named(tmp_path: Path, content: bytes):
    with pytest.raises(DataError, match=r"a\.p: not a pickle of plain data"):
        read_plain_pickle(written(tmp_path / "a.p", content))


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(DataError, match=r"a\.p: cannot be read"):
        read_plain_pickle(tmp_path / "a.p")
