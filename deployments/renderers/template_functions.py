"""Finds in a chart's templates the functions that reach outside, or that give another result each time."""

from __future__ import annotations

import re
from collections.abc import Iterator

_OUTSIDE = "Values come from the values files alone."
_EACH_TIME = "It gives another result each time, so that nobody could approve what is committed. Name the value."
FORBIDDEN: dict[str, str] = {
    "lookup": f"It asks a cluster. {_OUTSIDE}",
    "env": f"It reads the environment of this process. {_OUTSIDE}",
    "expandenv": f"It reads the environment of this process. {_OUTSIDE}",
    "getHostByName": f"It asks the network. {_OUTSIDE}",
    "tpl": "It runs values as templates; values are data. Write the template into the chart.",
    **dict.fromkeys(
        """now ago randAlpha randAlphaNum randAscii randNumeric randBytes randInt uuidv4 shuffle genPrivateKey genCA
        genCAWithKey genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey htpasswd bcrypt
        encryptAES""".split(),
        _EACH_TIME,
    ),
    **dict.fromkeys(
        ("keys", "values"),
        "It gives another order each time, so that nobody could approve what is committed. Range over the mapping, which is in order.",
    ),
    **dict.fromkeys(
        "date dateInZone date_in_zone htmlDate htmlDateInZone durationRound".split(),
        "It takes the time of rendering for what is no time, so that nobody could approve what is committed. Write the date.",
    ),
}
"""Function -> why it is not run and what to do instead."""

# As Go's own lexer reads an action: quotes may hold the closing braces, and fields may have the name of a function.
# What is never closed ends the template for Go; here it is taken whole, so that no text is gone through twice.
_TOKEN = re.compile(
    r"""/\*(?:.*?\*/|.*\Z)|"(?:\\.|[^"\\\n])*"?|`[^`]*`?|'(?:\\.|[^'\\\n])*'?|(?P<end>\}\})|[.$][\w.]*|(?P<word>\w+)|.""",
    re.DOTALL,
)


def forbidden_calls(text: str) -> Iterator[tuple[int, str]]:
    """Line (from 1) and name of every call of a forbidden function in a template's text."""
    position = text.find("{{")
    while position >= 0:
        end = len(text)
        for token in _TOKEN.finditer(text, position + 2):
            if token["end"]:
                end = token.end()
                break
            if token["word"] in FORBIDDEN:
                yield text.count("\n", 0, token.start()) + 1, token["word"]
        position = text.find("{{", end)
