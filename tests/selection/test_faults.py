"""What fails, and what is kept of it: servers, kills, rows, rewards, settings."""

import asyncio
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import Any

import pytest

from firsthand.errors import UserError
from firsthand.selection.ledger import Entry
from firsthand.selection.on_ray import Actor
from firsthand.selection.run import run

COMPLETE = {"name": "csm", "risk": None}


def ledger(recipe: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in recipe.ledger.read_text().splitlines()]


def answers(recipe: Any) -> list[dict[str, Any]]:
    """The requests in the log, half a line at its end left out."""
    lines = (recipe.generations / "0.jsonl").read_bytes().split(b"\n")[:-1]
    return [line for line in map(json.loads, lines) if "outputs" in line]


def asked_for(server: Any) -> int:
    return sum(body["n"] for body in server.requests)


def test_a_server_that_dies_is_replaced_by_the_others(model, make_recipe, by_hand) -> None:
    def hang_up(chat, body, asked):
        return len(chat.server.requests) > 5  # nothing is sent

    dying, sound = model(hang_up), model()
    result = run(make_recipe(dying, sound))
    assert {line["id"] for line in result.lines if line["kept"]} == by_hand


def test_when_the_last_server_dies_the_answers_are_kept(model, make_recipe, by_hand) -> None:
    state = {"left": 20}

    def hang_up(chat, body, asked):
        with chat.server.lock:
            state["left"] -= 1
        return state["left"] < 0

    server = model(hang_up)
    recipe = make_recipe(server)
    with pytest.raises(UserError, match=r"of 40 rows have no scores.*no server answers any more.*run it again"):
        run(recipe)
    assert not recipe.chosen.exists() and Counter(line["reason"] for line in ledger(recipe))["unanswered"] > 10
    state["left"] = 10**6
    before = asked_for(server)
    result = run(recipe)
    assert {line["id"] for line in result.lines if line["kept"]} == by_hand
    answered = result.summary["samples"]
    assert asked_for(server) - before < answered  # the first answers were not asked for again


def test_a_killed_run_goes_on_without_a_repeated_or_lost_generation(model, make_recipe, by_hand, hold) -> None:
    held = hold(21)
    server = model(lambda chat, body, asked: held.passed())
    path = make_recipe(server, file=True)
    command = [sys.executable, "-m", "firsthand.cli", "select", "run", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    held.wait(4, process)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    recipe = make_recipe(server)
    logged = len(answers(recipe))
    assert logged == 21 and len(server.requests) == 25  # four were on their way when it died
    held.release()
    before = len(server.requests)
    result = run(recipe)
    assert {line["id"] for line in result.lines if line["kept"]} == by_hand
    assert len(server.requests) - before == result.summary["requests"] - logged
    ids = [line["id"] for line in answers(recipe)]
    assert len(ids) == len(set(ids)) == result.summary["requests"]


def test_rows_that_cannot_be_asked_stand_in_the_ledger(model, make_recipe, pool) -> None:
    rows = [json.loads(line) for line in (pool / "pool.jsonl").read_text().splitlines()]
    rows[0]["messages"][-1]["content"] = "prior 0 ?"  # no medium
    (pool / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    rows[1]["messages"][-1]["content"][0] = {"type": "image", "image": "broken.jpg"}
    rows[3].pop("answer")
    (pool / "odd.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    regions = (pool / "regions.jsonl").read_text().splitlines()
    (pool / "regions.jsonl").write_text("\n".join(regions[:2] + regions[3:]) + "\n")
    server = model()
    result = run(make_recipe(server, pool=str(pool / "odd.jsonl")))
    found = {line["number"]: (line["reason"], line["why"]) for line in result.lines[:4]}
    assert found[1][0] == "no medium" and found[3][0] == "region missing" and found[4][0] == "row unreadable"
    assert found[2][0] == "medium undecodable" and "broken.jpg: not a readable image" in found[2][1]
    assert len(result.lines) == 40


def test_another_reward_reads_the_same_answers_and_one_that_fails_loses_none(model, make_recipe, tmp_path) -> None:
    server = model()
    run(make_recipe(server))
    first = asked_for(server)
    (tmp_path / "odd.py").write_text(
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None): 1 / 0"
    )
    broken = "reward: {custom_reward_function: {path: odd.py, name: compute_score}}"
    (tmp_path / "odd.yaml").write_text(broken.replace("odd.py", str(tmp_path / "odd.py")))
    with pytest.raises(UserError, match="ends in ZeroDivisionError"):
        run(make_recipe(server, reward={"recipe": str(tmp_path / "odd.yaml")}))
    server.script = lambda chat, body, asked: time.sleep(len(server.requests) % 5 / 50)  # some are still on their way
    fresh = make_recipe(server, out="fresh", reward={"recipe": str(tmp_path / "odd.yaml")})
    with pytest.raises(UserError, match="ends in ZeroDivisionError"):
        run(fresh)
    assert answers(fresh) and asked_for(server) == first + sum(len(line["outputs"]) for line in answers(fresh))
    (tmp_path / "odd.py").write_text(
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    return {'score': 0.0, 'accuracy': 1.0, 'format': 1.0}"
    )
    server.script, before = None, asked_for(server)
    with pytest.raises(UserError, match="no row is kept"):
        run(make_recipe(server, reward={"recipe": str(tmp_path / "odd.yaml")}))
    assert asked_for(server) - before < first  # only what other scores make necessary


def test_an_actor_of_ray_finishes_what_is_open_when_a_row_fails() -> None:
    """What the others ask for is paid for, and has still to be logged."""
    finished = []

    class Failing(Actor):
        def __init__(self) -> None: ...

        async def _entry(self, packed) -> Entry:
            row, _, _ = packed
            await asyncio.sleep(0)
            if row == "fails":
                raise UserError("no reward")
            await asyncio.sleep(0.01)
            finished.append(row)
            raise UserError("nobody reads its entry any more")

    async def all_of(batch: dict[str, Any]) -> None:
        async for _ in Failing()(batch):
            pass

    with pytest.raises(UserError, match="no reward"):
        asyncio.run(all_of({"row": [pickle.dumps((row, None, [])) for row in ("fails", "open")]}))
    assert finished == ["open"]


def test_a_row_that_a_server_refuses_ends_alone(model, make_recipe) -> None:
    def refuse(chat, body, asked):
        if asked.startswith("scene 1 "):
            chat.send(400, {"error": {"message": "the prompt is too long"}})
            return True

    result = run(make_recipe(model(refuse)))
    assert result.reasons["refused by the server"] == 1
    assert "too long" in next(line["why"] for line in result.lines if line["id"] == "q1")


def test_what_cannot_be_run_says_what_to_do(model, make_recipe, pool) -> None:
    server = model()
    with pytest.raises(UserError, match="the fine filter hides the interaction region; make the file"):
        run(make_recipe(server, regions=None))
    with pytest.raises(UserError, match="asks a model; write `policy` and `reward`"):
        run(make_recipe(server, policy=None))
    with pytest.raises(UserError, match="did you mean 'threshold'"):
        make_recipe(server, method={"name": "csm", "fine": {"treshold": 0.1}})
    with pytest.raises(UserError, match="no part `accuracies`"):
        recipe = {"recipe": "recipes/grpo_qwen3vl_choice.yaml", "accuracy": "accuracies"}
        run(make_recipe(server, reward=recipe))
    (pool / "empty.jsonl").write_text("\n")
    with pytest.raises(UserError, match="no rows"):
        run(make_recipe(server, pool=str(pool / "empty.jsonl")))
    scenes = [line for line in (pool / "pool.jsonl").read_text().splitlines() if '"scene"' in line]
    (pool / "scenes.jsonl").write_text("\n".join(scenes) + "\n")
    nothing = make_recipe(server, out="none", pool=str(pool / "scenes.jsonl"), method=COMPLETE)
    with pytest.raises(UserError, match=r"no row is kept \(.*the largest fine difference is .*lower the thresholds"):
        run(nothing)
    assert len(ledger(nothing)) == 10 and not nothing.chosen.exists()
