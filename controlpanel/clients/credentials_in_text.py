"""Credentials that are known by their form alone, wherever a tool or a server may say them."""

from __future__ import annotations

import re

URL_PASSWORD = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")
SECRET_TEXT = re.compile(
    r"ak_[0-9a-f]{32}_[0-9a-f]{8}|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL
)
# A line may be a megabyte that a stranger wrote: no pattern may go through the same run of characters again and again.
_TOKEN = re.compile(r"\beyJ[\w-]{8,2000}\.[\w-]{8,20000}\.[\w-]*|(?<=[Bb]earer )[\w.~+/-]{8,}=*")


def without_credentials(said: str) -> str:
    """The text with passwords in addresses, private keys, access keys and tokens hidden."""
    return _TOKEN.sub("(hidden)", SECRET_TEXT.sub("(hidden)", URL_PASSWORD.sub("(hidden)", said)))
