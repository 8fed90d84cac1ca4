"""Reading pickles that hold data only.

The REFER files (`refs(unc).p`, Ref-ZOM's `Ref_ZOM.p`) are pickles, and an ordinary unpickler runs whatever a
pickle names. This one resolves no name at all: lists, tuples, sets, dictionaries, strings, bytes and numbers
come out, anything else is refused before it is made.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

from segue.errors import DataError


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # Every opcode that could lead to a call needs a class or function, and all get it here.
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, and only plain data is read")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError("it refers to objects outside of it, and only plain data is read")


def read_plain_pickle(path: str | Path) -> Any:
    """What a pickle of plain containers, strings and numbers holds.

    The strings of Python 2's pickles are taken as UTF-8.

    Raises:
        DataError: the file cannot be read, is no pickle or cut short, or holds anything but plain data.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file, encoding="utf-8").load()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # an unpickler fed with damaged bytes raises nearly anything
        problem = str(error) or type(error).__name__
        raise DataError(f"{path}: not a pickle of plain data: {problem}") from error
