"""YAML 1.2 read by libyaml's parser, which is four times as fast as one in Python; it never makes a Python object.

`1e-3` is a number, and `on`, `no` and a date are text, as DVC reads them too. What DVC's parser can't read is refused.
"""

import re
from collections.abc import Hashable
from typing import Any

import yaml
from yaml.error import MarkedYAMLError
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pipeline.config.messages import Location

Base: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# The core schema of YAML 1.2, section 10.3.2: what a plain word may be, and the characters that it may begin with.
CORE = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "null": (r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "merge": (r"<<", "<"),
}


class Loader(Base):  # type: ignore[misc, valid-type]
    """Mappings, sequences, text, whole numbers, floats, true, false and null; a key that stands twice is an error."""

    yaml_implicit_resolvers: dict[str, Any] = {}

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        first: dict[str, int] = {}
        _refuse_colons(node, [part for pair in node.value for part in pair])
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise MarkedYAMLError(None, None, "a key must be a single word", key.start_mark)
            if key.value in first:
                what = f"key {key.value!r} is there already, in line {first[key.value]}; keep one of the two"
                raise MarkedYAMLError(None, None, what, key.start_mark)
            first[key.value] = key.start_mark.line + 1
        found: dict[Hashable, Any] = super().construct_mapping(node, deep)
        return found

    def construct_sequence(self, node: SequenceNode, deep: bool = False) -> list[Any]:
        _refuse_colons(node, node.value)
        found: list[Any] = super().construct_sequence(node, deep)
        return found

    def construct_yaml_int(self, node: Node) -> int:
        text = node.value
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)

    def construct_yaml_float(self, node: Node) -> float:
        return float(re.sub(r"\.(?=inf|nan)", "", node.value.lower()))


def _refuse_colons(node: MappingNode | SequenceNode, parts: list[Node]) -> None:
    """Of plain words inside of { } and [ ]: the libyaml that DVC's parser has takes no colon there."""
    for part in parts if node.flow_style else ():
        if isinstance(part, ScalarNode) and not part.style and ":" in part.value:
            what = f"a colon inside of {{ }} or [ ]; put quotes around it: '{part.value}'"
            raise MarkedYAMLError(None, None, what, part.start_mark)


for kind, (pattern, begins) in CORE.items():
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{kind}", re.compile(f"^(?:{pattern})$"), list(begins))
for kind in ("int", "float"):
    Loader.add_constructor(f"tag:yaml.org,2002:{kind}", getattr(Loader, f"construct_yaml_{kind}"))


def read(text: str) -> Any:
    """What YAML text holds. yaml.YAMLError, with line and column, where it is none."""
    loader = Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


class Lines:
    """Where the keys of YAML text stand."""

    def __init__(self, text: str) -> None:
        loader = Loader(text)
        try:
            self._top: Node | None = loader.get_single_node()
        finally:
            loader.dispose()

    def of(self, where: Location) -> int:
        """Line of a key, or of the nearest key above it that is there. A name may be an item of a list of names."""
        node, line = self._top, 1
        for part in where:
            node, found = _below(node, part)
            if node is None:
                break
            line = found
        return line


def _below(node: Node | None, part: str | int) -> tuple[Node | None, int]:
    """(node, line) of a key of a mapping or of an item of a sequence; (None, 0) where there is none."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return value, key.start_mark.line + 1
    elif isinstance(node, SequenceNode):
        items = node.value[part : part + 1] if isinstance(part, int) else [n for n in node.value if n.value == part]
        if items:
            return items[0], items[0].start_mark.line + 1
    return None, 0
