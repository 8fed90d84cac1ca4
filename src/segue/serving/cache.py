"""Features of pictures, kept by the pictures' content within a budget of bytes; the least used go first.

Also how much memory such features hold, and how they are cut loose from the batch that they were computed in.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import torch
from PIL import Image

__all__ = ["FeatureCache", "cut_loose", "num_bytes"]


class FeatureCache:
    """Least recently used first out. Threads may share it.

    Args:
        max_bytes: of all values together; what is larger by itself is not kept. 0 keeps nothing.
    """

    def __init__(self, max_bytes: int):
        self.max_bytes = max_bytes
        self.hits = self.misses = self.bytes = 0
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable, *, again: bool = False) -> Any | None:
        """What was kept, or None; counted as a hit or a miss, unless this request looked before."""
        with self._lock:
            found = self._values.get(key)
            self.hits += found is not None and not again
            self.misses += found is None and not again
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: Any) -> None:
        """Keep a value (as `cut_loose` gives it), and let go of others until all fit."""
        size = num_bytes(value)
        with self._lock:
            if key in self._values:
                self.bytes -= self._values.pop(key)[1]
            if size > self.max_bytes:
                return
            self._values[key] = (value, size)
            self.bytes += size
            while self.bytes > self.max_bytes:
                _, (_, freed) = self._values.popitem(last=False)
                self.bytes -= freed


def num_bytes(value: Any) -> int:
    """Of the tensors and pictures in a dataclass or tuple, at any depth; a view counts with all it holds."""
    if isinstance(value, torch.Tensor):
        return value.untyped_storage().nbytes()
    if isinstance(value, Image.Image):
        return value.width * value.height * len(value.getbands())
    if is_dataclass(value):
        return sum(num_bytes(getattr(value, field.name)) for field in fields(value))
    return sum(map(num_bytes, value)) if isinstance(value, (tuple, list)) else 0


def cut_loose(value: Any) -> Any:
    """The same with every tensor that is a part of a larger one copied, so that the larger can be freed."""
    if isinstance(value, torch.Tensor):
        own = value.numel() * value.element_size()
        return value.clone() if value.untyped_storage().nbytes() > own else value
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: cut_loose(getattr(value, f.name)) for f in fields(value) if f.init})
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(cut_loose, value))
    return type(value)(map(cut_loose, value)) if isinstance(value, (tuple, list)) else value
