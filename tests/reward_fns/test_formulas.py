"""Formulas are compared in a child with a deadline, from any thread, and nothing of it stays."""

import importlib
import multiprocessing
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from firsthand.reward_fns import formulas
from firsthand.reward_fns.parts import Sample, library

ENDLESS = "9^{9^{9^9}}"


def equal(gold: str, said: str) -> bool:
    return bool(formulas.formula(Sample(f"<think>x</think><answer>{said}</answer>", gold)))


@pytest.mark.parametrize(("gold", "said", "paid"), [
    ("1/2", "0.5", True),
    ("\\frac{1}{2}", "$\\frac12$", True),
    ("x+1", "1+x", True),
    ("3", "\\boxed{3}", True),
    ("3", "4 or 3", False),
    ("3", "3, 4", False),
    ("3", "not 3", False),
    ("3", "4", False),
    ("3", "", False),
])  # fmt: skip
def test_what_is_equal(gold: str, said: str, paid: bool) -> None:
    assert equal(gold, said) == paid


def test_published_code_looks_in_the_whole_response() -> None:
    """The gold answer stands in its tags, where the library finds no number: only a letter's first character pays."""
    assert formulas.formula_released(Sample("It is 12, or 13.", "12")) == 0


def test_it_works_from_any_thread() -> None:
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(equal, ["1/2"] * 8, ["0.5", "0.6"] * 4)) == [True, False] * 4


def test_what_takes_for_ever_is_wrong_and_the_next_one_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert equal("3", "3")
    child = formulas.COMPARER._child
    monkeypatch.setattr(formulas, "SECONDS", 0.5)
    assert not equal("3", ENDLESS)
    assert child.poll() is not None, "the child is gone"
    monkeypatch.undo()
    assert equal("3", "3")


def test_a_child_that_died_is_started_again() -> None:
    assert equal("3", "3")
    formulas.COMPARER._child.kill()
    formulas.COMPARER._child.wait()
    assert equal("3", "3")


def test_the_child_ends_with_its_input() -> None:
    own = formulas.Comparer()
    assert own.equal("3", "3")
    pid = own._child.pid
    own._child.stdin.close()
    own._child.wait(60)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert threading.active_count() < 50


def test_a_forked_process_has_a_child_of_its_own() -> None:
    assert equal("3", "3")
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.starmap(equal, [("1/2", "0.5"), ("3", "4")] * 4) == [True, False] * 4
    assert equal("3", "3")


def test_a_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'firsthand\[rewards\]'"):
        library("no_such_library")
