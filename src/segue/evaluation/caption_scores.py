"""METEOR, CIDEr, BLEU-4 and ROUGE-L of captions, by two implementations that are never mixed up:

* ``coco``: coco-caption (pycocoevalcap), which the papers report: Stanford's PTB tokeniser and METEOR 1.5.
  Both are Java programs, so a Java runtime must be on the path.
* ``python``: no Java. Words are cut at white space and marks, METEOR is nltk's with exact and stemmed matches
  only (no WordNet, so that it is the same on every machine). Its figures end in ``_python``: they are not
  comparable with published ones.

All figures are fractions: METEOR 0.153 is printed as 15.3, CIDEr 0.92 as 92.0 (it can reach 10).
"""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from segue.errors import MissingDependencyError, SegueError

__all__ = ["CaptionScorer", "CocoScorer", "PythonScorer", "java_available", "open_scorer", "word_f1"]

EXTRA = "pip install 'segue[captions]'"
_WORD = re.compile(r"\w+(?:['’]\w+)*")


class CaptionScorer(Protocol):
    """An implementation of the caption metrics."""

    @property
    def settings(self) -> dict[str, Any]:
        """Which one, fit for JSON."""
        ...

    def corpus(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float | None]:
        """The figures of a whole set: caption i against `references[i]`, at least one each. Missing captions
        are empty strings. All None for an empty set."""
        ...

    def meteors(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        """METEOR of each caption by itself."""
        ...


def java_available() -> bool:
    return shutil.which("java") is not None


class CocoScorer:
    """coco-caption itself. METEOR's process starts when it is first needed (ten seconds: it reads its tables)
    and then stays.

    Raises:
        MissingDependencyError: pycocoevalcap or Java is missing; says which.
    """

    def __init__(self) -> None:
        _import("pycocoevalcap")
        if not java_available():
            raise MissingDependencyError(
                "METEOR and the tokeniser of coco-caption are Java programs and no `java` is on the path: "
                "install a Java runtime (apt-get install default-jre-headless), or take the metrics without "
                "Java, which are not comparable with published ones: --set captions=python"
            )
        self._process: Any = None
        self._lock = threading.Lock()

    @property
    def settings(self) -> dict[str, Any]:
        return {"captions": "coco", "library": _version("pycocoevalcap")}

    def corpus(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float | None]:
        said, given = self._tokenize(captions, references)
        meteor = self._meteor(said, given)[0] if said else None
        return {"meteor": meteor, **_ngram_figures(said, given)}

    def meteors(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        said, given = self._tokenize(captions, references)
        return self._meteor(said, given)[1] if said else []

    def _tokenize(
        self, captions: Sequence[str], references: Sequence[Sequence[str]]
    ) -> tuple[list[str], list[list[str]]]:
        """Tokens joined by spaces. Both sides in one start of Java, which costs half a second."""
        from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

        _check(captions, references)
        # Bars are the separator of METEOR's own lines.
        lines = [
            line.replace("|", " ") for line in (*captions, *(line for group in references for line in group))
        ]
        known = {i: [{"caption": line}] for i, line in enumerate(lines) if line.strip()}
        try:
            tokenized = PTBTokenizer().tokenize(known) if known else {}
        except OSError as error:  # it keeps its input beside its own program
            raise SegueError(f"the PTB tokeniser cannot run: {error}") from error
        done = [tokenized[i][0] if i in tokenized else "" for i in range(len(lines))]
        said, rest = done[: len(captions)], iter(done[len(captions) :])
        return said, [[next(rest) for _ in lines] for lines in references]

    def _meteor(self, said: Sequence[str], given: Sequence[Sequence[str]]) -> tuple[float, list[float]]:
        from pycocoevalcap.meteor.meteor import Meteor

        with self._lock:
            if self._process is None:
                self._process = Meteor()
            try:
                score, each = self._process.compute_score(*_by_number(said, given))
            except (ValueError, OSError) as error:  # what it comes to when its process has died
                raise SegueError(
                    f"METEOR's Java process failed ({error}); it wants 2 GB of memory"
                ) from error
        return float(score), [float(one) for one in each]


class PythonScorer:
    """The metrics without Java.

    Raises:
        MissingDependencyError: nltk or pycocoevalcap is missing.
    """

    def __init__(self) -> None:
        _import("pycocoevalcap")
        _import("nltk")

    @property
    def settings(self) -> dict[str, Any]:
        library = f"{_version('nltk')}, {_version('pycocoevalcap')}"
        return {"captions": "python", "library": library, "meteor": "exact and stemmed matches, no synonyms"}

    def corpus(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> dict[str, float | None]:
        each = self.meteors(captions, references)
        said = [" ".join(words(caption)) for caption in captions]
        given = [[" ".join(words(line)) for line in lines] for lines in references]
        figures = {"meteor": sum(each) / len(each) if each else None, **_ngram_figures(said, given)}
        return {f"{name}_python": value for name, value in figures.items()}

    def meteors(self, captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[float]:
        from nltk.translate.meteor_score import meteor_score

        _check(captions, references)
        return [
            float(meteor_score([words(line) for line in lines], words(caption), wordnet=_NoSynonyms()))
            for caption, lines in zip(captions, references, strict=True)
        ]


class _NoSynonyms:
    """Stands where nltk asks WordNet."""

    def synsets(self, word: str) -> list[Any]:
        return []


def open_scorer(options: Mapping[str, str]) -> CaptionScorer | None:
    """The implementation that `captions` names: "coco" (the default), "python", or "none".

    Raises:
        MissingDependencyError: it cannot run here, and says what is missing; another never takes its place.
        SegueError: no such implementation.
    """
    which = options.get("captions", "coco")
    if which == "none":
        return None
    if which not in ("coco", "python"):
        raise SegueError(f"{which!r} is no implementation of the caption metrics: give coco, python or none")
    return CocoScorer() if which == "coco" else PythonScorer()


def words(text: str) -> list[str]:
    """Lower case, without marks."""
    return _WORD.findall(text.lower())


def word_f1(caption: str, references: Sequence[str]) -> float:
    """How many words a caption shares with the best of its references, 0..1: cheap, for ranking samples."""
    said = words(caption)
    return max((_f1(said, words(line)) for line in references), default=0.0)


def _f1(said: Sequence[str], given: Sequence[str]) -> float:
    if not said or not given:
        return float(list(said) == list(given))
    common = sum(min(said.count(word), given.count(word)) for word in set(said))
    return 2 * common / (len(said) + len(given))


def _ngram_figures(said: Sequence[str], given: Sequence[Sequence[str]]) -> dict[str, float | None]:
    """CIDEr, BLEU-4 and ROUGE-L of tokenised text; these parts of pycocoevalcap are Python."""
    if not said:
        return {"cider": None, "bleu4": None, "rouge_l": None}
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    references, results = _by_number(said, given)
    bleu = Bleu(4).compute_score(references, results, verbose=0)[0][3]
    cider = Cider().compute_score(references, results)[0]
    rouge = Rouge().compute_score(references, results)[0]
    return {"cider": float(cider), "bleu4": float(bleu), "rouge_l": float(rouge)}


def _by_number(
    said: Sequence[str], given: Sequence[Sequence[str]]
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """References and results in pycocoevalcap's shape."""
    return dict(enumerate(map(list, given))), {i: [caption] for i, caption in enumerate(said)}


def _check(captions: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if len(captions) != len(references) or not all(len(lines) for lines in references):
        raise ValueError(f"{len(captions)} captions need as many lists of references, none of them empty")


def _import(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise MissingDependencyError(f"caption metrics need {name}: {EXTRA}") from None


def _version(name: str) -> str:
    from importlib.metadata import version

    return f"{name} {version(name)}"
