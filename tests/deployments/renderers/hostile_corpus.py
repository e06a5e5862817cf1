"""Hostile sources, each a change of one small tree and words of its refusal. `PORT` stands for a port that listens."""

from __future__ import annotations

from dataclasses import dataclass

from controlpanel.catalog.document import ComponentSpec
from tests.deployments.renderers.chart_tree import (
    CHART,
    DESCRIPTION,
    IGNORED,
    KUSTOMIZATION,
    MANIFEST,
    OVERLAY,
    PARTS,
    PLAIN,
    SCHEMA,
    STAGING,
    TEMPLATE,
    VALUES,
)

RESOURCE = "kubernetes/cache/overlays/staging/service.yaml"
SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: a}}"
CHART_FOLDER = "kubernetes/cache/chart"
HERE = "kubernetes/cache/overlays/staging"
IN_A_COMPONENT = """{apiVersion: kustomize.config.k8s.io/v1alpha1, kind: Component, helmGlobals: {chartHome: ../../..},
helmCharts: [{name: chart, valuesFile: v.yaml}]}"""


@dataclass(frozen=True)
class Link:
    """A symbolic link in place of a file; `OUTSIDE` stands for a folder with a canary beside the tree."""

    target: str


Content = str | bytes | Link | None
LINKED_VALUES: dict[str, Content] = {f"{HERE}/linked.yaml": Link("d,e/v.yaml"), f"{HERE}/d,e/v.yaml": "a: 1"}
LINKED_FOLDER: dict[str, Content] = {
    f"{HERE}/linked": Link("d,e"), f"{HERE}/d,e/v.yaml": "a: 1", f"{HERE}/d,e/kustomization.yaml": IN_A_COMPONENT,
}  # fmt: skip


@dataclass(frozen=True)
class Hostile:
    """`files` are put into the tree (None: taken away); the refusal holds `words`."""

    name: str
    component: ComponentSpec
    files: dict[str, Content]
    words: str


def _overlay(name: str, kustomization: str, words: str, **more: Content) -> Hostile:
    return Hostile(name, OVERLAY, {KUSTOMIZATION: kustomization, **more}, words)


def _resource(name: str, text: Content, words: str) -> Hostile:
    return Hostile(name, OVERLAY, {KUSTOMIZATION: "resources: [service.yaml]", RESOURCE: text}, words)


def _plain(name: str, text: Content, words: str) -> Hostile:
    return Hostile(f"plain: {name}", PLAIN, {MANIFEST: text}, words)


def _chart(name: str, file: str, text: Content, words: str) -> Hostile:
    return Hostile(f"chart: {name}", CHART, {file: text}, words)


def _inside(name: str, entry: str, words: str, **more: Content) -> Hostile:
    text = f"helmGlobals: {{chartHome: ../..}}\nhelmCharts: [{{{entry}}}]\n"
    return Hostile(f"chart inside: {name}", OVERLAY, {KUSTOMIZATION: text, **more}, words)


REMOTE_SPELLINGS = (
    "https://127.0.0.1:PORT/x.yaml", "http://127.0.0.1:PORT/x.yaml", "HTTP://127.0.0.1:PORT/x", "git::http://127.0.0.1:PORT/x",
    "git::https://127.0.0.1:PORT/repo.git", "git::ssh://git@127.0.0.1:PORT/repo", "ssh://git@127.0.0.1:PORT/repo.git",
    "git@127.0.0.1:org/repo.git", "someone@127.0.0.1/org/repo", "127.0.0.1:PORT/org/repo", "localhost:org/repo.git",
    "github.com/org/repo", "GitHub.com/org/repo//base", "www.github.com/org/repo", "gitlab.com/org/repo", "bitbucket.org/org/repo",
    "127.0.0.1/org/repo?ref=main", "repo.git?version=v1", "example.com/team/_git/repo", "file:///etc", "oci://127.0.0.1:PORT/chart",
    "s3::http://127.0.0.1:PORT/bucket", "hg::http://127.0.0.1:PORT/x", "gcs::http://127.0.0.1:PORT/x", "git://127.0.0.1:PORT/x",
)  # fmt: skip
REMOTE_PLACES = (
    "resources: ['{}']", "bases: ['{}']", "components: ['{}']", "crds: ['{}']", "configurations: ['{}']", "openapi: {{path: '{}'}}",
    "patches: [{{path: '{}'}}]", "patchesStrategicMerge: ['{}']", "patchesJson6902: [{{path: '{}'}}]", "replacements: [{{path: '{}'}}]",
    "configMapGenerator: [{{name: a, files: ['k={}']}}]", "configMapGenerator: [{{name: a, envs: ['{}']}}]",
    "configMapGenerator: [{{name: a, env: '{}'}}]",
)  # fmt: skip

REMOTE = [
    *(_overlay(f"remote base {place}", f"resources: ['{place}']", "is a remote address") for place in REMOTE_SPELLINGS),
    *(_overlay(f"remote in {place[:60]}", place.format("http://127.0.0.1:PORT/x"), "is a remote address") for place in REMOTE_PLACES),
    Hostile("remote name of a folder that exists", OVERLAY, {KUSTOMIZATION: "resources: [github.com/org/repo]",
            "kubernetes/cache/overlays/staging/github.com/org/repo/kustomization.yaml": "resources: []"}, "is a remote address"),
]  # fmt: skip

PLUGINS = [
    _overlay("generator that runs a program", "generators: [\"{apiVersion: a/v1, kind: G, metadata: {name: g, annotations: {config.kubernetes.io/function: 'exec: {path: ./x}'}}}\"]", "“generators” is not allowed"),
    _overlay("transformer in a container", "transformers: [\"{apiVersion: a/v1, kind: T, metadata: {name: t, annotations: {config.kubernetes.io/function: 'container: {image: x}'}}}\"]", "“transformers” is not allowed"),
    _overlay("validator", "validators: [v.yaml]", "“validators” is not allowed"),
    _overlay("old chart generator", "helmChartInflationGenerator: [{chartName: a}]", "is not allowed in a kustomization"),
    _overlay("secret generator", "secretGenerator: [{name: a, literals: [k=v]}]", "“secretGenerator” is not allowed"),
    _overlay("field that is not known", "plugins: {}", "“plugins” is not allowed"),
    _inside("from a repository", "name: chart, repo: 'http://127.0.0.1:PORT/charts'", "“repo” is not allowed"),
    _inside("from a registry", "name: chart, repo: 'oci://127.0.0.1:PORT/charts'", "“repo” is not allowed"),
    _inside("of a version", "name: chart, version: 1.2.3", "“version” is not allowed"),
    _inside("an option as the release's name", "name: chart, releaseName: '--enable-dns'", "The releaseName of a chart is “--enable-dns”"),
    _inside("an option as the namespace", "name: chart, namespace: '--kube-apiserver=http://127.0.0.1:PORT'", "The namespace of a chart"),
    _inside("a post-renderer as an API version", "name: chart, apiVersions: ['--post-renderer=/bin/sh']", "is no API version"),
    _inside("a template as the name", "name: chart, nameTemplate: '{{ env \"HOME\" }}'", "“nameTemplate” is not allowed"),
    _inside("another version of Kubernetes", "name: chart, kubeVersion: 1.2.3", "“kubeVersion” is not allowed"),
    _inside("outside", "name: ../../../../outside", "The name of a chart"),
    _inside("that is not there", "name: nothing", "is not in the repository"),
    _inside("remote values", "name: chart, valuesFile: 'http://127.0.0.1:PORT/v.yaml'", "is a remote address"),
    _inside("more remote values", "name: chart, additionalValuesFiles: ['https://127.0.0.1:PORT/v.yaml']", "is a remote address"),
    _inside("values from outside", "name: chart, valuesFile: ../../../../../outside/canary.txt", "leaves the repository"),
    _inside("values and others after a comma", "name: chart, valuesFile: 'values.yaml,/etc/values.yaml'", "is no plain path"),
    _inside("more values after a comma", "name: chart, additionalValuesFiles: ['values.yaml,../../../../../outside/canary.txt']", "is no plain path"),
    _inside(
        "values by a link to a name with a comma", "name: chart, valuesFile: linked.yaml", "is no plain path",
        **LINKED_VALUES,
    ),
    _overlay(
        "chart of a folder with a comma", "components: [linked]", "is no plain path",
        **LINKED_FOLDER,
    ),
    _overlay("home of charts outside", "helmGlobals: {chartHome: ../../../../../outside}\nhelmCharts: [{name: chart}]", "leaves the repository"),
    _overlay("home of charts absolute", "helmGlobals: {chartHome: /etc}\nhelmCharts: [{name: chart}]", "leaves the repository"),
    _overlay("helm's own settings", "helmGlobals: {configHome: /tmp}\nhelmCharts: [{name: chart}]", "helmGlobals is no chartHome"),
    _overlay("chart that is a link", "helmCharts: [{name: chart}]", "symbolic link", **{"kubernetes/cache/overlays/staging/charts/chart": Link("../../../chart")}),
    Hostile("chart inside: with a forbidden function", OVERLAY, {TEMPLATE: "{{ env \"HOME\" }}"}, "The function “env” is not allowed"),
]  # fmt: skip

PATHS = [
    _overlay("path that leaves", "resources: [../../../../../outside]", "leaves the repository"),
    _overlay("absolute path", "resources: [/etc/passwd]", "leaves the repository"),
    _overlay("absolute file of a ConfigMap", "configMapGenerator: [{name: a, files: ['k=/etc/passwd']}]", "leaves the repository"),
    _overlay("file that leaves", "configMapGenerator: [{name: a, files: [../../../../../outside/canary.txt]}]", "leaves the repository"),
    _overlay("home of somebody", "resources: ['~/.ssh']", "is not in the repository"),
    _overlay("backslashes", "resources: ['..\\..\\outside']", "is no plain path"),
    _overlay("encoded dots", "resources: ['%2e%2e/%2e%2e/outside']", "is no plain path"),
    _overlay("null byte in a path", 'resources: ["a\\0b"]', "is no plain path"),
    _overlay("pattern", "resources: ['*']", "is no plain path"),
    _overlay("letters that look alike", "resources: ['sеrvice.yaml']", "is no plain path"),
    _overlay("link out of the tree", "resources: [service.yaml]", "leaves the repository", **{RESOURCE: Link("OUTSIDE/canary.txt")}),
    _overlay("link to itself", "resources: [service.yaml]", "cannot be followed", **{RESOURCE: Link("service.yaml")}),
    _overlay("folder that is a link out", "resources: [folder]", "leaves the repository", **{"kubernetes/cache/overlays/staging/folder": Link("OUTSIDE")}),
    _overlay("circle", "resources: [../staging]", "cycle"),
    Hostile("kustomization that is a link out", OVERLAY, {KUSTOMIZATION: Link("OUTSIDE/canary.txt")}, "leaves the repository"),
    Hostile("plain: link", PLAIN, {MANIFEST: Link("OUTSIDE/canary.txt")}, "is a symbolic link"),
    Hostile("plain: link inside of the tree", PLAIN, {MANIFEST: Link("../common/settings.yml")}, "is a symbolic link"),
    Hostile("plain: folder that is a link", PLAIN, {MANIFEST: None, "kubernetes/cache/plain/production": Link("../common"),
            "kubernetes/cache/plain/staging": Link("OUTSIDE")}, "leaves the repository"),
    _chart("link in the templates", TEMPLATE, Link("OUTSIDE/canary.txt"), "is a symbolic link"),
    _chart("link beside the templates", f"{CHART_FOLDER}/secrets.txt", Link("OUTSIDE/canary.txt"), "is a symbolic link"),
    _chart("link as values", STAGING, Link("OUTSIDE/canary.txt"), "symbolic link"),
    _chart("link as what is ignored", IGNORED, Link("OUTSIDE/canary.txt"), "is a symbolic link"),
    _chart("folder of templates that is a link", f"{CHART_FOLDER}/charts", Link("OUTSIDE"), "is a symbolic link"),
    _chart("file with an odd name", f"{CHART_FOLDER}/templates/a\nb.yaml", "", "has an odd name"),
]  # fmt: skip

LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join([f'*{chr(97 + i)}'] * 9)}]\n" for i in range(8)
)
YAML: list[tuple[str, str | bytes, str]] = [
    ("alias", "{apiVersion: v1, kind: Service, metadata: &m {name: a}, x: *m}", "The anchor “m” is set"),
    ("aliases that multiply", LAUGHS, "The anchor “a” is set"),
    ("alias of nothing", "metadata: *m", "alias"),
    ("duplicate key", "{apiVersion: v1, kind: Service, kind: Secret, metadata: {name: a}}", "The key “kind” stands twice"),
    ("duplicate key deep inside", SERVICE + "\n---\n{apiVersion: v1, kind: A, metadata: {name: a, labels: {x: a, x: b}}}", "3: The key “x” stands twice"),
    ("merge key", "{apiVersion: v1, kind: Service, metadata: {name: a, <<: {b: c}}}", "merge key"),
    ("tag of Python", "!!python/object/apply:os.system ['touch /tmp/x']", "The tag “tag:yaml.org,2002:python/object/apply:os.system” is set"),
    ("tag of its own", "{apiVersion: v1, kind: !mine Service}", "The tag “!mine” is set"),
    ("binary", "{apiVersion: v1, kind: Service, x: !!binary aGVsbG8=}", "is set"),
    ("key that is a list", "{[a, b]: c}", "A key is not text"),
    ("null byte", "apiVersion: v1\0\n", "holds a null byte"),
    ("invalid UTF-8", b"apiVersion: \xff\xfe\n", "is not UTF-8"),
    ("UTF-16", "apiVersion: v1".encode("utf-16"), "holds a null byte"),
    ("overlong UTF-8", b"apiVersion: \xc0\xaf\n", "is not UTF-8"),
    ("oversize", "# " + "x" * 1_000_000, "1,000,000 is the most"),
    ("many documents", "---\n{a: b}\n" * 51, "More than 50 documents"),
    ("deep brackets", "a: " + "[" * 5000 + "]" * 5000, "deep"),
    ("deep braces", "{a: " * 5000 + "}" * 5000, "deep"),
    ("deep indentation", "".join("-" + " " for _ in range(3000)) + "a", "deep"),
    ("unclosed", "{apiVersion: v1", "cannot be read"),
    ("control character", "a: \x01", "is not YAML"),
    ("huge number", f"{{apiVersion: v1, kind: Service, metadata: {{name: a}}, spec: {{x: {'9' * 5000}}}}}", "more than 64 bits"),
    ("number without end", "{apiVersion: v1, kind: Service, metadata: {name: a}, x: 1e999}", "is too large"),
]  # fmt: skip
STRICT: list[tuple[str, str, str]] = [
    (f"two meanings of {text}", f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\nx: {text}", f"“{text}” without quotes")
    for text in ("on", "NO", "y", "0440", "0o17", "0x1F", "0b11", "1_000", "+1", "12:30:45", "2026-01-01", ".5", "1.", ".inf", ".NaN", "=")
]  # fmt: skip
STRICT += [
    (
        "key that is a number",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, 8080: b}",
        "The key “8080” is not text",
    )
]

TEXTS = [
    *(_resource(f"resource: {name}", text, words) for name, text, words in YAML),
    *(_plain(name, text, words) for name, text, words in (*YAML, *STRICT)),
    _overlay("alias in a patch", "resources: [service.yaml]\npatches: [{patch: \"a: &x\\n  b: 1\\nc: *x\\n\"}]", "anchor", **{RESOURCE: SERVICE}),
    _overlay("alias in a kustomization", "resources: &r [service.yaml]\ncomponents: *r", "alias"),
    _overlay("duplicate key in a kustomization", "resources: []\nresources: []", "stands twice"),
    _overlay("number without end in a kustomization", f"replicas: [{{name: a, count: {'9' * 5000}}}]", "too large"),
    _chart("alias in values", STAGING, "a: &a 1\nb: *a", "anchor"),
    _chart("duplicate key in values", VALUES, "a: 1\na: 2", "stands twice"),
    _chart("values that are a list", STAGING, "- a", "are not a mapping"),
    _chart("two documents of values", STAGING, "a: 1\n---\nb: 2", "More than 1 documents"),
    _chart("oversize values", STAGING, "# " + "x" * 1_000_000, "1,000,000 is the most"),
    _chart("null byte in a template", TEMPLATE, "a\0b", "holds a null byte"),
    _chart("template that is not UTF-8", TEMPLATE, b"\xff", "is not UTF-8"),
    _plain("what is no object", "[a, b]", "is not an object"),
    _plain("Secret with values", "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: Zm9v}}", "holds values"),
    _plain("Secret with text", "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {k: v}}", "holds values"),
    _plain("Secret in a list", "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: v}}]}", "holds values"),
    _plain("hook of Helm", "{apiVersion: v1, kind: Pod, metadata: {name: a, annotations: {helm.sh/hook: pre-install}}}", "is a Helm hook (pre-install)"),
    _plain("name that is a path", "{apiVersion: v1, kind: Pod, metadata: {name: ../../x}}", "not allowed"),
    Hostile("plain: kustomization", PLAIN, {"kubernetes/cache/plain/common/kustomization.yaml": "resources: []"}, "is not for plain folders"),
    Hostile("plain: chart", PLAIN, {"kubernetes/cache/plain/common/x/Chart.yaml": "name: a"}, "is not for plain folders"),
]  # fmt: skip

FUNCTIONS = (
    "lookup", "env", "expandenv", "getHostByName", "tpl", "now", "randAlphaNum", "genCA", "uuidv4", "bcrypt", "shuffle", "encryptAES",
    "date", "dateInZone", "date_in_zone", "htmlDate", "htmlDateInZone", "durationRound",
)  # fmt: skip
CHARTS = [
    *(_chart(f"function {name}", TEMPLATE, f'a: {{{{- {name} "x" "y" }}}}', f"workload.yaml:1: The function “{name}” is not allowed") for name in FUNCTIONS),
    _chart("function behind braces in quotes", TEMPLATE, '{{ "}}" | printf "%s" (env "HOME") }}', "The function “env”"),
    _chart("function behind a comment", TEMPLATE, "{{/* }} */}}\n{{ `}}` }}{{-lookup \"v1\" \"Secret\" \"a\" \"b\"-}}", "workload.yaml:2: The function “lookup”"),
    _chart("function in a helper", PARTS, '{{ define "x" }}{{ getHostByName "127.0.0.1" }}{{ end }}', "_parts.tpl:1"),
    Hostile("chart: function in a chart of the chart", CHART, {f"{CHART_FOLDER}/charts/inner/Chart.yaml": "apiVersion: v2\nname: inner\nversion: 1.0.0",
            f"{CHART_FOLDER}/charts/inner/templates/a.yaml": "{{ env \"HOME\" }}"}, "inner/templates/a.yaml:1"),
    *(_chart(f"dependency from {place}", DESCRIPTION, f"apiVersion: v2\nname: cache\nversion: 1.0.0\ndependencies: [{{name: other, version: 1.x, repository: '{place}'}}]",
             f"“other” from {place} is not in charts/other") for place in ("https://127.0.0.1:PORT/charts", "oci://127.0.0.1:PORT/charts", "file://../../../../outside", "alias:stable")),
    _chart("dependency with a path as its name", DESCRIPTION, "apiVersion: v2\nname: cache\nversion: 1.0.0\ndependencies: [{name: ../../x}]", "has no plain name"),
    _chart("old list of dependencies", f"{CHART_FOLDER}/requirements.yaml", "dependencies: []", "is not read"),
    _chart("archive", f"{CHART_FOLDER}/charts/other-1.0.0.tgz", b"\x1f\x8b", "is an archive"),
    _chart("old version of charts", DESCRIPTION, "apiVersion: v1\nname: cache\nversion: 1.0.0", "apiVersion is not v2"),
    _chart("chart with a path as its name", DESCRIPTION, "apiVersion: v2\nname: ../x\nversion: 1.0.0", "names no chart"),
    _chart("no description", DESCRIPTION, None, "has no Chart.yaml"),
    _chart("plugin", f"{CHART_FOLDER}/plugin.yaml", "name: x\ntype: postrenderer/v1", "is not read"),
    _chart("ignored template", IGNORED, "workload.*\n", "hides templates/workload.yaml"),
    _chart("ignored schema", IGNORED, "/values.schema.json\n", "hides values.schema.json"),
    _chart("ignored folder", IGNORED, "templates/\n", "hides templates/"),
    _chart("ignored by everything", IGNORED, "*\n", "hides"),
    _chart("pattern taken back", IGNORED, "!templates\n", "takes a pattern back"),
    *(_chart(f"schema that refers to {place}", SCHEMA, f'{{"properties": {{"a": {{"$ref": "{place}"}}}}}}', f"refers to “{place}”")
      for place in ("http://127.0.0.1:PORT/s.json", "file:///etc/passwd", "../../../../outside/canary.txt", "values.yaml")),
    _chart("schema of a strange draft", SCHEMA, '{"$schema": "http://127.0.0.1:PORT/draft"}', "is written for"),
    _chart("schema that is no JSON", SCHEMA, "{", "is not JSON"),
    _chart("deep schema", SCHEMA, "[" * 100_000 + "]" * 100_000, "values.schema.json"),
    _chart("alias in a definition", f"{CHART_FOLDER}/crds/shelf.yaml", "a: &a 1\nb: *a", "anchor"),
    _chart("many files", f"{CHART_FOLDER}/big.txt", "x" * 1_000_001, "1,000,000 is the most"),
]  # fmt: skip

BY_READING = [*REMOTE, *PLUGINS, *(case for case in PATHS if case.words != "cycle"), *TEXTS, *CHARTS]
"""Refused before any tool is started."""

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
BY_TOOL = [
    *(case for case in PATHS if case.words == "cycle"),
    _resource("Secret with values", "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: Zm9v}}", "holds values"),
    _resource("hook of Helm", "{apiVersion: v1, kind: Pod, metadata: {name: a, annotations: {helm.sh/hook: post-install}}}", "is a Helm hook"),
    _chart("Secret with values", TEMPLATE, "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {k: {{ .Values.replicas | quote }}}", "holds values"),
    _chart("hook", TEMPLATE, "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {helm.sh/hook: 'pre-install,pre-upgrade'}}", "is a Helm hook (pre-install,pre-upgrade)"),
    _chart("alias in what it prints", TEMPLATE, OBJECT + "x: &a b\ny: *a", "cache/templates/workload.yaml gives: The anchor “a” is set"),
    _chart("duplicate key in what it prints", TEMPLATE, OBJECT + "data: {a: b}\n{{ print \"da\" \"ta\" }}: {c: d}", "stands twice"),
    _chart("two meanings in what it prints", TEMPLATE, OBJECT + "x: {{ \"on\" }}", "“on” without quotes"),
    _chart("number without end in what it prints", TEMPLATE, OBJECT + "x: {{ repeat 30 \"9\" }}", "more than 64 bits"),
    _chart("image without a digest", TEMPLATE, "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'other:latest'}]}", "“other:latest” without a digest"),
    _chart("values that the schema refuses", STAGING, "replicas: {a: b}", "values don't meet the specifications"),
    _chart("template that calls itself", TEMPLATE, '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}', "workload.yaml:1: A template includes itself without end"),
    _chart("helper that includes itself", TEMPLATE, '{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}', "workload.yaml:1: A template includes itself without end"),
    _chart("loop", TEMPLATE, "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}", "did not finish within 2 seconds"),
    _chart("loop that takes all memory", TEMPLATE, "{{ range until 2000000000 }}{{ end }}", "more memory than it may have"),
    _chart("output without end", TEMPLATE, "{{ repeat 9000000 \"# \" }}", "printed more than 8,388,608 bytes"),
    _chart("many objects", TEMPLATE, "{{ range until 2001 }}---\na: b\n{{ end }}", "More than 2,000 documents"),
]  # fmt: skip
"""Refused by what a tool says or gives, or stopped by its bounds."""
