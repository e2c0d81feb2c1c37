"""Tasks that lmms-eval has itself, and ours: the letters read in the same outputs.

On clean outputs they agree. On the corpus they do not, on purpose: theirs read letters in words ("A person ..."), in
thoughts and in refusals, or guess. docs/evaluation.md has the counts.
"""

import json
import os
import subprocess
import warnings
from pathlib import Path

import pytest

from firsthand.answers import extract_letter

from ..reading_corpus import CORPUS, OPTIONS

PYTHON = os.environ.get("FIRSTHAND_LMMS_EVAL", "")
CLEAN = [form.format(letter) for letter in "ABCD" for form in ("{}", "{}.", "({})")]
WHOLE = [f"{letter}. {text}" for letter, text in OPTIONS.items()]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_on_the_same_outputs() -> None:
    if not PYTHON:
        warnings.warn("FIRSTHAND_LMMS_EVAL is not set: readers are NOT compared with lmms-eval 0.7.3", stacklevel=1)
        pytest.skip("FIRSTHAND_LMMS_EVAL: the python of an environment with lmms-eval==0.7.3")
    texts = [*CLEAN, *WHOLE, *(text for _, text, _ in CORPUS)]
    done = subprocess.run(
        [PYTHON, str(Path(__file__).with_name("their_readers.py"))],
        input=json.dumps([texts, list(OPTIONS.values())]), capture_output=True, text=True,
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    theirs, clean = json.loads(done.stdout.splitlines()[-1]), len(CLEAN) + len(WHOLE)
    ours, persons = [extract_letter(text, OPTIONS) for text in texts], [letter for _, _, letter in CORPUS]
    false = {"ours": _false(ours[clean:], persons)}
    for name, letters in theirs.items():
        assert letters[:clean] == ours[:clean], name
        false[name] = _false(letters[clean:], persons)
    print(f"false letters in {len(CORPUS)} forms of output: {false}")
    assert false.pop("ours") == 0 and min(false.values()) > 50


def _false(letters: list[str | None], persons: list[str | None]) -> int:
    return sum(letter is not None and letter != person for letter, person in zip(letters, persons, strict=True))
