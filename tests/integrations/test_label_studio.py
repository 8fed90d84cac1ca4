"""The backend by Label Studio's protocol; brush masks by its own decoder where that is installed."""

import base64

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from segue.errors import DataError
from segue.integrations.label_studio import Pictures, make_backend
from segue.integrations.label_studio_format import brush_rle, controls_of
from tests.integrations.asked import HalfCats, half, png

CONFIG = """<View>
  <Image name="photo" value="$image"/>
  <BrushLabels name="brush" toName="photo">
    <Label value="Pet" predicted_values="the cat,kitten"/><Label value="Dog"/>
  </BrushLabels>
  <RectangleLabels name="box" toName="photo"><Label value="cat"/></RectangleLabels>
  <PolygonLabels name="outline" toName="photo"><Label value="cat"/></PolygonLabels>
</View>"""
DATA_URL = "data:image/png;base64," + base64.b64encode(png()).decode()


def unpacked(rle):
    """What rle-pack's description says: 32 bits count, 5 bits word size, four sizes, then the runs."""
    bits = "".join(f"{byte:08b}" for byte in rle)
    at = 0

    def read(size):
        nonlocal at
        at += size
        return int(bits[at - size : at], 2)

    count, word = read(32), read(5) + 1
    sizes = [read(4) + 1 for _ in range(4)]
    values = []
    while len(values) < count:
        repeated = read(1)
        length = read(sizes[read(2)]) + 1
        values += [read(word)] * length if repeated else [read(word) for _ in range(length)]
    return values


@pytest.fixture
def backend():
    pictures = Pictures("http://studio:8080", key="k", transport=httpx.MockTransport(studio))
    return TestClient(make_backend(HalfCats(), pictures), raise_server_exceptions=False)


def studio(request):
    """A Label Studio that has one picture, for those with a key."""
    known = request.url.path == "/data/upload/1.png" and request.headers.get("authorization") == "Token k"
    return httpx.Response(200, content=png()) if known else httpx.Response(404)


def predict(backend, image, **fields):
    return backend.post("/predict", json={"tasks": [{"id": 3, "data": {"image": image}}], **fields})


def test_a_project_is_connected_and_a_task_labelled(backend):
    assert backend.get("/health").json()["status"] == "UP"
    assert backend.post("/setup", json={"project": "1.5", "schema": CONFIG}).json() == {
        "model_version": "segue"
    }
    (prediction,) = predict(backend, DATA_URL, project="1.5").json()["results"]
    assert prediction["score"] == 0.75
    brush, outline, box = prediction["result"]
    assert [r["from_name"] for r in (brush, outline, box)] == ["brush", "outline", "box"]
    assert {r["to_name"] for r in prediction["result"]} == {"photo"}
    assert len({r["id"] for r in prediction["result"]}) == 3
    assert brush["value"]["brushlabels"] == ["Pet"]
    values = np.array(unpacked(brush["value"]["rle"])).reshape(30, 40, 4)
    np.testing.assert_array_equal(values[..., 3] > 0, half())
    right, bottom = 100 * 19 / 40, 100 * 29 / 30  # the middles of the last pixels
    corners = [[0, 0], [0, bottom], [right, 0], [right, bottom]]
    assert sorted(outline["value"]["points"]) == corners
    sides = {name: box["value"][name] for name in ("x", "y", "width", "height")}
    assert sides == {"x": 0, "y": 0, "width": 50, "height": 100}


def test_label_studios_own_schema_takes_the_labels(backend):
    """Its SDK checks the configuration, and each region against the control that it is for."""
    interface = pytest.importorskip(
        "label_studio_sdk.label_interface",
        reason="Label Studio's SDK is none of segue's extras: pip install label-studio-sdk",
        exc_type=ImportError,
    ).LabelInterface(CONFIG)
    interface.validate()
    (prediction,) = predict(backend, DATA_URL, label_config=CONFIG).json()["results"]
    assert len(prediction["result"]) == 3
    assert interface.validate_prediction(prediction, return_errors=True) == []
    prediction["result"][0]["value"]["brushlabels"] = ["Bird"]  # it does look
    assert interface.validate_prediction(prediction, return_errors=True)


def test_pictures_come_from_label_studio_alone(backend):
    assert predict(backend, "/data/upload/1.png", label_config=CONFIG).status_code == 200
    for image in (
        "http://169.254.169.254/latest/meta-data",  # another address
        "http://studio:8080@evil/1.png",  # another address that looks like it
        "file:///etc/passwd",
        "/data/upload/2.png",  # not there
        "data:image/png;base64,?",  # broken
        None,
    ):
        reply = predict(backend, image, label_config=CONFIG)
        assert reply.status_code == 422, image
        assert reply.json()["detail"]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("<View><Image", "no XML"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><View/>", "document type"),
        ("<View><Image name='i' value='$image'/></View>", "none of BrushLabels"),
    ],
)
def test_configurations_that_cannot_be_used(backend, config, message):
    with pytest.raises(DataError, match=message):
        controls_of(config)
    assert backend.post("/setup", json={"project": 1, "schema": config}).status_code == 422


def test_brush_masks_by_label_studios_own_decoder():
    brush = pytest.importorskip(
        "label_studio_sdk.converter.brush",
        reason="Label Studio's SDK wants an older NumPy: pip install label-studio-sdk",
        exc_type=ImportError,
    )
    rng = np.random.default_rng(0)
    large = np.zeros((300, 400), bool)
    large[50:] = True  # runs of more than 2^16 values
    for mask in (half(), rng.random((7, 5)) > 0.5, np.zeros((3, 4), bool), np.ones((1, 1), bool), large):
        decoded = brush.decode_rle(brush_rle(mask)).reshape(*mask.shape, 4)
        np.testing.assert_array_equal(decoded[..., 3] > 0, mask)
        assert (decoded[..., 0] == decoded[..., 3]).all()
