"""Where the golden numbers of the original implementations lie: beside the repository, or SEGUE_SHARED."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("SEGUE_SHARED", Path(__file__).parents[3] / "shared"))


def parity_folder(family: str) -> Path:
    """The family's folder; the test module is skipped where there is none."""
    folder = SHARED / "parity" / family
    if not folder.is_dir():
        pytest.skip(f"no golden numbers at {folder}; set SEGUE_SHARED", allow_module_level=True)
    return folder
