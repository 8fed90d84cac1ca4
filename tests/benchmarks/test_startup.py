"""The start-up benchmark: what it compares runs, and each row is a ratio to the first."""

from __future__ import annotations

import subprocess
import sys

import pytest


def test_each_is_divided_by_the_first(benchmark):
    busy = (sys.executable, "-c", "sum(i * i for i in range({}))")
    compared = [
        benchmark.Way(name, (*busy[:2], busy[2].format(n))) for name, n in (("short", 10**5), ("long", 10**7))
    ]
    short, long = benchmark.compare(compared, repeats=2, threads=1)
    assert short["ratio"] == 1
    assert long["ratio"] > 3


def test_a_command_that_fails_is_no_measurement(benchmark):
    with pytest.raises(subprocess.CalledProcessError):
        benchmark.run((sys.executable, "-c", "raise SystemExit(3)"), threads=1)


def test_it_compares_commands_that_there_are(benchmark, tmp_path):
    """The cheap ones are run; the others take seconds and are the benchmark's own business."""
    compared = {way.name: way for way in benchmark.ways(tmp_path)}
    assert next(iter(compared)) == benchmark.BASELINE
    assert benchmark.PICTURE.is_file()
    for name in ("import segue", "segue --help"):
        assert benchmark.run(compared[name].command, threads=1).processor < 5
