"""Hostile sources, each a change of one small tree and words of its refusal. `PORT` stands for a port that listens."""

from __future__ import annotations

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
from tests.deployments.renderers.hostile import (
    HERE,
    RESOURCE,
    Content,
    Hostile,
    Link,
    chart,
    inside,
    overlay,
    plain,
    resource,
)

SERVICE = "{apiVersion: v1, kind: Service, metadata: {name: a}}"
CHART_FOLDER = "kubernetes/cache/chart"
IN_A_COMPONENT = """{apiVersion: kustomize.config.k8s.io/v1alpha1, kind: Component, helmGlobals: {chartHome: ../../..},
helmCharts: [{name: chart, valuesFile: v.yaml}]}"""


LINKED_VALUES: dict[str, Content] = {f"{HERE}/linked.yaml": Link("d,e/v.yaml"), f"{HERE}/d,e/v.yaml": "a: 1"}
LINKED_FOLDER: dict[str, Content] = {
    f"{HERE}/linked": Link("d,e"), f"{HERE}/d,e/v.yaml": "a: 1", f"{HERE}/d,e/kustomization.yaml": IN_A_COMPONENT,
}  # fmt: skip


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
OTHER_LETTERS = (  # Go reads a field in any letters
    "configMapGenerator: [{name: a, Files: ['k={}']}]", "configMapGenerator: [{name: a, Envs: ['{}']}]",
    "configMapGenerator: [{name: a, ENV: '{}'}]", "configMapGenerator: [{name: a, fileſ: ['k={}']}]", "patches: [{Path: '{}'}]",
    "patchesJson6902: [{Path: '{}', target: {kind: Service, name: a, version: v1}}]", "replacements: [{PATH: '{}'}]", "openapi: {Path: '{}'}",
    "patches: [{Patch: '{kind: &k Service, metadata: {name: *k}}'}]", "images: [{Name: cache, newName: '{}'}]",
)  # fmt: skip

REMOTE = [
    *(overlay(f"remote base {place}", f"resources: ['{place}']", "is a remote address") for place in REMOTE_SPELLINGS),
    *(overlay(f"remote in {place[:60]}", place.format("http://127.0.0.1:PORT/x"), "is a remote address") for place in REMOTE_PLACES),
    *(overlay(f"field in other letters {place[:60]}", place.replace("{}", "http://127.0.0.1:PORT/x"), "is not allowed under") for place in OTHER_LETTERS),
    *(overlay(f"old way of naming patches: {place}", f"patches: ['{place}']", "What stands under patches is not a mapping") for place in ("http://127.0.0.1:PORT/x", "service.yaml")),
    Hostile("remote name of a folder that exists", OVERLAY, {KUSTOMIZATION: "resources: [github.com/org/repo]",
            "kubernetes/cache/overlays/staging/github.com/org/repo/kustomization.yaml": "resources: []"}, "is a remote address"),
]  # fmt: skip

PLUGINS = [
    overlay("generator that runs a program", "generators: [\"{apiVersion: a/v1, kind: G, metadata: {name: g, annotations: {config.kubernetes.io/function: 'exec: {path: ./x}'}}}\"]", "“generators” is not allowed"),
    overlay("transformer in a container", "transformers: [\"{apiVersion: a/v1, kind: T, metadata: {name: t, annotations: {config.kubernetes.io/function: 'container: {image: x}'}}}\"]", "“transformers” is not allowed"),
    overlay("validator", "validators: [v.yaml]", "“validators” is not allowed"),
    overlay("old chart generator", "helmChartInflationGenerator: [{chartName: a}]", "is not allowed in a kustomization"),
    overlay("secret generator", "secretGenerator: [{name: a, literals: [k=v]}]", "“secretGenerator” is not allowed"),
    overlay("field that is not known", "plugins: {}", "“plugins” is not allowed"),
    inside("from a repository", "name: chart, repo: 'http://127.0.0.1:PORT/charts'", "“repo” is not allowed"),
    inside("from a registry", "name: chart, repo: 'oci://127.0.0.1:PORT/charts'", "“repo” is not allowed"),
    inside("of a version", "name: chart, version: 1.2.3", "“version” is not allowed"),
    inside("an option as the release's name", "name: chart, releaseName: '--enable-dns'", "The releaseName of a chart is “--enable-dns”"),
    inside("an option as the namespace", "name: chart, namespace: '--kube-apiserver=http://127.0.0.1:PORT'", "The namespace of a chart"),
    inside("a post-renderer as an API version", "name: chart, apiVersions: ['--post-renderer=/bin/sh']", "is no API version"),
    inside("a template as the name", "name: chart, nameTemplate: '{{ env \"HOME\" }}'", "“nameTemplate” is not allowed"),
    inside("another version of Kubernetes", "name: chart, kubeVersion: 1.2.3", "“kubeVersion” is not allowed"),
    inside("outside", "name: ../../../../outside", "The name of a chart"),
    inside("that is not there", "name: nothing", "is not in the repository"),
    inside("remote values", "name: chart, valuesFile: 'http://127.0.0.1:PORT/v.yaml'", "is a remote address"),
    inside("more remote values", "name: chart, additionalValuesFiles: ['https://127.0.0.1:PORT/v.yaml']", "is a remote address"),
    inside("values from outside", "name: chart, valuesFile: ../../../../../outside/canary.txt", "leaves the repository"),
    inside("values and others after a comma", "name: chart, valuesFile: 'values.yaml,/etc/values.yaml'", "is no plain path"),
    inside("more values after a comma", "name: chart, additionalValuesFiles: ['values.yaml,../../../../../outside/canary.txt']", "is no plain path"),
    inside(
        "values by a link to a name with a comma", "name: chart, valuesFile: linked.yaml", "is no plain path",
        **LINKED_VALUES,
    ),
    overlay(
        "chart of a folder with a comma", "components: [linked]", "is no plain path",
        **LINKED_FOLDER,
    ),
    overlay("home of charts outside", "helmGlobals: {chartHome: ../../../../../outside}\nhelmCharts: [{name: chart}]", "leaves the repository"),
    overlay("home of charts absolute", "helmGlobals: {chartHome: /etc}\nhelmCharts: [{name: chart}]", "leaves the repository"),
    overlay("helm's own settings", "helmGlobals: {configHome: /tmp}\nhelmCharts: [{name: chart}]", "helmGlobals is no chartHome"),
    overlay("chart that is a link", "helmCharts: [{name: chart}]", "symbolic link", **{"kubernetes/cache/overlays/staging/charts/chart": Link("../../../chart")}),
    Hostile("chart inside: with a forbidden function", OVERLAY, {TEMPLATE: "{{ env \"HOME\" }}"}, "The function “env” is not allowed"),
]  # fmt: skip

PATHS = [
    overlay("path that leaves", "resources: [../../../../../outside]", "leaves the repository"),
    overlay("absolute path", "resources: [/etc/passwd]", "leaves the repository"),
    overlay("absolute file of a ConfigMap", "configMapGenerator: [{name: a, files: ['k=/etc/passwd']}]", "leaves the repository"),
    overlay("file that leaves", "configMapGenerator: [{name: a, files: [../../../../../outside/canary.txt]}]", "leaves the repository"),
    overlay("home of somebody", "resources: ['~/.ssh']", "is not in the repository"),
    overlay("backslashes", "resources: ['..\\..\\outside']", "is no plain path"),
    overlay("encoded dots", "resources: ['%2e%2e/%2e%2e/outside']", "is no plain path"),
    overlay("null byte in a path", 'resources: ["a\\0b"]', "is no plain path"),
    overlay("pattern", "resources: ['*']", "is no plain path"),
    *(overlay(f"number of base sixty in {place[:30]}", place, "“90” is not text", **{f"{HERE}/90": SERVICE, f"{HERE}/1:30/kustomization.yaml": "transformers: [t.yaml]"})
      for place in ("resources: [1:30]", "components: [1:30]", "patches: [{path: 1:30}]", "configMapGenerator: [{name: a, files: [1:30]}]", "openapi: {path: 1:30}")),
    overlay("word that kustomize writes over", "resources: ['./imageTags:x']", "is no plain path", **{f"{HERE}/imageTags:x/kustomization.yaml": "resources: []",
             f"{HERE}/images:x/kustomization.yaml": "resources: ['http://127.0.0.1:PORT/x']"}),
    overlay("nothing as a place", "components: [null]", "“None” is not text"),
    overlay("letters that look alike", "resources: ['sеrvice.yaml']", "is no plain path"),
    overlay("link out of the tree", "resources: [service.yaml]", "leaves the repository", **{RESOURCE: Link("OUTSIDE/canary.txt")}),
    overlay("link to itself", "resources: [service.yaml]", "cannot be followed", **{RESOURCE: Link("service.yaml")}),
    overlay("folder that is a link out", "resources: [folder]", "leaves the repository", **{"kubernetes/cache/overlays/staging/folder": Link("OUTSIDE")}),
    overlay("circle", "resources: [../staging]", "cycle"),
    Hostile("kustomization that is a link out", OVERLAY, {KUSTOMIZATION: Link("OUTSIDE/canary.txt")}, "leaves the repository"),
    Hostile("plain: link", PLAIN, {MANIFEST: Link("OUTSIDE/canary.txt")}, "is a symbolic link"),
    Hostile("plain: link inside of the tree", PLAIN, {MANIFEST: Link("../common/settings.yml")}, "is a symbolic link"),
    Hostile("plain: folder that is a link", PLAIN, {MANIFEST: None, "kubernetes/cache/plain/production": Link("../common"),
            "kubernetes/cache/plain/staging": Link("OUTSIDE")}, "leaves the repository"),
    chart("link in the templates", TEMPLATE, Link("OUTSIDE/canary.txt"), "is a symbolic link"),
    chart("link beside the templates", f"{CHART_FOLDER}/secrets.txt", Link("OUTSIDE/canary.txt"), "is a symbolic link"),
    chart("link as values", STAGING, Link("OUTSIDE/canary.txt"), "symbolic link"),
    chart("link as what is ignored", IGNORED, Link("OUTSIDE/canary.txt"), "is a symbolic link"),
    chart("folder of templates that is a link", f"{CHART_FOLDER}/charts", Link("OUTSIDE"), "is a symbolic link"),
    chart("file with an odd name", f"{CHART_FOLDER}/templates/a\nb.yaml", "", "has an odd name"),
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
    *(resource(f"resource: {name}", text, words) for name, text, words in YAML),
    *(plain(name, text, words) for name, text, words in (*YAML, *STRICT)),
    overlay("alias in a patch", "resources: [service.yaml]\npatches: [{patch: \"a: &x\\n  b: 1\\nc: *x\\n\"}]", "anchor", **{RESOURCE: SERVICE}),
    overlay("alias in a patch of one line", "resources: [service.yaml]\npatches: [{patch: '{kind: &k Service, metadata: {name: *k}}'}]", "The anchor “k” is set", **{RESOURCE: SERVICE}),
    overlay("alias in a patch of old", "patchesJson6902: [{patch: '[{op: &o add, path: /a, value: *o}]'}]", "The anchor “o” is set"),
    overlay("patch that names a file after a line break", 'patchesStrategicMerge: ["no\\n/../service.txt"]', "The patch is not a mapping", **{f"{HERE}/service.txt": "kind: &k A"}),
    *(overlay(f"alias in a file with another suffix in {place[:20]}", place, "The anchor “k” is set", **{f"{HERE}/service.txt": "{kind: &k Service, metadata: {name: *k}}"})
      for place in ("resources: [service.txt]", "patches: [{path: service.txt}]", "configurations: [service.txt]", "configMapGenerator: [{name: a, files: [service.txt]}]\nresources: [service.txt]")),
    overlay("alias in a file that was data before", "configMapGenerator: [{name: a, files: [../more/service.yaml]}]\ncomponents: [../more]", "The anchor “k” is set",
             **{"kubernetes/cache/overlays/more/kustomization.yaml": "resources: [service.yaml]", "kubernetes/cache/overlays/more/service.yaml": "{kind: &k Service}"}),
    *(overlay(f"no list: {place}", place, "is not a list") for place in ("resources: {a: b}", "resources: service.yaml", "patches: {a: b}", "images: 5", "helmCharts: 5",
      "configMapGenerator: [{name: a, files: 5}]", "configMapGenerator: [{name: a, files: {a: b}}]", "configMapGenerator: [{name: a, envs: true}]")),
    *(overlay(f"no mapping: {place}", place, "is not a mapping") for place in ("configMapGenerator: [a]", "openapi: [a]", "replacements: [5]", "helmCharts: [a]")),
    *(inside(f"no list: {entry}", f"name: chart, {entry}", "is not a list") for entry in ("apiVersions: 5", "additionalValuesFiles: 5")),
    *(inside(f"no text: {entry}", f"name: chart, {entry}", "is not text") for entry in ("valuesFile: 1:30", "additionalValuesFiles: [1:30]", "apiVersions: [1:30]")),
    inside("number of base sixty as its name", "name: 1:30", "The name of a chart is “90”", **{"kubernetes/cache/90/Chart.yaml": "name: a"}),
    overlay("alias in a kustomization", "resources: &r [service.yaml]\ncomponents: *r", "alias"),
    overlay("duplicate key in a kustomization", "resources: []\nresources: []", "stands twice"),
    overlay("number without end in a kustomization", f"replicas: [{{name: a, count: {'9' * 5000}}}]", "too large"),
    chart("alias in values", STAGING, "a: &a 1\nb: *a", "anchor"),
    chart("duplicate key in values", VALUES, "a: 1\na: 2", "stands twice"),
    chart("values that are a list", STAGING, "- a", "are not a mapping"),
    chart("two documents of values", STAGING, "a: 1\n---\nb: 2", "More than 1 documents"),
    chart("oversize values", STAGING, "# " + "x" * 1_000_000, "1,000,000 is the most"),
    chart("null byte in a template", TEMPLATE, "a\0b", "holds a null byte"),
    chart("template that is not UTF-8", TEMPLATE, b"\xff", "is not UTF-8"),
    plain("what is no object", "[a, b]", "is not an object"),
    plain("Secret with values", "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: Zm9v}}", "holds values"),
    plain("Secret with text", "{apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {k: v}}", "holds values"),
    plain("Secret in a list", "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: v}}]}", "holds values"),
    plain("Secret inside of another object", "{apiVersion: work/v1, kind: ManifestWork, metadata: {name: a}, spec: {workload: {manifests: [{kind: Secret, metadata: {name: b}, stringData: {pin: x}}]}}}", "Secret b holds values (pin)"),
    plain("image of a volume", "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {volumes: [{name: v, image: {reference: 'evil:latest'}}]}}", "volume v has the image “evil:latest” without a digest"),
    *(plain(f"list without a list {held}", f"{{apiVersion: v1, kind: ConfigMapList, metadata: {{name: b}}{held}}}", "ConfigMapList b has no list of items") for held in ("", ", items: {a: b}", ", items: null")),
    plain("hook of Helm", "{apiVersion: v1, kind: Pod, metadata: {name: a, annotations: {helm.sh/hook: pre-install}}}", "is a Helm hook (pre-install)"),
    plain("what Argo CD would not read", "{apiVersion: v1, kind: Pod, metadata: {name: a, annotations: {x: '# +argocd:skip-file-rendering'}}}", "Argo CD would not read its file"),
    plain("name longer than a file's", f"{{apiVersion: v1, kind: CustomResourceDefinition, metadata: {{name: {'a' * 240}}}}}", "has a name of 240 letters"),
    plain("name that is a path", "{apiVersion: v1, kind: Pod, metadata: {name: ../../x}}", "not allowed"),
    Hostile("plain: kustomization", PLAIN, {"kubernetes/cache/plain/common/kustomization.yaml": "resources: []"}, "is not for plain folders"),
    Hostile("plain: chart", PLAIN, {"kubernetes/cache/plain/common/x/Chart.yaml": "name: a"}, "is not for plain folders"),
]  # fmt: skip

FUNCTIONS = (
    "lookup", "env", "expandenv", "getHostByName", "tpl", "now", "randAlphaNum", "genCA", "uuidv4", "bcrypt", "shuffle", "encryptAES",
    "keys", "values", "date", "dateInZone", "date_in_zone", "htmlDate", "htmlDateInZone", "durationRound",
)  # fmt: skip
CHARTS = [
    *(chart(f"function {name}", TEMPLATE, f'a: {{{{- {name} "x" "y" }}}}', f"workload.yaml:1: The function “{name}” is not allowed") for name in FUNCTIONS),
    chart("function behind braces in quotes", TEMPLATE, '{{ "}}" | printf "%s" (env "HOME") }}', "The function “env”"),
    chart("function behind a comment", TEMPLATE, "{{/* }} */}}\n{{ `}}` }}{{-lookup \"v1\" \"Secret\" \"a\" \"b\"-}}", "workload.yaml:2: The function “lookup”"),
    chart("function in a helper", PARTS, '{{ define "x" }}{{ getHostByName "127.0.0.1" }}{{ end }}', "_parts.tpl:1"),
    Hostile("chart: function in a chart of the chart", CHART, {f"{CHART_FOLDER}/charts/inner/Chart.yaml": "apiVersion: v2\nname: inner\nversion: 1.0.0",
            f"{CHART_FOLDER}/charts/inner/templates/a.yaml": "{{ env \"HOME\" }}"}, "inner/templates/a.yaml:1"),
    *(chart(f"dependency from {place}", DESCRIPTION, f"apiVersion: v2\nname: cache\nversion: 1.0.0\ndependencies: [{{name: other, version: 1.x, repository: '{place}'}}]",
             f"“other” from {place} is not in charts/other") for place in ("https://127.0.0.1:PORT/charts", "oci://127.0.0.1:PORT/charts", "file://../../../../outside", "alias:stable")),
    chart("dependency with a path as its name", DESCRIPTION, "apiVersion: v2\nname: cache\nversion: 1.0.0\ndependencies: [{name: ../../x}]", "has no plain name"),
    chart("old list of dependencies", f"{CHART_FOLDER}/requirements.yaml", "dependencies: []", "is not read"),
    chart("archive", f"{CHART_FOLDER}/charts/other-1.0.0.tgz", b"\x1f\x8b", "is an archive"),
    chart("old version of charts", DESCRIPTION, "apiVersion: v1\nname: cache\nversion: 1.0.0", "apiVersion is not v2"),
    chart("chart with a path as its name", DESCRIPTION, "apiVersion: v2\nname: ../x\nversion: 1.0.0", "names no chart"),
    chart("no description", DESCRIPTION, None, "has no Chart.yaml"),
    chart("plugin", f"{CHART_FOLDER}/plugin.yaml", "name: x\ntype: postrenderer/v1", "is not read"),
    chart("ignored template", IGNORED, "workload.*\n", "hides templates/workload.yaml"),
    chart("ignored schema", IGNORED, "/values.schema.json\n", "hides values.schema.json"),
    chart("ignored folder", IGNORED, "templates/\n", "hides templates/"),
    chart("ignored by everything", IGNORED, "*\n", "hides"),
    *(chart(f"pattern of Go's own: {pattern}", IGNORED, pattern, "is no plain pattern") for pattern in ("[^q]orkload.yaml\n", "\\workload.yaml\n", "\ufeffworkload.yaml\n", "worklo\u0430d.yaml")),
    chart("pattern without end", IGNORED, "/*" * 300_000, "is no plain pattern"),
    chart("patterns without end", IGNORED, "a\n" * 201, "more than 200 patterns"),
    Hostile("chart: ignored file of a template", CHART, {IGNORED: "*.conf\n", f"{CHART_FOLDER}/files/x.conf": "a"}, "hides files/x.conf"),
    *(chart(f"dependencies that are {given}", DESCRIPTION, f"apiVersion: v2\nname: cache\nversion: 1.0.0\ndependencies: {given}", "The dependencies are not a list") for given in ("5", "{a: b}")),
    chart("pattern taken back", IGNORED, "!templates\n", "takes a pattern back"),
    *(chart(f"schema that refers to {place}", SCHEMA, f'{{"properties": {{"a": {{"$ref": "{place}"}}}}}}', f"refers to “{place}”")
      for place in ("http://127.0.0.1:PORT/s.json", "file:///etc/passwd", "../../../../outside/canary.txt", "values.yaml")),
    chart("schema of a strange draft", SCHEMA, '{"$schema": "http://127.0.0.1:PORT/draft"}', "is written for"),
    chart("schema that is no JSON", SCHEMA, "{", "is not JSON"),
    chart("deep schema", SCHEMA, "[" * 100_000 + "]" * 100_000, "values.schema.json"),
    chart("alias in a definition", f"{CHART_FOLDER}/crds/shelf.yaml", "a: &a 1\nb: *a", "anchor"),
    chart("many files", f"{CHART_FOLDER}/big.txt", "x" * 1_000_001, "1,000,000 is the most"),
]  # fmt: skip

BY_READING = [*REMOTE, *PLUGINS, *(case for case in PATHS if case.words != "cycle"), *TEXTS, *CHARTS]
"""Refused before any tool is started."""

OBJECT = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
BY_TOOL = [
    *(case for case in PATHS if case.words == "cycle"),
    resource("Secret with values", "{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: Zm9v}}", "holds values"),
    resource("hook of Helm", "{apiVersion: v1, kind: Pod, metadata: {name: a, annotations: {helm.sh/hook: post-install}}}", "is a Helm hook"),
    chart("Secret with values", TEMPLATE, "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {k: {{ .Values.replicas | quote }}}", "holds values"),
    chart("hook", TEMPLATE, "apiVersion: v1\nkind: Pod\nmetadata: {name: a, annotations: {helm.sh/hook: 'pre-install,pre-upgrade'}}", "is a Helm hook (pre-install,pre-upgrade)"),
    chart("alias in what it prints", TEMPLATE, OBJECT + "x: &a b\ny: *a", "cache/templates/workload.yaml gives: The anchor “a” is set"),
    chart("duplicate key in what it prints", TEMPLATE, OBJECT + "data: {a: b}\n{{ print \"da\" \"ta\" }}: {c: d}", "stands twice"),
    chart("two meanings in what it prints", TEMPLATE, OBJECT + "x: {{ \"on\" }}", "“on” without quotes"),
    chart("number without end in what it prints", TEMPLATE, OBJECT + "x: {{ repeat 30 \"9\" }}", "more than 64 bits"),
    chart("image without a digest", TEMPLATE, "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: 'other:latest'}]}", "“other:latest” without a digest"),
    chart("values that the schema refuses", STAGING, "replicas: {a: b}", "values don't meet the specifications"),
    chart("template that calls itself", TEMPLATE, '{{ define "x" }}{{ template "x" . }}{{ end }}{{ template "x" . }}', "workload.yaml:1: A template includes itself without end"),
    chart("helper that includes itself", TEMPLATE, '{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}', "workload.yaml:1: A template includes itself without end"),
    chart("loop", TEMPLATE, "{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}", "did not finish within 2 seconds"),
    chart("loop that takes all memory", TEMPLATE, "{{ range until 2000000000 }}{{ end }}", "more memory than it may have"),
    chart("output without end", TEMPLATE, "{{ repeat 9000000 \"# \" }}", "printed more than 8,388,608 bytes"),
    chart("many objects", TEMPLATE, "{{ range until 2001 }}---\na: b\n{{ end }}", "More than 2,000 documents"),
]  # fmt: skip
"""Refused by what a tool says or gives, or stopped by its bounds."""
