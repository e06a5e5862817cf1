"""Literal credentials are found wherever they stand, and what only names them is left alone."""

from __future__ import annotations

import base64
import json
import random
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controlpanel.core.literal_secrets import find, looks_secret
from controlpanel.core.literal_secrets_in_files import scan, scan_object
from tests.credentials import KINDS, Credential, drawn

ROOT = Path(__file__).parents[2]
SEED = random.SystemRandom().randrange(10**9)


def indented(value: str, by: str) -> str:
    """A value of several lines below a key."""
    return value.replace("\n", f"\n{by}")


PLACES: dict[str, tuple[str, Callable[[Credential], str]]] = {
    "variable of a container": (
        "kubernetes/x/deployment.yaml",
        lambda one: (
            f"kind: Pod\nspec:\n  containers:\n  - env:\n    - name: {one.field}\n      value: |-\n        {indented(one.value, '        ')}\n"
        ),
    ),
    "value before its name": (
        "kubernetes/x/deployment.yaml",
        lambda one: f"env: [{{value: {json.dumps(one.value)}, name: {one.field}}}]\n",
    ),
    "ConfigMap": (
        "kubernetes/x/config.yaml",
        lambda one: f"kind: ConfigMap\ndata:\n  {one.field}: {json.dumps(one.value)}\n",
    ),
    "file in a ConfigMap": (
        "kubernetes/x/config.yaml",
        lambda one: (
            f"kind: ConfigMap\ndata:\n  app.env: |\n    PORT=4000\n    {one.field}={indented(one.value, '    ')}\n"
        ),
    ),
    "literal of a generator": (
        "kubernetes/x/kustomization.yaml",
        lambda one: f"configMapGenerator:\n- name: x\n  literals:\n  - {json.dumps(f'{one.field}={one.value}')}\n",
    ),
    "data of a Secret": (
        "kubernetes/x/secret.yaml",
        lambda one: f"kind: Secret\ndata:\n  any: {base64.b64encode(one.value.encode()).decode()}\n",
    ),
    "values of a chart": ("kubernetes/x/values.yaml", lambda one: f"auth:\n  {one.field}: {json.dumps(one.value)}\n"),
    "template of a chart": (
        "kubernetes/x/templates/x.yaml",
        lambda one: f"{{{{- if .Values.x }}}}\n{one.field}: {json.dumps(one.value)}\n{{{{- end }}}}\n",
    ),
    "comment in YAML": (
        "kubernetes/x/x.yaml",
        lambda one: (
            f"a: 1\n# was {one.field}={one.value.splitlines()[0] if 'BEGIN' not in one.value else json.dumps(one.value)}\n"
        ),
    ),
    "env file": ("docker/.env.local", lambda one: f"PORT=1\n{one.field}={json.dumps(one.value)}\n"),
    "workflow": (
        ".github/workflows/x.yml",
        lambda one: f"jobs:\n  a:\n    env:\n      {one.field}: {json.dumps(one.value)}\n",
    ),
    "prose": ("README.md", lambda one: f"Set it so:\n\n    export {one.field}={json.dumps(one.value)}\n"),
    "table in prose": (
        "docs/x.md",
        lambda one: f"| Key | Value |\n| --- | --- |\n| `{one.field}` | `{json.dumps(one.value)[1:-1]}` |\n",
    ),
    "code": ("deployments/x.py", lambda one: f"def f():\n    {one.field.lower()} = {json.dumps(one.value)}\n"),
    "argument of a call": ("tests/x.py", lambda one: f"connect({one.field.lower()}={json.dumps(one.value)})\n"),
    "script": ("script/x", lambda one: f"set -e\nexport {one.field}={json.dumps(one.value)}\n"),
    "JSON": ("x.json", lambda one: json.dumps({"a": {one.field: one.value}}, indent=2)),
    "JSON in an annotation": (
        "kubernetes/x/x.yaml",
        lambda one: f"metadata:\n  annotations:\n    config: {json.dumps(json.dumps({one.field: one.value}))}\n",
    ),
    "YAML in a ConfigMap": (
        "kubernetes/x/x.yaml",
        lambda one: f"data:\n  app.yaml: |\n    env:\n    - name: {one.field}\n      value: {json.dumps(one.value)}\n",
    ),
    "patch of an overlay": (
        "kubernetes/x/kustomization.yaml",
        lambda one: (
            f"patches:\n- patch: |-\n    - op: add\n      path: /data/{one.field}\n      value: {json.dumps(one.value)}\n"
        ),
    ),
    "item after a flag": (
        "kubernetes/x/x.yaml",
        lambda one: f"args: [server, --{one.field.lower().replace('_', '-')}, {json.dumps(one.value)}]\n",
    ),
    "default of a chart": (
        "kubernetes/x/templates/x.yaml",
        lambda one: f"a: {{{{ .Values.{one.field} | default {json.dumps(one.value)} }}}}\n",
    ),
    "default of a variable": (
        "docker/x.yml",
        lambda one: f"environment:\n  {one.field}: {json.dumps(f'${{{one.field}:-{one.value}}}')}\n",
    ),
    "env file over lines": ("docker/.env.local", lambda one: f'PORT=1\n{one.field}="{one.value}"\nNEXT=2\n'),
    "instruction of a Dockerfile": (
        "docker/x.Dockerfile",
        lambda one: f"FROM x\nENV {one.field} {json.dumps(one.value)}\n",
    ),
    "fence in prose": ("README.md", lambda one: f"```ts\nconst {one.field}: string = {json.dumps(one.value)};\n```\n"),
    "shell of a workflow": (
        ".github/workflows/x.yml",
        lambda one: f"jobs:\n  a:\n    steps:\n    - run: |\n        ./x --password {json.dumps(one.value)}\n",
    ),
    "fallback in TypeScript": ("x.ts", lambda one: f"const it = process.env.{one.field} ?? {json.dumps(one.value)};\n"),
    "typed name in Python": ("deployments/x.py", lambda one: f"{one.field.lower()}: str = {json.dumps(one.value)}\n"),
    "variable set in Python": ("tests/x.py", lambda one: f"os.environ['{one.field}'] = {json.dumps(one.value)}\n"),
    "pair inside of a note": ("docs/x.md", lambda one: f"note: {one.field}={json.dumps(one.value)}\n"),
    "cell of a notebook": ("x.ipynb", lambda one: json.dumps({"source": [f"{one.field} = {json.dumps(one.value)}\n"]})),
    "statement for a database": ("x.sql", lambda one: f"ALTER USER hub PASSWORD {json.dumps(one.value)};\n"),
    "client of Redis": ("script/x", lambda one: f"redis-cli --tls -a {json.dumps(one.value)} ping\n"),
}


@pytest.mark.parametrize("place", PLACES)
def test_each_of_fifty_credentials_is_found_wherever_it_is_planted(place: str) -> None:
    path, plant = PLACES[place]
    credentials = drawn(SEED)

    missed = [one.kind for one in credentials if not scan(plant(one), path=path)]

    assert (missed, len(credentials), SEED) == ([], 50, SEED)


def test_a_finding_says_line_and_field_and_never_the_credential() -> None:
    for one in drawn(SEED):
        path, plant = PLACES["env file"]
        [found, *_] = scan(plant(one), path=path)
        assert found.line == 2
        assert one.value not in repr(found) and one.value not in found.sentence


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_person_enters_is_refused_by_its_shape_or_by_the_name_of_its_field(kind: str) -> None:
    [one] = [one for one in drawn(SEED, len(KINDS)) if one.kind == kind]

    assert find(one.value, name=one.field)
    assert find(f"see {one.value}", name="reason") or kind in ("HMAC secret", "password", "AWS secret key")


@pytest.mark.parametrize(
    "value",
    [
        "$(DATABASE_PASSWORD)", "${DATABASE_PASSWORD}", "${PASSWORD:?set it}", "${{ secrets.TOKEN }}", "{{ .Values.token }}",
        "/etc/tls/tls.key", "/run/secrets/password", "<token>", "…", "***", "", "change-me", "REDIS_PASSWORD", "null", "true",
        "vault:hub/data/redis#password", "sha256:" + "0a1b2c3d" * 8, "secrets.TOKEN", "os.environ.get('TOKEN')", "(hidden)",
    ],
)  # fmt: skip
def test_a_reference_is_no_finding(value: str) -> None:
    assert find(value, name="DATABASE_PASSWORD") == []


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        ("DATABASE_PASSWORD", True), ("clientSecret", True), ("ONLYCHANNEL_ACCOUNT_TOKEN", True), ("PGPASSWORD", True),
        ("aws_secret_access_key", True), ("tls.key", True), ("client-key-data", True), ("SMTP_PASS", True), ("apiKey", True),
        ("SECRET_KEY_BASE64", True), ("chat365.DOKTOR365_SECRET", True),
        ("secretName", False), ("PASSWORD_FILE", False), ("tokenFrom", False), ("max_tokens", False), ("secretStoreRef", False),
        ("existingSecret", False), ("monkey", False), ("key", False), ("partition_key", False), ("pass", False), ("", False),
        ("secretKeyRef", False), ("TOKEN_URL", False), ("password-policy", False), ("imagePullSecrets", False),
    ],
)  # fmt: skip
def test_a_name_says_whether_its_value_is_a_secret(name: str, is_secret: bool) -> None:
    assert looks_secret(name) == is_secret


def test_what_only_names_secrets_in_manifests_is_no_finding() -> None:
    text = """
apiVersion: external-secrets.io/v1
kind: ExternalSecret
spec:
  secretStoreRef: {kind: ClusterSecretStore, name: hub}
  data:
  - secretKey: chat365.DOKTOR365_SECRET
    remoteRef: {key: hub/tenants/chat365, property: DOKTOR365_SECRET}
---
kind: SealedSecret
spec: {encryptedData: {REDIS_PASSWORD: SEALED, DOKTOR365_SECRET: AgBy}}
---
kind: Pod
spec:
  containers:
  - env:
    - name: REDIS_PASSWORD
      valueFrom: {secretKeyRef: {name: redis-environment, key: REDIS_PASSWORD}}
    - {name: PGPASSFILE, value: /etc/database/pgpass}
    - {name: DATABASE_URL, value: postgresql://$(USER):$(PASSWORD)@db/hub}
""".replace("SEALED", "Ag" + "By7c+/" * 60)
    assert scan(text, path="x.yaml") == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("x.yaml", "args: ['--password-file', /etc/secret/password, --token, $(PANEL_TOKEN), '--tls-key', /etc/tls/tls.key]\n"),
        ("x.yaml", "args: [--secret-name, redis-environment, --secret=redis-environment]\n"),
        ("x.yaml", "patches:\n- patch: |-\n    - op: replace\n      path: /spec/tls/0/secretName\n      value: hub-tls\n"),
        ("x.yaml", "patches:\n- patch: |-\n    - op: replace\n      path: /spec/token\n      value: ${TOKEN}\n"),
        ("x.yaml", 'data:\n  d.json: |\n    {"title": "token use", "expr": "sum(rate(token_total[5m]))", "secret": ""}\n'),
        ("x.yaml", "secret: arn:aws:secretsmanager:eu-central-1:123456789012:secret:nova/doktor365-a1B2c3\n"),
        ("templates/x.yaml", 'a: {{ .Values.existingSecret | default "redis-environment" }}\nb: {{ .Values.token | default "" }}\n'),
        ("x.yml", "environment:\n  PASSWORD: ${PASSWORD:?set it}\n  TOKEN: ${TOKEN:-}\n"),
        ("x.Dockerfile", "ARG NPM_TOKEN\nENV PASSWORD_FILE /run/secrets/password\nRUN --mount=type=secret,id=token cat /run/secrets/token\n"),
        ("x.ts", "const token: string = process.env.TOKEN ?? '';\nconst password: string = await secrets.getValue(name);\n"),
        ("x.py", "password: str | None = None\ntoken: str = field(default_factory=str)\nself.token = os.environ['TOKEN']\n"),
        ("x.py", "os.environ['DB_PASSWORD'] = password_from_store\nassert response.json()['token'] == expected_token_value\n"),
        ("script/x", 'redis-cli --tls -a "$REDIS_PASSWORD" ping; sshpass -p "$PASSWORD" ssh host\nredis-cli --user health ping\n'),
        ("x.md", "A password never-leaves-the-cluster; -e PASSWORD=$(openssl rand -hex 32); Authorization: Bearer $PANEL_TOKEN\n"),
    ],
)  # fmt: skip
def test_what_only_speaks_of_secrets_in_any_file_is_no_finding(path: str, text: str) -> None:
    assert scan(text, path=path) == []


def test_a_dotted_name_is_a_reference_and_a_drawn_value_with_a_dot_is_none() -> None:
    web_token = next(one.value for one in drawn(SEED) if one.kind == "JSON Web Token")
    assert find(f"https://git:{web_token[:60]}@git.example.com", name="")
    assert find("secrets.PANEL_TOKEN", name="TOKEN") == []


def test_an_object_says_what_follows_a_flag() -> None:
    value = drawn(SEED, 3)[2].value
    item = {"kind": "Pod", "spec": {"containers": [{"args": ["--requirepass", value]}]}}
    assert [one.name for one in scan_object(item)] == ["spec.containers[0].args[1]"]


def test_an_object_says_the_path_of_the_field() -> None:
    value = drawn(SEED, 3)[2].value
    item = {"kind": "Pod", "spec": {"containers": [{"env": [{"name": "DB_PASSWORD", "value": value}]}]}}
    assert [one.name for one in scan_object(item)] == ["spec.containers[0].env[0].value"]


def test_what_is_sealed_is_no_finding_in_an_object() -> None:
    sealed = base64.b64encode(random.randbytes(300)).decode()
    item = {"kind": "SealedSecret", "spec": {"encryptedData": {"chat365.DOKTOR365_SECRET": sealed, "TOKEN": "AgBy"}}}
    assert scan_object(item) == []


def test_a_long_hostile_line_is_read_in_time_that_grows_with_its_length() -> None:
    for run in (
        "a",
        "ab1",
        "eyJ",
        "://a:",
        "password=",
        "password|",
        "redis-cli ",
        "- |\n ",
        "AKIA",
        "user >",
        "-----BEGIN ",
    ):
        scan(run * (60_000 // len(run)), path="x.yaml")


class Counted(str):
    """Text that knows how many of its characters were gone through for line ends."""

    gone_through = 0

    def count(self, sub: str, start: Any = 0, end: Any = None) -> int:
        self.gone_through += (len(self) if end is None else int(end)) - int(start)
        return super().count(sub, start, end)


@pytest.mark.parametrize("is_encoded", [False, True])
def test_the_lines_of_many_findings_are_counted_in_one_go(is_encoded: bool) -> None:
    """A stranger's request of a megabyte would else keep a web process busy for a minute."""
    address = f"redis://:{drawn(SEED, 3)[2].value}@redis:6379"
    line = base64.b64encode(address.encode()).decode() if is_encoded else address
    text = Counted(f"{line}\n" * 500)
    assert len(find(text)) == 500
    assert text.gone_through <= 3 * len(text)


def test_a_finding_far_down_names_its_line() -> None:
    token = drawn(SEED, 3)[2].value
    text = "\n\n" + "\n".join(f"redis://:{token}@redis:6379" for _ in range(3))
    assert [one.line for one in find(text)] == [3, 4, 5]


def test_the_repository_holds_no_credential_and_raises_no_false_alarm() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    alarms = []
    for name in filter(None, listed.split("\0")):
        try:
            text = (ROOT / name).read_text("utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        alarms += [f"{name}: {one.sentence}" for one in scan(text, path=name)]
    assert alarms == []
