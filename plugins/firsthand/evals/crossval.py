"""Which recipe is best, by the training rows alone, without the leaderboard.

Each recipe is trained once per fold on the other folds and answers the fold that was held out. So every row is answered
by a model that has not seen its video. All answers of a recipe make one score, which is compared question by question
with the base model. Eighty rows leave wide intervals, and the table shows them.

Every step is an ordinary command with files on disk: folds, recipes, merged models, answers. A second run reuses them.
"""

import random
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console

from firsthand import files
from firsthand.data import registry
from firsthand.errors import UserError
from firsthand.evals.compare import Comparison, compare
from firsthand.evals.rows import Gold, Prediction, read_rows
from firsthand.evals.score import Score, as_json, score
from firsthand.question import Question, Solved
from firsthand.recipe import load
from firsthand.rollout import prompt
from firsthand.stages import Stage, run_stages

BIN = Path(sys.executable).parent
NEEDED = ("model_name_or_path", "template", "finetuning_type")


@dataclass
class Setting:
    out: Path
    media_root: Path
    asking: list[str]  # options of `firsthand eval run`
    console: Console = field(default_factory=Console)


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
        videos[domain(question), video(question)].append(question)
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


def video(question: Question) -> str:
    """Questions of one video are not independent; one without a name of its video stands alone."""
    return question.labels.get("source_video") or question.id


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
    return _answers([], model, setting.out / "folds/all.jsonl", setting.out / "base", setting)


def _fold(name: str, recipe: dict[str, Any], fold: int, setting: Setting) -> dict[str, Prediction]:
    folder = setting.out / name / f"fold_{fold}"
    stages, model = [_train(recipe, fold, folder, setting)], folder / "trained"
    if recipe["finetuning_type"] == "lora":
        stages, model = [*stages, _merge(recipe, folder)], folder / "merged"
    return _answers(stages, model, setting.out / f"folds/held_out_{fold}.jsonl", folder, setting)


def _train(recipe: dict[str, Any], fold: int, folder: Path, setting: Setting) -> Stage:
    data, trained = setting.out / "folds", folder / "trained"
    own = {"dataset_dir": str(data), "dataset": f"fold_{fold}", "media_dir": str(setting.media_root)}
    taught = _write(folder / "train.yaml", recipe | own | {"output_dir": str(trained), "save_strategy": "no"})
    weights = "adapter_config.json" if recipe["finetuning_type"] == "lora" else "config.json"
    return Stage(
        "train",
        [str(BIN / "llamafactory-cli"), "train", str(taught)],
        reads=[taught, data / f"train_{fold}.jsonl"],
        makes=[trained / weights],
        resumes=[trained],
        says="on the other folds",
        env={"FORCE_TORCHRUN": "1"} if recipe.get("deepspeed") else {},
    )


def _merge(recipe: dict[str, Any], folder: Path) -> Stage:
    keys = {key: recipe[key] for key in ("model_name_or_path", "template")}
    keys |= {"adapter_name_or_path": str(folder / "trained"), "export_dir": str(folder / "merged")}
    merge = _write(folder / "merge.yaml", keys | {"export_legacy_format": False, "export_device": "cpu"})
    command, makes = [str(BIN / "firsthand"), "export", str(merge)], [folder / "merged/config.json"]
    return Stage("export", command, reads=[merge], makes=makes, says="the adapter merged, with its proof")


def _answers(stages: list[Stage], model: Path, rows: Path, folder: Path, setting: Setting) -> dict[str, Prediction]:
    """The stages, then the answers of the model, asked as in the competition."""
    out = folder / "asked"
    command = [str(BIN / "firsthand"), "eval", "run", "egocross", "--model", str(model), "--rows", str(rows)]
    command += ["--media-root", str(setting.media_root), "--out", str(out), *setting.asking]
    says = "vLLM serves it; it answers what was held out"
    ask = Stage("ask", command, reads=[rows], makes=[out / "answers.jsonl"], resumes=[out], says=says)
    run_stages(folder, [*stages, ask], setting.console)
    return read_rows(out / "answers.jsonl", Prediction)


def _table(
    runs: dict[str, dict[str, Prediction]], questions: list[Question], out: Path
) -> tuple[list[Score], list[Comparison]]:
    rows = {one.id: prompt.eval_row(one) | {"video": video(one)} for one in questions}
    gold = {key: Gold.model_validate(row) for key, row in rows.items()}
    scores = [score(name, given, gold, ["domain"], "video") for name, given in runs.items()]
    others = [one for one in runs.items() if one[0] != "base"]
    comparisons = [compare(("base", runs["base"]), other, gold) for other in others]
    files.write_json(out / "table.json", as_json(scores, comparisons))
    return scores, comparisons


def _read(path: Path) -> dict[str, Any]:
    values = load(path).data
    missing = [key for key in NEEDED if not isinstance(values, dict) or not values.get(key)]
    if missing:
        raise UserError(f"{path}: {', '.join(missing)} is missing; give recipes of `llamafactory-cli train`")
    return values


def _write(path: Path, content: dict[str, Any]) -> Path:
    files.write_text(path, yaml.safe_dump(content, sort_keys=False))
    return path
