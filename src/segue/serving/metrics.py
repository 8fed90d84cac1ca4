"""What Prometheus is told. Every engine has a registry of its own: several can live in one process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from segue.serving.cache import FeatureCache

__all__ = ["Metrics"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """See the help texts."""

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        self.requests = Counter(
            "segue_requests", "Requests by route and status.", ["route", "status"], registry=registry
        )
        self.seconds = Histogram(
            "segue_request_seconds",
            "From a request's first byte to its answer's last.",
            ["route"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.stage_seconds = Histogram(
            "segue_stage_seconds",
            "Time of a request in each stage: read, decode, queue, encode, generate, masks.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.batch_size = Histogram(
            "segue_batch_size",
            "Questions that ran together.",
            buckets=(1, 2, 4, 8, 16, 32, 64),
            registry=registry,
        )
        self.places = Gauge("segue_places_taken", "Requests that are read, wait or run.", registry=registry)
        self.turned_away = Counter("segue_turned_away", "Requests answered with 429.", registry=registry)
        self.dropped = Counter(
            "segue_dropped", "Questions given up: the client left, or too late.", registry=registry
        )

    def watch_cache(self, cache: FeatureCache) -> None:
        """Its figures, read when they are asked for."""
        for name, text, read in (
            ("bytes", "Bytes of the features that are kept.", lambda: cache.bytes),
            ("hits", "Pictures whose features were there.", lambda: cache.hits),
            ("misses", "Pictures whose features were not.", lambda: cache.misses),
        ):
            Gauge(f"segue_cache_{name}", text, registry=self.registry).set_function(read)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self.registry)
