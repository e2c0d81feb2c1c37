"""`firsthand curriculum run`: rounds of training, a probing after each, and new rows when nothing changes any more.

OUT/state.json          round, probes, active rows and all that was observed; a killed run goes on from it
OUT/rows/round_N.*      what round N trains on
OUT/train/              veRL's checkpoints; OUT/models/ what is served of them
OUT/asked/              what the policy answered, step by step
OUT/curriculum.html     S over time, and what entered and left
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from firsthand import files
from firsthand.curriculum import page, rounds
from firsthand.curriculum.curriculum import Curriculum
from firsthand.curriculum.recipe import Recipe


class Trainer(Protocol):
    """How rounds are trained and their policy is served."""

    def train(self, number: int, rows: Path) -> None: ...
    def served(self, number: int) -> AbstractContextManager[tuple[str, str]]: ...  # address and model


@dataclass
class Verl:
    recipe: Recipe

    def train(self, number: int, rows: Path) -> None:
        rounds.train(self.recipe, number, rows)

    @contextmanager
    def served(self, number: int) -> Iterator[tuple[str, str]]:
        from firsthand.serving.export import export
        from firsthand.serving.vllm_server import vllm_server

        model = self.recipe.out / "models" / f"round_{number}"
        if not (model / "config.json").exists():
            step = (number + 1) * self.recipe.steps
            export(self.recipe.checkpoints / f"global_step_{step}", [], model, None)
        log = self.recipe.out / "logs" / f"serve_{number}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        serve = self.recipe.serve
        with vllm_server(model, model.name, log, serve.max_model_len, serve.options) as server:
            yield server, model.name


def run(recipe: Recipe, trainer: Trainer | None = None, say: Callable[[str], None] = print) -> Curriculum:
    with files.alone(recipe.out, "curriculum"):
        return _run(Curriculum(recipe, say), trainer or Verl(recipe))


def _run(curriculum: Curriculum, trainer: Trainer) -> Curriculum:
    recipe, state_file = curriculum.recipe, curriculum.recipe.out / "state.json"
    first, changed = 0, False
    if state_file.exists():
        state = files.read_json(state_file)
        curriculum.resume(state)
        first, changed = state["round"], state["changed"]
    for number in range(first, recipe.rounds):
        rows, step = curriculum.rows(f"rows/round_{number}"), (number + 1) * recipe.steps
        if changed and rounds.steps_done(recipe.checkpoints) < step:
            rounds.put_away(recipe.checkpoints)
        curriculum.say(f"round {number}: {len(curriculum.active)} rows, to step {step}")
        trainer.train(number, rows)
        with trainer.served(number) as (server, model):
            changed = curriculum.look(step, [server], model)
        files.write_json(state_file, curriculum.state() | {"round": number + 1, "changed": changed})
        page.write(curriculum)
    return curriculum
