"""The trainings on order differ in what they say, and their report has the gaps of hand-made answers."""

import json
from pathlib import Path

import pytest

from firsthand import files
from firsthand.demo import order, order_report, seeds
from firsthand.pages.report.build import build
from firsthand.recipe import hydra_search

ROOT = Path(__file__).parents[2]
RLOO = "rloo_vectorized"


@pytest.mark.parametrize("name", order.TRAININGS)
def test_each_training_is_grpo_but_for_one_thing(name: str, monkeypatch) -> None:
    if hydra_search.config_folder() is None:
        pytest.skip("verl is not installed")
    monkeypatch.chdir(ROOT)
    [stage] = [stage for stage in order.stages(Path("runs/x"), 3) if stage.name == name]
    recipe = Path(stage.command[4]) / f"{stage.command[6]}.yaml"
    config = hydra_search.compose(recipe, stage.command[7:])
    rewards = config.trainer.v1.sampler.sampler_kwargs.get("group_rewards") or {}
    assert config.algorithm.adv_estimator == ("grpo" if name == "grpo" else RLOO)
    assert config.actor_rollout_ref.actor.optim.lr == pytest.approx(1.3e-4 if name == "rloo_faster" else 1e-4)
    assert dict(rewards) == ({"temporal": {"bonus": 0.3}} if name == "temporal" else {})
    assert config.trainer.default_local_dir == f"runs/x/{name}" and config.data.seed == 3
    assert config.trainer.v1.sampler.sampler_kwargs.validation == f"runs/x/{name}/validation"
    assert config.trainer.val_before_train == (name == "grpo"), "the model that all begin with is asked once"
    assert config.trainer.total_training_steps % config.trainer.test_freq == 0, "the last model is asked"
    assert config.reward.custom_reward_function.reward_kwargs.of == "reward_fns/choice.py:compute_score"
    assert all(path.is_file() for path in order.READ)


@pytest.fixture
def run(tmp_path: Path, monkeypatch) -> Path:
    """Four questions on order and two on rooms. Every model is right on ordered frames and in one of four (and two of
    two) on reversed ones, but the SFT model, which says A to everything."""
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "id": f"q{n}", "label": "order" if n < 4 else "scene", "question": "what ?", "answer": "AABB"[n % 4],
            "options": {"A": "pick up", "B": "put down"}, "letters": "AB", "video": ["a.jpg"], "fps": 2.0,
        }
        for n in range(6)
    ]  # fmt: skip
    files.write_jsonl(order.TEST, rows)
    (order.WEEK / "a.jpg").touch()
    for name in order.TRAININGS:
        _validation(rows, name, 12, "AABBAA", {"shuffled": "AAAAAA", "reversed": "BBABAA"})
        lines = [{"step": step, "data": {"orders/order/gap_reversed": step / 10, "x": 1}} for step in (1, 2)]
        files.write_jsonl(Path(f"run/{name}/metrics/p/e.jsonl"), lines)
    _validation(rows, "grpo", 0, "AAAAAA", {"shuffled": "AAAAAA", "reversed": "AAAAAA"})
    return Path("run")


def _validation(rows, name: str, step: int, ordered: str, others: dict[str, str]) -> None:
    said = [
        {
            "facts": {key: row[key] for key in ("id", "label", "options", "answer")},
            "text": f"<think>i {row['options'][row['answer']] if step else 'pick up'} it .</think>"
            f"<answer>{ordered[n]}</answer>",
            "orders": {order: f"<answer>{letters[n]}</answer>" for order, letters in others.items()},
        }
        for n, row in enumerate(rows)
    ]  # fmt: skip
    files.write_jsonl(Path(f"run/{name}/validation/{step:06d}.jsonl"), said)


def test_the_gap_of_each_model_by_kind(run: Path) -> None:
    content = order_report.content(run)
    on_order, on_scene, verbs = content["tables"]
    cells = {row[0]: [cell.split()[0] for cell in row[1:]] for row in on_order["rows"]}
    assert on_order["head"] == ["n = 4", "ordered", "shuffled", "reversed", "gap to shuffled", "gap to reversed"]
    assert cells["sft"] == ["50.0", "50.0", "50.0", "+0.0", "+0.0"]
    assert cells["grpo"] == cells["temporal"] == ["100.0", "50.0", "25.0", "+50.0", "+75.0"]
    assert {tuple(cell.split()[0] for cell in row[1:]) for row in on_scene["rows"]} == {
        ("100.0", "100.0", "100.0", "+0.0", "+0.0")
    }
    assert [cell.split(" (")[0] for cell in verbs["rows"][0]] == ["sft", "2 of 2", "0 of 2", "4 of 4"]
    assert [cell.split(" (")[0] for cell in verbs["rows"][1]] == ["grpo", "2 of 2", "2 of 2", "4 of 4"]
    curves = content["curves"]
    assert curves["series"]["training order, gap_reversed: rloo"] == [(1, 0.1), (2, 0.2)]
    assert curves["series"]["held-out order, gap_reversed: rloo"] == [(0, 0.0), (12, 0.75)]
    assert curves["series"]["held-out order, ordered: temporal"] == [(0, 0.5), (12, 1.0)]
    assert curves["series"]["held-out scene, gap_shuffled: grpo"] == [(0, 0.0), (12, 0.0)]
    chance = {name.partition(":")[0]: value for name, value in curves["chance"].items()}
    assert (chance["held-out order, ordered"], chance["held-out scene, ordered"]) == (0.5, 0.25)
    assert chance["held-out order, gap_reversed"] == chance["training order, gap_reversed"] == 0


def test_the_report_is_a_page_and_gives_the_table_of_seeds(run: Path) -> None:
    report = {**order_report.content(run), "trajectories": [], "stages": [{"name": "x", "seconds": 1}], "seed": 0}
    files.write_json(run / "report.json", json.loads(json.dumps(report)))
    build(run, run / "report.html")
    assert "gap to reversed" in (run / "report.html").read_text()
    seeds.write_table("order", {0: run, 1: run}, Path("results.md"), seeds.order)
    lines = [line for line in Path("results.md").read_text().splitlines() if line.startswith("|")]
    (head, _, first, _, mean), (updates, _, *models) = lines[:5], lines[5:]
    assert head.startswith("| seed | n | sft | grpo | rloo | temporal | rloo_faster | gap of sft | gap of grpo |")
    assert first.startswith("| 0 | 4 | 50.0 (15-85) | 100.0") and "| +0.0 | +75.0 |" in first
    assert "| 75.0 ± 0.0 |" in mean
    names = ("gap_reversed", "gap_shuffled", "ordered")
    assert updates.startswith(f"| training, updates | {' | '.join(f'held-out order, {name}' for name in names)} |")
    told = {row.split(" | ")[0]: [cell.split(" (")[0] for cell in row.split(" | ")[1:4]] for row in models}
    assert told == {
        f"| `{name}`, {update}": values
        for name in ("grpo", "rloo", "temporal", "rloo_faster")
        for update, values in ((0, ["0", "0", "50"]), (12, ["75", "50", "100"]))
    }
    assert " 75 (75, 75) " in models[1]
