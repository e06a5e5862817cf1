"""Without script a page reads itself again while something moves, and only then."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage

META = '<meta http-equiv="refresh" content="10">'
pytestmark = pytest.mark.django_db


def text(client: Client, address: str) -> str:
    return client.get(address).content.decode()


@pytest.mark.parametrize("address", ["/", "/environments/staging", "/promotions"])
def test_a_page_reads_itself_again_while_something_moves(client: Client, stage: Stage, address: str) -> None:
    assert META not in text(client, address)
    assert f'<a class="detail" href="{address}">Refresh</a>' in text(client, address)
    make.rolling_out_backend(make.promotion(stage.new, stage.staging, by=stage.elif_))
    assert META in text(client, address)
