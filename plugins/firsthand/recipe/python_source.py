"""Facts read from installed Python sources without importing them.

LLaMA-Factory and veRL import torch, Ray and more on their first line: seconds for a list of names. Their sources say
the same in milliseconds, and always for the version that is installed.
"""

import ast
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@cache
def package_folder(name: str) -> Path | None:
    """The folder of an installed top-level package, or None."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).parent if spec and spec.origin and spec.submodule_search_locations else None


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


def module_file(dotted: str) -> Path | None:
    """The source of `package.module`, without importing anything but firsthand itself."""
    top, *rest = dotted.split(".")
    folder = package_folder(top)
    if folder is not None:
        stem = folder.joinpath(*rest)
        for candidate in (stem.with_suffix(".py"), stem / "__init__.py"):
            if candidate.is_file():
                return candidate
    if top == "firsthand":  # firsthand.reward_fns is mapped to another folder in an editable install
        try:
            spec = importlib.util.find_spec(dotted)
        except (ImportError, ValueError):
            return None
        return Path(spec.origin) if spec and spec.origin else None
    return None


def definitions(tree: ast.Module) -> dict[str, ast.AST] | None:
    """Every name that the module defines or imports at its top level; None when `import *` hides some."""
    names: dict[str, ast.AST] = {}
    pending: list[ast.stmt] = list(tree.body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names[node.name] = node
        elif isinstance(node, ast.Import | ast.ImportFrom):
            if any(alias.name == "*" for alias in node.names):
                return None
            names |= {alias.asname or alias.name.split(".")[0]: node for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {t.id: node for target in targets for t in ast.walk(target) if isinstance(t, ast.Name)}
        elif isinstance(node, ast.If | ast.Try | ast.With):
            pending += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
            pending += [stmt for handler in getattr(node, "handlers", []) for stmt in handler.body]
    return names


@dataclass(frozen=True)
class Field:
    name: str
    annotation: str
    choices: tuple[object, ...] = ()  # of a Literal[...], else empty


class Dataclasses:
    """The fields of dataclasses in a set of files, inherited ones too; `outside` holds bases of another library."""

    def __init__(self, files: Iterable[Path], outside: "Dataclasses | None" = None):
        self.outside = outside
        self.classes: dict[str, ast.ClassDef] = {}
        self.aliases: dict[str, str] = {}
        for path in files:
            for node in ast.walk(parse(path)):
                if isinstance(node, ast.ClassDef):
                    self.classes.setdefault(node.name, node)
                elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
                    self.aliases |= {t.id: node.value.id for t in node.targets if isinstance(t, ast.Name)}

    def fields(self, name: str) -> dict[str, Field]:
        name = self.aliases.get(name, name)
        node = self.classes.get(name)
        if node is None:
            return self.outside.fields(name) if self.outside else {}
        found: dict[str, Field] = {}
        for base in node.bases:
            found |= self.fields(base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", ""))
        for stmt in node.body:
            if isinstance(stmt, ast.AnnAssign) and isinstance(stmt.target, ast.Name) and not _is_derived(stmt):
                choices = tuple(
                    constant.value
                    for part in ast.walk(stmt.annotation)
                    if isinstance(part, ast.Subscript) and getattr(part.value, "id", "") == "Literal"
                    for constant in ast.walk(part.slice)
                    if isinstance(constant, ast.Constant)
                )
                found[stmt.target.id] = Field(stmt.target.id, ast.unparse(stmt.annotation), choices)
        return found


def _is_derived(stmt: ast.AnnAssign) -> bool:
    """`field(init=False)` is computed by the class and cannot be set; a ClassVar is not a field."""
    keywords = stmt.value.keywords if isinstance(stmt.value, ast.Call) else []
    no_init = any(k.arg == "init" and getattr(k.value, "value", True) is False for k in keywords)
    return no_init or "ClassVar" in ast.unparse(stmt.annotation)
