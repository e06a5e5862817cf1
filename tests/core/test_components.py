"""The component library: what each part prints, and what no page may hold."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.template import Context, Template
from django.template.loader import render_to_string
from django.utils import timezone

TEMPLATES = Path(__file__).parents[2] / "templates"


def rendered(text: str, **context: object) -> str:
    """Render a piece of a page."""
    return Template(text).render(Context(context))


def button(**context: object) -> str:
    """Render the button component."""
    return render_to_string("components/button.html", context)


def test_a_status_is_a_hidden_icon_and_a_word() -> None:
    html = rendered('{% status "health" "Degraded" %}')
    assert 'aria-hidden="true"' in html
    assert ">Degraded<" in html
    assert "tone-bad" in html


def test_a_badge_says_its_detail() -> None:
    assert "Rolling out, wave 3 of 4" in rendered('{% badge "promotion" "rolling_out" detail="wave 3 of 4" %}')


@pytest.mark.parametrize(
    "template",
    [
        '{% status "health" evil %}',
        '{% icon "x" evil %}',
        "{% panel title=evil %}x{% endpanel %}",
        "{% live evil evil %}",
    ],
)
def test_text_from_outside_is_shown_as_text(template: str) -> None:
    html = rendered(template, evil='"><script>alert(1)</script>')
    assert "<script" not in html
    assert "&quot;&gt;&lt;script&gt;" in html


def test_a_diff_shows_markup_of_a_manifest_as_text() -> None:
    change = {"component": "a", "kind": "ConfigMap", "name": "a", "change": "added", "diff": "+x: <img src=x>\n"}
    html = rendered("{% diff changes %}", changes=[change])
    assert "<img" not in html
    assert "&lt;img src=x&gt;" in html


def test_a_disabled_button_says_why_and_does_not_submit() -> None:
    html = button(id="go", label="Promote", reason="Blocked: not verified in staging yet.")
    assert 'aria-disabled="true"' in html
    assert 'aria-describedby="go-reason"' in html
    assert 'id="go-reason"' in html
    assert 'type="button"' in html
    assert "Blocked: not verified in staging yet." in html


def test_a_disabled_link_has_no_address_and_can_be_focused() -> None:
    html = button(id="go", label="Promote", href="/somewhere", reason="Blocked.")
    assert "/somewhere" not in html
    assert 'tabindex="0"' in html


def test_an_icon_button_has_a_name() -> None:
    assert 'aria-label="Refresh"' in button(label="Refresh", icon="retry", icon_only=True)


def test_a_button_waits_for_the_typed_name_with_script_and_works_without() -> None:
    html = button(id="go", label="Promote", confirms="name", confirm_reason="Type the name.")
    assert 'data-confirms="name"' in html
    assert "aria-disabled" not in html
    assert re.search(r'id="go-reason" hidden', html)


def test_a_panel_is_labelled_by_its_title() -> None:
    html = rendered('{% panel title="Steps" id="steps" %}inside{% endpanel %}')
    assert 'aria-labelledby="steps-title"' in html
    assert 'id="steps-title"' in html
    assert "inside" in html


def test_a_field_ties_its_error_to_the_input_and_keeps_the_value() -> None:
    html = render_to_string(
        "components/field.html", {"name": "name", "label": "Name", "value": "x<y", "error": "Taken."}
    )
    assert 'aria-invalid="true"' in html
    assert 'aria-describedby="name-note"' in html
    assert "x&lt;y" in html


def test_a_meter_has_its_figures_beside_it() -> None:
    context = {"value": 48, "max": 50, "figures": "48 of 50", "label": "Tenants ready"}
    html = render_to_string("components/meter.html", context)
    assert 'aria-valuetext="48 of 50"' in html
    assert "48 of 50</span><progress" in html


def test_a_running_step_counts_on_and_an_error_stands_under_its_step() -> None:
    steps = [
        {"name": "Commit", "state": "failed", "error": "The branch moved."},
        {"name": "Sync", "state": "running", "started_at": timezone.now() - timedelta(seconds=65)},
    ]
    html = render_to_string("components/steps.html", {"steps": steps})
    assert re.search(r"data-elapsed>1 m 0\d s<", html)
    assert 'class="error">The branch moved.' in html
    assert 'aria-current="step"' in html


def test_the_same_event_is_folded() -> None:
    entries = [{"at": timezone.now(), "tone": "warn", "text": "Readiness probe failed", "times": 7}]
    assert "×7" in render_to_string("components/timeline.html", {"entries": entries})


def test_an_old_moment_keeps_its_exact_time_in_the_title() -> None:
    html = rendered("{% ago moment %}", moment=timezone.now() - timedelta(minutes=5))
    assert ">5 min ago<" in html
    assert re.search(r'title="\w{3} \d+ \w{3} \d{4} [\d:]{8} UTC"', html)


def test_a_time_of_day_names_its_zone_until_a_script_writes_the_viewers() -> None:
    html = rendered(
        "{% clock moment %} {% ago old %} {% ago moment %}",
        moment=timezone.now(),
        old=timezone.now() - timedelta(days=9),
    )
    assert html.count('<span class="zone"> UTC</span></time>') == 2
    assert re.search(r"data-clock>[\d:]{8}<span", html)


def test_health_before_a_silence_names_its_time_as_a_time() -> None:
    html = rendered('{% status "health" "Unknown" word="Unknown, last Healthy at" at=moment %}', moment=timezone.now())
    assert re.search(r"last Healthy at <time [^>]+ data-clock>", html)


def test_a_live_fragment_says_topics_and_address() -> None:
    html = rendered('<section id="x" {% live "promotion.7 releases" "/promotions/7" poll=3 %}>')
    assert 'data-live="promotion.7 releases"' in html
    assert 'hx-get="/promotions/7"' in html
    assert 'hx-swap="morph"' in html
    assert 'data-poll="3"' in html


def test_an_empty_diff_says_so() -> None:
    assert "Nothing would change." in rendered("{% diff changes %}", changes=[])


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: str(path.relative_to(TEMPLATES)))
def test_no_template_holds_script_or_style_of_its_own(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|hx-on|javascript:|\|safe\b|autoescape off", text)


def test_every_icon_that_a_template_names_is_in_the_sprite() -> None:
    sprite = (TEMPLATES / "components" / "sprite.html").read_text()
    known = set(re.findall(r'id="i-([a-z-]+)"', sprite))
    named = {
        name
        for path in TEMPLATES.rglob("*.html")
        for name in re.findall(r'(?:\{% icon |\bshape=|\bicon=|link_icon=)"([a-z-]+)"', path.read_text())
    }
    assert named <= known
