"""The page Insights: what it draws, and that it keeps nothing."""

from __future__ import annotations

import gzip
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from deployments.choices import Confidence, Kind, State
from deployments.models import Promotion
from tests import fixtures_deployments as make
from tests.deployments.views.conftest import Stage

DAY = timedelta(days=1)


def text(client: Client, query: str = "") -> str:
    response = client.get(f"/insights{query}")
    assert response.status_code == 200
    return response.content.decode()


def figure(page: str, card: str) -> str:
    """The large figure of a card and its sentence."""
    part = page.partition(f'id="{card}"')[2].partition("</section>")[0]
    found = re.search(r'insight-figure"><strong>(.*?)</strong> <span class="secondary">(.*?)</span>', part)
    return f"{found[1]} {found[2]}" if found else ""


def history(stage: Stage, days: int) -> None:
    """A success to production for each day, three staging ones, and a failure in the middle."""
    now = timezone.now()
    asked = [now - DAY * day for day in range(1, days + 1)]
    releases = [stage.old, stage.new, *(make.release(f"2026.12.{number}") for number in range(4))]
    make.long_ago(releases, stage.production, asked=asked)
    make.long_ago([stage.old], stage.staging, asked=asked[:3])
    failed = {"state": State.FAILED, "confidence": Confidence.UNKNOWN, "live_revision": ""}
    make.long_ago([stage.new], stage.production, asked=[now - DAY * 2.5], **failed)


def test_it_shows_four_plots_and_what_counts(client: Client, stage: Stage) -> None:
    history(stage, 10)
    page = text(client)
    assert page.count('<svg class="plot"') == 4
    assert "13 weeks to" in page
    assert "What counts" in page
    assert figure(page, "failures") == "9.1 % last 4 weeks, 1 of 11; 1 of 11 in 13 weeks"
    assert figure(page, "restore") == "12 h 00 m median of 1 incident, worst 12 h 00 m"
    failed = Promotion.objects.get(state=State.FAILED).number
    assert f'href="/promotions/{failed}" aria-label="Promotion {failed}: restored after' in page


def test_a_point_leads_to_just_the_promotions_that_it_counts(client: Client, stage: Stage) -> None:
    history(stage, 10)
    links = re.findall(r'<a href="([^"]+)" aria-label="Week of [^:]+: (\d+) to production"', text(client))
    assert sum(int(count) for _, count in links) == 10
    for address, count in links:
        listed = client.get(address.replace("&amp;", "&")).content.decode()
        assert listed.count('data-key="promotion-') == int(count)


def test_a_rollback_counts_as_soon_as_it_has_ended(client: Client, stage: Stage) -> None:
    history(stage, 6)
    assert figure(text(client), "failures").startswith("14.3 %")
    goal = Promotion.objects.filter(environment=stage.production, release=stage.old, state=State.SUCCEEDED)[0]
    back = {"kind": Kind.ROLLBACK, "restores": goal}
    make.long_ago([stage.old], stage.production, asked=[timezone.now() - DAY + timedelta(hours=2)], **back)
    page = text(client)
    assert figure(page, "failures").startswith("28.6 %")
    assert "1 rollback." in page


def test_too_few_promotions_are_not_judged(client: Client, stage: Stage) -> None:
    make.long_ago([stage.old], stage.production, asked=[timezone.now() - DAY * day for day in range(3)])
    page = text(client)
    assert "Too few promotions to judge (3 of 5)." in page
    assert "Too few promotions to judge (1 of 5)." in page  # one release arrived for the first time
    assert "No incident in this period." in page
    assert '<svg class="plot"' not in page


def test_nothing_at_all_is_no_error(client: Client) -> None:
    page = text(client, "?weeks=52&environment=staging")
    assert "Too few promotions to judge (0 of 5)." in page
    assert "No promotions yet." in page


@pytest.mark.parametrize("query", ["?weeks=-1", "?weeks=abc", "?weeks=9999999", "?weeks="])
def test_odd_periods_are_the_usual_one(client: Client, query: str) -> None:
    assert "13 weeks to" in text(client, query)


def test_an_environment_that_is_not_mine_is_not_found(stage: Stage) -> None:
    history(stage, 6)
    browser = stage.client(stage.stan)
    assert browser.get("/insights?environment=production").status_code == 404
    page = text(browser)
    assert "3 promotions, 3 to staging" in page
    assert "production" not in page.partition("<main")[2]


@pytest.mark.parametrize("count", [10, 10_000])
def test_queries_and_size_do_not_grow_with_ten_thousand_promotions(
    client: Client, stage: Stage, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make.copies(make.long_ago([stage.old], stage.production, asked=[timezone.now()])[0], count)
    client.get("/")
    with django_assert_max_num_queries(12):
        page = text(client, "?weeks=52")
    assert len(gzip.compress(page.encode())) < 60_000
    if count > 1000:
        assert re.search(r"8,\d{3} to production", page)  # those of a year
