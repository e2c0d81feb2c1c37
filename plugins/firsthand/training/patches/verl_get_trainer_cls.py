"""Patches `get_trainer_cls` of `verl.trainer.ppo.v1.trainer_base`: it knows registered trainers, and nothing that a
recipe names is imported before it is asked.

With the patch `trainer.v1.trainer_mode: curriculum` finds our trainer.
"""

import importlib
import inspect
from functools import wraps

OURS = {"curriculum": "firsthand.training.curriculum_trainer"}


def needed(base) -> bool:
    return "import" not in inspect.getsource(base.get_trainer_cls)


def apply(base) -> None:
    registered = base.get_trainer_cls

    @wraps(registered)
    def get_trainer_cls(name: str):
        if name in OURS:
            importlib.import_module(OURS[name])
        return registered(name)

    base.get_trainer_cls = get_trainer_cls
