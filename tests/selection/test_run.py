"""Selection over a real socket: what is asked, what is kept, and what is saved."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet
import pytest

from firsthand.selection.run import run

COMPLETE = {"name": "csm", "risk": None}


def ledger(recipe: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in recipe.ledger.read_text().splitlines()]


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
    assert here.lines == there.lines
    assert asked_for(two) + asked_for(three) == asked == asked_for(one)
    logs = {path.name for path in Path(recipe.generations).iterdir()}
    assert logs and logs <= {"0.jsonl", "1.jsonl"}  # an actor that is there late finds no rows left
