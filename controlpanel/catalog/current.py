"""The catalog that is in force, as a document; read from the row that `loading` stored."""

from __future__ import annotations

from functools import lru_cache

from controlpanel.catalog import document
from controlpanel.catalog.document import CatalogDocument
from controlpanel.catalog.models import CatalogVersion
from controlpanel.core.errors import ConflictError

FILENAME = "platform.yaml"


def current_version() -> CatalogVersion | None:
    """The version in force, or None where none was ever loaded."""
    return CatalogVersion.objects.filter(is_current=True).first()


def current_document() -> CatalogDocument:
    """The document in force. Raises `ConflictError` where no catalog was loaded yet."""
    version = current_version()
    if version is None:
        raise ConflictError("No catalog is loaded yet.", "Run `script/manage load_platform`.")
    return _parsed(version.text)


@lru_cache(maxsize=4)
def _parsed(text: str) -> CatalogDocument:
    return document.parse(text, filename=FILENAME)
