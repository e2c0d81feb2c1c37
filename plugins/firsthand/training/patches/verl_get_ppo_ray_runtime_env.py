"""Patches `get_ppo_ray_runtime_env` in `verl.trainer.constants_ppo`: every worker of Ray imports everything anew.

With the patch, a run on a CPU forks its workers from one process (training/forked_workers.py), unless the recipe names
another program for them.
"""

import inspect

from omegaconf import OmegaConf

from firsthand.training import forked_workers

PROGRAM = "ray_kwargs.ray_init.runtime_env.py_executable"  # None in veRL's own config


def needed(constants_ppo) -> bool:
    return "py_executable" not in inspect.getsource(constants_ppo.get_ppo_ray_runtime_env)


def apply(constants_ppo) -> None:
    upstream = constants_ppo.get_ppo_ray_runtime_env

    def get_ppo_ray_runtime_env(config=None):
        if config is not None and not OmegaConf.select(config, PROGRAM):
            OmegaConf.update(config, PROGRAM, forked_workers.start_source())
        return upstream(config)

    constants_ppo.get_ppo_ray_runtime_env = get_ppo_ray_runtime_env
