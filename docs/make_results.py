"""The tables of `docs/results.md`, made from the papers' figures and from summaries of runs of ours.

    python docs/make_results.py                                  the published tables alone
    python docs/make_results.py runs/eval/*/summary.json         and those of these runs, in this order

A part for which nothing is given stays as it is.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segue.evaluation.caption_scores import PythonScorer
from segue.evaluation.published import PublishedTable, published_tables
from segue.evaluation.report import Layout, cell, layout
from segue.evaluation.scene_words import SceneWords

PAGE = Path(__file__).parent / "results.md"
PUBLISHED, OURS = "published", "ours"

_HEADINGS = {
    "giou": "gIoU",
    "ciou": "cIoU",
    "n_acc": "N-acc",
    "t_acc": "T-acc",
    "box_accuracy": "boxes right",
    "map": "mAP",
    "meteor": "METEOR",
    "cider": "CIDEr",
}


def main(summaries: Sequence[str]) -> None:
    text = PAGE.read_text(encoding="utf-8")
    text = replace_part(text, PUBLISHED, published_part(published_tables()))
    if summaries:
        content = [json.loads(Path(path).read_text(encoding="utf-8")) for path in summaries]
        text = replace_part(text, OURS, ours_part(content))
    PAGE.write_text(text, encoding="utf-8")


def replace_part(text: str, name: str, content: str) -> str:
    """The text with what stands between the marks of a part replaced."""
    start, end = f"<!-- {name}: made by docs/make_results.py -->\n", f"<!-- end of {name} -->"
    before, found, rest = text.partition(start)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{PAGE} has no part {name!r} between its two marks")
    return f"{before}{start}\n{content}\n{end}{after}"


def published_part(tables: Sequence[PublishedTable]) -> str:
    return "\n".join(line for table in tables for line in _published_lines(table))


def _published_lines(table: PublishedTable) -> Iterator[str]:
    """A heading, the table, and beneath it where it is from, how it was scored and how to repeat it."""
    yield f"### {table.title}\n"
    figures = " / ".join(_HEADINGS[name] for name in table.figures)
    yield f"{figures}, in percent.\n"
    yield "| | " + " | ".join(table.benchmarks) + " |"
    yield "|---|" + "---:|" * len(table.benchmarks)
    for row in table.rows:
        yield f"| {row.model} | " + " | ".join(map(_published_cell, row.cells)) + " |"
    yield f"\n- Source: {table.source}."
    yield f"- Scored: {table.how}"
    yield f"- To repeat it: {table.reproduce}\n"


def _published_cell(values: Sequence[float | str | None]) -> str:
    return " / ".join("" if value is None else str(value) for value in values)


def ours_part(summaries: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(line for summary in summaries for line in _our_lines(summary))


def _our_lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """A heading that says what was run, and a table of its groups."""
    settings, figures = summary["settings"], summary["figures"]
    model = settings["model"]
    benchmark, protocol = settings["benchmark"], settings.get("protocol", "free")
    own = SceneWords(scorer=PythonScorer()).columns if benchmark == SceneWords.name else None
    shown = layout(benchmark, own)
    yield f"### {model.get('name', 'a file of predictions')} on {benchmark}\n"
    weights = f"weights {model['sha256'][:12]}, " if model.get("sha256") else ""
    failed = f", {summary['num_failed']} failed" if summary.get("num_failed") else ""
    unit = "in percent" if shown.percent else "as fractions"
    yield f"Protocol {protocol}, {weights}{summary['num_samples']} pictures{failed}; shares {unit}.\n"
    yield "| | " + " | ".join(heading for heading, _ in shown.columns) + " |"
    yield "|---|" + "---:|" * len(shown.columns)
    for key, groups in figures.items():
        if key == "overall":
            continue
        yield f"| *{key.replace('_', ' ')}* |" + " |" * len(shown.columns)
        for name, group in groups.items():
            yield _our_row(name, group, shown)
    yield _our_row("**overall**", figures["overall"], shown)
    yield ""


def _our_row(name: str, group: Mapping[str, Any], shown: Layout) -> str:
    cells = (cell(group, path, percent=shown.percent) for _, path in shown.columns)
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main(sys.argv[1:])
