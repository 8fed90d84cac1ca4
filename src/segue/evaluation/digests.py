"""What was measured on what, in a few letters: digests of weights and of data files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from segue.data.sources import DataSource, locate

__all__ = ["data_digests", "file_digest", "folder_digest", "weights_files"]

_WEIGHTS = ("*.safetensors", "*.bin")


def file_digest(paths: Iterable[Path]) -> str:
    """SHA-256 of files one after the other, read in pieces."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
    return digest.hexdigest()


def folder_digest(folder: Path) -> str:
    """SHA-256 of the names and sizes in a folder: a hundred thousand pictures are not read for it."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {path.stat().st_size}\n".encode())
    return digest.hexdigest()


def data_digests(source: DataSource, root: Path, split: str) -> dict[str, str]:
    """Path -> digest of everything that a split of a source is read from; folders by names and sizes."""
    digests = {}
    for file in source.files(split):
        path = locate(root, file)
        if path is not None:
            whole = root / path
            digests[path] = folder_digest(whole) if whole.is_dir() else file_digest([whole])
    return digests


def weights_files(folder: Path) -> list[Path]:
    """The files of weights in a model's folder, published ones too."""
    return sorted(path for pattern in _WEIGHTS for path in folder.glob(pattern))
