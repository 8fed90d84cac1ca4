"""Real bad files, made here: whatever a user gives ends in an upright RGB picture or in one `ImageError`."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from segue.errors import ImageError
from segue.images import OUTSIDE_LOGIT, Geometry, open_image, read_header

RED, BLUE, WHITE, BLACK = (255, 0, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0)


def encoded(image: Image.Image, format_name: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format_name, **options)
    return stream.getvalue()


def corners(width: int = 40, height: int = 30) -> Image.Image:
    """Four quarters: red, blue / white, black, so that any turn or flip shows."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = RED
    pixels[: height // 2, width // 2 :] = BLUE
    pixels[height // 2 :, : width // 2] = WHITE
    return Image.fromarray(pixels)


def noise(width: int = 64, height: int = 48) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def bomb_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises width x height pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + pixels + chunk(b"IEND", b"")


def assert_near(pixel, expected, tolerance: int = 6) -> None:
    assert np.abs(np.subtract(pixel, expected)).max() <= tolerance, (pixel, expected)


# Opening ------------------------------------------------------------------------------


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_formats_are_told_from_their_bytes_not_their_name(tmp_path, format_name):
    path = tmp_path / "picture.txt"
    path.write_bytes(encoded(corners(), format_name))
    opened = open_image(path)
    assert (opened.mode, opened.size) == ("RGB", (40, 30))
    assert_near(opened.getpixel((5, 5)), RED, 12)
    assert_near(opened.getpixel((35, 5)), BLUE, 12)


def test_every_kind_of_source_gives_the_same_picture(tmp_path):
    image, path = noise(), tmp_path / "a.png"
    image.save(path)
    with path.open("rb") as file:
        file.read(7)
        file.seek(0)
        sources = [
            path,
            str(path),
            path.read_bytes(),
            bytearray(path.read_bytes()),
            memoryview(path.read_bytes()),
            file,
            io.BytesIO(path.read_bytes()),
            image,
            Image.open(path),  # not yet decoded
            np.asarray(image),
        ]
        for source in sources:
            assert np.array_equal(np.asarray(open_image(source)), np.asarray(image)), source


def test_opening_twice_is_opening_once():
    turned = open_image(encoded(corners(), "JPEG", exif=exif_with(6)))
    again = open_image(turned)
    assert turned.size == (30, 40)
    assert np.array_equal(np.asarray(again), np.asarray(turned))


def exif_with(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_all_eight_exif_orientations_come_out_upright(orientation, format_name):
    upright = corners()
    # What a camera stores is the inverse of what the viewer must do.
    stored = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    image = upright if stored is None else upright.transpose(stored)
    opened = open_image(encoded(image, format_name, exif=exif_with(orientation)))
    assert opened.size == upright.size
    assert_near(opened.getpixel((5, 5)), RED, 12)
    assert_near(opened.getpixel((35, 5)), BLUE, 12)
    assert_near(opened.getpixel((5, 25)), WHITE, 12)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_exif_leaves_the_picture_as_it_is():
    data = encoded(corners(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xffgarbage")
    assert open_image(data).size == (40, 30)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_orientation_out_of_range_is_ignored():
    assert open_image(encoded(corners(), "JPEG", exif=exif_with(99))).size == (40, 30)


def test_alpha_is_composited_on_white():
    rgba = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    rgba.putpixel((1, 1), (255, 0, 0, 255))
    rgba.putpixel((2, 2), (0, 0, 0, 128))
    opened = open_image(encoded(rgba, "PNG"))
    assert opened.getpixel((0, 0)) == WHITE
    assert opened.getpixel((1, 1)) == RED
    assert_near(opened.getpixel((2, 2)), (127, 127, 127), 1)
    assert open_image(Image.new("LA", (2, 2), (10, 0))).getpixel((0, 0)) == WHITE


def test_palette_with_and_without_transparency():
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    assert [open_image(encoded(palette, "PNG")).getpixel((x, 0)) for x in (0, 1)] == [RED, BLUE]
    see_through = encoded(palette, "PNG", transparency=1)
    assert [open_image(see_through).getpixel((x, 0)) for x in (0, 1)] == [RED, WHITE]
    half = encoded(palette, "PNG", transparency=bytes([128, 255]))
    assert_near(open_image(half).getpixel((0, 0)), (255, 127, 127), 1)
    assert open_image(encoded(palette, "GIF", transparency=0)).getpixel((0, 0)) == WHITE


def test_rgb_and_grey_png_with_a_transparent_colour():
    assert (
        open_image(encoded(Image.new("RGB", (2, 2), RED), "PNG", transparency=RED)).getpixel((0, 0)) == WHITE
    )
    assert open_image(encoded(Image.new("L", (2, 2), 9), "PNG", transparency=9)).getpixel((0, 0)) == WHITE


@pytest.mark.parametrize(("value", "expected"), [(0, 0), (257 * 100, 100), (65535, 255), (32768, 128)])
def test_16_bit_png_is_scaled_not_clipped(value, expected):
    data = encoded(Image.fromarray(np.full((3, 5), value, np.uint16)), "PNG")
    assert_near(open_image(data).getpixel((0, 0)), (expected,) * 3, 1)
    assert_near(open_image(np.full((3, 5), value, np.uint16)).getpixel((0, 0)), (expected,) * 3, 1)


def test_16_bit_png_with_a_transparent_grey():
    values = np.array([[1000, 40000]], np.uint16)
    opened = open_image(encoded(Image.fromarray(values), "PNG", transparency=1000))
    assert opened.getpixel((0, 0)) == WHITE
    assert_near(opened.getpixel((1, 0)), (156,) * 3, 1)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (Image.fromarray(np.full((2, 2), 65535, np.int32)), 255),  # 16 bits in a 32-bit integer
        (Image.fromarray(np.full((2, 2), 77, np.int32)), 77),  # 8 bits in a 32-bit integer
        (Image.fromarray(np.array([[0, 1_000_000]] * 2, np.int32)), 0),  # no known white: its own range
        (Image.fromarray(np.full((2, 2), 0.5, np.float32)), 128),
        (Image.fromarray(np.full((2, 2), 200.0, np.float32)), 200),
        (Image.fromarray(np.full((2, 2), np.nan, np.float32)), 0),
        (Image.new("1", (2, 2), 1), 255),
        (Image.new("L", (2, 2), 9), 9),
    ],
)
def test_grey_modes(image, expected):
    assert_near(open_image(image).getpixel((0, 0)), (expected,) * 3, 1)


@pytest.mark.parametrize("values", [np.full((4, 4), 30000, np.uint16), np.full((4, 4), 0.5, np.float32)])
def test_deep_grey_tiff(values):
    assert_near(open_image(encoded(Image.fromarray(values), "TIFF")).getpixel((0, 0)), (120,) * 3, 10)


def test_cmyk_jpeg():
    data = encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95)
    assert_near(open_image(data).getpixel((4, 4)), RED)


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animations_give_their_first_frame(format_name):
    frames = [Image.new("RGB", (8, 8), BLUE)]
    options = {} if format_name == "TIFF" else {"duration": 50}
    data = encoded(Image.new("RGB", (8, 8), RED), format_name, save_all=True, append_images=frames, **options)
    assert_near(open_image(data).getpixel((0, 0)), RED, 12)


def test_a_picture_of_one_pixel_and_one_of_20000_columns():
    assert open_image(encoded(Image.new("RGB", (1, 1), RED), "PNG")).getpixel((0, 0)) == RED
    assert open_image(encoded(Image.new("L", (20_000, 2)), "PNG")).size == (20_000, 2)


# Refusing -----------------------------------------------------------------------------


def refusal(source, **options) -> str:
    with pytest.raises(ImageError) as caught:
        open_image(source, **options)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP", "BMP", "TIFF"])
def test_truncated_files_are_named(tmp_path, format_name):
    path = tmp_path / "holiday.jpg"
    data = encoded(noise(), format_name)
    path.write_bytes(data[: len(data) // 2])
    assert "holiday.jpg" in refusal(path)


@pytest.mark.parametrize("size", [(30_000, 30_000), (2_000_000_000, 2)])
def test_a_bomb_is_refused_from_its_header_with_the_numbers(size):
    data = bomb_png(*size)
    assert len(data) < 200
    message = refusal(data)
    assert f"{size[0] * size[1]:,}" in message
    assert "100,000,000" in message


def test_the_limit_is_the_callers_and_holds_for_every_source():
    for source in (noise(20, 10), encoded(noise(20, 10), "PNG"), np.zeros((10, 20), np.uint8)):
        assert "200 pixels, over the limit of 199" in refusal(source, max_pixels=199)
        assert open_image(source, max_pixels=200).size == (20, 10)


def test_a_limit_above_pillows_own_is_obeyed(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert open_image(encoded(noise(), "PNG")).size == (64, 48)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("empty.png", b"", "empty"),
        ("note.jpg", b"this is no picture\n", "not an image"),
        ("photo.heic", b"\0\0\0\x18ftypheic" + bytes(40), "HEIC"),
        ("clip.mp4", b"\0\0\0\x18ftypisom" + bytes(40), "video"),
        ("paper.pdf", b"%PDF-1.7", "PDF"),
        ("figure.eps", b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        ("logo.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        ("page.jpg", b"<!DOCTYPE html><html>", "web page"),
        ("art.psd", b"8BPS\0\1", "Photoshop"),
        ("all.zip", b"PK\3\4", "archive"),
        ("stub.png", b"\x89PNG\r\n\x1a\n", "PNG"),
        ("stub.jpg", b"\xff\xd8\xff", "JPEG"),
        ("stub.bmp", b"BM", "BMP"),
    ],
)
def test_what_is_no_image_is_named(tmp_path, name, data, said):
    path = tmp_path / name
    path.write_bytes(data)
    message = refusal(path)
    assert name in message
    assert said in message


def test_paths_that_lead_nowhere(tmp_path):
    assert "does not exist" in refusal(tmp_path / "gone.jpg")
    assert "folder" in refusal(tmp_path)
    assert "empty" in refusal("")
    assert "cannot be read" in refusal("a\0b.png")
    assert "cannot be read" in refusal("x" * 5000)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a.jpg",
        "HTTP://x/y.png",
        "s3://bucket/a",
        "file:///a.png",
        "data:image/png;base64,",
    ],
)
def test_urls_are_not_opened(url):
    assert "URLs are not opened" in refusal(url)
    assert "URLs are not opened" in refusal(Path(url))


def test_file_objects_that_are_not_binary(tmp_path):
    path = tmp_path / "a.png"
    noise().save(path)
    with path.open(encoding="latin-1") as file:
        assert "binary" in refusal(file)
    with path.open(encoding="utf-8") as file:
        assert "binary" in refusal(file)


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((3, 4, 5), np.uint8), "channels last"),
        (np.zeros((4, 5, 2), np.uint8), "(4, 5, 2)"),
        (np.zeros(7, np.uint8), "(7,)"),
        (np.zeros((0, 5, 3), np.uint8), "no pixels"),
        (np.full((2, 2), 255.0), "0..1"),
        (np.full((2, 2), np.nan), "0..1"),
        (np.zeros((2, 2), np.int64), "int64"),
        (np.full((2, 2), "a"), "<U1"),
    ],
)
def test_arrays_that_are_no_picture(array, said):
    assert said in refusal(array)


def test_arrays_that_are():
    assert open_image(np.zeros((3, 5, 1), np.uint8)).size == (5, 3)
    assert open_image(np.ones((3, 5, 3), np.float16)).getpixel((0, 0)) == WHITE
    assert open_image(np.zeros((3, 5, 4))).getpixel((0, 0)) == WHITE  # clear
    assert open_image(np.ones((3, 5), bool)).getpixel((0, 0)) == WHITE
    assert open_image(np.asfortranarray(np.asarray(noise()))).size == (64, 48)


def test_other_things_are_not_images():
    for source in (None, 3, ["a.png"], {"image": 1}):
        assert "pass a path" in refusal(source)


SEEDS = [
    encoded(noise(24, 16), "PNG"),
    encoded(noise(24, 16).convert("P"), "PNG", transparency=0),
    encoded(noise(24, 16), "JPEG", exif=exif_with(6)),
    encoded(noise(24, 16), "GIF"),
    encoded(noise(24, 16), "WEBP"),
    encoded(noise(24, 16), "BMP"),
    encoded(noise(24, 16), "TIFF", compression="tiff_lzw"),
    encoded(noise(24, 16), "PPM"),
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.sampled_from(SEEDS),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8),
    keep=st.floats(0.05, 1),
)
@example(seed=SEEDS[0], edits=[], keep=1.0)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damaged_bytes_give_a_picture_or_an_image_error(seed, edits, keep):
    data = bytearray(seed)
    for where, value in edits:
        data[int(where * (len(data) - 1))] = value
    try:
        opened = open_image(bytes(data[: int(len(data) * keep)]), max_pixels=250_000)
    except ImageError:
        return
    assert opened.mode == "RGB"


@settings(max_examples=100, deadline=None)
@given(head=st.sampled_from([b"", *(seed[:12] for seed in SEEDS)]), tail=st.binary(max_size=200))
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_bytes_give_a_picture_or_an_image_error(head, tail):
    try:
        open_image(head + tail, max_pixels=250_000)
    except ImageError:
        return


# Geometry -----------------------------------------------------------------------------

sides = st.integers(1, 900)
geometries = st.one_of(
    st.builds(Geometry.longest_pad, sides, sides, st.sampled_from([96, 224, 448, 1024])),
    st.builds(lambda h, w, s: Geometry.longest_pad(h, w, s, rounding="floor"), sides, sides, st.just(384)),
    st.builds(Geometry.shortest_crop, sides, sides, st.sampled_from([96, 224, 336])),
    st.builds(Geometry.squash, sides, sides, st.sampled_from([96, (64, 128)])),
)


@pytest.mark.parametrize(
    ("height", "width", "size", "rounding", "resized"),
    [
        (240, 320, 1024, "nearest", (768, 1024)),
        (331, 217, 1024, "nearest", (1024, 671)),  # 671.3
        (131, 77, 448, "nearest", (448, 263)),  # 263.3
        (3, 1024, 512, "nearest", (2, 512)),  # 1.5 goes up
        (427, 640, 512, "floor", (341, 511)),  # PixelLLM: the longer side ends below 512
        (480, 640, 384, "floor", (288, 384)),
        (180, 130, 144, "floor", (144, 104)),
        (1, 20_000, 384, "nearest", (1, 384)),
        (20_000, 1, 384, "floor", (384, 1)),
    ],
)
def test_longest_side_rounding_is_the_published_one(height, width, size, rounding, resized):
    geometry = Geometry.longest_pad(height, width, size, rounding=rounding)
    assert (geometry.resized, geometry.canvas, geometry.offset) == (resized, (size, size), (0, 0))
    assert geometry.valid == resized


@pytest.mark.parametrize(
    ("height", "width", "resized", "offset"),
    [
        (240, 320, (224, 298), (-37, 0)),  # 298.67 is cut, (298 - 224) // 2
        (331, 217, (341, 224), (0, -58)),
        (100, 100, (224, 224), (0, 0)),
    ],
)
def test_shortest_side_and_centre_crop_are_clips(height, width, resized, offset):
    geometry = Geometry.shortest_crop(height, width, 224)
    assert (geometry.resized, geometry.offset, geometry.valid) == (resized, offset, (224, 224))


def test_shortest_crop_equals_the_clip_processor():
    from transformers import CLIPImageProcessor

    size = {"shortest_edge": 56}
    processor = CLIPImageProcessor(size=size, crop_size=56, do_rescale=False, do_normalize=False)
    for width, height in ((90, 61), (61, 90), (57, 200), (30, 20)):
        image = noise(width, height)
        expected = np.asarray(processor(image, return_tensors="np")["pixel_values"][0])
        ours = Geometry.shortest_crop(height, width, 56).apply(image, resample=Image.Resampling.BICUBIC)
        # The processor runs on torchvision where that is installed, whose rounding may differ by one level.
        assert np.abs(ours.transpose(2, 0, 1).astype(float) - expected).max() <= 1


def test_apply_pads_nothing_and_crops_exactly():
    image = noise(90, 61)
    assert Geometry.longest_pad(61, 90, 128).apply(image).shape == (87, 128, 3)
    assert Geometry.squash(61, 90, (20, 30)).apply(image).shape == (20, 30, 3)
    crop = Geometry.shortest_crop(61, 90, 61)  # no resizing left: pure crop
    assert np.array_equal(crop.apply(image), np.asarray(image)[:, 14:75])


def test_a_strip_is_cropped_without_ever_being_resized_whole():
    strip = noise(20_000, 2)
    for width, height in ((20_000, 2), (2, 20_000)):
        image = strip.resize((width, height))
        geometry = Geometry.shortest_crop(height, width, 224)
        assert max(geometry.resized) == 2_240_000
        assert geometry.apply(image).shape == (224, 224, 3)
    near = Geometry.shortest_crop(2, 40, 64)  # small enough for both ways: they agree
    image = noise(40, 2)
    x0, sx = -near.offset[0], near.scale[0]
    by_box = image.resize((64, 64), Image.Resampling.BILINEAR, box=(x0 / sx, 0, (x0 + 64) / sx, 2))
    assert np.abs(near.apply(image).astype(int) - np.asarray(by_box)).max() <= 1


def test_plain_bilinear_is_torchs_without_antialias():
    import torch

    image = noise(90, 61)
    geometry = Geometry.longest_pad(61, 90, 48, rounding="floor")
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float()
    expected = torch.nn.functional.interpolate(pixels, geometry.resized, mode="bilinear", align_corners=False)
    ours = geometry.apply_plain_bilinear(image)
    assert ours.dtype == np.float32
    assert np.abs(ours.transpose(2, 0, 1) - expected[0].numpy()).max() < 1e-3


@given(geometries, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=5))
def test_points_go_there_and_back(geometry, fractions):
    height, width = geometry.original
    points = np.array(fractions).reshape(-1, 2) * (width, height)
    there = geometry.points_to_input(points)
    assert np.allclose(geometry.points_to_original(there), points, atol=1e-9 * max(height, width) + 1e-9)
    if geometry.valid == geometry.resized:  # nothing is cut: every point lies on the picture's part
        assert (there >= -1e-9).all()
        assert (there <= np.array(geometry.valid[::-1]) + 1e-9).all()


@given(geometries, st.tuples(*[st.floats(-2, 3)] * 4))
def test_boxes_go_there_and_back_and_are_two_points(geometry, fractions):
    height, width = geometry.original
    box = np.array(fractions) * (width, height, width, height)
    there = geometry.boxes_to_input(box)
    assert there.shape == (4,)
    assert np.allclose(there[2:], geometry.points_to_input(box[2:]))
    assert np.allclose(geometry.boxes_to_original(there), box, atol=1e-6)
    clipped = geometry.boxes_to_original(there, clip=True)
    assert (clipped >= 0).all()
    assert (clipped <= (width, height, width, height)).all()


def test_no_points_stay_no_points():
    geometry = Geometry.squash(4, 4, 8)
    assert geometry.points_to_input([]).shape == (0, 2)
    assert geometry.boxes_to_original([]).shape == (0, 4)


def rectangle(height: int, width: int, box: tuple[float, float, float, float]) -> np.ndarray:
    x0, y0, x1, y1 = (round(f * s) for f, s in zip(box, (width, height, width, height), strict=True))
    mask = np.zeros((height, width), bool)
    mask[min(y0, y1) : max(y0, y1), min(x0, x1) : max(x0, x1)] = True
    return mask


@settings(max_examples=40, deadline=None)
@given(st.integers(40, 300), st.integers(40, 300), st.sampled_from(["pad", "floor", "squash"]))
def test_masks_go_there_and_back(height, width, kind):
    import torch

    geometry = {
        "pad": lambda: Geometry.longest_pad(height, width, 256),
        "floor": lambda: Geometry.longest_pad(height, width, 256, rounding="floor"),
        "squash": lambda: Geometry.squash(height, width, 256),
    }[kind]()
    mask = rectangle(height, width, (0.2, 0.25, 0.7, 0.8))
    there = geometry.mask_to_input(mask)
    assert there.shape == (256, 256)
    assert not there[geometry.valid[0] :].any()
    assert not there[:, geometry.valid[1] :].any()
    logits = torch.from_numpy(np.where(there, 8.0, -8.0))[None]
    back = geometry.masks_to_original(logits)[0].numpy() > 0
    assert back.shape == mask.shape
    assert (back & mask).sum() / (back | mask).sum() > 0.85


@pytest.mark.parametrize(("height", "width"), [(60, 140), (140, 60), (80, 80), (2, 4000)])
def test_masks_of_a_crop_say_no_outside_it(height, width):
    import torch

    geometry = Geometry.shortest_crop(height, width, 64)
    back = geometry.masks_to_original(torch.full((2, 16, 16), 5.0)).numpy()
    assert back.shape == (2, height, width)
    centres_x = (np.arange(width) + 0.5) * geometry.scale[0] + geometry.offset[0]
    centres_y = (np.arange(height) + 0.5) * geometry.scale[1] + geometry.offset[1]
    seen = ((centres_y >= 0) & (centres_y <= 64))[:, None] & ((centres_x >= 0) & (centres_x <= 64))
    assert (back[:, seen] == 5).all()
    assert (back[:, ~seen] == OUTSIDE_LOGIT).all()


def test_masks_come_back_in_the_published_order():
    import torch
    from torch.nn import functional

    def bilinear(values, size):
        return functional.interpolate(values[:, None], size, mode="bilinear", align_corners=False)[:, 0]

    logits = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(0))
    geometry = Geometry.longest_pad(50, 90, 64)
    height, width = geometry.resized
    sam = bilinear(bilinear(logits, (64, 64))[:, :height, :width], (50, 90))
    assert torch.equal(geometry.masks_to_original(logits), sam)
    pixelllm = bilinear(logits[:, : int(height * 16 / 64), : int(width * 16 / 64)], (50, 90))
    assert torch.equal(geometry.masks_to_original(logits, via_canvas=False), pixelllm)
    assert geometry.masks_to_original(logits.bfloat16()).dtype == torch.float32


def test_masks_in_chunks_are_the_same_masks():
    import torch

    logits = torch.randn(5, 8, 8, generator=torch.Generator().manual_seed(0))
    geometry = Geometry.longest_pad(30, 20, 32)
    pieces = list(geometry.iter_masks_to_original(logits, chunk=2))
    assert [len(piece) for piece in pieces] == [2, 2, 1]
    assert torch.equal(torch.cat(pieces), geometry.masks_to_original(logits))
    assert geometry.masks_to_original(logits[:0]).shape == (0, 30, 20)


def test_a_mask_by_majority_needs_half_of_an_input_pixel():
    geometry, mask = Geometry.squash(90, 90, 30), np.zeros((90, 90), bool)
    mask[9:12, 9:11] = True  # six of the nine pixels that become one
    assert geometry.mask_to_input(mask, resample=Image.Resampling.BOX).sum() == 1
    mask[10:12] = False  # two of nine
    assert geometry.mask_to_input(mask, resample=Image.Resampling.BOX).sum() == 0


# Headers ------------------------------------------------------------------------------


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_header_is_read_without_the_pixels(format_name):
    stream = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    Image.fromarray(noise).save(stream, format_name)
    header = read_header(stream.getvalue())
    assert (header.format, header.width, header.height) == (format_name, 70, 90)


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.4", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"])
def test_no_header_is_an_image_error(data):
    with pytest.raises(ImageError):
        read_header(data)
