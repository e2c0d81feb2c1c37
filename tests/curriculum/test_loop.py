"""The outer loop, with a trainer that leaves veRL's files: what is trained on, what is put away, what a kill costs."""

import json

import pytest

from firsthand.curriculum.loop import run
from firsthand.curriculum.rounds import command, put_away
from firsthand.errors import UserError


def state(recipe) -> dict:
    return json.loads((recipe.out / "state.json").read_text())


def test_rows_change_when_the_policy_does_not(make) -> None:
    """It never changes, so S is 1 at the second probing: an update at step 20. The next may come 20 steps later, at
    40, which is the end. Probes are fixed and never trained on. The place in the file is put away only where the file
    changed. The page shows the words of what entered and left."""
    recipe, trainer = make("out")
    said: list[str] = []
    loop = run(recipe, trainer, said.append)
    assert [one.get("stagnation") for one in loop.stagnation.history] == [None, 1.0, 1.0, 1.0]
    assert [update["step"] for update in loop.updates] == [20]
    [update] = loop.updates
    assert trainer.rows[0] == trainer.rows[1] != trainer.rows[2] == trainer.rows[3]
    assert {*trainer.rows[2]} - {*trainer.rows[1]} == {*update["entered"]}
    assert {*trainer.rows[1]} - {*trainer.rows[2]} == {*update["left"]}
    assert all(int(id[1:]) % 3 == 0 for id in update["entered"])  # only what needs the hands
    assert len(trainer.rows[2]) == len(trainer.rows[0])
    assert any("rows enter" in line for line in said)

    assert len(loop.probes) == 12
    assert not {*loop.probes} & {id for rows in trainer.rows.values() for id in rows}
    for step in (10, 40):
        asked = (recipe.out / f"asked/step_{step:06d}/probe.jsonl").read_text().splitlines()
        assert {json.loads(line)["id"] for line in asked} == {*loop.probes}

    assert trainer.places == {0: False, 1: True, 2: False, 3: True}
    assert (recipe.checkpoints / "global_step_20/data.pt.old").exists()
    put_away(recipe.out / "nowhere")

    page = (recipe.out / "curriculum.html").read_text()
    number = loop.updates[0]["entered"][0][1:]
    assert f"<li>hands {number} ?</li>" in page and 'class="stagnation"' in page


def test_a_killed_curriculum_ends_as_one_in_one_go(make, learner) -> None:
    whole, trainer = make("whole")
    run(whole, trainer, lambda line: None)
    asked = len(learner.requests)
    for dies_in in (0, 1):
        recipe, killed = make(f"killed_in_{dies_in}")
        killed.dies_in = dies_in
        with pytest.raises(KeyboardInterrupt):
            run(recipe, killed, lambda line: None)
        killed.dies_in = None
        run(recipe, killed, lambda line: None)
        assert state(recipe) == state(whole) and killed.rows == trainer.rows
        assert len(learner.requests) == (2 + dies_in) * asked  # nothing was asked twice


def test_a_round_of_verl_has_the_keys_that_its_resume_needs(make) -> None:
    recipe, _ = make("out", overrides=["trainer.n_gpus_per_node=4"], seed=7)
    line = command(recipe, 2, recipe.out / "rows/round_2.parquet")
    assert line[:2] == ["launch/grpo.sh", "recipes/tiny_grpo_qwen3vl_choice.yaml"]
    assert {
        "data.seed=9", "trainer.total_training_steps=30", "trainer.total_epochs=100000", "trainer.save_freq=10",
        "trainer.resume_mode=auto", "actor_rollout_ref.actor.optim.lr_scheduler_type=constant",
        f"data.train_files={recipe.out}/rows/round_2.parquet", f"trainer.default_local_dir={recipe.out}/train",
    } <= {*line}  # fmt: skip
    assert line[-1] == "trainer.n_gpus_per_node=4"  # a key of the user comes last


def test_verl_knows_every_key_of_a_round(make) -> None:
    from firsthand.recipe.hydra_search import compose

    recipe, _ = make("out")
    composed = compose(recipe.train, command(recipe, 0, recipe.out / "rows.parquet")[2:])
    assert composed.trainer.total_training_steps == 10 and composed.trainer.resume_mode == "auto"
    assert composed.actor_rollout_ref.actor.optim.lr_scheduler_type == "constant"


def test_what_cannot_go_on_says_why(make) -> None:
    recipe, trainer = make("all_probes", probes=60)
    with pytest.raises(UserError, match="none of its rows is in the pool and no probe"):
        run(recipe, trainer, lambda line: None)
    from firsthand.curriculum.rounds import train

    recipe, _ = make("broken", launch=["false"])
    with pytest.raises(UserError, match=r"(?s)round 0 ended with code 1 at step 0 of 10.*run the curriculum again"):
        train(recipe, 0, recipe.out / "rows.jsonl")
