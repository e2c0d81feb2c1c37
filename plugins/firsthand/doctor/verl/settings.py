"""veRL: the rollout, the algorithm and the machine: unhelpful defaults, and values that exclude each other."""

from collections.abc import Iterator
from typing import Any

from firsthand.findings import RULES, Finding
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.values import names, number

ROLLOUT, ACTOR = "actor_rollout_ref.rollout", "actor_rollout_ref.actor"
TURNS = f"{ROLLOUT}.multi_turn"

OBSERVATION = RULES["VR010"]
GROUP_OF_ONE = RULES["VR013"]
REFILL = RULES["VR018"]
ENGINE = RULES["VR020"]
ESTIMATOR = RULES["VR021"]
LOGGER = RULES["VR023"]
CPU_ONLY = RULES["VR026"]
LEGACY_TRAINER = RULES["VR027"]
TWO_PENALTIES = RULES["VR030"]
SYNCHRONOUS = RULES["VR053"]
NOT_FROZEN = RULES["VR055"]

GROUP_ESTIMATORS = (
    "grpo",
    "grpo_passk",
    "grpo_vectorized",
    "rloo",
    "rloo_vectorized",
    "reinforce_plus_plus_baseline",
    "opo",
    "gpg",
    "gdpo",
)
# key -> (the values that need CUDA, what to write), when trainer.device is cpu
ON_CPU: dict[str, tuple[tuple[Any, ...], str]] = {
    f"{ACTOR}.strategy": (("fsdp",), "fsdp2"),
    f"{ROLLOUT}.free_cache_engine": ((True,), "false"),
    f"{ROLLOUT}.enforce_eager": ((False,), "true"),
    f"{ACTOR}.use_torch_compile": ((True,), "false"),
}


def uses_tools(chain: Chain) -> bool:
    paths = (f"{TURNS}.tool_config_path", f"{TURNS}.function_tool_path")
    loop = chain.get(f"{ROLLOUT}.agent.default_agent_loop")
    return chain.get(f"{TURNS}.enable") is True or loop == "tool_agent" or any(chain.get(path) for path in paths)


def check(chain: Chain) -> Iterator[Finding]:
    for part in (_rollout, _algorithm, _machine):
        yield from part(chain)


def _rollout(chain: Chain) -> Iterator[Finding]:
    length = f"{TURNS}.max_tool_response_length"
    if uses_tools(chain) and chain.get(length) in (None, 256):
        message = "tool results are cut to 256 characters"
        yield OBSERVATION.at(
            chain.place(length), message, f"write `{length}: 4096` (characters), or what your tools return"
        )
    name, mode = chain.get(f"{ROLLOUT}.name"), chain.get(f"{ROLLOUT}.mode")
    if name in (None, "???"):
        yield ENGINE.at(chain.place(f"{ROLLOUT}.name"), f"`{ROLLOUT}.name` is not set", "write `name: vllm`")
    if mode == "sync":
        yield ENGINE.at(chain.place(f"{ROLLOUT}.mode"), "`mode: sync` was removed", "write `mode: async`, or remove it")
    refill = "trainer.v1.sampler.sync_refill_failed_groups"
    can_fail = uses_tools(chain) or chain.get(f"{ROLLOUT}.agent.agent_loop_config_path")
    own_sampler = chain.get("trainer.v1.sampler.custom_sampler.path")  # takes the setting from its sampler_kwargs
    synchronous = chain.get("trainer.v1.trainer_mode") in (None, "sync")
    if can_fail and not own_sampler and synchronous and chain.get(refill) is not True:
        yield REFILL.at(chain.place(refill), "failed groups are not replaced", f"write `{refill}: true`")


def _algorithm(chain: Chain) -> Iterator[Finding]:
    path = "algorithm.adv_estimator"
    estimator, place, fix = chain.get(path), chain.place(path), "write `adv_estimator: grpo`"
    if not chain.sets(path):
        yield ESTIMATOR.at(place, "no `adv_estimator`: the default gae trains a critic", fix, level="warning")
    elif estimator == "gdpo" and chain.get("trainer.use_v1") is not False:
        yield ESTIMATOR.at(place, "gdpo needs columns that the V1 trainer does not pass on", fix)
    if estimator in GROUP_ESTIMATORS and (number(chain.get(f"{ROLLOUT}.n")) or 1) < 2:
        yield GROUP_OF_ONE.at(chain.place(f"{ROLLOUT}.n"), f"{estimator} with `{ROLLOUT}.n: 1`", "write `n: 8`")
    if chain.get(f"{ACTOR}.use_kl_loss") is True and chain.get("algorithm.use_kl_in_reward") is True:
        place = chain.place("algorithm.use_kl_in_reward")
        yield TWO_PENALTIES.at(place, "both KL penalties are on", "write `use_kl_in_reward: false`")
    if chain.get("trainer.use_v1") is False:
        place = chain.place("trainer.use_v1")
        yield LEGACY_TRAINER.at(place, "`use_v1: false` starts the deprecated trainer", "remove it")
    path, ours = "trainer.v1.trainer_mode", "trainer.v1.sampler.custom_sampler.name"
    if chain.get(path) not in (None, "sync") and chain.get(ours) == "GroupReplayBuffer":
        message = f"`trainer_mode: {chain.get(path)}`, but GroupReplayBuffer belongs to the synchronous trainer"
        yield SYNCHRONOUS.at(chain.place(path), message, "write `trainer_mode: sync`, or take veRL's own sampler")


def _machine(chain: Chain) -> Iterator[Finding]:
    if chain.get(f"{ACTOR}.freeze_vision_tower") is True:
        fix = "remove it; LoRA with `exclude_modules: .*visual.*` leaves the tower as it is"
        yield NOT_FROZEN.at(chain.place(f"{ACTOR}.freeze_vision_tower"), "nothing is frozen by it", fix)
    if not chain.sets("trainer.logger") and "wandb" in names(chain.get("trainer.logger")):
        yield LOGGER.at(chain.place("trainer.logger"), "logs go to wandb", "write `logger: [console, tensorboard]`")
    if chain.get("trainer.device") == "cpu":
        for key, (needs_cuda, instead) in ON_CPU.items():
            if chain.get(key) in needs_cuda:
                leaf = key.rsplit(".", 1)[-1]
                yield CPU_ONLY.at(chain.place(key), f"`{key}` is {chain.get(key)}", f"write `{leaf}: {instead}`")
