"""What stands where on the page, and which event calls what.

Gradio gives the frame: model, question, buttons, slider, queue. The stage (picture, masks, boxes) and the
answers are HTML of ours (`assets/stage.html`), filled by `assets/page.js`. Messages to that script travel in
components that nobody sees, one for each kind, so that none takes another's place.
"""

from __future__ import annotations

import html
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any, Literal

import gradio as gr

from segue.serving.page.bundled import BUNDLED, read_asset
from segue.serving.page.messages import thumbnail_url
from segue.serving.page.talk import Talk

__all__ = ["make_blocks", "make_theme"]

_SANS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

_EXAMPLE = """<button type="button" class="segue-example" data-bundled="{number}" title="{title}">
<img src="{url}" alt="{title}" width="96" height="72"></button>"""
_HEADER = """<h1>segue</h1><p>Ask about a picture; see which pixels the answer speaks of.</p>"""
_ANSWERS = """<div class="segue-answers" role="log" aria-label="Answers"></div>"""
_TELL = "watch('value', () => window.dispatchEvent(new CustomEvent('segue-%s', {detail: props.value})));"


def make_theme() -> gr.Theme:
    """Plain, and with fonts that every machine has."""
    return gr.themes.Base(
        font=_SANS, font_mono=_MONO, primary_hue="blue", neutral_hue="gray", radius_size="md"
    )


def make_blocks(talk: Talk) -> gr.Blocks:
    """The page of one server."""
    settings = talk.desk.settings
    models = list(talk.desk.engine.models)
    with gr.Blocks(title="segue", analytics_enabled=False) as blocks:
        gr.HTML(_HEADER, apply_default_css=False, js_on_load=None, elem_id="segue-header")
        with gr.Row(elem_id="segue-main"):
            with gr.Column(scale=3, min_width=300, elem_id="segue-left"):
                stage = gr.HTML(
                    html_template=_stage_html(settings.max_body_bytes),
                    js_on_load=read_asset("page.js").decode(),
                    apply_default_css=False,
                    elem_id="segue-stage",
                )
                threshold = gr.Slider(
                    0.02,
                    0.98,
                    value=0.5,
                    step=0.01,
                    label="Mask threshold",
                    elem_id="segue-threshold",
                )
            with gr.Column(scale=2, min_width=300, elem_id="segue-right"):
                model = gr.Dropdown(
                    models, value=models[0], label="Model", elem_id="segue-model", visible=len(models) > 1
                )
                question = gr.Textbox(
                    label="Question",
                    placeholder="Which of these could cut bread?",
                    max_length=settings.max_question_chars,
                    lines=1,
                    max_lines=4,
                    elem_id="segue-question",
                )
                with gr.Row(elem_id="segue-buttons"):
                    ask = gr.Button("Ask", variant="primary", elem_id="segue-ask", min_width=80)
                    describe = gr.Button("Describe", elem_id="segue-describe", min_width=80)
                    stop = gr.Button("Stop", variant="stop", elem_id="segue-stop", min_width=80)
                gr.HTML(_ANSWERS, apply_default_css=False, js_on_load=None, elem_id="segue-talk")
        picture_out, answer_out, file_out = (_teller(kind) for kind in ("picture", "answer", "file"))
        run = gr.JSON(visible="hidden")
        quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "queue": True}

        async def on_picture(event: gr.EventData, request: gr.Request, model: str) -> Any:
            return await talk.take_picture(event._data, key=_key(request), model=model)

        async def on_save(event: gr.EventData, request: gr.Request) -> Any:
            return await talk.save(event._data, key=_key(request))

        taken = stage.picture(on_picture, [model], picture_out, trigger_mode="multiple", **quiet)
        saved = stage.save(on_save, None, file_out, trigger_mode="multiple", **quiet)
        asked = gr.on(
            [ask.click, question.submit],
            _answering(talk, "ask"),
            [question, model, run],
            answer_out,
            js="(question, model) => [question, model, window.segue.begin(question)]",
            **quiet,
        )
        described = describe.click(
            _answering(talk, "caption"),
            [question, model, run],
            answer_out,
            js="(question, model) => ['', model, window.segue.begin(null)]",
            **quiet,
        )
        stop.click(None, cancels=[asked, described], js="() => window.segue.stopped()")
        threshold.change(None, threshold, js="(value) => window.segue.threshold(value)")
        model.change(None, model, js="(value) => window.segue.model(value)")
        for event, what in ((taken, "picture"), (saved, "file"), (asked, "answer"), (described, "answer")):
            event.failure(None, js=f"() => window.segue.failed('{what}')")
    # Each question holds one of the server's places anyway; the queue is no second limit.
    blocks.queue(default_concurrency_limit=settings.places, max_size=4 * settings.places, api_open=False)
    return blocks


def _answering(talk: Talk, kind: Literal["ask", "caption"]) -> Callable[..., AsyncIterator[Any]]:
    """A handler of gradio's: a partial would hide from it which argument is the request."""

    async def on_question(question: str, model: str, run: Any, request: gr.Request) -> AsyncIterator[Any]:
        if run is None:  # the script found nothing to ask, and said so
            return
        async for message in talk.answer(kind, question, run, key=_key(request), model=model):
            yield message

    return on_question


def _key(request: gr.Request) -> str:
    """Says which open page it is; who hides that shares nothing with anybody."""
    return request.session_hash or uuid.uuid4().hex


def _teller(kind: str) -> gr.HTML:
    """A messenger to the script."""
    return gr.HTML(None, html_template="", js_on_load=_TELL % kind, visible="hidden")


def _stage_html(max_bytes: int) -> str:
    bundled = [
        _EXAMPLE.format(
            number=number,
            title=html.escape(picture.title),
            url=thumbnail_url(read_asset(picture.file)),
        )
        for number, picture in enumerate(BUNDLED)
    ]
    template = read_asset("stage.html").decode()
    return template.format(bundled="\n".join(bundled), max_bytes=max_bytes)
