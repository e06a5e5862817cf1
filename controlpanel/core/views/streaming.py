"""Answers that are longer than what anybody wants to hold at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse

from controlpanel.core.waiting import read


def download(
    request: HttpRequest, chunks: Iterator[bytes], *, filename: str, content_type: str
) -> StreamingHttpResponse:
    """A file, sent as it is made. Its address is asynchronous (`bridge.py`): a slow reader holds no thread and no connection, as each
    chunk gives them back."""
    body = _in_turns(chunks) if isinstance(request, ASGIRequest) else chunks
    response = StreamingHttpResponse(body, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["X-Accel-Buffering"] = "no"
    return response


async def _in_turns(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    while (chunk := await read(next, chunks, None)) is not None:
        yield chunk
