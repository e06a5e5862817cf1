"""Merge patches (RFC 7396) and JSON patches (RFC 6902), with the words of Argo CD's library for what goes wrong."""

from __future__ import annotations

from typing import Any

from sandbox.documents import Document, copied


class PatchError(Exception):
    """The patch does not apply."""


def merge_patch(document: Document, patch: Any) -> Document:
    """The document after a merge patch; null removes a key."""
    if not isinstance(patch, dict):
        raise PatchError("invalid JSON merge patch")
    result: Document = {key: copied(value) for key, value in document.items() if patch.get(key, "") is not None}
    for key, value in patch.items():
        if isinstance(value, dict):
            inner = result.get(key)
            result[key] = merge_patch(inner if isinstance(inner, dict) else {}, value)
        elif value is not None:
            result[key] = value
    return result


def json_patch(document: Document, patch: Any) -> Document:
    """The document after a list of add, remove, replace, test, copy and move."""
    if not isinstance(patch, list):
        raise PatchError("json: cannot unmarshal object into Go value of type jsonpatch.Patch")
    result: Document = copied(document)
    for step in patch:
        _apply(result, step)
    return result


def _apply(document: Document, step: Document) -> None:
    name, path = step.get("op"), str(step.get("path", ""))
    if name in ("copy", "move"):
        source = str(step.get("from", ""))
        value = copied(_read(document, source, str(name)))
        if name == "move":
            _remove(document, source, "move")
        _add(document, path, value)
    elif name == "add":
        _add(document, path, step.get("value"))
    elif name == "remove":
        _remove(document, path, "remove")
    elif name == "replace":
        _read(document, path, "replace")
        _remove(document, path, "replace")
        _add(document, path, step.get("value"))
    elif name == "test":
        if _read(document, path, "test") != step.get("value"):
            raise PatchError(f"testing value {path} failed: test failed")
    else:
        raise PatchError(f"Unexpected kind: {name}")


def _parts(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _parent(document: Any, path: str, word: str) -> tuple[Any, str]:
    *parents, last = _parts(path) or [""]
    for key in parents:
        try:
            document = document[int(key)] if isinstance(document, list) else document[key]
        except (KeyError, IndexError, ValueError, TypeError) as error:
            raise PatchError(
                f'{word} operation does not apply: doc is missing path: "{path}": missing value'
            ) from error
    return document, last


def _missing(word: str, path: str, key: str) -> PatchError:
    return PatchError(f"error in {word} for path: '{path}': Unable to {word} nonexistent key: {key}: missing value")


def _read(document: Document, path: str, word: str) -> Any:
    holder, key = _parent(document, path, word)
    try:
        return holder[int(key)] if isinstance(holder, list) else holder[key]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise _missing(word, path, key) from error


def _remove(document: Document, path: str, word: str) -> None:
    holder, key = _parent(document, path, word)
    try:
        del holder[int(key) if isinstance(holder, list) else key]
    except (KeyError, IndexError, ValueError, TypeError) as error:
        raise _missing(word, path, key) from error


def _add(document: Document, path: str, value: Any) -> None:
    holder, key = _parent(document, path, "add")
    if isinstance(holder, list):
        holder.insert(len(holder) if key == "-" else int(key), value)
    else:
        holder[key] = value
