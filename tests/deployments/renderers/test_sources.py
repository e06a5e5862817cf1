"""What an overlay leads to is bounded as a whole, before any tool is started."""

from __future__ import annotations

import pytest

from deployments.renderers import sources
from deployments.renderers.base import RenderRequest
from deployments.renderers.sources import check_overlay
from deployments.renderers.tree import SourceRefused


@pytest.mark.parametrize(("bound", "most"), [("MAXIMUM_FILES", 3), ("MAXIMUM_TOTAL", 600)])
def test_all_that_an_overlay_names_is_bounded_together(
    request_web: RenderRequest, monkeypatch: pytest.MonkeyPatch, bound: str, most: int
) -> None:
    check_overlay(request_web.source, "kubernetes/web/overlays/staging")
    monkeypatch.setattr(sources, bound, most)

    with pytest.raises(SourceRefused, match="leads to more than"):
        check_overlay(request_web.source, "kubernetes/web/overlays/staging")
