"""Ego3S's trainings differ in what they say, and the report counts hand-made answers, selections and tokens."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest
from PIL import Image

from firsthand import files
from firsthand.demo import ego3s, ego3s_report, seeds
from firsthand.demo.stages import Run
from firsthand.pages.report.build import build
from firsthand.recipe import hydra_search
from firsthand.selection.recipe import Recipe as Selection
from firsthand.tools.settings import read_as

ROOT = Path(__file__).parents[2]
ROWS = {
    "full": str(ego3s.POOL),
    "random": "runs/x/select/random/selected.parquet",
    "csm": "runs/x/select/csm/selected.parquet",
    "ego3s": "runs/x/select/csm/selected.parquet",
    "interaction_rewards": str(ego3s.POOL),
} | {name: f"runs/x/select/{name}/selected.parquet" for name in ego3s.LATER}
LABELS = {"a": "interaction", "b": "interaction", "c": "prior", "d": "prior"}


@pytest.mark.parametrize("name", [*ego3s.TRAININGS, *ego3s.FURTHER])
def test_a_training_differs_in_its_rows_and_ego3s_in_its_rewards_and_trainer(name: str, monkeypatch) -> None:
    if hydra_search.config_folder() is None:
        pytest.skip("verl is not installed")
    monkeypatch.chdir(ROOT)
    [stage] = [stage for stage in ego3s.comparison(Path("runs/x"), 3) if stage.name == name]
    recipe = Path(stage.command[4]) / f"{stage.command[6]}.yaml"
    config = hydra_search.compose(recipe, stage.command[7:])
    sampler, v1 = config.trainer.v1.sampler.sampler_kwargs, config.trainer.v1
    whole = name == "ego3s"
    assert config.data.train_files == ROWS[name] and config.data.val_files == str(ego3s.HELD_OUT)
    paid = whole or name == "interaction_rewards"
    assert sampler.group_rewards == ({"scarcity": {"preset": "paper"}} if paid else None)
    assert v1.trainer_mode == ("curriculum" if whole else "sync") and config.data.seed == 3
    assert sampler.validation == f"runs/x/{name}/validation" and config.trainer.val_before_train == (name == "full")
    rounds = ego3s.CURRICULUM
    assert config.trainer.total_training_steps == rounds["rounds"] * rounds["steps"], "the trainer checks it, late"
    assert all(path.is_file() for path in ego3s.READ)


def test_the_recipes_of_a_run_are_ones_that_can_be_read(tmp_path: Path, monkeypatch) -> None:
    """A selection of nothing but rows at random needs no server."""
    from firsthand.curriculum.recipe import Recipe as Rounds

    monkeypatch.chdir(ROOT)
    run = Run(tmp_path, 0, ego3s.BASE)
    monkeypatch.setattr(ego3s.subprocess, "run", lambda command: Ended())
    ego3s._chosen(run, "csm", ego3s.CSM, tmp_path / "regions.jsonl", "http://127.0.0.1:1")
    ego3s._write_rounds(run, ego3s._selected(run, "csm"))
    rounds = read_as(Rounds, tmp_path / "curriculum.yaml")
    selection = read_as(Selection, rounds.select)
    assert selection.method.share == 0.15 and selection.policy.model == "sft_merged"
    assert selection.chosen == rounds.start and rounds.out == tmp_path / "ego3s/curriculum"


def test_the_later_selections_are_ones_that_can_be_read(tmp_path: Path, monkeypatch) -> None:
    """They take the answers that CSM has, and the traces of the training on all rows."""
    monkeypatch.chdir(ROOT)
    commands: list[list[str]] = []
    monkeypatch.setattr(ego3s.subprocess, "run", lambda command: commands.append(command[1:]) or Ended())
    monkeypatch.setattr(ego3s, "vllm_server", lambda *_: nullcontext("http://127.0.0.1:1"))
    files.write_jsonl(tmp_path / "select/csm/generations/0.jsonl", [{"id": "an answer"}])
    ego3s._select_later(run := Run(tmp_path, 2, ego3s.BASE))
    read = {path: read_as(Selection, Path(path)).method for _, verb, path, *_ in commands if verb == "run"}
    methods = {Path(path).stem: method for path, method in read.items()}
    assert {name: method.name for name, method in methods.items()} == {name: name for name in ego3s.LATER[:3]}
    assert methods["limr"].traces == methods["greso"].traces == tmp_path / "full/traces"
    assert (tmp_path / "select/pass_rate/generations/0.jsonl").is_file()
    assert commands[-1][1] == "filter" and Path(commands[-1][-1]) == ego3s._selected(run, "oracle")


class Ended:
    returncode = 0


def rollout(id: str, letter: str, named: bool) -> dict:
    parts = {"accuracy": float(letter == "A"), "held_named": float(named), "objects": 1.0}
    return {"facts": {"id": id}, "text": f"<answer>{letter}</answer>", "parts": parts}


def train(name: str) -> None:
    for step, letters in {0: "ABAB", 2: "AABB" if name == "csm" else "AAAA"}.items():
        if step or name == "full":
            said = zip(LABELS, letters, strict=True)
            rows = [rollout(id, letter, name == "ego3s" and id == "a") for id, letter in said]
            files.write_jsonl(Path(f"run/{name}/validation/{step:06d}.jsonl"), rows)
    lines = [{"step": step, "data": {ego3s_report.TOKENS: 1000 * step}} for step in (1, 2)]
    files.write_jsonl(Path(f"run/{name}/metrics/p/e.jsonl"), lines)


@pytest.fixture
def run(tmp_path: Path, monkeypatch) -> Path:
    """Two interaction and two prior questions, all with answer A. Before training one of each is right, named in none;
    after it, all are right but with `csm`, which forgets the prior; the thing is named in one by `ego3s` alone."""
    monkeypatch.chdir(tmp_path)
    files.write_jsonl(ego3s.TEST, [
        {
            "id": id, "label": label, "kind": "home", "question": "what ?", "answer": "A", "letters": "AB",
            "options": {"A": "cup", "B": "can"}, "images": ["a.jpg"],
        }
        for id, label in LABELS.items()
    ])  # fmt: skip
    Image.new("RGB", (8, 8)).save(ego3s.WEEK / "a.jpg")
    for name in ego3s.TRAININGS:
        train(name)
    asked = Path("run/ego3s/curriculum/asked/step_000001/generations/0.jsonl")
    files.write_jsonl(asked, [{"prompt_tokens": 70, "completion_tokens": 30}, {"scores": [1]}])
    for name in ego3s.FIRST:
        kept = "ad" if name == "random" else "abd"
        files.write_jsonl(Path(f"run/select/{name}/ledger.jsonl"), [
            {"label": label, "kept": id in kept, "reason": "kept", "blind": None, "full": 1.0, "masked": 0.5}
            | ({"blind": 0.5} if id in "ac" else {})
            for id, label in LABELS.items()
        ])  # fmt: skip
    files.write_json("run/select/csm/summary.json", {"prompt_tokens": 400, "completion_tokens": 100})
    return Path("run")


def first(cells: list[str]) -> list[str]:
    return [cell.split()[0] for cell in cells]


def test_what_was_kept_learnt_named_and_paid(run: Path) -> None:
    content = ego3s_report.content(run)
    kept, scores, by_kind, reasons, paid = content["tables"]
    assert {row[0]: first(row[3:]) for row in kept["rows"]} == {
        "csm": ["67", "100", "100", "50"], "csm_true_regions": ["67", "100", "100", "50"],
        "random": ["50", "50", "50", "50"],
    }  # fmt: skip
    assert scores["rows"][0] == ["interaction", "2", "50", "100", "50", "2 kept"]
    right = {row[0]: first(row[2:]) for row in by_kind["rows"]}
    assert by_kind["head"][2:] == ["sft", *ego3s.TRAININGS]
    assert right["label: prior"] == ["50", "100", "100", "0", "100"] and right["kind: home"][0] == "50"
    assert {row[0]: first(row[1:3]) for row in reasons["rows"]}["ego3s"] == ["50", "50"]
    tokens = {row[0]: row[1] for row in paid["rows"]}
    assert tokens["full, 2 updates"] == "3" and tokens["csm, 0 updates"] == "0" and tokens["ego3s, 2 updates"] == "4"
    assert ego3s_report._costs(run, "ego3s") == {0: 500, 1: 1600, 2: 3600}
    series = content["curves"]["series"]
    assert series["prior: csm"] == [(0, 0.5), (2, 0.0)] and series["named: ego3s"] == [(0, 0.0), (2, 0.5)]


def test_further_trainings_are_shown_where_they_ran_and_pay_for_what_chose_their_rows(run: Path) -> None:
    for name in ("pass_rate", "greso", "oracle"):
        train(name)
    for name in ("pass_rate", "greso"):
        files.write_jsonl(run / f"select/{name}/ledger.jsonl", [
            {"label": label, "kept": id == "a"} for id, label in LABELS.items()
        ])  # fmt: skip
    files.write_json(run / "select/pass_rate/summary.json", {"prompt_tokens": 30, "completion_tokens": 5})
    files.write_json(run / "select/greso/summary.json", {"prompt_tokens": 0, "completion_tokens": 0})
    content = ego3s_report.content(run)
    assert [row["model"] for row in content["table"]] == ["sft", *ego3s.TRAININGS, "pass_rate", "greso", "oracle"]
    assert [row[0] for row in content["tables"][0]["rows"]] == [*ego3s.FIRST, "pass_rate", "greso"]
    assert ego3s_report._costs(run, "pass_rate")[0] == 35 and ego3s_report._costs(run, "oracle")[0] == 0
    assert ego3s_report._costs(run, "greso")[0] == 3000, "the training on all rows that it read"
    assert ("greso", "csm") in [(one["a"], one["b"]) for one in content["comparisons"]]
    _, differences = seeds.ego3s(json.loads(json.dumps(content)))
    assert {"csm - pass_rate", "csm - greso", "csm - oracle"} < differences.keys() and "csm - limr" not in differences


def test_the_report_is_a_page_with_its_links_and_gives_the_table_of_seeds(run: Path) -> None:
    report = {**ego3s_report.content(run), "stages": [{"name": "x", "seconds": 1}], "seed": 0}
    files.write_json(run / "report.json", json.loads(json.dumps(report)))
    build(run, run / "report.html")
    page = (run / "report.html").read_text()
    assert 'href="select/csm/selection.html"' in page and "the thing in the hand is named" in page
    scored, differences = seeds.ego3s(report)
    assert scored["sft"].n == 2 and differences == {"csm - random": 0.0, "csm - full": 0.0, "ego3s - full": 0.0}
    table = seeds.over_updates({0: report, 1: report})
    assert [line for line in table if line.startswith("| `csm`, 2 |")] == [
        "| `csm`, 2 | 100 (100, 100) | 0 (0, 0) | 0 (0, 0) |"
    ]
