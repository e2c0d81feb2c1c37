"""What the agent's loop measured: scores with and without tools, curves of the reward parts, what changed."""

from pathlib import Path
from typing import Any

from firsthand.demo.measures import compared, means
from firsthand.demo.stages import MODELS
from firsthand.errors import UserError
from firsthand.evals.results import AGENT, FORCED, predictions, results
from firsthand.evals.run_folder import Folder, read
from firsthand.pages.run.curves import read_verl_metrics
from firsthand.rollout.episodes import Episode

VALIDATION = "val-aux/toy_agent/accuracy/mean@1"
HELD_OUT = "accuracy on held-out people, greedy"
CHANCE = {HELD_OUT: 0.25, "accuracy": 0.25}  # four options
SHOWN = ("score", "accuracy", "format", "evidence", "calls", "invalid_turns")


def content(run: Path) -> dict[str, Any]:
    folders = {name: Folder(run / "answers" / name) for name in MODELS}
    counted = {name: results(folder).scores for name, folder in folders.items()}
    table = [counted[name][AGENT].model_copy(update={"model": name}) for name in MODELS]
    table.append(counted["grpo"][FORCED].model_copy(update={"model": "grpo, no tools"}))
    said = {name: predictions(folder)[AGENT] for name, folder in folders.items()}
    said["grpo, no tools"] = predictions(folders["grpo"])[FORCED]
    pairs = [("base", "sft"), ("sft", "grpo"), ("grpo, no tools", "grpo")]
    return {
        **compared(table, said, pairs, folders["grpo"].golds),
        "title": "A tiny agent learns to look things up",
        "subtitle": "base, after SFT on a teacher who mostly guesses, and after GRPO; held-out people of the toy week",
        "curves": {
            "x": "step",
            "chance": CHANCE,
            "series": held_out(run / "grpo/metrics") | curves(run / "grpo/traces"),
        },
        "trajectories": trajectories(folders),
        "notes": [
            "Every question asks for something that happened an hour to days before it and has changed since.",
            "SFT learns from two people, GRPO asks two others; the questions of the table and of the first curve are "
            "those of a third pair, whom no training has seen. With four options chance is 25 %.",
            "The SFT chains are those whose letter is right, lucky guesses among them, unmarked; GRPO sees the reward.",
            "The first curve is greedy, the others are samples at temperature 1 of the training's own questions.",
            "Greedy answers through vLLM's OpenAI server and the tools of the training. Without tools: the same agent, "
            "whose calls are not carried out; where it gives no letter, its likeliest one counts.",
            "Every trajectory of the training, turn by turn: view.html beside this page.",
        ],
    }


def held_out(metrics: Path) -> dict[str, list[tuple[float, float]]]:
    """What veRL's validation says of the held-out questions: before the training, and after every second step."""
    points = read_verl_metrics(sorted(metrics.rglob("*.jsonl")), []).get(VALIDATION, {})
    if not points:
        raise UserError(f"{metrics}: veRL logged no validation; did GRPO run with trainer.test_freq?")
    return {HELD_OUT: sorted(points.items())}


def curves(traces: Path) -> dict[str, list[tuple[int, float]]]:
    """The mean of every reward part at each step, and how many calls were made, over the rollouts of the training."""

    def parts_of(row: dict[str, Any]) -> dict[str, float]:
        parts = {**row["parts"], "score": row["score"]}
        return {name: parts[name] for name in SHOWN}

    return means(traces, parts_of, "no trajectories; did GRPO run with the GroupReplayBuffer and its `traces`?")


def trajectories(folders: dict[str, Folder], shown: int = 12) -> list[dict[str, Any]]:
    """Questions that GRPO changed come first, then the rest."""
    episodes = {name: read(folder.episodes, Episode) for name, folder in folders.items()}
    both = [row for key, row in episodes["grpo"].items() if all(key in rows for rows in episodes.values())]
    both.sort(key=lambda row: row.letter == episodes["sft"][row.id].letter)
    return [
        {
            "id": row.id,
            "label": row.labels.get("type") or "",
            "question": row.question,
            "options": row.options,
            "answer": row.answer,
            "outputs": {name: _transcript(rows[row.id]) for name, rows in episodes.items()},
        }
        for row in both[:shown]
    ]


def _transcript(episode: Episode) -> str:
    turns = (f"{turn.text}\n{turn.observation or ''}" for turn in episode.trace.turns)
    return "\n".join(turns).strip()
