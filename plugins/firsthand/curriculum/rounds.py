"""One round of training as a command, and what its checkpoints need before the next one begins.

veRL resumes by itself. Three of its habits must be met (read and run with 0.9.1): a saved `data.pt` is the place in the
old file, and silently skips rows of another one; the same `data.seed` begins every file with the same places; and with
`total_epochs: 1` a resume on a smaller file ends at once, without a word. A learning rate that falls would be stretched
anew each round, so it is constant.
"""

import shlex
import subprocess
from pathlib import Path

from firsthand.curriculum.recipe import Recipe
from firsthand.errors import UserError

LATEST = "latest_checkpointed_iteration.txt"


def command(recipe: Recipe, number: int, rows: Path) -> list[str]:
    """Trains until the end of round `number`, counted from 0."""
    return [
        *recipe.launch,
        str(recipe.train),
        f"data.train_files={rows}",
        f"data.seed={recipe.seed + number}",
        f"trainer.total_training_steps={(number + 1) * recipe.steps}",
        "trainer.total_epochs=100000",
        f"trainer.save_freq={recipe.steps}",
        "trainer.resume_mode=auto",
        f"trainer.default_local_dir={recipe.checkpoints}",
        "trainer.val_before_train=False",
        "trainer.test_freq=-1",
        "actor_rollout_ref.actor.optim.lr_scheduler_type=constant",
        *recipe.overrides,
    ]


def steps_done(checkpoints: Path) -> int:
    file = checkpoints / LATEST
    return int(file.read_text()) if file.exists() else 0


def put_away(checkpoints: Path) -> None:
    """The place in a file that is no longer trained on. It is kept under another name."""
    place = checkpoints / f"global_step_{steps_done(checkpoints)}" / "data.pt"
    if place.exists():
        place.rename(place.with_suffix(".pt.old"))


def train(recipe: Recipe, number: int, rows: Path) -> Path:
    """The checkpoint of a round; one that is there is not trained again."""
    wanted = (number + 1) * recipe.steps
    if steps_done(recipe.checkpoints) < wanted:
        line = command(recipe, number, rows)
        log = recipe.out / "logs" / f"train_{number}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a") as out:
            code = subprocess.run(line, stdout=out, stderr=subprocess.STDOUT).returncode
        done = steps_done(recipe.checkpoints)
        if code or done < wanted:
            raise UserError(
                f"round {number} ended with code {code} at step {done} of {wanted}: {shlex.join(line)}\n"
                f"See {log}; run the curriculum again to go on from the last checkpoint"
            )
    return recipe.checkpoints / f"global_step_{wanted}"
