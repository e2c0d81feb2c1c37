"""YAML with the line of every key, read the way LLaMA-Factory and Hydra (both through OmegaConf) read it.

The frameworks' own errors name neither file nor line, so nodes are walked here by hand. The reader must survive any
bytes: whatever is wrong with a file becomes a finding with a line, never an exception.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from firsthand.findings import RULES, Finding, Place, Rule
from firsthand.recipe.kind import detect

MAX_BYTES = 1 << 20
MAX_NODES = 50_000  # a recipe has hundreds; aliases that expand to more are an attack or an accident

UNREADABLE = RULES["RC001"]
NOT_YAML = RULES["RC002"]
DUPLICATE = RULES["RC003"]
NOT_PLAIN = RULES["RC004"]

MERGE = "tag:yaml.org,2002:merge"
KeyPath = tuple[str | int, ...]


class Loader(yaml.SafeLoader):
    """SafeLoader with OmegaConf's two changes: `1e-4` is a number, and a date is a string."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":float"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"""^([-+]?(\d[\d_]*\.[\d_]*([eE][-+]?\d+)?|\d[\d_]*[eE][-+]?\d+|\.\d[\d_]*([eE][-+]?\d+)?|\.(inf|Inf|INF))
        |\.(nan|NaN|NAN))$""",
        re.VERBOSE,
    ),
    list("-+0123456789."),
)


@dataclass
class Document:
    """A parsed file: plain data, and the line of each key path."""

    path: Path
    text: str = ""
    data: Any = None
    lines: dict[KeyPath, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return detect(self.data)

    def depth(self, key: KeyPath) -> int:
        """How many leading parts of the key stand in this file."""
        return next(n for n in range(len(key), -1, -1) if n == 0 or key[:n] in self.lines)

    def place(self, *key: str | int) -> Place:
        """The line of the key or of its nearest ancestor; line 1 when the file has none of them."""
        return Place(str(self.path), self.lines.get(key[: self.depth(key)], 1), ".".join(map(str, key)) or None)


class _Refused(Exception):
    def __init__(self, rule: Rule, place: Place, message: str, fix: str):
        self.finding = rule.at(place, message, fix)


def load(path: Path) -> tuple[Document | None, list[Finding]]:
    """The document, or None with the reason; duplicate keys are reported and the last one is kept."""
    try:
        return _parse(Document(path, _read(path)))
    except _Refused as refused:
        return None, [refused.finding]


def _read(path: Path) -> str:
    place = Place(str(path))
    try:
        with path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except FileNotFoundError:
        fix = "check the path; it is relative to the folder you are in"
        raise _Refused(UNREADABLE, place, "no such file", fix) from None
    except IsADirectoryError:
        raise _Refused(UNREADABLE, place, "this is a folder", "name a recipe file in it") from None
    except (OSError, ValueError) as error:
        fix = "check the path and its permissions"
        raise _Refused(UNREADABLE, place, f"cannot be opened ({error})", fix) from None
    if len(content) > MAX_BYTES:
        message = "larger than 1 MiB: this is data, not a recipe"
        raise _Refused(UNREADABLE, place, message, "name the recipe, not the data it uses")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = Place(str(path), content.count(b"\n", 0, error.start) + 1)
        message = f"byte {error.start} is not UTF-8 text"
        raise _Refused(UNREADABLE, place, message, "save the file as UTF-8") from None


def _parse(document: Document) -> tuple[Document, list[Finding]]:
    path = str(document.path)
    try:
        loader = Loader(document.text)
        node = loader.get_single_node()
        if node is None:
            raise _Refused(NOT_PLAIN, Place(path, 1), "the file is empty", "write a recipe into it")
        walk = _Walk(loader, document)
        document.data = walk.value(node, (), frozenset())
        return document, walk.findings
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(error.problem or error.context).split())
        if problem.startswith("but "):  # "expected a single document, but found another"
            problem = f"{error.context}, {problem}"
        fix = "indent with spaces, never with tabs" if "\\t" in problem else "correct the syntax on this line"
        rule = NOT_PLAIN if isinstance(error, yaml.constructor.ConstructorError) else NOT_YAML
        raise _Refused(rule, Place(path, mark.line + 1 if mark else None), problem, fix) from None
    except yaml.reader.ReaderError as error:
        place = Place(path, document.text.count("\n", 0, error.position) + 1)
        raise _Refused(NOT_YAML, place, f"control character {error.character!r} in the text", "remove it") from None
    except (RecursionError, ValueError, OverflowError, yaml.YAMLError) as error:
        message = f"cannot be read as YAML ({type(error).__name__}: {str(error)[:120]})"
        raise _Refused(NOT_YAML, Place(path, 1), message, "write plain keys and values") from None


class _Walk:
    """From nodes to plain data, noting lines; stops at cycles, exploding aliases and keys that are not strings."""

    def __init__(self, loader: Loader, document: Document):
        self.loader, self.document = loader, document
        self.findings: list[Finding] = []
        self.nodes = 0

    def place(self, node: yaml.Node, key: KeyPath) -> Place:
        return Place(str(self.document.path), node.start_mark.line + 1, ".".join(map(str, key)) or None)

    def refused(self, node: yaml.Node, key: KeyPath, message: str, fix: str) -> _Refused:
        return _Refused(NOT_PLAIN, self.place(node, key), message, fix)

    def value(self, node: yaml.Node, key: KeyPath, above: frozenset[int]) -> Any:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise self.refused(node, key, f"aliases expand to more than {MAX_NODES} values", "write the values out")
        if id(node) in above:
            raise self.refused(node, key, "an alias contains itself", "remove the alias")
        above = above | {id(node)}
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self.mapping(node, key, above)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.item(child, (*key, index), above) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self.scalar(node, key)
        raise self.refused(node, key, f"tag {node.tag} is not plain data", "remove the tag")

    def item(self, node: yaml.Node, key: KeyPath, above: frozenset[int]) -> Any:
        self.document.lines[key] = node.start_mark.line + 1
        return self.value(node, key, above)

    def scalar(self, node: yaml.ScalarNode, key: KeyPath) -> Any:
        try:
            value = self.loader.construct_object(node)
        except Exception as error:  # PyYAML's constructors raise anything on `!!bool x`, `!!int ""`, an unknown tag
            problem = getattr(error, "problem", None) or f"`{node.value[:40]}` does not fit the tag {node.tag}"
            raise self.refused(node, key, str(problem), "remove the tag or quote the value") from None
        if value is None or isinstance(value, str | int | float):
            return value
        raise self.refused(node, key, f"tag {node.tag} is not plain data", "remove the tag")

    def mapping(self, node: yaml.MappingNode, key: KeyPath, above: frozenset[int]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, child in node.value:
            if name.tag == MERGE:  # `<<: *defaults`, or a list of such: the first one wins, and explicit keys over all
                for source in child.value if isinstance(child, yaml.SequenceNode) else [child]:
                    merged = self.value(source, key, above)
                    if not isinstance(merged, dict):
                        raise self.refused(child, key, "`<<` merges mappings only", "remove it")
                    result = merged | result
        first: dict[str, int] = {}
        for name, child in node.value:
            if not isinstance(name, yaml.ScalarNode):
                raise self.refused(name, key, "a key that is a list or a mapping (unquoted {{braces}}?)", "quote it")
            if name.tag == MERGE:
                continue
            path = (*key, name.value)
            if name.value in first:
                message = f"`{name.value}` is already on line {first[name.value]}"
                self.findings.append(DUPLICATE.at(self.place(name, path), message, "keep one of them"))
            line = name.start_mark.line + 1
            first.setdefault(name.value, line)
            self.document.lines[path] = line
            result[name.value] = self.value(child, path, above)
        return result
