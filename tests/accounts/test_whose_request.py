"""Whose request it is: said by one query with the session, and never longer than the session, the person and the role hold."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from controlpanel.accounts.models import RoleBinding, Session, User
from controlpanel.core.permissions import Role

pytestmark = pytest.mark.django_db
PAGE = "/promotions"
OK, TO_SIGN_IN = 200, 302


@pytest.fixture
def elif_() -> User:
    user = User.objects.create_user(username="elif", password="only-for-tests-1")  # typed by nobody
    RoleBinding.objects.create(user=user, role=Role.OPERATOR)
    return user


@pytest.fixture
def browser(elif_: User) -> Client:
    browser = Client()
    browser.force_login(elif_)
    return browser


def test_session_person_and_roles_come_in_one_query(browser: Client) -> None:
    browser.get(PAGE)
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(PAGE).status_code == OK
    about = [query["sql"] for query in captured if "accounts_" in query["sql"]]
    assert len(about) == 1, about


def test_a_role_that_was_taken_away_is_gone_at_the_next_request(browser: Client, elif_: User) -> None:
    assert browser.get(PAGE).status_code == OK
    elif_.bindings.all().delete()
    assert browser.get(PAGE).status_code == 403


def test_a_role_is_only_for_what_it_names(browser: Client, elif_: User) -> None:
    RoleBinding.objects.create(user=elif_, role=Role.TENANT_OWNER, tenant="acme")
    elif_.bindings.filter(tenant="").delete()
    assert browser.get(PAGE).status_code == 403


def test_who_was_deactivated_has_to_sign_in(browser: Client, elif_: User) -> None:
    User.objects.filter(pk=elif_.pk).update(is_active=False)
    assert browser.get(PAGE).status_code == TO_SIGN_IN


def test_a_new_password_ends_the_session(browser: Client, elif_: User) -> None:
    elif_.set_password("only-for-tests-2")
    elif_.save()
    assert browser.get(PAGE).status_code == TO_SIGN_IN


def test_a_session_that_has_run_out_is_nobodys(browser: Client) -> None:
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert browser.get(PAGE).status_code == TO_SIGN_IN


def test_an_ended_session_is_nobodys(browser: Client) -> None:
    Session.objects.all().delete()
    assert browser.get(PAGE).status_code == TO_SIGN_IN


def test_what_the_session_says_counts_where_its_row_names_somebody_else(browser: Client, elif_: User) -> None:
    deniz = User.objects.create_user(username="deniz")
    RoleBinding.objects.create(user=deniz, role=Role.ADMINISTRATOR)
    Session.objects.update(user=deniz)
    assert browser.get(PAGE).wsgi_request.user == elif_


def test_a_session_of_another_backend_is_nobodys(browser: Client) -> None:
    session = browser.session
    session["_auth_user_backend"] = "django.contrib.auth.backends.RemoteUserBackend"
    session.save()
    assert browser.get(PAGE).status_code == TO_SIGN_IN
