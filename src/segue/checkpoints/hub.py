"""Checkpoints by their hub name: downloaded once, found again in the cache without a network."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import getproxies

from segue.errors import CheckpointError

__all__ = ["fetch_folder"]

_WANTED = ["*.json", "*.model", "*.safetensors", "*.bin", "*.txt"]
_PICKLES = ["*.bin"]
_PATIENCE = 5.0
"""Seconds until the hub counts as not reachable; its own client tries for half a minute."""


def fetch_folder(
    name: str, *, hint: str = "download it where there is a network and give its folder"
) -> Path:
    """The local folder of a hub repository, `owner/name` or `owner/name/sub/folder`.

    Raises:
        CheckpointError: no such repository, or no network; `hint` says what else can be done.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    parts = [part for part in name.split("/") if part]
    if len(parts) < 2 or name.startswith((".", "/", "~")):
        raise CheckpointError(f"{name}: no such folder; {hint}")
    repository, inside = "/".join(parts[:2]), "/".join(parts[2:])
    try:
        try:
            root = snapshot_download(repository, local_files_only=True)
        except LocalEntryNotFoundError:
            if not _reachable():
                raise CheckpointError(
                    f"{repository}: not in the local cache, and the hub cannot be reached; {hint}"
                ) from None
            files = HfApi().list_repo_files(repository)
            ignored = _PICKLES if any(file.endswith(".safetensors") for file in files) else None
            root = snapshot_download(repository, allow_patterns=_WANTED, ignore_patterns=ignored)
    except CheckpointError:
        raise
    except RepositoryNotFoundError:
        raise CheckpointError(f"{repository}: no such folder, and no such repository on the hub") from None
    except HFValidationError:
        raise CheckpointError(f"{name}: no such folder, and no name that a hub repository can have") from None
    except Exception as error:  # the hub's client raises whatever its transport does
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{repository}: could not be downloaded ({reason}); {hint}") from None
    folder = Path(root) / inside
    if not folder.is_dir():
        raise CheckpointError(f"{repository}: has no folder {inside}")
    return folder


def _reachable() -> bool:
    """Whether the hub's machine answers at all; behind a proxy that cannot be told, and is assumed."""
    if getproxies():
        return True
    url = urlparse(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    try:
        with socket.create_connection((url.hostname or "", url.port or 443), timeout=_PATIENCE):
            return True
    except OSError:
        return False
