"""Runs of the embedded model as users start them, of a benchmark of each kind: killed and resumed, and on two
processes.

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
from tests.evaluation import caption_data, muse_data, small_data

pytest.importorskip("nltk", reason="needs the extra `captions`")

NUM = 20
CASES = (
    ("reasonseg-val", "free"),
    ("reasonseg-val", "paper"),
    ("coco-captions-val", "free"),
    ("muse-val", "paper"),
)
OPTIONS = {"coco-captions-val": ("--set", "captions=python")}
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
    caption_data.coco_captions(root, dict.fromkeys(range(NUM), "val"))
    muse_data.write_all(root, repeat=NUM // 2)
    return root


@pytest.fixture(autouse=True)
def _one_thread():
    """As in the other processes: the number of threads decides how sums are rounded."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def arguments(root: Path, out: Path, name: str, protocol: str) -> list[str]:
    return [
        *("eval", name, "--data", str(root), "--protocol", protocol, *OPTIONS.get(name, ())),
        *("--out", str(out), "--device", "cpu", "--json"),
    ]


def here(root: Path, out: Path, name: str, protocol: str) -> Path:
    with pytest.raises(SystemExit) as info:
        main(arguments(root, out, name, protocol))
    assert not info.value.code
    return folder(out, name, protocol)


def folder(out: Path, name: str, protocol: str) -> Path:
    return out / (name if protocol == "free" else f"{name}-{protocol}")


@pytest.fixture(scope="module")
def whole(root, tmp_path_factory) -> dict[tuple[str, str], Path]:
    """Runs that nothing happened to."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("whole")
    return {case: here(root, out, *case) for case in CASES}


def same(first: Path, second: Path) -> bool:
    return (first / "summary.json").read_bytes() == (second / "summary.json").read_bytes()


@pytest.mark.parametrize("case", CASES, ids="-".join)
def test_killed_and_resumed(root, whole, tmp_path, case):
    command = [sys.executable, "-m", "segue", *arguments(root, tmp_path, *case)]
    own = folder(tmp_path, *case)
    rows = own / "rows.0.jsonl"
    with subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL) as process:
        while not (rows.exists() and rows.stat().st_size):
            assert process.poll() is None, "the run ended before it could be killed"
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert 0 < rows.read_bytes().count(b"\n") < NUM
    assert not (own / "summary.json").exists()
    assert same(here(root, tmp_path, *case), whole[case])


def test_two_processes(root, whole, tmp_path):
    script = tmp_path / "both.py"
    script.write_text(BOTH)
    commands = json.dumps([arguments(root, tmp_path, *case) for case in CASES])
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
    for case in CASES:
        own = folder(tmp_path, *case)
        assert same(own, whole[case])
        assert (own / "rows.jsonl").read_text().count("\n") == NUM
        assert json.loads((own / "timing.json").read_text())["processes"] == 2
    assert len(done.stdout.splitlines()) == len(CASES)  # one process alone prints
