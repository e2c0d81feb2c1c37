"""Which recipe is best, by the training rows alone, without the leaderboard.

Each recipe is trained once per fold on the other folds and answers the fold that was held out. So every row is answered
by a model that has not seen its video. All answers of a recipe make one score, which is compared question by question
with the model that it starts from, asked in the same way. Eighty rows leave wide intervals, and the table shows them.

Every step is an ordinary command with files on disk: folds, recipes, merged models, answers. A second run reuses them.
"""

import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from firsthand import files
from firsthand.errors import UserError
from firsthand.evals import candidates
from firsthand.evals.candidates import Candidate, Parts, candidate
from firsthand.evals.compare import Comparison, compare
from firsthand.evals.rows import Gold, Prediction, read_rows
from firsthand.evals.score import Score, as_json, score
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.stages import Stage, run_stages

Answers = dict[str, Prediction]


@dataclass
class Setting:
    out: Path
    media_root: Path
    asking: list[str]  # options of `firsthand eval run`
    console: Console = field(default_factory=Console)


def crossval(
    questions: list[Question], recipes: list[Path], count: int, seed: int, setting: Setting
) -> tuple[list[Score], list[Comparison]]:
    tried = [candidate(path, setting.out) for path in recipes]
    if len({one.name for one in tried}) < len(tried):
        raise UserError("two recipes share a name; a candidate is called by the name of its recipe")
    if untaught := next((question for question in questions if question.answer is None), None):
        raise UserError(f"{untaught.id} has no answer: choose by rows that have one, such as a support set")
    if len(starts := {one.start for one in tried}) > 1:
        raise UserError(f"the recipes start from different models: {', '.join(sorted(starts))}")
    with files.alone(setting.out, "cross-validation"):
        parts, runs = folds(questions, count, seed), dict[str, Answers]()
        for one in tried:
            one.write(parts)
            if one.baseline not in runs:
                runs[one.baseline] = _baseline(one, setting)
            runs[one.name] = {}
            for fold in range(count):
                setting.console.rule(f"{one.name}, fold {fold + 1} of {count}")
                runs[one.name] |= _fold(one, fold, setting)
        return _table(runs, {one.name: one.baseline for one in tried}, questions, setting.out)


def folds(questions: list[Question], count: int, seed: int) -> Parts:
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
    made: Parts = [[] for _ in range(count)]
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


def _baseline(one: Candidate, setting: Setting) -> Answers:
    setting.console.rule(f"{one.baseline}, not trained")
    return _answers(one, [], Path(one.start), "all", setting.out / one.baseline, setting)


def _fold(one: Candidate, fold: int, setting: Setting) -> Answers:
    folder = setting.out / one.name / f"fold_{fold}"
    stages, model = one.training(fold, folder, setting.media_root)
    return _answers(one, stages, model, f"held_out_{fold}", folder, setting)


def _answers(one: Candidate, stages: list[Stage], model: Path, asked: str, folder: Path, setting: Setting) -> Answers:
    """The stages, then the answers of the model, asked as in the competition."""
    out, rows = folder / "asked", one.rows / f"{asked}.jsonl"
    command = [str(candidates.BIN / "firsthand"), "eval", "run", "egocross", "--model", str(model), "--rows", str(rows)]
    command += ["--media-root", str(setting.media_root), "--out", str(out), *one.asking, *setting.asking]
    says = "vLLM serves it; it answers what was held out"
    ask = Stage("ask", command, reads=[rows], makes=[out / "answers.jsonl"], resumes=[out], says=says)
    run_stages(folder, [*stages, ask], setting.console)
    return read_rows(out / "answers.jsonl", Prediction)


def _table(
    runs: dict[str, Answers], baselines: dict[str, str], questions: list[Question], out: Path
) -> tuple[list[Score], list[Comparison]]:
    rows = {one.id: prompt.eval_row(one) | {"video": video(one)} for one in questions}
    gold = {key: Gold.model_validate(row) for key, row in rows.items()}
    scores = [score(name, given, gold, ["domain"], "video") for name, given in runs.items()]
    comparisons = [compare((base, runs[base]), (name, runs[name]), gold) for name, base in baselines.items()]
    files.write_json(out / "table.json", as_json(scores, comparisons))
    return scores, comparisons
