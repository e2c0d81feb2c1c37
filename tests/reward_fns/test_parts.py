"""A reward is made of parts, and a part is one function."""

import pytest
from firsthand.reward_fns.parts import Parts, Sample, combine
from omegaconf import OmegaConf

PARTS = Parts()


@PARTS.part
def right(sample: Sample) -> float:
    """1 for the right letter."""
    return sample.choice == sample.truth


@PARTS.part
def words(sample: Sample) -> float:
    """How many words there are."""
    return len(sample.text.split())


ANSWER = Sample("yes <answer>B</answer>", "B", {"letters": "AB"})


def test_the_score_is_the_weighted_sum_and_every_part_is_there():
    assert combine(PARTS, {"right": 2.0, "words": -0.25}, ANSWER) == {"score": 1.5, "right": 1.0, "words": 2.0}
    assert combine(PARTS, {}, ANSWER) == {"score": 0.0, "right": 1.0, "words": 2.0}
    assert list(combine(PARTS, {"words": 1.0}, Sample("", None))) == ["score", "right", "words"]


def test_the_weights_of_a_recipe_may_be_those_of_omegaconf():
    assert combine(PARTS, OmegaConf.create({"right": 1}), ANSWER)["score"] == 1.0


def test_an_unknown_part_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="parts: rihgt is not one of right, words"):
        combine(PARTS, {"rihgt": 1.0}, ANSWER)


def test_a_part_says_what_it_pays():
    with pytest.raises(TypeError, match="nameless: a part of a reward needs a docstring"):

        @Parts().part
        def nameless(sample):
            return 0.0


def test_a_response_without_a_trace_has_none():
    with pytest.raises(KeyError, match="trace"):
        ANSWER.trace  # noqa: B018
