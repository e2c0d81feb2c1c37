"""Labels hold for weeks of any seed and size, and a language prior is worth chance where it should be."""

from collections import Counter, defaultdict

import pytest

from firsthand.toy.week import world
from firsthand.toy.week.check_memory import check_memory
from firsthand.toy.week.check_questions import TYPES, check_questions, options
from firsthand.toy.week.check_splits import check_splits
from firsthand.toy.week.plan import Size
from firsthand.toy.week.questions import LABELS
from firsthand.toy.week.splits import SPLITS

SIZES = [
    Size(),
    Size(seed=7, people=6, days=2, clips=4),
    Size(seed=3, people=3, days=4, sessions=2, questions=300),
    Size(people=1, days=1, sessions=1, clips=1),
    Size(seed=5, sessions=6, clips=12, days=2),
]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_proof_but_those_of_files_holds(in_memory, size):
    folder = in_memory(size)
    for proof in (check_memory, check_questions, check_splits):
        assert proof(folder).failed == []


def test_the_default_week_has_all_labels_types_and_letters_in_equal_parts(in_memory):
    folder = in_memory(Size())
    rows = {row["ID"]: row for row in folder.all_questions()}
    for split, share in zip(SPLITS, (80, 40, 120), strict=True):
        own = [rows[name] for name in folder.splits[split]["questions"]]
        assert Counter(row["answerable_from"] for row in own) == dict.fromkeys(LABELS, share // 4)
        letters = Counter(row["answer"] for row in own)
        assert max(letters.values()) - min(letters.values()) <= len(LABELS)
        assert {row["type"] for row in own} == set(TYPES)
    for rows_of_person in folder.questions.values():
        asked = [(row["query_time"]["date"], row["query_time"]["time"]) for row in rows_of_person]
        assert asked == sorted(asked)


def test_all_language_is_in_the_word_list(in_memory):
    folder = in_memory(SIZES[1])
    texts = [record["generated_text"] for levels in folder.memory.values() for rs in levels.values() for record in rs]
    texts += [
        text for row in folder.all_questions() for text in (row["question"], row["reason"], *options(row).values())
    ]
    used = {word for text in texts for word in text.split(" ")}
    assert used <= set(world.WORDS)


def test_guessing_from_words_alone_is_chance_except_on_prior_questions(in_memory):
    """The best guesser without eyes and memory: for each question and option how often it was right in other weeks."""

    def rows(seeds):
        return [row for seed in seeds for row in in_memory(Size(seed=seed, people=6, days=2)).all_questions()]

    offered, right = Counter(), Counter()
    for row in rows((11, 12)):
        for letter, option in options(row).items():
            offered[row["question"], option] += 1
            right[row["question"], option] += letter == row["answer"]
    hits = defaultdict(list)
    for row in rows((13,)):
        choices = options(row)
        rate = {
            letter: (right[row["question"], option] + 0.25) / (offered[row["question"], option] + 1)
            for letter, option in choices.items()
        }
        hits[row["answerable_from"]].append(max(rate, key=rate.__getitem__) == row["answer"])
    accuracy = {label: sum(found) / len(found) for label, found in hits.items()}
    assert accuracy["prior"] > 0.95
    assert all(0.15 < accuracy[label] < 0.35 for label in ("scene", "interaction", "memory")), accuracy


def test_a_week_too_small_has_fewer_questions_not_wrong_ones(in_memory):
    folder = in_memory(Size(people=1, days=1, sessions=1, clips=1))
    labels = Counter(row["answerable_from"] for row in folder.all_questions())
    assert labels["memory"] == 0 and labels["prior"] == 30
