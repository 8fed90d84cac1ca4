"""Work dealt to a Ray cluster's workers with Ray Data: what bulk annotation and curation share.

A worker that dies is started again and its batch done once more, so whoever collects the rows must not mind
a row that comes twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from segue.errors import MissingDependencyError

__all__ = ["cluster", "deal"]


@contextmanager
def cluster(wanted_by: str) -> Iterator[Any]:
    """The `ray` module, connected to the cluster of RAY_ADDRESS or else to one on this machine, which ends
    with the context if it was started by it.

    Raises:
        MissingDependencyError: Ray is not installed; the message begins with `wanted_by`.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise MissingDependencyError(f"{wanted_by} needs Ray Data: pip install 'segue[ray]'") from None
    started = not ray.is_initialized()
    if started:
        ray.init(log_to_driver=False, include_dashboard=False)
    try:
        yield ray
    finally:
        if started:
            ray.shutdown()


def deal(
    items: Sequence[Mapping[str, Any]],
    worker: type,
    arguments: Sequence[Any],
    *,
    workers: int,
    batch: int,
    num_gpus: float = 0,
) -> Iterator[dict[str, Any]]:
    """Rows that workers give for items, as they come.

    Args:
        items: what is dealt; plain values.
        worker: a class, made once in each worker process with `arguments`, and called with batches of items
            as a dict of lists; it gives the same form.
        batch: items that a worker is dealt at a time.
        num_gpus: of each worker.
    """
    import ray

    blocks = workers * math.ceil(len(items) / (workers * batch))
    data = ray.data.from_items(list(items), override_num_blocks=min(len(items), blocks)).map_batches(
        worker,
        batch_size=batch,
        concurrency=workers,
        fn_constructor_args=tuple(arguments),
        num_gpus=num_gpus or None,
    )
    yield from data.iter_rows()
