"""The review: a page on this machine to look through pairs with their masks drawn, and to accept, reject or
edit.

Decisions go to the journal as they are made. The page is for one person on one machine: it listens to this
machine only and refuses requests under other host names (which a web page elsewhere could make a browser
send)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import BaseModel

from segue.answer import Answer, Segment
from segue.curation.export import Outcome, outcomes
from segue.curation.journal import Decision, Journal
from segue.curation.judged import Judged
from segue.curation.prompts import box_corners
from segue.curation.replies import Pair, ReplyError, parse_marked
from segue.curation.session import Session
from segue.curation.steps import check_edit, judged_pairs
from segue.data.native import decode_mask
from segue.errors import DataError, MissingDependencyError
from segue.images import open_image
from segue.visualize import draw_answer

if TYPE_CHECKING:
    from fastapi import FastAPI
    from PIL import Image

__all__ = ["Review", "Verdict", "make_app", "serve"]

HOSTS = ["127.0.0.1", "localhost"]
STATES = ("open", "accepted", "rejected", "decided", "all")
"""What may be looked through: accepted by rules and undecided, all accepted, all rejected, decided by a
person."""


class Verdict(BaseModel):
    """What a person says about a pair; an edit comes with the pair as it shall be."""

    decision: Literal["accept", "reject", "edit"]
    note: str = ""
    pair: Pair | None = None


class Review:
    """The pairs of a curation and the decisions about them."""

    def __init__(self, session: Session, folder: Path):
        self._session, self._folder = session, folder
        with self._journal() as journal:
            found = list(outcomes(session.work.tasks, session.plan, session.pictures, journal))
        self._outcomes: dict[str, Outcome] = {entry.task.key: entry for entry in found}
        self._image_of = {pair.id: entry.task.key for entry in found for pair in entry.pairs}
        self._order = list(self._image_of)

    def page(self, state: str, *, offset: int, limit: int) -> dict[str, Any]:
        """Some pairs of that state (`STATES`), and how many there are."""
        chosen = [id_ for id_ in self._order if _is(self.find(id_)[1], state)]
        shown = [self.to_dict(id_) for id_ in chosen[offset : offset + limit]]
        return {"total": len(chosen), "offset": offset, "pairs": shown}

    def find(self, id_: str) -> tuple[Outcome, Judged]:
        """A pair by its id. Raises `KeyError`."""
        outcome = self._outcomes[self._image_of[id_]]
        return outcome, next(pair for pair in outcome.pairs if pair.id == id_)

    def to_dict(self, id_: str) -> dict[str, Any]:
        """Everything that the page shows of a pair."""
        outcome, judged = self.find(id_)
        scene = outcome.scene
        return {
            "id": id_,
            "image": outcome.task.key,
            "accepted": judged.accepted,
            "rule": judged.rule,
            "reason": judged.reason,
            "by_person": judged.by_person,
            "score": judged.score,
            "pair": judged.pair.model_dump(),
            "width": scene.width,
            "height": scene.height,
            "instances": [
                {"number": number, "category": entry.category, "box": box_corners(entry)}
                for number, entry in enumerate(scene.objects, start=1)
            ],
        }

    def decide(self, id_: str, verdict: Verdict) -> dict[str, Any]:
        """Note a decision and give the pair as it is now.

        Raises:
            KeyError: there is no such pair.
            DataError: it, or what it was edited to, cannot become a record; the message says why.
        """
        outcome, judged = self.find(id_)
        if verdict.decision == "edit" and verdict.pair is None:
            raise DataError("an edit needs the edited pair")
        pair = verdict.pair if verdict.decision == "edit" and verdict.pair else judged.pair
        fault = None if verdict.decision == "reject" else check_edit(pair, outcome.scene)
        if fault is not None:
            raise DataError(fault)
        # What was edited once stays edited when it is accepted or rejected later.
        content = pair.model_dump(mode="json") if verdict.decision == "edit" or judged.by_person else None
        with self._journal() as journal:
            journal.decide(Decision(id_, verdict.decision, content, verdict.note))
            rows, decisions = journal.rows(outcome.task.key), journal.decisions()
        pairs = judged_pairs(outcome.task, rows, outcome.scene, self._session.plan, decisions)
        self._outcomes[outcome.task.key] = Outcome(outcome.task, outcome.scene, tuple(pairs))
        return self.to_dict(id_)

    def picture(self, id_: str) -> Image.Image:
        """The picture with the masks of the pair's phrases."""
        outcome, judged = self.find(id_)
        image = open_image(self._session.pictures.folder / outcome.task.key)
        return draw_answer(answer_of(judged.pair, outcome), image, max_side=1024)

    def _journal(self) -> Journal:
        return Journal(self._folder, run=False)


def answer_of(pair: Pair, outcome: Outcome) -> Answer:
    """The pair's answer with its masks; bare text where its marks cannot be read."""
    scene = outcome.scene
    try:
        text, marks = parse_marked(pair.answer)
    except ReplyError:
        text, marks = pair.answer, ()
    segments = []
    for mark in marks:
        words = text[slice(*mark.span)]
        known = [n for n in mark.numbers if 1 <= n <= len(scene.objects)]
        if not mark.numbers:
            segments.append(Segment(words, mark.span, rejected=True))
        elif known:
            masks = [decode_mask(scene.objects[n - 1].segmentation, scene.height, scene.width) for n in known]
            segments.append(Segment.from_mask(words, mark.span, np.logical_or.reduce(masks)))
    return Answer(text or " ", tuple(segments), (), scene.width, scene.height)


def make_app(review: Review, *, hosts: Sequence[str] = HOSTS) -> FastAPI:
    """The page and what it asks for.

    Raises:
        MissingDependencyError: FastAPI is not installed.
    """
    try:
        from fastapi import FastAPI, HTTPException, Response
        from fastapi.responses import HTMLResponse
        from starlette.middleware.trustedhost import TrustedHostMiddleware
    except ImportError:
        raise MissingDependencyError("the review needs FastAPI: pip install 'segue[curate]'") from None
    app = FastAPI(title="segue curate review", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))
    index = files("segue.curation").joinpath("page", "index.html").read_text(encoding="utf-8")

    def found(id_: str) -> None:
        try:
            review.find(id_)
        except KeyError:
            raise HTTPException(404, "no such pair") from None

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse(index)

    @app.get("/api/pairs")
    def pairs(
        state: Literal["open", "accepted", "rejected", "decided", "all"] = "open",
        offset: int = 0,
        limit: int = 20,
    ) -> Any:
        return review.page(state, offset=max(0, offset), limit=min(max(1, limit), 100))

    @app.get("/api/pairs/{id_}/picture.png")
    def picture(id_: str) -> Response:
        found(id_)
        buffer = io.BytesIO()
        review.picture(id_).save(buffer, format="PNG")
        return Response(buffer.getvalue(), media_type="image/png", headers={"Cache-Control": "no-store"})

    @app.post("/api/pairs/{id_}")
    def decide(id_: str, verdict: Verdict) -> Any:
        found(id_)
        try:
            return review.decide(id_, verdict)
        except DataError as error:
            raise HTTPException(422, str(error)) from None

    return app


def serve(session: Session, folder: Path, *, port: int) -> None:
    """Show the page until Ctrl-C."""
    try:
        import uvicorn
    except ImportError:
        raise MissingDependencyError("the review needs uvicorn: pip install 'segue[curate]'") from None
    app = make_app(Review(session, folder))
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


def _is(judged: Judged, state: str) -> bool:
    return {
        "open": judged.accepted and not judged.by_person,
        "accepted": judged.accepted,
        "rejected": not judged.accepted,
        "decided": judged.by_person,
        "all": True,
    }[state]
