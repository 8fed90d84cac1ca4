"""LLaMA's slow tokenizer as the published checkpoints were trained with it, under either of its two rules.

What stands around an added token is where transformers' versions differ, and a checkpoint knows one of them:

* LISA (transformers 4.31): white space on both sides of `[SEG]`, `<im_start>`, ... is taken away;
* GSVA (transformers 4.44): it stays.

In both, the text after an added token is split on its own and begins with a word start (SentencePiece's dummy
prefix). Here the rules are code of ours on `tokenizer.model`: ids do not move with the installed version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segue.checkpoints.sentencepiece_model import SentencePieceModel
from segue.errors import CheckpointError

__all__ = ["LlamaTokenizer"]

_FILE = "segue_tokenizer.json"
_ROLES = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


class LlamaTokenizer:
    """Text to ids and back.

    Args:
        pieces: the SentencePiece model.
        added: ids of the tokens that are found in text before it is split: `<s>`, `</s>`, `[SEG]`, ...
        strips: those of them that take away white space on both sides.
    """

    def __init__(self, pieces: SentencePieceModel, *, added: Mapping[str, int], strips: Sequence[str] = ()):
        self.pieces = pieces
        self.added = dict(added)
        self.strips = frozenset(strips)
        taken: dict[int, str] = {}
        for token, number in self.added.items():
            if number in taken:
                raise CheckpointError(f"the tokens {taken[number]} and {token} share the id {number}")
            taken[number] = token
        self._texts = taken
        self._added = re.compile(
            "|".join(map(re.escape, sorted(self.added, key=len, reverse=True))) or r"(?!)"
        )
        self.bos_id = self.added.get("<s>", 1)
        self.eos_id = self.added.get("</s>", 2)
        self.unk_token_id = self.added.get("<unk>", 0)

    @classmethod
    def read(
        cls, folder: str | Path, *, new_tokens: Sequence[str] = (), strip: bool | None = None
    ) -> LlamaTokenizer:
        """From a published folder, or one that `save` wrote.

        Args:
            folder: holds `tokenizer.model`, and the small JSON files beside it.
            new_tokens: what training code adds, in its order; those that are there keep their ids.
            strip: LISA's rule (True) or GSVA's (False); None in a folder of ours, which knows.
        """
        folder = Path(folder)
        pieces = SentencePieceModel.read(folder / "tokenizer.model")
        if (folder / _FILE).is_file():
            own = _json(folder / _FILE)
            return cls(pieces, added=own["added"], strips=own["strips"])
        if strip is None:
            raise CheckpointError(
                f"{folder}: no {_FILE}; which of LLaMA's two tokenizer rules holds is unknown"
            )
        config, special = _json(folder / "tokenizer_config.json"), _json(folder / "special_tokens_map.json")
        if config.get("legacy") is False:
            raise CheckpointError(
                f"{folder}: its tokenizer is not LLaMA's legacy one, which the families need"
            )
        added: dict[str, int] = {}
        kept: set[str] = set()
        for role, usual in _ROLES.items():
            declared = special.get(role) or config.get(role) or usual
            token = declared["content"] if isinstance(declared, dict) else declared
            if token in pieces.control_ids:
                added[token] = pieces.control_ids[token]
                # 4.31 strips around a token whose entry in the map is a bare string, and around all new ones.
                if not isinstance(special.get(role), str):
                    kept.add(token)
        for token, number in _json(folder / "added_tokens.json").items():
            added[token] = int(number)
        for number, entry in config.get("added_tokens_decoder", {}).items():
            added.setdefault(entry["content"], int(number))
        for token in new_tokens:
            if token not in added:
                added[token] = max(len(pieces), *(number + 1 for number in added.values()))
        return cls(
            pieces, added=added, strips=[token for token in added if token not in kept] if strip else []
        )

    def save(self, folder: str | Path) -> None:
        """Write `tokenizer.model` as it was read, and the added tokens with their rule."""
        (Path(folder) / "tokenizer.model").write_bytes(self.pieces.data)
        content = {"added": self.added, "strips": sorted(self.strips)}
        (Path(folder) / _FILE).write_text(json.dumps(content, indent=1), encoding="utf-8")

    def __len__(self) -> int:
        return max(len(self.pieces), *(number + 1 for number in self._texts))

    def get_added_vocab(self) -> dict[str, int]:
        """Tokens that are found in text before it is split."""
        return dict(self.added)

    def convert_tokens_to_ids(self, token: str) -> int:
        """The id of an added token; that of `<unk>` for any other."""
        return self.added.get(token, self.unk_token_id)

    def encode(self, text: str, *, add_special_tokens: bool = True) -> list[int]:
        """Ids of a text; begin-of-text before them unless `add_special_tokens` is False."""
        parts, at = [], 0
        for match in self._added.finditer(text):
            parts += [text[at : match.start()], match.group()]
            at = match.end()
        parts.append(text[at:])
        for number, part in enumerate(parts):
            if number % 2 and part in self.strips:
                parts[number - 1] = parts[number - 1].rstrip()
                parts[number + 1] = parts[number + 1].lstrip()
        ids = [self.bos_id] if add_special_tokens else []
        for number, part in enumerate(parts):
            ids += [self.added[part]] if number % 2 else self.pieces.encode(part)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """The text of ids, which may begin with the space of a word start; control tokens say nothing."""
        text, run = "", []
        for number in ids:
            token = self._texts.get(number)
            if token is None and number < len(self.pieces):
                run.append(number)
                continue
            text += self.pieces.decode(run)
            run = []
            if token is not None and token not in self.pieces.control_ids:
                text += token
        return text + self.pieces.decode(run)


def _json(path: Path) -> dict[str, Any]:
    """A small JSON file's object, empty where there is no such file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, OSError) as error:
        raise CheckpointError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: an object was expected")
    return content
