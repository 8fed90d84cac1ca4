"""Pictures from URLs: what is refused, and a server with a certificate to fetch from."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from segue.serving import fetch as fetch_module
from segue.serving.errors import ApiError
from segue.serving.fetch import fetch, is_public
from tests.serving.running import Parrot, png, running

HOST = "pictures.example.org"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),  # carrier-grade NAT; some clouds' metadata
        ("169.254.169.254", False),  # metadata
        ("168.63.129.16", False),  # metadata, on a public address
        ("192.0.2.1", False),  # documentation
        ("198.18.0.1", False),  # benchmarks
        ("224.0.0.1", False),  # multicast
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),  # metadata
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),  # IPv4 within IPv6, in all its forms
        ("::ffff:93.184.216.34", True),
        ("::127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
        ("localhost", False),
        ("", False),
        ("2130706433", False),  # 127.0.0.1 as one number
    ],
)
def test_addresses(address, public):
    assert is_public(address) is public


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (f"http://{HOST}/a.png", "only https"),
        (f"ftp://{HOST}/a.png", "only https"),
        (f"https://{HOST}:8443/a.png", "without another port"),
        (f"https://{HOST}:99999/a.png", "cannot be read"),
        (f"https://me:secret@{HOST}/a.png", "without a user"),
        (f"https://{HOST}@127.0.0.1/a.png", "without a user"),
        ("https://127.0.0.1/a.png", "not fetched from '127.0.0.1'"),
        ("https://[::1]/a.png", "not fetched from '::1'"),
        ("https://evil.org/a.png", "not fetched from 'evil.org'"),
        (f"https://{HOST}.evil.org/a.png", "not fetched from"),
        (f"https://evil.org#{HOST}", "not fetched from"),
        (f"https://evil.org\\@{HOST}/", "characters"),
        (f"https://{HOST}/a b.png", "characters"),
        (f"https://{HOST}/a\r\nHost: evil.org", "characters"),
        (f"https://{HOST}/\u00e4.png", "characters"),
        ("https://[::1/a.png", "cannot be read"),
        (f"https://{HOST}/" + "a" * 3000, "too many"),
        ("https:///a.png", "not fetched from ''"),
        ("https:", "not fetched from ''"),
    ],
)
def test_urls_that_are_not_fetched(url, words, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("it was looked up"))
    with pytest.raises(ApiError, match=words) as caught:
        fetch(url, hosts=[HOST], seconds=1, max_bytes=1000)
    assert caught.value.status == 400


def test_no_host_is_allowed_by_default():
    with pytest.raises(ApiError, match="fetches no pictures"):
        fetch(f"https://{HOST}/a.png", hosts=(), seconds=1, max_bytes=1000)


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["93.184.216.34", "127.0.0.1"], []])
def test_a_name_of_which_one_address_is_inside_is_refused(monkeypatch, addresses):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("it was connected to"))
    with pytest.raises(ApiError, match="open internet"):
        fetch(f"https://{HOST}/a.png", hosts=[HOST], seconds=1, max_bytes=1000)


def test_a_name_that_is_not_there(monkeypatch):
    def nowhere(*_, **__):
        raise socket.gaierror("no such name")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(ApiError, match="could not be resolved"):
        fetch(f"https://{HOST}/a.png", hosts=[HOST], seconds=1, max_bytes=1000)


# -- a server ------------------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, self.headers["Host"]))
        kind = self.path.partition("?")[0]
        if kind == "/moved.png":
            self.send_response(302)
            self.send_header("Location", "https://127.0.0.1/")
            self.end_headers()
            return
        if kind == "/missing.png":
            self.send_error(404)
            return
        self.send_response(200)
        if kind == "/claims.png":
            self.send_header("Content-Length", "999999999999")
        self.end_headers()
        if kind == "/slow.png":
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        self.wfile.write(b"x" * 5000 if kind == "/large.png" else png())

    def log_message(self, *_):
        return


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """An https server on loopback that calls itself HOST, and a context that trusts it."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl command to make a certificate with")
    folder = tmp_path_factory.mktemp("tls")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    options = f"-x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={HOST}"
    names = ["-addext", f"subjectAltName=DNS:{HOST}", "-keyout", key, "-out", certificate]
    subprocess.run(["openssl", "req", *options.split(), *names], check=True, capture_output=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.seen = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # clients that hang up
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.trusting = ssl.create_default_context(cafile=str(certificate))
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def internet(site, monkeypatch):
    """In which HOST has a public address, behind which the test's server stands."""
    lookups = []

    def look_up(host, *arguments, **options):
        if host == "127.0.0.1":  # the test's own connection, below
            return real_look_up(host, *arguments, **options)
        lookups.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))]

    connect, real_look_up = socket.create_connection, socket.getaddrinfo

    def create_connection(address, *arguments, **options):
        if address[0] == "127.0.0.1":  # the client of the test
            return connect(address, *arguments, **options)
        assert address == ("93.184.216.34", 443)
        return connect(("127.0.0.1", site.server_address[1]), **options)

    monkeypatch.setattr(fetch_module.socket, "getaddrinfo", look_up)
    monkeypatch.setattr(fetch_module.socket, "create_connection", create_connection)
    monkeypatch.setattr(fetch_module, "_tls", lambda: site.trusting)
    site.seen.clear()
    return lookups


def get(path, *, seconds=5.0, host=HOST):
    return fetch(f"https://{host}{path}", hosts=[HOST, "other.example.org"], seconds=seconds, max_bytes=1000)


def test_a_picture_is_fetched_from_the_address_that_was_checked(internet, site):
    assert get("/a%20b.png?size=5") == png()
    assert internet == [HOST]  # looked up once
    assert site.seen == [("/a%20b.png?size=5", HOST)]


def test_redirects_are_not_followed(internet, site):
    with pytest.raises(ApiError, match="302, and redirects are not followed"):
        get("/moved.png")
    assert len(site.seen) == 1


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/missing.png", "404"),
        ("/large.png", "more than 1,000 bytes"),
        ("/claims.png", "more than 1,000 bytes"),
    ],
)
def test_what_does_not_come_as_it_should(internet, path, words):
    with pytest.raises(ApiError, match=words):
        get(path)


def test_a_slow_server_is_given_up(internet):
    started = time.monotonic()
    with pytest.raises(ApiError, match=r"within 0\.4 s"):
        get("/slow.png", seconds=0.4)
    assert time.monotonic() - started < 2


def test_the_certificate_must_be_the_hosts(internet):
    with pytest.raises(ApiError, match="could not be read"):
        get("/a.png", host="other.example.org")


def test_an_allowed_url_is_asked_about(internet, site):
    with running(Parrot(), url_hosts=(HOST,), url_bytes=1000) as server:
        answer = server.ask("what?", f"https://{HOST}/a.png")
        assert answer.json()["text"] == "'what?' of (8, 6) (0, 128, 128)"
        again = server.ask("what?", f"https://{HOST}/a.png")  # fetched again, but seen only once
        assert again.json()["text"] == answer.json()["text"]
        assert (len(site.seen), server.engine.cache.hits) == (2, 1)
        assert server.ask("what?", f"https://{HOST}.evil.org/a.png").status_code == 400
