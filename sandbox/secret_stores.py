"""Places outside the cluster that hold secrets, each under a remote key and a property, as a vault does."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.store import Store

KIND = "secret-store"


class SecretMissing(Exception):
    """The store has no such secret; the text is what the operator says of it."""


class SecretStores:
    """Stores by name. One that was never filled is not known here: whoever asks it gets what it likes."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def names(self) -> dict[str, dict[str, list[str]]]:
        """Every store with its remote keys and their properties; never a value."""
        return {
            name: {key: sorted(properties) for key, properties in sorted(held["secrets"].items())}
            for name, held in self._store.all(KIND).items()
        }

    def is_known(self, store: str) -> bool:
        """Whether the store was filled at least once."""
        return self._store.get(KIND, store) is not None

    def fill(self, store: str, secrets: Mapping[str, Mapping[str, str]]) -> None:
        """Add or replace these secrets: remote key to property to value."""
        held = self._store.get(KIND, store) or {"secrets": {}}
        for key, properties in secrets.items():
            held["secrets"][key] = {**held["secrets"].get(key, {}), **properties}
        self._store.put(KIND, store, held)

    def forget(self, store: str, key: str) -> bool:
        """Remove a remote key with all of its properties; False where it is not there."""
        held = self._store.get(KIND, store)
        if held is None or held["secrets"].pop(key, None) is None:
            return False
        self._store.put(KIND, store, held)
        return True

    def value(self, store: str, key: str, name: str) -> str:
        """The value of a property (of the only one where `name` is empty). Raises SecretMissing."""
        held = self._store.get(KIND, store) or {"secrets": {}}
        properties = held["secrets"].get(key)
        if not properties:
            raise SecretMissing("Secret does not exist")
        if not name and len(properties) == 1:
            return str(next(iter(properties.values())))
        if name not in properties:
            raise SecretMissing(f'cannot find secret data for key: "{name}"')
        return str(properties[name])
