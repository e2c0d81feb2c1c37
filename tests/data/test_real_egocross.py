"""The whole of EgoCross as its owners publish it, from the folder in FIRSTHAND_REAL_FILES. No row of it is copied."""

import os
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from firsthand import files
from firsthand.data.build.build import Options, build
from firsthand.data.build.catalogue import release
from firsthand.data.build.releases.egocross import type_of
from firsthand.question import Question

REAL = os.environ.get("FIRSTHAND_REAL_FILES", "")
pytestmark = pytest.mark.skipif(not REAL, reason="FIRSTHAND_REAL_FILES is not set: nothing is checked on real files")
SPAN = re.compile(r"from (\d+(?:\.\d+)?)\s*s? to (\d+(?:\.\d+)?)\s*s")
CUT = {"54", "62"}  # rows whose last frames are missing from the release


def questions(name: str, out: Path) -> list[Question]:
    build(release(name), Path(REAL) / "egocross", out, ["eval"], Options(), lambda *_: None)
    return [Question.from_eval(row) for row in files.read_jsonl(out / "eval.jsonl")]


@pytest.fixture(scope="module")
def test_set(tmp_path_factory) -> list[Question]:
    return questions("egocross_test", tmp_path_factory.mktemp("test"))


@pytest.fixture(scope="module")
def support(tmp_path_factory) -> list[Question]:
    return questions("egocross_support", tmp_path_factory.mktemp("support"))


def spans(rows: list[Question]) -> dict[str, tuple[float, list[float]]]:
    """By row: the seconds that the question names, and the times of its frames. Questions of ExtrameSportFPV name the
    span of an action in their clip, and those of ENIGMA's support set have no clock."""
    named = {row.id: SPAN.search(row.question) for row in rows if row.labels["dataset"] != "ExtrameSportFPV"}
    times = {row.id: row.times for row in rows}
    return {id: (float(m[2]) - float(m[1]), times[id]) for id, m in named.items() if m and times[id]}


def test_all_957_questions_have_the_clock_that_they_name(test_set) -> None:
    assert len(test_set) == 957 and sum(len(row.images) for row in test_set) == 10748
    assert all(len(row.times) == len(row.images) and row.times[0] == 0 for row in test_set)
    checked = spans(test_set)
    assert len(checked) == 336
    for id, (span, times) in checked.items():
        step = min((later - earlier for earlier, later in pairwise(times)), default=2.0)
        assert id in CUT or times[-1] <= span <= times[-1] + step, id


def test_all_80_rows_of_the_support_set_have_theirs(support) -> None:
    assert len(support) == 80
    clocked = Counter(row.labels["dataset"] for row in support if row.times)
    assert clocked == {"EgoPet": 20, "ExtrameSportFPV": 20, "CholecTrack20": 10, "EgoSurgery": 10}
    checked = spans(support)
    assert len(checked) == 13
    for span, times in checked.values():
        assert times[-1] <= span <= times[-1] + min(later - earlier for earlier, later in pairwise(times))


def test_all_questions_have_the_type_that_their_words_say(test_set, support) -> None:
    """The test set states its types, which the words must give too; the support set's folders state 78 of 80."""
    assert [type_of(row.question) for row in test_set] == [row.labels["question_type"] for row in test_set]
    assert all(row.labels["question_type"] for row in support)


def test_no_frame_is_shown_out_of_order(test_set, support) -> None:
    for row in [*test_set, *support]:
        numbers = [int(re.findall(r"\d+", Path(path).stem)[-1]) for path in row.images]
        assert numbers == sorted(set(numbers)), row.id
