"""Which recipe is best, by the training rows alone: the leaderboard is never asked.

Each recipe is trained once per fold on the other folds and asked what was held out, so that every row is answered by a
model that has not seen its video. All answers of a recipe together are one score, compared question by question with
the base model. Eighty rows leave wide intervals, and the table shows them.

Everything is an ordinary command and a file on disk: the folds, their recipes, merged models and answers. What is done
is not done again.
"""

import random
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from firsthand import files
from firsthand.data import registry
from firsthand.errors import UserError
from firsthand.evals.rows import Gold, Prediction, read_rows
from firsthand.evals.score import Comparison, Score, compare, score
from firsthand.question import Question, Solved
from firsthand.rollout import prompt
from firsthand.stages import Stage, run_stages

BIN = Path(sys.executable).parent
NEEDED = ("model_name_or_path", "template", "finetuning_type")


@dataclass
class Setting:
    out: Path
    media_root: Path
    asking: list[str]  # options of `firsthand eval run`
    console: Console


def crossval(
    questions: list[Question], recipes: list[Path], count: int, seed: int, setting: Setting
) -> tuple[list[Score], list[Comparison]]:
    candidates = {path.stem: _read(path) for path in recipes}
    if len(candidates) < len(recipes):
        raise UserError("two recipes share a name; a candidate is called by the name of its recipe")
    if untaught := next((question for question in questions if question.answer is None), None):
        raise UserError(f"{untaught.id} has no answer: choose by rows that have one, such as a support set")
    with files.alone(setting.out, "cross-validation"):
        parts = folds(questions, count, seed)
        _write_folds(parts, setting.out)
        bases = {recipe["model_name_or_path"] for recipe in candidates.values()}
        if len(bases) > 1:
            raise UserError(f"the recipes start from different models: {', '.join(sorted(bases))}")
        runs = {"base": _base(Path(bases.pop()), setting)}
        for name, recipe in candidates.items():
            runs[name] = {}
            for fold in range(count):
                setting.console.rule(f"{name}, fold {fold + 1} of {count}")
                runs[name] |= _fold(name, recipe, fold, setting)
        return _table(runs, questions, setting.out)


def folds(questions: list[Question], count: int, seed: int) -> list[list[Question]]:
    """Each question is held out once, together with all others of its video. Within a domain the videos are dealt out
    so that the folds get about as many questions; which videos go together depends on the seed alone."""
    videos: dict[tuple[str, str], list[Question]] = defaultdict(list)
    for question in questions:
        videos[domain(question), question.labels.get("source_video") or question.id].append(question)
    if len(videos) < count:
        fix = f"give --folds {len(videos)}" if len(videos) > 1 else "cross-validation needs two videos"
        raise UserError(f"{len(videos)} videos are too few for {count} folds (a video is never cut apart): {fix}")
    keys = sorted(videos)
    random.Random(seed).shuffle(keys)
    keys.sort(key=lambda key: -len(videos[key]))
    made: list[list[Question]] = [[] for _ in range(count)]
    held: Counter[tuple[str, int]] = Counter()
    for key in keys:
        emptiest = min(range(count), key=lambda fold: (held[key[0], fold], len(made[fold])))
        made[emptiest] += videos[key]
        held[key[0], emptiest] += len(videos[key])
    return made


def domain(question: Question) -> str:
    return question.labels.get("domain") or ""


def _write_folds(parts: list[list[Question]], out: Path) -> None:
    for fold, held_out in enumerate(parts):
        taught = [question for other in parts if other is not held_out for question in other]
        rows = [prompt.sharegpt_row(one, prompt.solution(Solved(question=one))) for one in taught]
        files.write_jsonl(out / f"folds/train_{fold}.jsonl", rows)
        files.write_jsonl(out / f"folds/held_out_{fold}.jsonl", map(prompt.eval_row, held_out))
    everything = [prompt.eval_row(question) for part in parts for question in part]
    files.write_jsonl(out / "folds/all.jsonl", everything)
    entries = {f"fold_{fold}": registry.entry(f"train_{fold}.jsonl") for fold in range(len(parts))}
    files.write_json(out / "folds/dataset_info.json", entries)


def _base(model: Path, setting: Setting) -> dict[str, Prediction]:
    setting.console.rule("the base model, not trained")
    folder = setting.out / "base"
    run_stages(folder, [_ask(model, setting.out / "folds/all.jsonl", folder, setting)], setting.console)
    return read_rows(folder / "asked/answers.jsonl", Prediction)


def _fold(name: str, recipe: dict[str, Any], fold: int, setting: Setting) -> dict[str, Prediction]:
    folder = setting.out / name / f"fold_{fold}"
    trained, merged = folder / "trained", folder / "merged"
    data = setting.out / "folds"
    taught = recipe | {
        "dataset_dir": str(data),
        "dataset": f"fold_{fold}",
        "media_dir": str(setting.media_root),
        "output_dir": str(trained),
        "save_strategy": "no",
    }
    train = _write(folder / "train.yaml", taught)
    lora = recipe["finetuning_type"] == "lora"
    weights = trained / ("adapter_config.json" if lora else "config.json")
    stages = [
        Stage(
            "train",
            [str(BIN / "llamafactory-cli"), "train", str(train)],
            reads=[train, data / f"train_{fold}.jsonl"],
            makes=[weights],
            resumes=[trained],
            says="on the other folds",
            env={"FORCE_TORCHRUN": "1"} if recipe.get("deepspeed") else {},
        )
    ]
    if lora:
        keys = {key: recipe[key] for key in ("model_name_or_path", "template")}
        keys |= {"adapter_name_or_path": str(trained), "export_dir": str(merged), "export_legacy_format": False}
        merge = _write(folder / "merge.yaml", keys | {"export_device": "cpu"})
        stages.append(
            Stage(
                "export",
                [str(BIN / "firsthand"), "export", str(merge)],
                reads=[merge],
                makes=[merged / "config.json"],
                says="the adapter merged, with its proof",
            )
        )
    stages.append(_ask(merged if lora else trained, data / f"held_out_{fold}.jsonl", folder, setting))
    run_stages(folder, stages, setting.console)
    return read_rows(folder / "asked/answers.jsonl", Prediction)


def _ask(model: Path, rows: Path, folder: Path, setting: Setting) -> Stage:
    """Asks as the competition is asked; the folder of the run is `asked` in that of the fold."""
    out = folder / "asked"
    command = [str(BIN / "firsthand"), "eval", "run", "egocross", "--model", str(model), "--rows", str(rows)]
    command += ["--media-root", str(setting.media_root), "--out", str(out), *setting.asking]
    says = "vLLM serves it; it answers what was held out"
    return Stage("ask", command, reads=[rows], makes=[out / "answers.jsonl"], resumes=[out], says=says)


def _table(
    runs: dict[str, dict[str, Prediction]], questions: list[Question], out: Path
) -> tuple[list[Score], list[Comparison]]:
    gold = {
        one.id: Gold.model_validate({
            "id": one.id, "answer": one.answer, "letters": "".join(one.options), "domain": domain(one),
            "video": one.labels.get("source_video") or one.id,
        })
        for one in questions
    }  # fmt: skip
    scores = [score(name, rows, gold, ["domain"], "video") for name, rows in runs.items()]
    comparisons = [compare(("base", runs["base"]), (name, rows), gold) for name, rows in runs.items() if name != "base"]
    files.write_json(
        out / "table.json",
        {"table": [row.model_dump() for row in scores], "comparisons": [row.model_dump() for row in comparisons]},
    )
    return scores, comparisons


def _read(path: Path) -> dict[str, Any]:
    recipe = files.read_yaml(path)
    missing = [key for key in NEEDED if not isinstance(recipe, dict) or not recipe.get(key)]
    if missing:
        raise UserError(f"{path}: {', '.join(missing)} is missing; give recipes of `llamafactory-cli train`")
    return recipe


def _write(path: Path, content: dict[str, Any]) -> Path:
    files.write_text(path, yaml.safe_dump(content, sort_keys=False))
    return path
