"""YAML as records use it: plain data, and for every value the line it stands in.

Narrower than YAML 1.1 on purpose. ``NO`` is Norway and not false, ``22:30`` is text and
not 1350, a key written twice is an error, and there are no tags, anchors or merge keys, so
a record from a stranger can neither run code nor unfold into gigabytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import yaml

from jupyter_continuum.errors import CatalogueError

MAX_BYTES = 1_000_000
_MAX_DEPTH = 12
_NULL = "tag:yaml.org,2002:null"
_BOOL = "tag:yaml.org,2002:bool"
_INT = "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"
_TEXT = "tag:yaml.org,2002:str"
_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")

Key = str | int


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Composes nodes with the scalar types of YAML 1.2's core schema."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[Any]]] = {}
    _depth = 0

    # Both composers call these around every node. The one in C recurses on the C stack, and
    # 50,000 opening brackets would end the process without an exception.
    def descend_resolver(self, parent: yaml.Node | None, index: object) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _refused(parent, "this is nested deeper than any record is")

    def ascend_resolver(self) -> None:
        self._depth -= 1


for _tag, _pattern, _first in (
    (_NULL, r"^(?:~|null|)$", ["~", "n", ""]),
    (_BOOL, r"^(?:true|false)$", list("tf")),
    (_INT, r"^[-+]?[0-9]{1,18}$", list("-+0123456789")),
    (_FLOAT, r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]{1,3})?$", list("-+.0123456789")),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


@dataclass(frozen=True, slots=True)
class Document:
    """One file, read."""

    path: Path
    text: str
    data: dict[str, Any]

    def depth_of(self, keys: Sequence[Key]) -> int:
        """How many of ``keys``, from the first on, lead to something in this file."""
        return len(_walk(_compose(self.text), keys)[1])

    def flaw(self, keys: Sequence[Key], what: str) -> CatalogueError:
        """The error to raise for the value under ``keys``, or the nearest there is above it."""
        line, found = _walk(_compose(self.text), keys)
        field = ".".join(str(key) for key in found) or "the record"
        return CatalogueError(f"{self.path}, line {line}, field {field}: {what}")


def read(path: Path) -> Document:
    """Read one record; CatalogueError names file and line of what is wrong."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise CatalogueError(f"{path} cannot be read ({error.strerror}).") from error
    if len(raw) > MAX_BYTES:
        raise CatalogueError(f"{path} is larger than {MAX_BYTES} bytes, which no record is.")
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        what = f"{path}, line {line}: this is not UTF-8. Save it as UTF-8."
        raise CatalogueError(what) from error
    try:
        data = parse(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise CatalogueError(f"{path}, line {line}: {_sentence(error.problem)}.") from error
    except yaml.YAMLError as error:
        raise CatalogueError(f"{path}: {_sentence(str(error))}.") from error
    if not isinstance(data, dict):
        raise CatalogueError(f"{path}, line 1: a record is a mapping, as in `id: lumi`.")
    return Document(path, text, data)


def parse(text: str) -> Any:  # plain data, None for an empty text
    """The values of ``text``, which is YAML or JSON; yaml.YAMLError where it is neither."""
    return _build(_compose(text), set())


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()  # type: ignore[no-any-return]
    finally:
        loader.dispose()


def _build(node: yaml.Node | None, seen: set[int]) -> Any:  # Any: what YAML holds
    if node is None:
        return None
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if id(node) in seen:
        raise _refused(node, "anchors and aliases are not allowed in a record; write it out")
    seen.add(id(node))
    if node.tag not in _COLLECTIONS:
        raise _refused(node, f"the tag {node.tag!r} is not allowed in a record")
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, seen) for item in node.value]
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = key_node.value
        if not isinstance(key_node, yaml.ScalarNode):
            raise _refused(key_node, "a field's name is plain text")
        if key in result:
            raise _refused(key_node, f"{key!r} is written twice; remove one of them")
        result[key] = _build(value_node, seen)
    return result


def _scalar(node: yaml.ScalarNode) -> str | int | float | bool | None:
    tag, text = node.tag, node.value
    if tag == _TEXT:
        return str(text)
    if tag == _INT:
        return int(text)
    if tag == _FLOAT:
        return float(text)
    if tag == _BOOL:
        return bool(text == "true")
    if tag == _NULL:
        return None
    raise _refused(node, f"the tag {tag!r} is not allowed in a record")


def _refused(node: yaml.Node | None, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark if node else None)


def _sentence(problem: str | None) -> str:
    return " ".join(str(problem or "this is not YAML").split())


def _walk(node: yaml.Node | None, keys: Sequence[Key]) -> tuple[int, list[Key]]:
    """Line (from 1) of the deepest value that ``keys`` lead to, and the keys that led there.

    A number counts claims; where a field holds one claim alone, it leads nowhere new.
    """
    found: list[Key] = []
    line = 1
    for key in keys:
        if isinstance(key, int) and isinstance(node, yaml.MappingNode):
            continue
        step = _step(node, key)
        if step is None:
            break
        at, node = step
        line = at.start_mark.line + 1
        found.append(key)
    return line, found


def _step(node: yaml.Node | None, key: Key) -> tuple[yaml.Node, yaml.Node] | None:
    """Where ``key`` is written, and what it holds."""
    if isinstance(node, yaml.MappingNode):
        return next((pair for pair in node.value if pair[0].value == key), None)
    if not isinstance(node, yaml.SequenceNode) or not isinstance(key, int):
        return None
    items = [item for item in node.value if isinstance(item, yaml.MappingNode)]
    return (items[key], items[key]) if key < len(items) == len(node.value) else None
