"""What goes wrong with a request, as OpenAI's clients expect it: a status and
{"error": {"message", "type", "param", "code"}}. A message never holds a traceback or a path of the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from starlette.responses import JSONResponse

from segue.errors import CapabilityError, ImageError, QuestionError, SegueError

__all__ = ["ApiError", "ErrorBody", "as_api_error", "error_response"]

_TYPES = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
_LONGEST_MESSAGE = 1000


class ErrorDetail(BaseModel):
    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(BaseModel):
    """Every response that is not 200."""

    error: ErrorDetail


class ApiError(Exception):
    """A request that is not answered.

    Args:
        status: of the response.
        message: what was wrong, and what to do.
        code: for programs.
        param: the field that is wrong.
        retry_after: seconds until another try makes sense.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        headers: Mapping[str, str] | None = None,
    ):
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = dict(headers or {})
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def to_dict(self) -> dict[str, Any]:
        """The body."""
        kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        # Half surrogates, which JSON can bring in, could not be sent back.
        message = self.message.encode("utf-8", "replace").decode()
        if len(message) > _LONGEST_MESSAGE:
            message = message[:_LONGEST_MESSAGE] + " ..."
        return {"error": {"message": message, "type": kind, "param": self.param, "code": self.code}}


def error_response(error: ApiError) -> JSONResponse:
    return JSONResponse(error.to_dict(), status_code=error.status, headers=error.headers)


def as_api_error(error: Exception) -> ApiError:
    """Of whatever came up while a request was answered; what is no fault of the client says nothing."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, ImageError):
        return ApiError(400, str(error), code="invalid_image", param="image")
    if isinstance(error, QuestionError):
        return ApiError(400, str(error), code="invalid_question")
    if isinstance(error, CapabilityError):
        return ApiError(400, str(error), code="unsupported_by_model", param="model")
    if isinstance(error, SegueError):
        return ApiError(
            500, "the model's answer could not be read; the log has the reason", code="bad_answer"
        )
    return ApiError(500, "something went wrong on the server; its log has the reason", code="internal_error")
