"""veRL: what a recipe says of groups of rollouts: our sampler, its options, and the rewards that are paid by group.

What veRL does not understand here it mostly ignores: a run then looks like DAPO or T-GRPO and is neither.
"""

import ast
from collections.abc import Iterator

from firsthand.doctor.verl.files import AGENT, agent_entries
from firsthand.errors import UserError
from firsthand.findings import RULES, Finding
from firsthand.recipe.group_rewards import HOME, Entry, entries
from firsthand.recipe.group_rewards import KEY as REWARDS
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.python_objects import look_up, names_read, source_of
from firsthand.recipe.values import did_you_mean

SAMPLER_OPTION = RULES["VR041"]
NOT_HANDED_ON = RULES["VR044"]
UNPAYABLE = RULES["VR070"]
NO_EFFECT = RULES["VR071"]
HIDES = RULES["VR072"]
NO_ORDERS = RULES["VR073"]

SAMPLER = "trainer.v1.sampler"
OPTIONS = {  # what GroupReplayBuffer takes, and the sampler of veRL that it extends
    "poll_interval", "traces", "validation", "group_rewards", "filter_groups_metric", "train_batch_size",
    "gen_batch_size", "max_inflight_gen_batches", "sync_refill_failed_groups",
}  # fmt: skip
TEMPORAL_LOOP = "firsthand.training.temporal_loop.TemporalLoop"
DIVIDED = "algorithm.norm_adv_by_std_in_grpo"
LEVELS_ONLY = {  # what each does to a group whose other rewards have two levels
    "temporal": "all right rollouts of a group get the same bonus",
    "scarcity": "all grounded rollouts of a group get the same reward",
    "running_std": "all rollouts of a group are divided by the same number",
}

Rewards = dict[str, Entry]


def check(chain: Chain) -> Iterator[Finding]:
    yield from _manager(chain)
    if chain.get(f"{SAMPLER}.custom_sampler.name") != "GroupReplayBuffer":
        yield from _stock_filter(chain)
        return
    options = chain.get(f"{SAMPLER}.sampler_kwargs")
    for option in options if isinstance(options, dict) else ():
        if option not in OPTIONS:
            place = chain.place(f"{SAMPLER}.sampler_kwargs.{option}")
            fix = did_you_mean(str(option), OPTIONS, f"known are {', '.join(sorted(OPTIONS))}")
            yield SAMPLER_OPTION.at(place, f"GroupReplayBuffer takes no `{option}`", fix)
    try:
        rewards = {entry.name: entry for entry in entries(chain.get(REWARDS))}
    except UserError as error:
        yield UNPAYABLE.at(chain.place(REWARDS), str(error), "write each as `name: {argument: value}`")
        return
    for entry in rewards.values():
        yield from _payable(chain, entry)
    yield from _changes_nothing(chain, rewards)
    yield from _orders(chain, rewards)


def _stock_filter(chain: Chain) -> Iterator[Finding]:
    custom = chain.get(f"{SAMPLER}.custom_sampler.path")
    if custom and chain.get("algorithm.filter_groups.enable") is True:
        place = chain.place("algorithm.filter_groups.enable")
        fix = "write `custom_sampler: {path: pkg://firsthand.training.replay_buffer, name: GroupReplayBuffer}`"
        yield NOT_HANDED_ON.at(place, "veRL does not pass `filter_groups` on to a custom sampler", fix)


def _manager(chain: Chain) -> Iterator[Finding]:
    key = "reward.reward_manager.name"
    if chain.get(key) == "dapo" and chain.get(f"{AGENT}.agent_loop_config_path"):
        message = "the reward manager `dapo` hides traces and texts of agent loops from the reward function"
        fix = f"write `name: naive`; what it pays for length is `{REWARDS}.overlong`"
        yield HIDES.at(chain.place(key), message, fix)


def _payable(chain: Chain, entry: Entry) -> Iterator[Finding]:
    """The function is there and takes what it is given; it is not run."""
    name, given, place = entry.name, entry.arguments, chain.place(f"{REWARDS}.{entry.name}")
    path, _, function = (entry.path or f"{HOME}:{name}").rpartition(":")
    file = source_of(path) if path else None
    if file is None:
        yield UNPAYABLE.at(place, f"`{path or function}` does not exist", "write `path: path/to/file.py:function`")
        return
    node, finding = look_up(place, file, function)
    if finding:
        yield UNPAYABLE.at(place, finding.message, finding.fix)
        return
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):  # another name of a class
        node, _ = look_up(place, file, node.value.id)
    wanted = _arguments(node)
    if wanted is None:
        return
    for unknown in sorted(given.keys() - wanted.keys()):
        fix = did_you_mean(unknown, wanted, f"it takes {', '.join(wanted)}")
        yield UNPAYABLE.at(place, f"`{name}` takes no `{unknown}`", fix)
    for lacking in sorted(name for name, needed in wanted.items() if needed and name not in given):
        yield UNPAYABLE.at(place, f"`{name}` needs `{lacking}`", f"add `{lacking}:`")


def _arguments(node: ast.AST | None) -> dict[str, bool] | None:
    """Names, and whether each is needed; None where that cannot be decided."""
    if isinstance(node, ast.ClassDef):
        made = (item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__")
        node = next(made, None)
    if not isinstance(node, ast.FunctionDef) or node.args.kwarg:
        return None
    own = node.args.args[1:]  # the first is the group, or self
    needed = len(own) - len(node.args.defaults)
    named = {argument.arg: number < needed for number, argument in enumerate(own)}
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return named | {argument.arg: default is None for argument, default in pairs}


def _changes_nothing(chain: Chain, rewards: Rewards) -> Iterator[Finding]:
    divided = chain.get("algorithm.adv_estimator") in ("grpo", "grpo_vectorized") and chain.get(DIVIDED) is not False
    for name, why in LEVELS_ONLY.items():
        if divided and name in rewards and rewards[name].arguments.get("preset") in (None, "apart"):
            message = f"`{name}`: {why}; divided by the spread of the group, it is mostly gone (docs/group_rewards.md)"
            fix = f"write `{DIVIDED}: false`"
            if name != "running_std":
                fix += ", or `preset: paper` if you want what was published"
            yield NO_EFFECT.at(chain.place(f"{REWARDS}.{name}"), message, fix)


def _orders(chain: Chain, rewards: Rewards) -> Iterator[Finding]:
    """The bonus for order needs a loop that asks in another order, and a reward that scores what is said to it."""
    loops = [entry for entry in agent_entries(chain) if entry.get("_target_") == TEMPORAL_LOOP]
    orders = {order for entry in loops for order in entry.get("orders", ["shuffled"])}
    temporal = rewards.get("temporal")
    against = str(temporal.arguments.get("against", "shuffled")) if temporal else ""
    if temporal and against not in orders:
        fix = f"register {TEMPORAL_LOOP} in `{AGENT}.agent_loop_config_path`, with `orders: [{against}]`"
        yield NO_ORDERS.at(chain.place(f"{REWARDS}.temporal"), f"nothing answers on {against} frames", fix)
    key = "reward.custom_reward_function.path"
    file = source_of(str(chain.get(key) or ""))
    if loops and file and "orders" not in names_read(file):
        fix = "write `path: reward_fns/groups_temporal.py` and `reward_kwargs: {of: FILE.py:FUNCTION, ...}`"
        yield NO_ORDERS.at(chain.place(key), "the reward scores no answer on frames in another order", fix)
