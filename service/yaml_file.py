"""Parse YAML and keep the line of every value, for error messages."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

MAX_BYTES = 1 << 20
MAX_VALUES = 100_000  # aliases are counted at each use

Location = Sequence[str | int]

_BOOL = "tag:yaml.org,2002:bool"
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


class YamlError(Exception):
    """A text that is not YAML, or breaks a limit; `line` counts from 1."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Loads plain scalars as in YAML 1.2: `no` (Norwegian) and dates are strings."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class has it too
        first: [(tag, regexp) for tag, regexp in resolvers if tag not in {_BOOL, _TIMESTAMP}]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


_Loader.add_implicit_resolver(
    _BOOL, re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


@dataclass(frozen=True)
class YamlFile:
    """A document's data, and its YAML nodes, which have the lines."""

    data: Any
    root: yaml.Node | None

    def line(self, location: Location = ()) -> int:
        """Return the line (from 1) of a value's key, or of its nearest ancestor in the file."""
        path = list(_path(self.root, location))
        return _line(path[-1]) if path else 1 if self.root is None else _line(self.root)

    def depth(self, location: Location) -> int:
        """Return how many parts of the location exist in the file."""
        return len(list(_path(self.root, location)))


def parse_yaml(text: str) -> YamlFile:
    """Parse a text that holds one document.

    Raises:
        YamlError: It is not YAML, is too large, has a duplicate key or a recursive alias.
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
    except ValueError as error:  # an integer with more digits than Python parses
        raise YamlError(1, f"this is not YAML: {error}") from error
    except (AttributeError, LookupError) as error:  # `!!bool maybe`, for which PyYAML has no error
        raise YamlError(1, "this is not YAML: a value does not fit its tag") from error
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
    """Raise YamlError if unfolded aliases exceed MAX_VALUES, or if an alias is recursive."""
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            if sizes[id(node)] == 0:
                raise YamlError(_line(node), "this holds an alias of itself")
            return sizes[id(node)]
        sizes[id(node)] = 0  # being counted
        total = sizes[id(node)] = 1 + sum(map(size, _children(node)))
        if total > MAX_VALUES:
            raise YamlError(_line(node), f"this holds more than {MAX_VALUES} values")
        return total

    size(root)


def _check_keys(root: yaml.Node) -> None:
    """Raise YamlError for a duplicate key: PyYAML would take the last without a word."""
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
    """Yield the key nodes (of mappings) and item nodes (of lists) along a location, while found."""
    for part in location:
        found = _child(node, part)
        if found is None:
            return
        key, node = found
        yield key


def _child(node: yaml.Node | None, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Return the nodes of a key and of its value; an item of a list is both."""
    if isinstance(node, yaml.MappingNode):
        # Reversed: a mapping's own keys come after those that `<<` merged into it.
        return next((pair for pair in reversed(node.value) if pair[0].value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
