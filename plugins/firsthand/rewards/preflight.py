"""What the doctor says of a recipe's reward: tried on the first rows of the recipe's data, where both are here."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from firsthand.errors import UserError
from firsthand.findings import RULES, Finding
from firsthand.recipe import named_files
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.python_objects import source_of
from firsthand.rewards import function
from firsthand.rewards.validate import validate

NOT_PAID = RULES["VR060"]
MAX_ROWS = 50
LOOP = "actor_rollout_ref.rollout.agent.default_agent_loop"


def check(chain: Chain) -> Iterator[Finding]:
    """A missing file or function is another check's finding."""
    paths = [chain.get(f"{key}.path") for key in function.KEYS]
    files = [Path(path) for path in chain.paths("data.train_files") if named_files.find(path)]
    if not files or not any(isinstance(path, str) and path and source_of(path) for path in paths):
        return
    with contextlib.redirect_stdout(sys.stderr):  # the function may print; our output may be JSON
        try:
            reward = function.of_chain(chain)
        except UserError as error:
            yield NOT_PAID.at(chain.place(f"{function.KEYS[0]}.path"), str(error), "correct what the message names")
            return
        if reward:
            for file in files:
                yield from _tried(chain, file, reward)


def _tried(chain: Chain, file: Path, reward: function.Reward) -> Iterator[Finding]:
    try:
        problems = validate(file, reward, chain.get(LOOP), MAX_ROWS).problems
    except UserError:
        return  # the rows cannot be read, which the check of rows says
    if problems:
        more = f" ({len(problems)} such answers in the first {MAX_ROWS} rows)" if len(problems) > 1 else ""
        fix = f"`firsthand reward validate {file} --recipe {chain.recipe.path}` looks at all rows"
        yield NOT_PAID.at(reward.place, f"{problems[0]}{more}", fix)
