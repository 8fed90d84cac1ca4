"""The tensors of a Hugging Face folder: safetensors or pickled .bin, one file or many, never executed."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import is_zipfile

from segue.errors import CheckpointError

if TYPE_CHECKING:
    import torch

__all__ = ["read_file", "read_json", "read_shapes", "read_tensors"]

_SINGLE = ("model.safetensors", "pytorch_model.bin")


def read_tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a folder by name; safetensors are preferred to .bin where both are.

    Raises:
        CheckpointError: no weights, a shard missing or damaged, a pickle that holds more than data.
    """
    for name in _SINGLE:
        index = folder / f"{name}.index.json"
        if index.is_file():
            entries = read_json(index).get("weight_map")
            if not isinstance(entries, dict) or not entries:
                raise CheckpointError(f"{index}: no weight_map; the index is damaged, copy it again")
            return _read_shards(folder, entries, index)
        if (folder / name).is_file():
            return read_file(folder / name)
    raise CheckpointError(
        f"{folder}: no weights; expected {' or '.join(_SINGLE)}, or shards with their index"
    )


def read_shapes(folder: Path) -> dict[str, torch.Size]:
    """The shape of every tensor that `read_tensors` would give, without reading any.

    Raises:
        CheckpointError: no weights, or a file is damaged.
    """
    import torch
    from safetensors import SafetensorError, safe_open

    shapes: dict[str, torch.Size] = {}
    for file in weight_files(folder):
        try:
            if file.suffix == ".safetensors":
                with safe_open(file, framework="pt") as opened:
                    names = list(opened.keys())
                    shapes |= {name: torch.Size(opened.get_slice(name).get_shape()) for name in names}
            else:
                state = torch.load(file, map_location="meta", weights_only=True)
                shapes |= {name: value.shape for name, value in state.items()}
        except (
            SafetensorError,
            OSError,
            RuntimeError,
            EOFError,
            ValueError,
            KeyError,
            AttributeError,
        ) as error:
            raise CheckpointError(f"{file}: damaged or cut off ({_first_line(error)})") from None
        except pickle.UnpicklingError:
            raise CheckpointError(f"{file}: holds more than tensors, or is damaged") from None
    return shapes


def weight_files(folder: Path) -> list[Path]:
    """The files that `read_tensors` reads."""
    for name in _SINGLE:
        index = folder / f"{name}.index.json"
        if index.is_file():
            entries = read_json(index).get("weight_map")
            if not isinstance(entries, dict) or any(Path(str(s)).name != s for s in entries.values()):
                raise CheckpointError(f"{index}: the index is damaged, copy it again")
            return [folder / shard for shard in sorted(set(entries.values()))]
        if (folder / name).is_file():
            return [folder / name]
    raise CheckpointError(f"{folder}: no weights")


def read_json(path: Path) -> dict:
    """A JSON object; CheckpointError where the file is missing or holds something else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: a JSON object was expected, not {type(value).__name__}")
    return value


def _read_shards(folder: Path, entries: dict[str, str], index: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = {}
    for shard in sorted(set(entries.values())):
        if Path(shard).name != shard:  # an index must not lead out of its folder
            raise CheckpointError(f"{index}: {shard!r} is not the name of a file beside it")
        if not (folder / shard).is_file():
            raise CheckpointError(f"{folder}: shard {shard} is missing; the copy is incomplete")
        state |= read_file(folder / shard)
    if absent := [name for name in entries if name not in state]:
        raise CheckpointError(
            f"{index} lists {len(absent)} tensors that no shard holds ({', '.join(absent[:3])})"
        )
    return state


def read_file(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of one file; those of a large one are mapped and take memory only when they are used."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zipfile(path) or None)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path}: holds more than tensors, or is damaged; pickled code is never run"
        ) from None
    except (SafetensorError, OSError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path}: damaged or cut off ({_first_line(error)}); copy it again") from None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise CheckpointError(f"{path}: not a table of tensors by name")
    return state


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
