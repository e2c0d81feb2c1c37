"""Ego3S's reward: what is read, what is grounded, and what policies under pressure earn by it, with the tiny CLIP.

The regions are drawn, so what is in the hand is known: a red cup. The threshold is that of the tiny CLIP.
"""

import asyncio
import math
import os
import sys
from pathlib import Path

import pytest
from firsthand.reward_fns import ego3s, groups, text_scorer
from firsthand.reward_fns.objects import PRESETS, Reading, named

from firsthand.rollout.telemetry import Rollout

pytest.importorskip("transformers")
CLIP = str(Path(__file__).parents[2] / "models/tiny_clip")
THRESHOLD = 0.556
TEXT = "<think>t</think>\n<answer>B</answer>\n<object>{}</object>"


@pytest.mark.parametrize(("said", "strict", "released"), [
    ("cup, lamp", ["cup", "lamp"], ["cup", "lamp"]),
    (" cup ,, ,lamp , ", ["cup", "lamp"], ["cup", "lamp"]),
    ("cup, Cup, cup", ["cup"], ["cup", "Cup", "cup"]),
    ("", [], []),
    ("cup</object><object>lamp", ["cup"], ["cup"]),  # the first block
])  # fmt: skip
def test_the_object_block_is_read_under_flags(said, strict, released):
    assert named(TEXT.format(said)) == strict
    assert named(TEXT.format(said), PRESETS["released"]) == released


@pytest.mark.parametrize("said", ["cup", "<object>cup", "cup</object>", "</object>cup<object>", "<object>" * 50_000])
def test_without_a_closed_block_nothing_is_named(said):
    assert named(said) == [] == named(said, Reading(unique=False))


@pytest.fixture(scope="module")
def grounding(tmp_path_factory) -> dict:
    """Three regions: a cup and a lamp in the hand, and hands that rest."""
    from PIL import Image

    from firsthand.similarity import Similarity, Vectors
    from firsthand.toy.week.motion import layout
    from firsthand.toy.week.render import render_frame
    from firsthand.toy.week.world import State

    states = {
        name: State("kitchen", ("cup", "lamp", "book", "towel"), "hold" if name else None, name or None)
        for name in ("cup", "lamp", "")
    }
    crops = [
        Image.fromarray(render_frame(state)).crop(layout(state).region or (5, 75, 121, 96)) for state in states.values()
    ]
    vectors = Similarity(CLIP).images(crops)
    path = tmp_path_factory.mktemp("vectors") / "regions.npz"
    Vectors(CLIP, dict(zip(("cup", "lamp", "rest"), vectors, strict=True))).write(path)
    return {"regions": str(path), "threshold": THRESHOLD}


def score(grounding: dict, said: str, row: str = "cup", **more) -> dict[str, float]:
    info = {"id": row, "letters": "ABCD", "held": "cup", **more.pop("info", {})}
    return asyncio.run(ego3s.compute_score("toy", TEXT.format(said), "B", info, grounding=grounding, **more))


def test_a_name_is_grounded_where_the_region_shows_it(grounding):
    found = score(grounding, "book, cup")
    assert (found["score"], found["accuracy"], found["format"]) == (2.0, 1.0, 1.0)
    assert (found["objects"], found["grounded"], found["held_named"], found["unmeasured"]) == (2.0, 1.0, 1.0, 0.0)
    assert found["similarity"] > THRESHOLD
    assert score(grounding, "cup", row="lamp")["grounded"] == 0.0
    assert score(grounding, "lamp", row="lamp")["grounded"] == 1.0
    assert score(grounding, "cup", row="rest")["grounded"] == 0.0, "hands that rest show nothing"


def test_every_sample_has_the_same_keys(grounding):
    samples = [score(grounding, "cup"), score(grounding, ""), score(grounding, "cup", row="unknown")]
    samples.append(score(grounding, "cup", preset="released"))
    assert len({tuple(sample) for sample in samples}) == 1


def test_a_row_without_a_region_is_not_measured_and_not_punished(grounding):
    found = score(grounding, "cup", row="unknown")
    assert found["score"] == 2.0 and found["unmeasured"] == 1.0
    assert math.isnan(found["grounded"]) and math.isnan(found["similarity"])


def test_a_scorer_that_fails_is_a_fault_and_no_reward(grounding, monkeypatch):
    async def fails(model, texts):
        raise ConnectionError("the actor is gone")

    monkeypatch.setattr(text_scorer, "read", fails)
    found = score(grounding, "cup")
    assert found["unmeasured"] == 1.0 and math.isnan(found["grounded"]) and found["score"] == 2.0


def rollouts(grounding: dict, said: list[str], preset: str = "strict", pays: str = "paper") -> list[Rollout]:
    parts = [score(grounding, text, preset=preset) for text in said]
    made = [Rollout(f"q_{number}_0", part["score"], part) for number, part in enumerate(parts)]
    groups.scarcity(made, preset=pays)
    return made


LONG = "cup" + " the thing in my hand" * 20  # 101 words; the tiny CLIP reads 16, a released one 77
SYNONYMS = "cup, the cup, cup in my hand, a cup, my cup, this cup, that cup, one cup"  # eight names of one thing


@pytest.mark.parametrize(("said", "preset", "grounded", "objects"), [
    ("", "strict", 0, 0),  # nothing named costs nothing but the reward
    ("hand", "strict", 0, 1),  # a word that fits everywhere fits nowhere, for this CLIP
    ("cup, cup, cup, cup, cup, cup, cup", "strict", 1, 1),
    ("cup, cup, cup, cup, cup, cup, cup", "released", 1, 7),
    (SYNONYMS, "strict", 1, 8),
    (LONG, "strict", 1, 1),  # cut, its beginning is read
    (LONG, "released", 0, 1),
    (f"cup, {LONG}", "released", 0, 2),  # one name that is too long leaves the list unread
    ("cup, lamp, book, towel, plant, can, hammer, box, soap, phone, bottle, pillow", "strict", 1, 12),
])  # fmt: skip
def test_degenerate_policies(grounding, said, preset, grounded, objects):
    found = score(grounding, said, preset=preset)
    assert (found["grounded"], found["objects"]) == (grounded, objects)


def test_what_spam_earns_in_a_group_by_hand(grounding):
    """Two of four are grounded: 1.1 - 0.5 = 0.6 each. `paper`: twelve names cost 0.5 x 7 = 3.5, eight 1.5; `released`:
    0.8 x 0.6 = 0.48, twelve cost 0.025 x 4 = 0.1, eight nothing. Answer and form are worth 2 to all."""
    everything = "cup, lamp, book, towel, plant, can, hammer, box, soap, phone, bottle, pillow"
    said = ["cup", everything, "lamp", ""]
    assert [r.score for r in rollouts(grounding, said)] == pytest.approx([2.6, 2.6 - 3.5, 2.0, 2.0])
    assert [r.score for r in rollouts(grounding, said, pays="released")] == pytest.approx([2.48, 2.38, 2.0, 2.0])
    spam = rollouts(grounding, [SYNONYMS, "lamp", "lamp", "lamp"])
    assert spam[0].score == pytest.approx(2 + (1.1 - 0.25) - 1.5)
    assert spam[0].parts["object_list"] == -1.5 and spam[0].parts["scarcity"] == pytest.approx(0.85)


def test_names_of_the_same_moment_are_read_in_one_batch_and_never_again():
    texts = text_scorer.Texts(CLIP)

    async def ask():
        return await asyncio.gather(*(texts.read(names) for names in (["cup"], ["lamp", "cup"], ["the book"])))

    first = asyncio.run(ask())
    assert texts.batches == 1 and [len(vectors) for vectors, _ in first] == [1, 2, 1]
    assert (first[0][0][0] == first[1][0][1]).all()
    asyncio.run(ask())
    assert texts.batches == 1
    _, long = asyncio.run(texts.read(["cup", LONG]))
    assert long == [False, True] and texts.batches == 2


def test_old_names_make_room(monkeypatch):
    monkeypatch.setattr(text_scorer, "MOST", 2)
    texts = text_scorer.Texts(CLIP)
    for names in (["cup"], ["lamp"], ["book"], ["cup", "towel", "lamp"]):
        vectors, _ = asyncio.run(texts.read(names))
        assert len(vectors) == len(names)
    assert len(texts.known) == 2


@pytest.mark.e2e
def test_all_reward_workers_of_a_run_ask_one_model():
    """Two processes of Ray ask at the same moment: one actor answers both, and no worker loads a model."""
    ray = pytest.importorskip("ray")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)

    @ray.remote(num_cpus=1)
    def ask(name: str) -> tuple[int, str, bool]:
        read, _ = asyncio.run(text_scorer.read(CLIP, [name]))
        actor = ray.get_actor(f"texts of {CLIP}")
        return os.getpid(), actor._actor_id.hex(), "torch" in sys.modules and bool(read.shape)

    try:
        answers = ray.get([ask.remote("cup"), ask.remote("lamp")])
    finally:
        ray.shutdown()
    workers, actors, loaded = map(set, zip(*answers, strict=True))
    assert len(workers) == 2 and len(actors) == 1 and loaded == {False}
