"""A picture from an https URL, where the operator has allowed its host.

The host's name is resolved once, every address it has is checked, and the connection goes to the address that
was checked: a name that changes its mind in between (DNS rebinding) gains nothing. No redirects, no proxy, no
port but 443, and limits on size and time that hold for the whole of it.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Collection
from contextlib import suppress
from urllib.parse import quote, urlsplit

from segue.serving.errors import ApiError

__all__ = ["fetch", "is_public"]

# Besides what `is_global` refuses: ranges that carry an IPv4 address within (NAT64, 6to4, Teredo, the old
# compatible form), and a cloud's metadata service that has a public address.
_REFUSED = tuple(
    map(
        ipaddress.ip_network,
        ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "168.63.129.16/32"),
    )
)


def is_public(address: str) -> bool:
    """An address of the open internet: not private, loopback, link-local, multicast, metadata, reserved."""
    try:
        ip = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if any(ip.version == network.version and ip in network for network in _REFUSED):
        return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def fetch(url: str, *, hosts: Collection[str], seconds: float, max_bytes: int) -> bytes:
    """The bytes behind an allowed URL.

    Args:
        hosts: exact names, lower case.
        seconds: for all of it, after the name is resolved.

    Raises:
        ApiError: 400 with the reason.
    """
    host, path = _split(url, hosts)
    connection = _Connection(host, _resolve(host), timeout=seconds)
    watchdog = threading.Timer(seconds, connection.abort)
    watchdog.daemon = True
    watchdog.start()
    try:
        connection.request("GET", path, headers={"Accept": "image/*", "Accept-Encoding": "identity"})
        response = connection.getresponse()
        if response.status != 200:
            redirect = ", and redirects are not followed" if 300 <= response.status < 400 else ""
            raise _refused(f"{host} answered with {response.status}{redirect}")
        length = response.getheader("Content-Length", "")
        body = response.read(max_bytes + 1) if not length.isdecimal() or int(length) <= max_bytes else None
        if connection.aborted:  # which reads like the end of a body that has no stated length
            raise OSError
        if body is None or len(body) > max_bytes:
            raise _refused(f"the picture at {host} has more than {max_bytes:,} bytes")
        return body
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = f"within {seconds:g} s" if connection.aborted else f"({type(error).__name__})"
        raise _refused(f"{host} could not be read {reason}") from None
    finally:
        watchdog.cancel()
        connection.close()


def _split(url: str, hosts: Collection[str]) -> tuple[str, str]:
    """Host and path of a URL that may be fetched."""
    if not hosts:
        raise _refused("this server fetches no pictures: send the picture itself, as a data URL")
    if not url.isascii() or any(c <= " " or c in '\\"<>^`{|}\x7f' for c in url) or len(url) > 2048:
        raise _refused("the URL holds characters that do not belong there, or too many: percent-encode it")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        raise _refused("the URL cannot be read") from None
    if parts.scheme != "https" or port not in (None, 443) or "@" in parts.netloc:
        raise _refused("only https URLs without a user and without another port are fetched")
    if host not in hosts:
        raise _refused(
            f"pictures are not fetched from {host[:100]!r}; allowed are {', '.join(sorted(hosts))}"
        )
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    return host, path + (f"?{parts.query}" if parts.query else "")


def _resolve(host: str) -> str:
    """One address of a host, all of whose addresses are public."""
    try:
        found = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _refused(f"the name {host} could not be resolved") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(map(is_public, addresses)):
        raise _refused(f"{host} is not an address of the open internet")
    return addresses[0]


class _Connection(http.client.HTTPSConnection):
    """To an address that was checked, with the certificate checked against the host's name."""

    def __init__(self, host: str, address: str, *, timeout: float):
        self._tls = _tls()
        super().__init__(host, 443, timeout=timeout, context=self._tls)
        self._address = address
        self._socket: socket.socket | None = None  # `sock` is forgotten before the body is read
        self.aborted = False

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), timeout=self.timeout)
        wrapped = self._tls.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        self._socket = self.sock = wrapped  # from here on it can be aborted
        wrapped.do_handshake()

    def abort(self) -> None:
        """From another thread: whatever the connection waits for fails at once."""
        self.aborted = True
        if self._socket is not None:
            with suppress(OSError):  # closed already
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # below TLS, which would be no use


def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _refused(message: str) -> ApiError:
    return ApiError(400, message, code="invalid_image_url", param="image")
