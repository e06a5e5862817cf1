"""Which parts are embedded, and how the variables and secrets are kept."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from script.development import environment
from script.development.environment import Credentials, Parts
from script.development.errors import CannotGoOn

REAL_ARGOCD = {
    "ARGOCD_SERVER": "https://argocd.test",
    "ARGOCD_TOKEN": "t",
    "DEPLOY_REPO_URL": "https://git.test/deploy",
}


@pytest.mark.parametrize(
    ("variables", "parts"),
    [
        ({}, Parts(postgres=True, valkey=True, sandbox=True, deploy_repository=True)),
        ({"DATABASE_URL": "postgresql://db"}, Parts(False, True, True, True)),
        ({"CELERY_BROKER_URL": "redis://valkey"}, Parts(True, False, True, True)),
        ({"DEPLOY_REPO_URL": "/srv/deploy.git"}, Parts(True, True, True, False)),
        (REAL_ARGOCD, Parts(True, True, False, False)),
        ({"DATABASE_URL": ""}, Parts(True, True, True, True)),
    ],
)
def test_only_what_no_variable_names_is_embedded(variables: dict[str, str], parts: Parts) -> None:
    assert Parts.missing_from(variables) == parts


@pytest.mark.parametrize("missing", ["ARGOCD_TOKEN", "DEPLOY_REPO_URL"])
def test_a_real_argo_cd_without_what_it_needs_is_one_sentence(missing: str) -> None:
    variables = {name: value for name, value in REAL_ARGOCD.items() if name != missing}
    with pytest.raises(CannotGoOn, match=f"{missing} is not set. Set it to .* the Argo CD at https://argocd.test"):
        Parts.missing_from(variables)


def test_variables_are_read_back_as_they_were_written_and_nobody_else_may_read_them(tmp_path: Path) -> None:
    variables = {"DATABASE_URL": "postgresql://a b'c\"$(id)@/x?host=/tmp", "EMPTY": "", "EQUALS": "a=b"}
    environment.write(tmp_path / "environment", variables)
    assert environment.read(tmp_path / "environment") == variables
    assert (tmp_path / "environment").stat().st_mode & 0o777 == 0o600


def test_secrets_are_made_once_and_nobody_else_may_read_them(tmp_path: Path) -> None:
    made = Credentials.kept_in(tmp_path)
    assert Credentials.kept_in(tmp_path) == made
    assert len(made.django_secret_key) >= 32
    assert (tmp_path / "credentials.json").stat().st_mode & 0o777 == 0o600


def test_a_variable_that_is_set_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_SECRET_KEY")
    monkeypatch.setenv("EMAIL_URL", "smtp://mail.test")
    variables = environment.general(tmp_path, 8000, Credentials("s" * 32, "v"))
    assert variables["EMAIL_URL"] == "smtp://mail.test"
    assert variables["DJANGO_SECRET_KEY"] == "s" * 32


def test_what_a_process_was_started_with_can_be_read_and_nothing_of_one_that_is_gone() -> None:
    variables = {"ARGOCD_TOKEN": "a.b=c", "EMPTY": ""}
    command = ["/bin/sh", "-c", "echo started; cat"]
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"started\n"
        assert environment.of_process(child.pid) == variables
    assert environment.of_process(child.pid) == {}
