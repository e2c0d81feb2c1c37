"""Rewards for mathematical answers, compared by `math-verify` (extra `rewards`): 1/2 is 0.5, and 1 + x is x + 1.

An expression may take for ever, and the library's own deadline is a signal, which only a main thread gets; veRL calls
rewards in others. So one child of each process compares, one pair at a time. It has `SECONDS` for each. What takes
longer is wrong, the child is killed, and the next pair gets a new one.
"""

import atexit
import json
import os
import selectors
import subprocess
import sys
import threading
from pathlib import Path

from firsthand.reward_fns.parts import Parts, Sample

PARTS = Parts()
SECONDS = 3.0
_MOST = 2_000  # characters of an expression; of a longer response its end
_CHILD = [sys.executable, "-P", str(Path(__file__).with_name("formulas_child.py"))]


@PARTS.part
def formula(sample: Sample) -> float:
    """1 where the answer tag holds one expression that is equal to the gold answer."""
    return 0 < len(sample.answer) <= _MOST and COMPARER.equal(as_formula(sample.gold), as_formula(sample.answer))


@PARTS.part
def formula_released(sample: Sample) -> float:
    """1 where an expression anywhere in the response is equal to the gold answer, as Open-R1-Video's code looks."""
    return COMPARER.equal(f"<answer>{sample.gold}</answer>", sample.text[-_MOST:])


def as_formula(text: str) -> str:
    """The library looks for expressions between dollar signs, and for plain numbers in any text."""
    return text if "$" in text else f"${text}$"


class Comparer:
    """The child, started with the first pair."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """A forked process leaves the child to the one that it was forked from."""
        self._lock, self._child = threading.Lock(), None

    def equal(self, gold: str, said: str) -> bool:
        pair = json.dumps({"gold": gold, "said": said}).encode() + b"\n"
        with self._lock:
            for _ in range(2):  # it may have died since the last pair, or of this one
                if (answer := self._answer(pair)) or answer is None:
                    break
            return answer == b"true\n"

    def _answer(self, pair: bytes) -> bytes | None:
        """Nothing of a child that is dead; None of one that was too slow, and is dead now."""
        child = self._child or self._begin()
        try:
            child.stdin.write(pair)
            child.stdin.flush()
            answer = self._line(SECONDS)
        except OSError:
            answer = b""
        if not answer:
            self.end()
        return answer

    def _begin(self) -> subprocess.Popen[bytes]:
        self._child = subprocess.Popen(_CHILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self._line(60.0) != b"ready\n":
            self.end()
            raise RuntimeError("mathematical answers need math-verify: pip install 'firsthand[rewards]'")
        return self._child

    def _line(self, seconds: float) -> bytes | None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._child.stdout, selectors.EVENT_READ)
            return self._child.stdout.readline() if selector.select(seconds) else None

    def end(self) -> None:
        if child := self._child:
            self._child = None
            child.kill()
            child.communicate()


COMPARER = Comparer()
atexit.register(COMPARER.end)
os.register_at_fork(after_in_child=COMPARER.forget)
