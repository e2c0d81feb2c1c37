"""No pattern of this package can be made slow by a long text, whoever wrote the text.

Patterns that are written out or compiled once are found in the source, so a new one is tried without being listed here;
one that a call puts together is not. It is searched in texts that
repeat the characters it knows itself, one and two at a time, with an end that disappoints it. A pattern that backtracks
over a run of them takes at least the square of its length: a third of a second for these texts, or for ever.
"""

import ast
import importlib
import re
import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from firsthand import cli, reward_fns

ROOTS = {"firsthand": Path(cli.__file__).parent, "firsthand.reward_fns": Path(reward_fns.__file__).parent}
LENGTH, MOST_SECONDS = 8_000, 0.15
METHODS = {"search", "match", "fullmatch", "sub", "subn", "split", "findall", "finditer"}


def used(tree: ast.Module, owner: str) -> Iterator[tuple[str, ast.Call]]:
    """The calls of `owner`'s methods: `re.sub(...)`, `_KEY.fullmatch(...)`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)) if (
                name == owner and method in METHODS
            ):
                yield method, node


def patterns() -> Iterator[tuple[str, str, int, str]]:
    """Where it stands, the pattern, its flags, and how it is used: those written out, and what a module compiles."""
    for package, path in ((package, path) for package, root in ROOTS.items() for path in sorted(root.rglob("*.py"))):
        parts = path.relative_to(ROOTS[package]).with_suffix("").parts
        where, source = "/".join([*package.split(".")[1:], *parts]), path.read_text()
        if "re." not in source or "patches" in where:
            continue
        tree = ast.parse(source)
        for method, call in used(tree, "re"):
            if call.args and isinstance(call.args[0], ast.Constant):
                yield where, call.args[0].value, 0, method
        if "re.compile(" in source:
            name = ".".join([package, *parts]).removesuffix(".__init__")
            for owner, kept in vars(importlib.import_module(name)).items():
                methods = {method for method, _ in used(tree, owner)} or {"search"}
                for one in kept if isinstance(kept, list | tuple) else [kept]:
                    if isinstance(one, re.Pattern) and isinstance(one.pattern, str):
                        yield from ((where, one.pattern, one.flags, method) for method in methods)


ALL = sorted(set(patterns()))


def letters(pattern: str) -> list[str]:
    """Characters that the pattern names, and one of each kind that it may mean by a class."""
    named = re.sub(r"\\[a-zA-Z]", "", pattern)
    return list(dict.fromkeys([" ", "\n", "a", "0", "<", ".", *(c for c in named if not c.isalnum())]))[:12]


def texts(pattern: str) -> Iterator[str]:
    known = letters(pattern)
    words = [word for word in re.findall(r"[A-Za-z<>/|_]{2,}", pattern) if len(word) < 20][:6]
    pumps = [*known, *map("".join, product(known[:6], repeat=2)), *words, *(f"{word} " for word in words)]
    for pump, begin, end in product(pumps, ("", *words[:2]), ("", "\x00")):
        yield begin + pump * (LENGTH // len(pump)) + end


def test_patterns_are_found() -> None:
    assert len(ALL) > 100
    assert {"answers", "tools/text", "data/read/rows", "reward_fns/numeric"} <= {where for where, *_ in ALL}


@pytest.mark.parametrize(("where", "pattern", "flags", "method"), ALL, ids=lambda value: str(value)[:40])
def test_a_pattern_takes_no_longer_than_its_text(where: str, pattern: str, flags: int, method: str) -> None:
    method = method if method in ("match", "fullmatch") else "search"  # the others search again and again
    find = getattr(re.compile(pattern, flags), method)
    for text in texts(pattern):
        began = time.process_time()
        find(text)
        assert time.process_time() - began < MOST_SECONDS, f"{where}: {pattern!r} on {text[:40]!r}..."


def test_a_quadratic_pattern_is_noticed() -> None:
    with pytest.raises(AssertionError):
        test_a_pattern_takes_no_longer_than_its_text("here", r"\s+$", 0, "sub")
