"""The processes of a run, one or many, as `accelerate launch` started them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

import torch
from accelerate import PartialState
from accelerate.utils import gather_object

__all__ = ["Processes"]

T = TypeVar("T")


class Processes:
    """This process among the others."""

    def __init__(self) -> None:
        cpu = not torch.cuda.is_available() and not torch.backends.mps.is_available()
        self._state = PartialState(cpu=cpu)
        self.rank = self._state.process_index
        self.count = self._state.num_processes

    @property
    def main(self) -> bool:
        """Whether this one writes files and speaks to people."""
        return self._state.is_main_process

    def wait(self) -> None:
        """Until all are here."""
        self._state.wait_for_everyone()

    def main_first(self) -> AbstractContextManager[None]:
        """The main process goes through the block before the others."""
        return self._state.main_process_first()

    def gather(self, values: Sequence[T]) -> list[T]:
        """Everybody's values, in the order of the processes."""
        return list(gather_object(list(values)))
