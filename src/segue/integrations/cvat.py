"""An auto-annotation function for CVAT (the protocol of `cvat_sdk.auto_annotation`), over `segue serve`.

    cvat-cli task auto-annotate 7 --function-module segue.integrations.cvat -p labels=str:"cat,red car"

CVAT's command line calls `create` with the values of `-p`, and `detect` for every frame.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from segue.answer import Segment
from segue.errors import MissingDependencyError, SegueError
from segue.exports.outlines import fill_holes, mask_polygons
from segue.integrations.server import ADDRESS, Server

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Function", "create"]


def create(*, labels: str, server: str = ADDRESS, model: str | None = None) -> Function:
    """The function that CVAT calls.

    Args:
        labels: names of labels as the task has them, separated by commas; each is located as it is, and may
            be given other words: "cat,car=the red car".
        server: the address of `segue serve`; its token is read from SEGUE_TOKEN.
        model: as the server lists it; its first by default.
    """
    phrases = {}
    for entry in labels.split(","):
        name, _, phrase = entry.partition("=")
        if name.strip():
            phrases[name.strip()] = phrase.strip() or name.strip()
    if not phrases:
        raise SegueError("labels is empty; name the task's labels, separated by commas")
    return Function(Server(server, model=model), phrases)


class Function:
    """A detection function whose labels are masks.

    Args:
        server: what is asked; anything with `Server.locate`.
        phrases: labels, and the words by which each is located.
    """

    def __init__(self, server: Server, phrases: dict[str, str]):
        try:
            import cvat_sdk.auto_annotation as cvataa
        except ImportError as error:
            raise MissingDependencyError("CVAT needs its library: pip install segue[cvat]") from error
        self._server, self._phrases = server, phrases
        self.spec = cvataa.DetectionFunctionSpec(
            labels=[cvataa.label_spec(name, number, type="any") for number, name in enumerate(phrases)]
        )

    def detect(self, context: Any, image: Image.Image) -> list[Any]:
        """Masks (or polygons, where CVAT asks for those) of the labels in a frame."""
        stream = io.BytesIO()
        image.convert("RGB").save(stream, "PNG")
        answers = self._server.locate(stream.getvalue(), list(self._phrases.values()))
        least = context.conf_threshold or 0.0
        return [
            shape
            for number, answer in enumerate(answers)
            for segment in answer.segments
            if segment.bbox is not None and segment.score >= least
            for shape in _shapes(segment, number, polygons=context.conv_mask_to_poly)
        ]


def _shapes(segment: Segment, label: int, *, polygons: bool) -> Sequence[Any]:
    import cvat_sdk.auto_annotation as cvataa
    from cvat_sdk.masks import encode_mask

    mask = segment.mask
    if mask is None:
        return [cvataa.rectangle(label, list(segment.box or ()))]
    if not polygons:
        return [cvataa.mask(label, encode_mask(mask))]
    outers = [part.outer for part in mask_polygons(fill_holes(mask))]
    return [cvataa.polygon(label, [float(v) for corner in outer for v in corner]) for outer in outers]
