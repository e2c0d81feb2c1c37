"""Selection over a real socket: what is asked, what is kept, what is saved, and what happens when something fails."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from firsthand.errors import UserError
from firsthand.selection.run import run

COMPLETE = {"name": "csm", "risk": None}


def ledger(recipe: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in recipe.ledger.read_text().splitlines()]


@pytest.fixture
def by_hand(truth) -> set[str]:
    """What both published filters keep. Every answer has its form, so R is half of that and half of the accuracy."""
    kept = set()
    for number in range(40):
        blind, full, masked = (truth(number, condition) for condition in ("blind", "full", "masked"))
        if (full - blind) / 2 > 0.1 + 1e-9 and full - masked > 0.5 + 1e-9:
            kept.add(f"q{number}")
    return kept


def answers(recipe: Any) -> list[dict[str, Any]]:
    """The requests in the log, half a line at its end left out."""
    lines = (recipe.generations / "0.jsonl").read_bytes().split(b"\n")[:-1]
    return [line for line in map(json.loads, lines) if "outputs" in line]


def asked_for(server: Any) -> int:
    return sum(body["n"] for body in server.requests)


def test_all_samples_give_the_scores_and_rows_reckoned_by_hand(model, make_recipe, truth, by_hand, pool) -> None:
    server = model()
    recipe = make_recipe(server, method=COMPLETE)
    result = run(recipe)
    assert asked_for(server) == 40 * 3 * 5 and len(server.requests) == 40 * 3
    for line in ledger(recipe):
        number = int(line["id"][1:])
        for condition in ("blind", "full", "masked"):
            assert line[condition] == pytest.approx(truth(number, condition))
        assert line["gain"] == pytest.approx((line["full"] - line["blind"]) / 2)
        assert line["drop"] == pytest.approx(line["full"] - line["masked"])
        assert not line["stopped_early"]
    kept = parquet.read_table(recipe.chosen)
    assert {row["extra_info"]["id"] for row in kept.to_pylist()} == by_hand and 5 <= len(by_hand) <= 12
    assert kept.schema == parquet.read_table(pool / "pool.parquet").schema
    assert {line["label"] for line in ledger(recipe) if line["kept"]} == {"interaction"}
    reasons = {line["label"]: line["reason"] for line in result.lines if not line["kept"]}
    assert reasons["prior"] == "solved blind" and reasons["scene"] == "no drop without the region"
    page = (recipe.out / "selection.html").read_text()
    assert page.count('class="threshold"') == 2 and page.count("data:image/jpeg") >= 3 * len(result.reasons)


def test_three_conditions_differ_in_what_is_shown_and_in_nothing_else(model, make_recipe, truth) -> None:
    server = model()
    run(make_recipe(server, method=COMPLETE))
    bodies = {}
    for body in server.requests:
        content = body["messages"][-1]["content"]
        asked = content if isinstance(content, str) else content[-1]["text"]
        bodies[asked, truth.condition_of(body)] = body
    assert len(bodies) == 120
    for asked, condition in bodies:
        full, other = bodies[asked, "full"], bodies[asked, condition]
        same = ("seed", "n", "temperature", "top_p", "max_tokens", "model")
        assert [full[key] for key in same] == [other[key] for key in same]
        assert full["messages"][0] == other["messages"][0]
        if condition == "blind":
            assert other["messages"][-1]["content"] == asked and "media_io_kwargs" not in other
        if condition == "masked":
            assert [part["type"] for part in full["messages"][-1]["content"]] == [
                part["type"] for part in other["messages"][-1]["content"]
            ]
            assert other.get("media_io_kwargs") == full.get("media_io_kwargs")


def test_stopping_early_changes_no_decision_and_says_so(model, make_recipe, by_hand) -> None:
    server = model()
    recipe = make_recipe(server)
    result = run(recipe)
    assert {line["id"] for line in result.lines if line["kept"]} == by_hand
    assert asked_for(server) < 0.5 * 40 * 15
    assert result.summary["samples"] == asked_for(server) and result.summary["requests"] == len(server.requests)
    assert result.summary["prompt_tokens"] == 100 * len(server.requests)
    early = [line for line in ledger(recipe) if line["stopped_early"]]
    assert early and all(sum(len(seen["accuracy"]) for seen in line["samples"].values()) < 15 for line in early)


def test_other_thresholds_ask_only_for_what_is_missing(model, make_recipe, truth) -> None:
    server = model()
    run(make_recipe(server))
    first = asked_for(server)
    again = run(make_recipe(server))
    assert asked_for(server) == first and again.summary["samples"] == first
    lower = run(make_recipe(server, method={"name": "csm", "fine": {"threshold": 0.1}}))
    assert first < asked_for(server) < 600
    wanted = {
        f"q{n}"
        for n in range(40)
        if truth(n, "full") - truth(n, "blind") > 0.2 + 1e-9 and truth(n, "full") - truth(n, "masked") > 0.1 + 1e-9
    }
    assert {line["id"] for line in lower.lines if line["kept"]} == wanted
    run(make_recipe(server, method=COMPLETE))
    assert asked_for(server) == 600


def test_order_workers_and_servers_decide_nothing(model, make_recipe, pool) -> None:
    one, two, three = model(), model(), model()
    here = run(make_recipe(one, out="a", method={"name": "csm", "risk": 0.02}))
    lines = (pool / "pool.jsonl").read_text().splitlines()
    (pool / "reversed.jsonl").write_text("\n".join(reversed(lines)) + "\n")
    policy = {"model": "tiny", "servers": [two.url, three.url], "retries": 0, "concurrency": 9}
    changes = {"pool": str(pool / "reversed.jsonl"), "method": {"name": "csm", "risk": 0.02}, "policy": policy}
    there = run(make_recipe(out="b", **changes))

    def facts(result):
        return {line["id"]: {key: line[key] for key in line if key != "number"} for line in result.lines}

    assert facts(here) == facts(there) and two.requests and three.requests
    chosen = (make_recipe(out="b", **changes).chosen).read_text().splitlines()
    assert [
        line for line in reversed(lines) if json.loads(line)["id"] in {json.loads(c)["id"] for c in chosen}
    ] == chosen


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


def test_a_killed_run_goes_on_without_a_repeated_or_lost_generation(model, make_recipe, by_hand) -> None:
    def slow(chat, body, asked):
        time.sleep(0.05)

    server = model(slow)
    path = make_recipe(server, file=True)
    command = [sys.executable, "-m", "firsthand.cli", "select", "run", str(path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(server.requests) < 25:
        assert process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    recipe = make_recipe(server)
    logged = len(answers(recipe))
    assert len(server.requests) - logged <= 4  # what was on its way when it died
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
    fresh = make_recipe(server, out="fresh", reward={"recipe": str(tmp_path / "odd.yaml")})
    with pytest.raises(UserError, match="ends in ZeroDivisionError"):
        run(fresh)
    assert answers(fresh) and asked_for(server) == first + sum(len(line["outputs"]) for line in answers(fresh))
    (tmp_path / "odd.py").write_text(
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
        "    return {'score': 0.0, 'accuracy': 1.0, 'format': 1.0}"
    )
    before = asked_for(server)
    with pytest.raises(UserError, match="no row is kept"):
        run(make_recipe(server, reward={"recipe": str(tmp_path / "odd.yaml")}))
    assert asked_for(server) - before < first  # only what other scores make necessary


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


def test_the_released_filter_keeps_what_is_far_from_the_mean(model, make_recipe, truth) -> None:
    recipe = make_recipe(model(), method={"name": "csm", "preset": "released"}, regions=None)
    gains = [(truth(n, "full") - truth(n, "blind")) / 2 for n in range(40)]
    centre = sum(gains) / 40
    wanted = {f"q{n}" for n, gain in enumerate(gains) if abs(gain - centre) > 0.12}
    assert {line["id"] for line in run(recipe).lines if line["kept"]} == wanted


def test_a_share_takes_those_that_fall_most_among_those_that_the_video_helps(model, make_recipe, truth) -> None:
    result = run(make_recipe(model(), method={"name": "csm", "share": 0.1}))
    helped = [n for n in range(40) if truth(n, "full") - truth(n, "blind") > 0.2 + 1e-9]
    helped.sort(
        key=lambda n: (
            -round(truth(n, "full") - truth(n, "masked"), 6),
            -(truth(n, "full") - truth(n, "blind")),
            f"q{n}",
        )
    )
    assert {line["id"] for line in result.lines if line["kept"]} == {f"q{n}" for n in helped[:4]}
    assert result.reasons["below the share"] == len(helped) - 4


@pytest.mark.long
def test_ray_chooses_the_same_rows(model, make_recipe) -> None:
    import ray

    from firsthand.selection.on_ray import on_ray

    one, two, three = model(), model(), model()
    here = run(make_recipe(one, out="a"))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        recipe = make_recipe(two, three, out="b")
        there = run(recipe, on_ray)
        asked = asked_for(two) + asked_for(three)
        run(recipe, on_ray)
    finally:
        ray.shutdown()
    assert here.lines == there.lines and two.requests and three.requests
    assert asked_for(two) + asked_for(three) == asked == asked_for(one)
    assert sorted(path.name for path in Path(recipe.generations).iterdir()) == ["0.jsonl", "1.jsonl"]
