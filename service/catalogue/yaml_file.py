"""YAML whose every value knows its line, for errors that say where they are."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 1 << 20
MAX_VALUES = 100_000  # aliases counted as often as they are used

Location = Sequence[str | int]

_BOOL = "tag:yaml.org,2002:bool"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class YamlError(Exception):
    """A text that is no YAML we take, and the line (from 1) that shows it."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Plain values as YAML 1.2 has them: `no` is Norwegian, not false; a date is a text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the class above has it
        first: [(tag, regexp) for tag, regexp in resolvers if tag not in {_BOOL, _TIMESTAMP}]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    _BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True)
class YamlFile:
    """A document's plain data and the nodes that it was made of."""

    data: Any
    root: yaml.Node | None

    def line(self, location: Location = ()) -> int:
        """The line (from 1) of a value's key, or of the deepest part of the location there is."""
        path = list(_path(self.root, location))
        return _line(path[-1]) if path else 1 if self.root is None else _line(self.root)

    def depth(self, location: Location) -> int:
        """How many parts of the location there are in the file."""
        return len(list(_path(self.root, location)))


def parse_yaml(text: str) -> YamlFile:
    """The one document of a text.

    Raises:
        YamlError: It is no YAML, too large, gives a key twice, or an alias holds itself.
    """
    if len(text.encode()) > MAX_BYTES:
        raise YamlError(1, f"the file has more than {MAX_BYTES} bytes, the most that is read")
    try:
        return _read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise YamlError(line, f"this is not YAML: {error.problem or error.context}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlError(line, f"YAML has no character U+{ord(text[error.position]):04X}") from error
    except ValueError as error:  # a number of more digits than Python reads
        raise YamlError(1, f"this is not YAML: {error}") from error
    except RecursionError:
        raise YamlError(1, "this is nested too deeply") from None


def _read(text: str) -> YamlFile:
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return YamlFile(None, None)
        _check_size(root)
        _check_keys(root)
        return YamlFile(loader.construct_document(root), root)
    finally:
        loader.dispose()


def _check_size(root: yaml.Node) -> None:
    """Refuse aliases that unfold to more than anyone would write, or that never end."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            if sizes[id(node)] == 0:
                raise YamlError(_line(node), "this holds an alias of itself")
            return sizes[id(node)]
        sizes[id(node)] = 0  # not known yet
        total = sizes[id(node)] = 1 + sum(map(size, _children(node)))
        if total > MAX_VALUES:
            raise YamlError(_line(node), f"this holds more than {MAX_VALUES} values")
        return total

    size(root)


def _check_keys(root: yaml.Node) -> None:
    """Refuse a key that a mapping gives twice: YAML would take the last in silence."""
    seen, todo = {id(root)}, [root]
    while todo:
        node = todo.pop()
        if isinstance(node, yaml.MappingNode):
            _check_unique([key for key, _ in node.value])
        for child in _children(node):
            if id(child) not in seen:
                seen.add(id(child))
                todo.append(child)


def _check_unique(keys: Sequence[yaml.Node]) -> None:
    lines: dict[tuple[str, str], int] = {}
    for key in keys:
        if isinstance(key, yaml.ScalarNode):
            name, line = (key.tag, key.value), _line(key)
            if name in lines:
                raise YamlError(
                    line, f"the key {key.value!r} is given twice, first in line {lines[name]}"
                )
            lines[name] = line


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _path(node: yaml.Node | None, location: Location) -> Iterator[yaml.Node]:
    """The keys (of mappings) and entries (of lists) on the way to a location, while there are."""
    for part in location:
        found = _child(node, part)
        if found is None:
            return
        key, node = found
        yield key


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The node of a key and that of its value; an entry of a list is both."""
    if isinstance(node, yaml.MappingNode):
        # From behind: what a mapping says itself follows what `<<` merged into it.
        return next((pair for pair in reversed(node.value) if pair[0].value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
