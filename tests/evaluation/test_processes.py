"""Runs of the embedded model as users start them: killed and resumed, and on two processes.

What nothing happened to, and what resumes, runs in this process: starting one costs more than all questions.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from segue.cli.main import main
from tests.evaluation import small_data

NUM = 20
PROTOCOLS = ("free", "paper")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
BOTH = """
import json, sys
from segue.cli.main import main
for arguments in json.loads(sys.argv[1]):
    try:
        main(arguments)
    except SystemExit as end:
        if end.code:
            raise
"""
"""Several commands in one process."""


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("dataset")
    small_data.reasonseg(root, num=NUM)
    return root


@pytest.fixture(autouse=True)
def _one_thread():
    """As in the other processes: the number of threads decides how sums are rounded."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def arguments(root: Path, out: Path, protocol: str) -> list[str]:
    return [
        *("eval", "reasonseg-val", "--data", str(root), "--protocol", protocol),
        *("--out", str(out), "--device", "cpu", "--json"),
    ]


def here(root: Path, out: Path, protocol: str) -> Path:
    with pytest.raises(SystemExit) as info:
        main(arguments(root, out, protocol))
    assert not info.value.code
    return folder(out, protocol)


def folder(out: Path, protocol: str) -> Path:
    return out / ("reasonseg-val" if protocol == "free" else f"reasonseg-val-{protocol}")


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory) -> dict[str, Path]:
    """Runs that nothing happened to."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("whole")
    return {protocol: here(root, out, protocol) for protocol in PROTOCOLS}


def same(first: Path, second: Path) -> bool:
    return (first / "summary.json").read_bytes() == (second / "summary.json").read_bytes()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_killed_and_resumed(root, whole, tmp_path, protocol):
    command = [sys.executable, "-m", "segue", *arguments(root, tmp_path, protocol)]
    own = folder(tmp_path, protocol)
    rows = own / "rows.0.jsonl"
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL) as process:
        while not (rows.exists() and rows.stat().st_size):
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert 0 < rows.read_bytes().count(b"\n") < NUM
    assert not (own / "summary.json").exists()
    assert same(here(root, tmp_path, protocol), whole[protocol])


def test_two_processes(root, whole, tmp_path):
    script = tmp_path / "both.py"
    script.write_text(BOTH)
    commands = json.dumps([arguments(root, tmp_path, protocol) for protocol in PROTOCOLS])
    # "--cpu" would start a single process; torch's launcher, which this chooses, needs no GPU.
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    launch += ["--num_machines", "1", "--dynamo_backend", "no", "--mixed_precision", "no"]
    done = subprocess.run(
        [*launch, script, commands],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for protocol in PROTOCOLS:
        own = folder(tmp_path, protocol)
        assert same(own, whole[protocol])
        assert (own / "rows.jsonl").read_text().count("\n") == NUM
        assert json.loads((own / "timing.json").read_text())["processes"] == 2
    assert len(done.stdout.splitlines()) == len(PROTOCOLS)  # one process alone prints
