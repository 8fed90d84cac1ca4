"""Checkpoints by their hub name: downloaded once, found again in the cache without a network."""

from __future__ import annotations

from pathlib import Path

from segue.errors import CheckpointError

__all__ = ["fetch_folder"]

_WANTED = ["*.json", "*.model", "*.safetensors", "*.bin", "*.txt"]
_PICKLES = ["*.bin"]


def fetch_folder(
    name: str, *, hint: str = "download it where there is a network, then give the folder"
) -> Path:
    """The local folder of a hub repository, `owner/name` or `owner/name/sub/folder`.

    Raises:
        CheckpointError: no such repository, or no network; `hint` says what else can be done.
    """
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    parts = [part for part in name.split("/") if part]
    if len(parts) < 2 or name.startswith((".", "/", "~")):
        raise CheckpointError(f"{name}: no such folder; {hint}")
    repository, inside = "/".join(parts[:2]), "/".join(parts[2:])
    try:
        files = HfApi().list_repo_files(repository)
        ignored = _PICKLES if any(f.endswith(".safetensors") for f in files) else None
    except RepositoryNotFoundError:
        raise CheckpointError(f"{repository}: no such folder here, nor repository on the hub") from None
    except HFValidationError as error:
        raise CheckpointError(
            f"{name}: no such folder, nor a name that the hub could have ({error})"
        ) from None
    except (HfHubHTTPError, OSError):
        ignored = None  # perhaps it is in the cache
    try:
        root = snapshot_download(repository, allow_patterns=_WANTED, ignore_patterns=ignored)
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(
            f"{repository}: not in the local cache and the hub cannot be reached ({reason}); {hint}"
        ) from None
    folder = Path(root) / inside
    if not folder.is_dir():
        raise CheckpointError(f"{repository}: has no folder {inside}")
    return folder
