"""A thousand malformed requests: no 5xx, no hang, and the server still answers right after.

A third are what schemathesis makes of the OpenAPI document, the others go where a document does not lead:
broken and bottomless JSON, damaged and lying pictures, odd paths, methods, headers and forms.
"""

from __future__ import annotations

import io
import json
import socket
import time
import zlib
from contextlib import suppress
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.modeling.speaking import picture
from tests.serving.running import Parrot, data_url, png, running, wait_for

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed (the dev extra has it)"
)

SLOWEST = 5.0  # seconds for one refusal, on a machine that others use as well
POSTS = ("/v1/ask", "/v1/caption", "/v1/locate", "/v1/images/segmentations", "/v1/chat/completions")


NUMBERS = {
    "/v1/ask": 40,
    "/v1/caption": 60,
    "/v1/locate": 60,
    "/v1/images/segmentations": 60,
    "/v1/chat/completions": 25,  # deep, and slow to make
    "/v1/models/{name}": 60,
    "JSON": 300,
    "large": 12,
    "pictures": 110,
    "URLs": 100,
    "forms": 100,
    "paths": 150,
    "headers": 80,
}
"""How many requests each of the tests below sends."""


def send_all(name, sent, test):
    """Run a test of hypothesis with its number of examples; few may turn out not to be sendable."""
    generous = settings(
        max_examples=NUMBERS[name],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    generous(test)()
    assert len(sent) >= 0.9 * NUMBERS[name]


@pytest.fixture(scope="module")
def server():
    with running(Parrot(), max_body_bytes=200_000, max_pixels=100_000, deadline=SLOWEST) as server:
        yield server


@pytest.fixture
def sent():
    """The statuses of a test's requests."""
    return []


@pytest.fixture
def check(server, sent):
    """For every response of a test; in the end the server must be as it was."""

    def check(status: int, text: str, headers, seconds: float) -> None:
        sent.append(status)
        assert status < 500, text[:500]
        assert seconds < SLOWEST
        if status >= 400:
            error = json.loads(text)["error"]
            assert set(error) == {"message", "type", "param", "code"}
            assert len(text) < 5000
            assert "Traceback" not in text
            assert "site-packages" not in text

    yield check
    assert sum(status >= 400 for status in sent) > len(sent) / 3, "hardly any was malformed"
    wait_for(lambda: server.engine.num_places == 0)
    assert server.engine.ready
    assert server.ask().status_code == 200


@pytest.fixture
def send(server, check):
    def send(method, path, **options):
        started = time.monotonic()
        response = server.client.request(method, path, **options)
        check(response.status_code, response.text, response.headers, time.monotonic() - started)

    return send


@pytest.mark.parametrize("path", [*POSTS, "/v1/models/{name}"])
def test_what_schemathesis_makes_of_the_document(server, check, path, sent):
    from schemathesis import GenerationMode

    schema = schemathesis.openapi.from_dict(server.client.get("/openapi.json").json())
    get = path.endswith("{name}")
    mode = GenerationMode.POSITIVE if get else GenerationMode.NEGATIVE
    operation = schema[path]["GET" if get else "POST"]

    @given(case=operation.as_strategy(mode))
    def one(case):
        started = time.monotonic()
        response = case.call(base_url=server.url, timeout=SLOWEST)
        check(response.status_code, response.text, response.headers, time.monotonic() - started)

    send_all(path, sent, one)


# -- bodies that are no JSON, or too much of it ---------------------------------------

VALID = json.dumps({"image": data_url(), "question": "what?"})
JSON = {"Content-Type": "application/json"}

bottomless = st.builds(
    lambda bracket, depth: bracket * depth, st.sampled_from(["[", '{"a":', '[{"a":']), st.integers(1, 30_000)
)
huge_numbers = st.integers(1, 6000).map(
    lambda n: '{"image": "a", "question": "b", "max_new_tokens": ' + "9" * n + "}"
)
odd_values = st.sampled_from(
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "null",
        "true",
        '"\\ud800"',
        '"\\u0000"',
        "[]",
        "{}",
        "-0",
        "1" * 5000,
    ]
)
odd_fields = st.builds(
    lambda field, value: VALID[:-1] + f', "{field}": {value}}}',
    st.sampled_from(
        ["image", "question", "questions", "region", "model", "max_new_tokens", "__proto__", "\ud800x"]
    ),
    odd_values,
)
cut = st.integers(0, len(VALID) - 1).map(lambda n: VALID[:n])
noise = st.binary(max_size=200)
regions = st.lists(st.one_of(st.floats(), st.integers(-(10**400), 10**400)), min_size=3, max_size=5).map(
    lambda box: json.dumps({"image": data_url(), "question": "what?", "region": box})
)


def test_broken_json(send, sent):
    @given(
        path=st.sampled_from(POSTS), body=st.one_of(bottomless, huge_numbers, odd_fields, cut, noise, regions)
    )
    def one(path, body):
        content = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
        send("POST", path, content=content, headers=JSON)

    send_all("JSON", sent, one)


def test_bodies_larger_than_allowed(send, sent):
    @given(size=st.integers(200_001, 1_000_000), path=st.sampled_from(POSTS))
    def one(size, path):
        send("POST", path, content=b'{"image": "' + b"A" * size + b'"}', headers=JSON)

    send_all("large", sent, one)


# -- pictures -------------------------------------------------------------------------


def files() -> list[bytes]:
    found = []
    for format_name in ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF"):
        stream = io.BytesIO()
        picture(1).save(stream, format_name)
        found.append(stream.getvalue())
    return found


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def bomb(width: int, height: int) -> bytes:
    """A PNG of that size, all black, well packed."""
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x00\x00\x00\x00"
    rows = zlib.compress(bytes(min(width * height, 2_000_000)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@st.composite
def damaged(draw):
    data = bytearray(draw(st.sampled_from(files())))
    for _ in range(draw(st.integers(1, 8))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]) if draw(st.booleans()) else bytes(data)


bombs = st.builds(bomb, st.integers(0, 2**31), st.integers(0, 2**31))
pictures = st.one_of(damaged(), damaged(), bombs, st.binary(max_size=64))


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_and_lying_pictures(send, sent):
    @given(data=pictures, path=st.sampled_from(["/v1/ask", "/v1/images/segmentations"]))
    def one(data, path):
        if path == "/v1/ask":
            send("POST", path, json={"image": data_url(data), "question": "what?"})
        else:
            send("POST", path, files={"image": ("../../a.png", data)}, data={"prompt": "what?"})

    send_all("pictures", sent, one)


TRICKS = [
    "/etc/passwd",
    "../../etc/passwd",
    "file:///etc/passwd",
    "FILE:/etc/passwd",
    "\\\\host\\share\\a.png",
    "~/.ssh/id_rsa",
    "$(id)",
    "{{7*7}}",
    "http://127.0.0.1:8000/healthz",
    "https://127.0.0.1/a.png",
    "https://[::1]/",
    "https://169.254.169.254/latest/",
    "gopher://x/",
    "php://filter/resource=/etc/passwd",
    "javascript:alert(1)",
    "A",
    "AA==",
    "====",
    "data:,",
    "data:;base64,",
    "data:image/png",
    "data:text/html;base64,PGI+",
    "data:image/png;base64,%00",
    "\x00",
    "\u202e",
    "https://" + "a" * 9000,
    "data:" + "a" * 5000,
    "data:" + ";a=b" * 3000 + ";base64,",
]


def test_paths_and_urls_in_place_of_pictures(send, sent):
    @given(image=st.one_of(st.sampled_from(TRICKS), st.text(max_size=50)))
    def one(image):
        content = json.dumps({"image": image, "question": "what?"}).encode()
        send("POST", "/v1/ask", content=content, headers=JSON)

    send_all("URLs", sent, one)


# -- forms, paths, methods, headers ---------------------------------------------------


PART = "Content-Disposition: form-data"
LINES = [f'{PART}; name="image"; filename="a.png"', f'{PART}; name="prompt"', PART, "Content-Type: image/png"]
LINES += ["", "", "what?", "--x", "--x--", "\x00", ": :"]


@st.composite
def forms(draw):
    boundary = draw(st.sampled_from(["x", "--", "a" * 80, "\u00e9", ""]))
    body = "\r\n".join(draw(st.lists(st.sampled_from(LINES), max_size=12)))
    return f"multipart/form-data; boundary={boundary}", body.encode()


def test_odd_forms(send, sent):
    @given(form=forms())
    def one(form):
        kind, body = form
        headers = {"Content-Type": kind.encode("latin-1", "replace")}
        send("POST", "/v1/images/segmentations", content=body, headers=headers)

    send_all("forms", sent, one)


def test_forms_of_a_thousand_parts(send):
    many = {f"field{number}": "x" for number in range(1500)}
    send("POST", "/v1/images/segmentations", data=many, files={"image": png()})
    several = [("image", ("a.png", png()))] * 1200
    send("POST", "/v1/images/segmentations", data={"prompt": "what?"}, files=several)


segment = st.one_of(
    st.sampled_from(
        ["..", ".", "%2e%2e", "%00", "v1", "ask", "models", "docs", "etc", "passwd", "%ff", "~", "*", ";"]
    ),
    st.text(alphabet="abc/%.\\?#&=+ ", max_size=6),
)
paths = st.lists(segment, max_size=5).map("/".join)


def addressed(server_url, path):
    """The URL, or None where the client would not send it."""
    # A raw "#" is no part of a request: it would end it.
    raw = quote("/" + path, safe="/%.\\?&=+;*~").encode()
    with suppress(httpx.InvalidURL):
        return httpx.URL(server_url).copy_with(raw_path=raw)
    return None


def test_odd_paths_and_methods(send, server, sent):
    urls = paths.map(lambda path: addressed(server.url, path)).filter(lambda url: url is not None)

    @given(url=urls, method=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "FROB"]))
    def one(url, method):
        send(method, url, content=b"{}" if method != "GET" else None)

    send_all("paths", sent, one)


HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "Content-Type",
            "Accept",
            "Authorization",
            "X-Request-ID",
            "Content-Encoding",
            "Origin",
            "Range",
            "Cookie",
            "Expect",
        ]
    ),
    st.text(
        alphabet=st.characters(min_codepoint=33, max_codepoint=255, exclude_characters="\x7f"), max_size=40
    ),
    max_size=4,
)


def test_odd_headers(send, sent):
    @given(headers=HEADERS, path=st.sampled_from(POSTS))
    def one(headers, path):
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        send("POST", path, content=VALID.encode(), headers=encoded)

    send_all("headers", sent, one)


POST = b"POST /v1/ask HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",  # TLS to a plain port
        b"GET / HTTP/9.9\r\n\r\n",
        POST + b"Content-Length: -5\r\n\r\n",
        POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        POST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 20_000 + b"\r\n",
        b"GET http://169.254.169.254/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=range(11),
)
def test_what_is_no_http(server, raw):
    with socket.create_connection(
        ("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=SLOWEST
    ) as connection:
        try:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4000)
        except OSError:  # it hung up
            answer = b""
    assert b" 5" not in answer[:13]
    assert server.ask().status_code == 200


def test_they_are_a_thousand():
    assert 0.9 * sum(NUMBERS.values()) >= 1000
