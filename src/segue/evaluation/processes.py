"""One process among several under `accelerate launch`, or the only one.

Evaluation needs nothing of distributed training but to know who one is and to wait for the others. A process
that comes last may come hours after the first, which the usual time limit of half an hour would end.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from segue.errors import MissingDependencyError

__all__ = ["ALONE", "Process", "current_process"]


@dataclass(frozen=True)
class Process:
    """Number `index` of `count`; `local_index` is its number on this machine, that of its GPU."""

    index: int = 0
    count: int = 1
    local_index: int = 0

    @property
    def is_main(self) -> bool:
        return self.index == 0

    def wait(self) -> None:
        """Until every process has come here."""
        if self.count > 1:
            _state().wait_for_everyone()


ALONE = Process()


def current_process() -> Process:
    """What the launcher's environment variables say; joins the others when there are any."""
    if int(os.environ.get("WORLD_SIZE", "1")) <= 1:
        return ALONE
    state = _state()
    return Process(state.process_index, state.num_processes, state.local_process_index)


def _state() -> Any:
    try:
        from accelerate import PartialState
    except ImportError:
        raise MissingDependencyError(
            "several processes need accelerate: pip install 'segue[train]'"
        ) from None
    import torch

    # One shared state: arguments count at its first making alone.
    return PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(days=7))
