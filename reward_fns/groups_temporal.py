"""T-GRPO: the same reward for what the model says to the frames in another order.

`training/temporal_loop.py` has the model answer on the same frames in another order too, for half of the rollouts of a
question, and hands the texts on. This function scores them with the reward function of the recipe, and
`groups.temporal` pays for the difference:

    reward.custom_reward_function:
      path: reward_fns/groups_temporal.py
      name: compute_score
      reward_kwargs: {of: "reward_fns/choice.py:compute_score", parts: {accuracy: 1.0, format: 0.1}}

What is given beside `of` goes to that function. A rollout with a text on shuffled frames gets the part
`accuracy_shuffled` beside `accuracy`; others do not have it. Of a reward without a part `accuracy` the score counts.
"""

import asyncio
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from firsthand import python_files
from firsthand.errors import UserError
from firsthand.rollout.telemetry import ORDERED, in_order


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    of: str,
    **arguments: Any,
) -> dict[str, float]:
    reward, info = _function(of), dict(extra_info or {})
    texts = {"": solution_str, **(info.pop("orders", None) or {})}
    results = [await _scored(reward, data_source, text, ground_truth, info, arguments) for text in texts.values()]
    given, *others = results
    accuracies = {
        in_order(order): other.get(ORDERED, other["score"]) for order, other in zip([*texts][1:], others, strict=True)
    }
    return {**given, ORDERED: given.get(ORDERED, given["score"]), **accuracies}


async def _scored(
    reward: Callable[..., Any], source: str, text: str, truth: Any, info: dict[str, Any], arguments: dict[str, Any]
) -> dict[str, float]:
    """As veRL calls a reward function: others go on meanwhile."""
    given = {"data_source": source, "solution_str": text, "ground_truth": truth, "extra_info": info}
    if inspect.iscoroutinefunction(reward):
        result = await reward(**given, **arguments)
    else:
        result = await asyncio.to_thread(reward, **given, **arguments)
    return result if isinstance(result, dict) else {"score": result}


@cache
def _function(named: str) -> Callable[..., Any]:
    path, _, name = named.rpartition(":")
    if not path.endswith(".py") or not Path(path).is_file():
        raise UserError(f"reward_kwargs.of: {named!r}; write path/to/file.py:function, of a file that is there")
    module = python_files.load(Path(path))
    if not hasattr(module, name):
        raise UserError(f"reward_kwargs.of: {path} has no `{name}`")
    return getattr(module, name)
