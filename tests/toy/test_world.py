"""Things are told apart by colour, and a use never gives away the thing."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.toy.week import sprites, world

rngs = st.integers(0, 10**6).map(random.Random)


def test_each_thing_has_its_own_colour_and_a_known_home():
    assert {thing.colour for thing in world.THINGS.values()} == set(world.COLOURS)
    assert len(world.THINGS) == len(world.COLOURS)
    assert {thing.home for thing in world.THINGS.values()} == set(world.ROOMS)


def test_colours_are_far_apart_from_each_other_and_from_hands_and_table():
    palette = np.array([*world.COLOURS.values(), sprites.SKIN, sprites.GLOVE, sprites.TABLE], float)
    distance = np.abs(palette[:, None] - palette[None]).sum(-1)
    assert distance[~np.eye(len(palette), dtype=bool)].min() > 80


def test_words_are_a_small_vocabulary_without_repeats():
    assert 150 <= len(world.WORDS) <= 220
    assert len(set(world.WORDS)) == len(world.WORDS)
    assert all(word == word.lower() and " " not in word for word in world.WORDS)


@given(rngs, st.none() | st.sampled_from(world.OBJECTS))
def test_tables_hold_four_things_and_what_is_carried_in(rng, carried):
    table = world.random_table(rng, carried)
    assert len(set(table)) == len(table) == world.SLOTS
    assert carried is None or carried in table


@given(rngs)
def test_a_use_happens_only_where_all_four_things_allow_it(rng):
    state = world.random_state(rng)
    if state.verb in world.USES:
        assert world.USES[state.verb].issuperset(state.table)


@pytest.mark.parametrize("verb", [None, "hold", *world.VERBS])
def test_drills_draw_every_verb(verb):
    assert verb in {world.random_state(random.Random(seed)).verb for seed in range(200)}
