"""Python's cyclic garbage collector held back while torch and transformers are imported.

They make a million objects at once, and keep them; the collector goes through all of them again and again
meanwhile, for nothing. `benchmarks/startup.py` measures what this saves.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected(*, for_good: bool = False) -> Iterator[None]:
    """No collection meanwhile; afterwards as before.

    Args:
        for_good: never go through what exists afterwards again either (`gc.freeze`), at the program's end
            least of all. For a program, which knows what it has made, not for a library.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
        if for_good:
            gc.freeze()
    finally:
        if enabled:
            gc.enable()
