"""Credentials that are known by their form: one row for each kind, with the words that people know it by.

Prefixes are those that the issuers publish, so that their own scanners find a lost one. No pattern may go through the
same run of characters again and again: a line may be a megabyte that a stranger wrote.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Shape:
    """A kind of credential; the first group of the pattern, or all of it, is the credential itself.

    One of `hints` is in every text that the pattern matches: a text is searched for them much faster.
    """

    kind: str
    hints: Sequence[str]
    pattern: re.Pattern[str]


def _token(kind: str, hints: str, form: str) -> Shape:
    """A credential that begins where no word goes on before it, or as the default of a variable (`${NAME:-…}`)."""
    return Shape(kind, hints.split(), re.compile(rf"(?:(?<![A-Za-z0-9_-])|(?<=:-))(?:{form})"))


SHAPES: Final = (
    _token("OnlyChannel account token", "ak_", r"ak_[0-9a-fA-F]{32}_[0-9a-fA-F]{8}(?![0-9a-fA-F])"),
    _token("control panel token", "cp_", r"cp_[\w-]{40,64}(?![\w-])"),
    Shape("private key", "PRIVATE".split(), re.compile(r"-----BEGIN (?:[A-Z0-9]{1,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----(?=[^-]{0,300}?[A-Za-z0-9+/=]{20})"),
    ),
    _token("age secret key", "AGE-SECRET", r"AGE-SECRET-KEY-1[A-Z0-9]{50,60}"),
    _token("JSON Web Token", "eyJ", r"eyJ[\w-]{8,2000}\.eyJ[\w-]{8,20000}\.[\w-]{16,}"),
    _token("AWS access key", "AKIA ASIA ABIA ACCA", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _token("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{22,255}"),
    _token("GitLab token", "gl", r"gl(?:pat|dt|rt|ptt|oas|cbt|ft|imt|agent|soat)-[\w-]{20,}"),
    _token("Bitbucket or Atlassian token", "ATATT ATBB ATCTT", r"AT(?:ATT|BB|CTT)[\w-]{20,}=?[\w]{0,16}(?![\w-])"),
    _token("Slack token", "xox xapp-", r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-\d-[A-Za-z0-9-]{20,}"),
    Shape("webhook with a token in its address", "hooks.slack.com discord webhook.office.com".split(), re.compile(
        r"hooks\.slack\.com/(?:services|workflows|triggers)/[\w/]{20,}"
        r"|discord(?:app)?\.com/api/webhooks/\d{15,}/[\w-]{40,}|webhook\.office\.com/webhookb2/[\w@/-]{40,}"
    )),
    # What stands before is looked at behind the first letter: the dot is in every text, and a search for letters is quick.
    Shape("Discord token", ".".split(), re.compile(r"[MNO](?:(?<![A-Za-z0-9_-].)|(?<=:-.))[\w-]{23,26}\.[\w-]{6}\.[\w-]{27,}")),
    _token("Telegram token", ":AA", r"\d{8,10}:AA[\w-]{33}(?![\w-])"),
    _token("Stripe key", "_live_ _test_ whsec_", r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/]{24,}=*"),
    _token("Google key", "AIza ya29. GOCSPX-", r"AIza[\w-]{35}(?![\w-])|ya29\.[\w-]{20,}|GOCSPX-[\w-]{28}"),
    _token("npm token", "npm_", r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    _token("PyPI token", "pypi-", r"pypi-[\w-]{50,}"),
    _token("RubyGems token", "rubygems_", r"rubygems_[0-9a-f]{48}"),
    _token("Docker Hub token", "dckr_", r"dckr_(?:pat|oat)_[\w-]{20,}"),
    _token("OpenAI or Anthropic key", "sk-", r"sk-(?:proj-|svcacct-|admin-|ant-[a-z0-9]{2,10}-|or-v1-)[\w-]{32,}|sk-[A-Za-z0-9]{40,}"),
    _token("Hugging Face token", "hf_", r"hf_[A-Za-z0-9]{34}(?![A-Za-z0-9])"),
    _token("Vault token", "hvb. hvs. hvr.", r"hv[bsr]\.[\w-]{24,}"),
    _token("DigitalOcean token", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _token("Grafana token", "glsa_ glc_", r"glsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}|glc_[\w+/=-]{32,}"),
    _token("Sentry token", "sntry", r"sntry[su]_[\w+/=-]{40,}"),
    _token("SendGrid key", "SG.", r"SG\.[\w-]{16,}\.[\w-]{32,}"),
    _token("Twilio key", "SK", r"SK[0-9a-f]{32}(?![0-9a-f])"),
    _token("Mailgun key", "key-", r"key-[0-9a-f]{32}(?![0-9a-f])"),
    _token("Mailchimp key", "-us", r"[0-9a-f]{32}-us\d{1,2}(?!\d)"),
    _token("Shopify token", "shp", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _token("Square token", "sq0", r"sq0(?:atp|csp)-[\w-]{22,}"),
    _token("Databricks token", "dapi", r"dapi[0-9a-f]{32}(?![0-9a-f])"),
    _token("Doppler token", "dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[\w.-]{40,}"),
    _token("Postman key", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _token("New Relic key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _token("Linear or Pulumi token", "lin_api_ pul-", r"lin_api_[A-Za-z0-9]{40}|pul-[0-9a-f]{40}"),
    _token("HCP Terraform token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{60,}"),
    _token("Azure client secret", "8Q~", r"[\w~.]{3}8Q~[\w~.-]{31,34}"),
    Shape("Azure storage key", "ccountKey ccountkey SharedAccessKey".split(), re.compile(r"(?:[Aa]ccount[Kk]ey|SharedAccessKey)=([A-Za-z0-9+/]{40,}={0,2})")),
    Shape("signed Azure address", "sig=".split(), re.compile(r"[?&]sig=([\w%+/-]{40,})")),
    _token("password hash", "$2a$ $2b$ $2x$ $2y$ $argon2 $1$ $5$ $6$", r"\$2[abxy]\$\d\d\$[./A-Za-z0-9]{53}|\$argon2(?:id|i|d)\$[\w$,=+/]{40,}|\$[156]\$[\w./]{1,16}\$[\w./]{22,}"),
)  # fmt: skip

IN_ADDRESS: Final = Shape(
    "password in an address", "://".split(), re.compile(r"""://[^\s/@:"'<>`]{0,200}:([^\s/@"'<>`]{3,500})@""")
)
IN_HEADER: Final = Shape("credentials in a header", "uthorization earer asic UTHORIZATION EARER".split(),
    re.compile(r"""(?i:\bauthorization["']?\s*[:=,]\s*["']?\s*(?:basic|bearer|token|apikey)\s+|\bbearer\s+|\bbasic\s+)([\w.~+/-]{12,4000}=*)"""),
)  # fmt: skip
IN_COMMAND: Final = Shape("password in a command", "-u --user --proxy-user".split(), re.compile(r"""(?:^|\s)(?:-u|--user|--proxy-user)[\s=]+["']?[\w.@-]{1,80}:(?!\d+(?:\s|\Z))([^\s"']{1,200})""")
)  # fmt: skip
IN_CLIENT: Final = Shape("password in a command", "-cli sshpass".split(),
    re.compile(r"""(?:(?:redis|valkey)-cli\b[^\n|;&]{0,200}?\s-a|\bsshpass\s+-p)\s*["']?([^\s"']{3,200})"""),
)  # fmt: skip
IN_ACL: Final = Shape(
    "password in an access list",
    "user".split(),
    re.compile(r"(?m)^\s*user\s+\S{1,80}\s(?:[^\n>]{0,400}\s)?>(\{\{.{0,80}?\}\}(?:\"\s*\}\})?|\S{1,200})"),
)
