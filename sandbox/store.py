"""Everything that must survive a restart: documents in memory, written through to one SQLite file."""

from __future__ import annotations

import json
import secrets
import sqlite3
from pathlib import Path

from sandbox.documents import Document

VERSION_GAP = 1000
KINDS = ("setting", "project", "application", "object", "event", "secret-store", "tenant-hub")


class Store:
    """Documents by kind and key. `put` and `delete` mark, `flush` writes all that is marked in one transaction."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._database = sqlite3.connect(directory / "sandbox.sqlite3", check_same_thread=False)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=OFF")  # a killed process loses nothing, only a dead machine does
        self._database.execute("PRAGMA busy_timeout=5000")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key))"
        )
        self._database.commit()
        self._documents: dict[str, dict[str, Document]] = {kind: self.read_all(kind) for kind in KINDS}
        self._dirty: set[tuple[str, str]] = set()
        # A killed process may have shown versions that it did not write down; none is given out twice.
        self._version = int(self._documents["setting"].get("version", {}).get("value", -750)) + VERSION_GAP

    def read_all(self, kind: str) -> dict[str, Document]:
        """The documents of a kind as the file has them now, also those that another process wrote."""
        rows = self._database.execute("SELECT key, body FROM documents WHERE kind = ? ORDER BY rowid", (kind,))
        return {key: json.loads(body) for key, body in rows}

    def all(self, kind: str) -> dict[str, Document]:
        """The documents of a kind, by key. Not a copy: change them only together with `put`."""
        return self._documents[kind]

    def get(self, kind: str, key: str) -> Document | None:
        """One document, or None."""
        return self._documents[kind].get(key)

    def put(self, kind: str, key: str, document: Document) -> None:
        """Keep the document; it is on disk after the next `flush`."""
        self._documents[kind][key] = document
        self._dirty.add((kind, key))

    def delete(self, kind: str, key: str) -> None:
        """Forget the document; no error if it is not there."""
        self._documents[kind].pop(key, None)
        self._dirty.add((kind, key))

    def next_version(self) -> str:
        """A new resourceVersion: an integer as text, greater than every one before, across restarts too."""
        self._version += 1
        return str(self._version)

    @property
    def version(self) -> str:
        """The newest resourceVersion that was given out."""
        return str(self._version)

    def flush(self) -> None:
        """Write everything that was put or deleted since the last flush, in one transaction."""
        if not self._dirty:
            return
        self.put("setting", "version", {"value": self._version})
        with self._database:
            for kind, key in self._dirty:
                self._write(kind, key, self._documents[kind].get(key))
        self._dirty.clear()

    def write_now(self, kind: str, key: str, document: Document | None) -> None:
        """Write one document of a kind that is not held in memory (accounts), or remove it."""
        with self._database:
            self._write(kind, key, document)

    def _write(self, kind: str, key: str, document: Document | None) -> None:
        if document is None:
            self._database.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))
            return
        body = json.dumps(document, separators=(",", ":"))
        self._database.execute(
            "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
            (kind, key, body),
        )

    def signing_key(self) -> bytes:
        """The key of all tokens, made by whichever process asks first."""
        made = json.dumps({"value": secrets.token_hex(32)})
        with self._database:
            self._database.execute("INSERT OR IGNORE INTO documents VALUES ('secret', 'signing-key', ?)", (made,))
        return bytes.fromhex(self.read_all("secret")["signing-key"]["value"])

    def close(self) -> None:
        """Write what is left and close the file."""
        self.flush()
        self._database.close()
