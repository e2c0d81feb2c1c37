"""Group rewards of a recipe: what each is called, what it is given, what it remembers.

    trainer.v1.sampler.sampler_kwargs.group_rewards:
      temporal: {bonus: 0.3}                               # a name of reward_fns/groups.py, and its arguments
      mine: {path: my_rewards.py:brevity, longest: 40}     # your own
      length: null                                         # taken away from an inherited recipe

A list of `{name: ..., ...}` and `{path: ..., ...}` does as well, but a recipe that inherits it can only replace it.
They are paid in their order. One is a function of the rollouts of a question, which changes their scores and parts:

    def brevity(group: list[Rollout], *, longest: int) -> None:
        for rollout in group:
            rollout.pay("brevity", float(rollout.length < longest))

A class is made once, with the arguments, and called with all groups of a batch. It may remember something from step to
step: `state()` is saved in each checkpoint before veRL calls it complete, and `resume(state)` gets it back.
Rollouts whose tools or rewards failed are not shown to them.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from verl.utils.import_utils import load_extern_object

from firsthand import files
from firsthand.errors import UserError
from firsthand.recipe.group_rewards import HOME, KEY, Entry, entries
from firsthand.rollout.telemetry import Rollout

SAVED = "group_rewards.json"  # in the folder of a checkpoint

Groups = list[list[Rollout]]


class GroupRewards:
    def __init__(self, written: Any):
        plain = OmegaConf.to_container(written, resolve=True) if OmegaConf.is_config(written) else written
        self.rewards = {entry.name: _opened(entry) for entry in entries(plain)}

    def pay(self, groups: Groups) -> None:
        sound = [[rollout for rollout in group if not rollout.faulty] for group in groups]
        for reward in self.rewards.values():
            reward(sound)

    def state(self) -> dict[str, Any]:
        return {name: reward.state() for name, reward in self._with_state()}

    def resume(self, state: Mapping[str, Any]) -> None:
        for name, reward in self._with_state():
            reward.resume(state[name])

    def _with_state(self) -> Iterator[tuple[str, Any]]:
        return ((name, reward) for name, reward in self.rewards.items() if hasattr(reward, "state"))


def _opened(entry: Entry) -> Callable[[Groups], None]:
    path, _, name = entry.path.rpartition(":") if entry.path else (HOME, "", entry.name)
    if not path:
        raise UserError(f"{KEY}.{entry.name}: {entry.path!r}; write `path: path/to/file.py:function`")
    try:
        found = load_extern_object(path, name)
    except (AttributeError, FileNotFoundError, ImportError) as error:
        raise UserError(f"{KEY}.{entry.name}: {error}; the names of reward_fns/groups.py need no path") from None
    made = isinstance(found, type)
    try:
        inspect.signature(found).bind(*([] if made else [[]]), **entry.arguments)
    except TypeError as error:
        raise UserError(f"{KEY}.{entry.name}: {error}; it takes {inspect.signature(found)}") from None
    return found(**entry.arguments) if made else lambda groups: _each(found, groups, entry.arguments)


def _each(reward: Callable[..., None], groups: Groups, arguments: dict[str, Any]) -> None:
    for group in filter(None, groups):
        reward(group, **arguments)


def saved_with(trainer: Any, rewards: GroupRewards) -> None:
    """Each checkpoint of the trainer gets the state, before it is called complete: a run that is killed in between goes
    on from the checkpoint before."""
    if not rewards.state():
        return
    save = trainer._save_checkpoint

    def save_with_state() -> None:
        folder = Path(trainer.config.trainer.default_local_dir) / f"global_step_{trainer.global_steps}"
        files.write_json(folder / SAVED, rewards.state())
        save()

    trainer._save_checkpoint = save_with_state


def resumed(trainer: Any, rewards: GroupRewards, step: int) -> None:
    """The state that the checkpoint of a step has; a run that begins has none yet."""
    wanted = rewards.state()
    if step == 0 or not wanted:
        return
    options = trainer.config.trainer
    by_path = options.resume_mode == "resume_path"
    folder = Path(options.resume_from_path) if by_path else Path(options.default_local_dir) / f"global_step_{step}"
    state = files.read_json(folder / SAVED) if (folder / SAVED).exists() else {}
    if missing := ", ".join(wanted.keys() - state.keys()):
        raise UserError(f"{folder}/{SAVED} knows nothing of {missing}; remove it from {KEY}, or begin a new run")
    rewards.resume(state)
