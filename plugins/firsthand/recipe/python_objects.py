"""Functions and classes that a recipe names in Python files, looked up without running the files."""

import ast
from pathlib import Path

from firsthand.findings import RULES, Finding, Place
from firsthand.recipe import named_files
from firsthand.recipe.python_source import definitions, module_file, package_folder, parse
from firsthand.recipe.values import did_you_mean

NO_OBJECT = RULES["VR012"]
SIGNATURE = RULES["VR031"]
UNPARSABLE = (SyntaxError, ValueError, OSError, RecursionError, MemoryError)
REWARD_ARGUMENTS = ("data_source", "solution_str", "ground_truth", "extra_info")


def source_of(path: str) -> Path | None:
    """The file behind `some/file.py`, `file://some/file.py` or `pkg://some.module`; None if there is no such file."""
    if path.startswith("pkg://"):
        return module_file(path.removeprefix("pkg://").replace("/", "."))
    file = named_files.find(path.removeprefix("file://"))
    return file if file is not None and file.is_file() else None


def names_read(file: Path) -> frozenset[str]:
    """Every attribute and every string in a file: what it may read from a config."""
    try:
        nodes = list(ast.walk(parse(file)))
    except UNPARSABLE:
        return frozenset()
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return frozenset(attributes | {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)})


def look_up(place: Place, file: Path, name: str) -> tuple[ast.AST | None, Finding | None]:
    """The definition of a name in a file; neither definition nor finding when it cannot be decided."""
    try:
        found = definitions(parse(file))
    except UNPARSABLE as error:
        broken = Place(str(file), getattr(error, "lineno", None), name)
        return None, NO_OBJECT.at(broken, f"not readable as Python: {error}", "correct the file")
    if found is None or name in found:
        return (found or {}).get(name), None
    return None, NO_OBJECT.at(
        place,
        f"{file} does not define `{name}`",
        did_you_mean(name, found, f"define it: {', '.join(sorted(found)[:6])} are there"),
    )


def look_up_dotted(place: Place, dotted: str) -> Finding | None:
    """`package.module.Name`, as in `_target_` and `class_name`."""
    module, _, name = dotted.rpartition(".")
    if not module:
        return NO_OBJECT.at(place, f"`{dotted}` is not a `package.module.Name`", "write the full name")
    file = module_file(module)
    if file is not None:
        return look_up(place, file, name)[1]
    local = named_files.find(module.replace(".", "/") + ".py")
    if local is not None:
        return look_up(place, local, name)[1]
    if package_folder(module.split(".")[0]) is None:
        return NO_OBJECT.at(place, f"the package of `{dotted}` is not installed", "install it, or correct the name")
    return NO_OBJECT.at(place, f"there is no module `{module}`", "correct the name")


def takes_reward_arguments(place: Place, file: Path, node: ast.AST | None) -> Finding | None:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.args.kwarg:
        return None
    accepted = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
    lacking = [name for name in REWARD_ARGUMENTS if name not in accepted]
    if not lacking:
        return None
    where = Place(str(file), node.lineno, place.key)
    return SIGNATURE.at(where, f"`{node.name}` does not take {', '.join(lacking)}", "add the arguments, or **kwargs")
