"""What the doctor says of a recipe's reward: tried on the first rows of the recipe's data, where both are here.

This is the one check that runs code of the recipe, as the training would. It does so when the function can be found
and takes veRL's arguments; that it cannot, and rows without an answer, are the findings of other checks.
"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from firsthand.errors import UserError
from firsthand.findings import RULES, Finding
from firsthand.recipe import named_files
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.python_objects import look_up, source_of, takes_reward_arguments
from firsthand.rewards import function
from firsthand.rewards.function import LOOP
from firsthand.rewards.validate import validate

NOT_PAID = RULES["VR060"]
MAX_ROWS = 50


def check(chain: Chain) -> Iterator[Finding]:
    files = [Path(path) for path in chain.paths("data.train_files") if named_files.find(path)]
    if not files or not _is_sound(chain):
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


def _is_sound(chain: Chain) -> bool:
    for key in function.KEYS:
        path, name = chain.get(f"{key}.path"), chain.get(f"{key}.name")
        if isinstance(path, str) and isinstance(name, str) and (file := source_of(path)):
            node, finding = look_up(chain.place(key), file, name)
            return not finding and not takes_reward_arguments(chain.place(key), file, node)
    return False


def _tried(chain: Chain, file: Path, reward: function.Reward) -> Iterator[Finding]:
    try:
        found = validate(file, reward, chain.get(LOOP), MAX_ROWS)
    except UserError:
        return  # the rows cannot be read, which the check of rows says
    if found.count:
        more = f" ({found.count} such answers in the first {MAX_ROWS} rows)" if found.count > 1 else ""
        fix = f"`firsthand reward validate {file} --recipe {chain.recipe.path}` looks at all rows"
        yield NOT_PAID.at(reward.place, f"{found.problems[0]}{more}", fix)
