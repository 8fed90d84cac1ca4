"""A small Ray cluster on this machine, for tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def small_cluster(num_cpus: int) -> Iterator[None]:
    """A cluster that ends with the context.

    Ray reads its token once for a process and else keeps one in the home folder: given here, tests leave no
    trace there, and the second cluster of a process knows the token of the first.
    """
    import ray

    os.environ.setdefault("RAY_AUTH_TOKEN", "segue-tests-only-" + "0" * 32)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # on a busy machine
    ray.init(
        num_cpus=num_cpus, include_dashboard=False, log_to_driver=False, object_store_memory=80 * 1024 * 1024
    )
    try:
        yield
    finally:
        ray.shutdown()
