"""Faults of ours: each is logged under a reference, which is all that pages and the API say of it."""

from __future__ import annotations

import sys
import uuid

import structlog
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.http import url_has_allowed_host_and_scheme

log = structlog.get_logger(__name__)
READS = ("GET", "HEAD")


def kept(request: HttpRequest, error: BaseException | None) -> str:
    """Log what broke, which the log alone holds; the reference that leads there, such as "7f3a-91c2"."""
    said = uuid.uuid4().hex[:8]
    reference = f"{said[:4]}-{said[4:]}"
    log.error("fault", reference=reference, path=request.path, error=type(error).__name__, exc_info=error)
    return reference


def page_of_fault(request: HttpRequest) -> HttpResponse:
    """Django's `handler500`. The page asks neither database nor session, which may be what broke."""
    reference = kept(request, sys.exc_info()[1])
    context = {"reference": reference, "was_act": request.method not in READS, "again": again(request)}
    return HttpResponse(render_to_string("500.html", context), status=500)


def again(request: HttpRequest) -> str:
    """Where "Try again" leads: to the page that was asked for, or to the one whose form was sent; empty where that is not known."""
    if request.method in READS:
        return request.get_full_path()
    sent_from = request.headers.get("Referer", "")
    return sent_from if url_has_allowed_host_and_scheme(sent_from, {request.get_host()}) else ""
