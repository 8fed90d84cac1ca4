"""CVAT's own SDK takes our function, its labels and its shapes."""

import io
import logging
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
from PIL import Image

from segue.errors import SegueError
from tests.integrations.asked import HalfCats, half, png

pytest.importorskip("cvat_sdk", reason="CVAT's SDK is an extra of its own: pip install 'segue[cvat]'")

import cvat_sdk.auto_annotation as cvataa
from cvat_sdk.auto_annotation.driver import _AnnotationMapper
from cvat_sdk.masks import decode_mask
from cvat_sdk.models import Label

from segue.integrations import cvat

PHRASES = {"pet": "the cat", "dog": "dog"}


def context(threshold=None, *, polygons=False):
    return SimpleNamespace(frame_name="1.png", conf_threshold=threshold, conv_mask_to_poly=polygons)


@pytest.fixture
def frame():
    with Image.open(io.BytesIO(png())) as image:
        yield image.convert("RGB")


def remapped(function, shapes, kind):
    """The shapes as CVAT's driver would send them to a task whose labels have the ids 50 and 51."""
    labels = [
        Label(id=50 + n, name=name, type=kind, attributes=[], sublabels=[]) for n, name in enumerate(PHRASES)
    ]
    mapper = _AnnotationMapper(
        logging.getLogger(),
        function.spec.labels,
        labels,
        allow_unmatched_labels=False,
        conv_mask_to_poly=kind == "polygon",
    )
    mapper.validate_and_remap(shapes, 7)
    return shapes


def test_masks_of_the_labels_that_are_there(frame):
    server = HalfCats()
    function = cvat.Function(server, PHRASES)
    assert isinstance(function.spec, cvataa.DetectionFunctionSpec)
    assert [(label.name, label.id) for label in function.spec.labels] == [("pet", 0), ("dog", 1)]
    (shape,) = remapped(function, function.detect(context(), frame), "mask")
    assert server.asked == [["the cat", "dog"]]
    assert (shape.label_id, shape.frame, shape.type.value) == (50, 7, "mask")
    np.testing.assert_array_equal(decode_mask(shape.points, image_width=40, image_height=30), half())


def test_polygons_where_cvat_asks_for_them_and_its_threshold(frame):
    function = cvat.Function(HalfCats(), PHRASES)
    (shape,) = remapped(function, function.detect(context(0.7, polygons=True), frame), "polygon")
    assert shape.points == [0, 0, 20, 0, 20, 30, 0, 30]
    assert function.detect(context(0.8), frame) == []


def test_create_reads_what_the_command_line_gives():
    function = cvat.create(labels="dog, pet = the red cat,", server="http://127.0.0.1:9")
    assert [label.name for label in function.spec.labels] == ["dog", "pet"]
    assert function._phrases == {"dog": "dog", "pet": "the red cat"}
    with pytest.raises(SegueError, match="labels is empty"):
        cvat.create(labels=" , ")


def test_cvats_command_line_calls_it(monkeypatch):
    """With the arguments of the documented command, but for the network."""
    pytest.importorskip(
        "cvat_cli", reason="CVAT's command line is none of segue's extras: pip install cvat-cli"
    )
    from cvat_cli.__main__ import main

    called, connected = [], MagicMock()
    connected.__enter__.return_value = connected
    connected.api_client.default_headers = {"User-Agent": "cvat"}
    monkeypatch.setattr("cvat_cli._internal.common.make_client_from_cli", lambda *_, **__: connected)
    monkeypatch.setattr(cvataa, "annotate_task", lambda *given, **options: called.append((given, options)))
    labels = "labels=str:car,person=the person on a bicycle"
    command = ("task", "auto-annotate", "137", "--function-module", "segue.integrations.cvat", "-p", labels)
    assert not main([*command, "--conf-threshold", "0.5", "--conv-mask-to-poly"])
    [((client, task, function), options)] = called
    assert (client, task) == (connected, 137)
    assert isinstance(function, cvat.Function)
    assert [label.name for label in function.spec.labels] == ["car", "person"]
    assert (options["conf_threshold"], options["conv_mask_to_poly"]) == (0.5, True)
