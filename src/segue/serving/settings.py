"""Everything that can be set about a server, with defaults that are safe on a small machine."""

from __future__ import annotations

from dataclasses import dataclass, fields

from segue.errors import SegueError

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Limits are checked before anything is decoded; times are seconds, sizes bytes.

    Attributes:
        max_body_bytes: of a request; more is answered with 413.
        max_pixels: of a picture as stored.
        formats: Pillow's names of what is opened, told from the first bytes.
        max_question_chars: beside the model's own limit in tokens.
        max_questions: in one request.
        max_answer_tokens: what an answer may be asked for; the default of answers is the model's.
        max_messages: of a chat.
        decoded_bytes: of pictures that requests hold open at once; others wait for room.
        places: requests that are read, wait or run at once; more are answered with 429.
        max_batch: questions that run together.
        batch_delay: how long a batch waits for questions that are on the way.
        deadline: of a request, from its first byte to its answer.
        cache_bytes: of image features that are kept; 0 keeps none.
        token: what clients must send as a bearer token; None lets everybody in.
        origins: of web pages that browsers may let call; "*" is any.
        url_hosts: hosts that pictures may be fetched from; none by default.
        url_seconds, url_bytes: of such a fetch.
        page: show the web page at /, where gradio is installed.
    """

    max_body_bytes: int = 20 << 20
    max_pixels: int = 40_000_000
    formats: frozenset[str] = frozenset({"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"})
    max_question_chars: int = 2000
    max_questions: int = 16
    max_answer_tokens: int = 512
    max_messages: int = 64
    decoded_bytes: int = 512 << 20
    places: int = 64
    max_batch: int = 16
    batch_delay: float = 0.01
    deadline: float = 60.0
    cache_bytes: int = 512 << 20
    token: str | None = None
    origins: tuple[str, ...] = ()
    url_hosts: tuple[str, ...] = ()
    url_seconds: float = 5.0
    url_bytes: int = 15 << 20
    page: bool = True

    def __post_init__(self) -> None:
        may_be_zero = {"cache_bytes", "batch_delay"}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                continue
            if value < 0 or (value == 0 and field.name not in may_be_zero):
                raise SegueError(f"{field.name} is {value}; it must be above 0")
        if self.token is not None and (not self.token.strip() or not self.token.isascii()):
            raise SegueError("the token is empty or not ASCII; leave it unset to let everybody in")
