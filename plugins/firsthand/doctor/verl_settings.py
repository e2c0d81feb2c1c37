"""veRL: values that contradict each other; most of them stop the run only after Ray and the model are up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from firsthand.doctor import models
from firsthand.doctor.findings import Finding, Level, rule
from firsthand.doctor.values import names, number
from firsthand.doctor.verl_chain import Chain

ROLLOUT, ACTOR, REF = "actor_rollout_ref.rollout", "actor_rollout_ref.actor", "actor_rollout_ref.ref"
TURNS = f"{ROLLOUT}.multi_turn"

OBSERVATION = rule(
    "VR010",
    "error",
    "max_tool_response_length left at 256",
    "Every tool result is cut to 256 characters, from the middle, without a word.",
)
GROUP_OF_ONE = rule(
    "VR013",
    "error",
    "a group of one",
    "Group-relative advantages need rollout.n of at least 2; with 1 nothing is learnt.",
)
MINI_BATCH = rule(
    "VR014",
    "error",
    "ppo_mini_batch_size against train_batch_size",
    "Both count prompts; the first divides the second.",
)
SHARES = rule("VR015", "error", "a batch that the GPUs cannot share", "The batch is split evenly over all GPUs.")
LENGTHS = rule(
    "VR016",
    "error",
    "prompt and response do not fit max_model_len",
    "Long prompts are refused, or answers are cut short.",
)
PATCH_SIZE = rule(
    "VR017",
    "warning",
    "image_patch_size does not fit the model",
    "Lengths are filtered with the wrong number of tokens: 16 for Qwen3-VL and Qwen3.5, 14 for Qwen2.5-VL.",
)
REFILL = rule(
    "VR018",
    "warning",
    "failed rollouts count towards the batch",
    "A tool or server that fails takes prompts away; with the refill, others are sampled in their place.",
)
MICRO_BATCH = rule("VR019", "error", "no micro batch size, or two", "Set exactly one, or use_dynamic_bsz: true.")
ENGINE = rule("VR020", "error", "no rollout engine", "rollout.name has no default, and mode knows only async.")
ESTIMATOR = rule(
    "VR021",
    "error",
    "the advantage estimator",
    "The default is gae, which trains a critic; gdpo lacks its inputs in the V1 trainer.",
)
TENSOR_PARALLEL = rule(
    "VR022", "error", "tensor_model_parallel_size does not fit the GPUs", "The default is 2: a single GPU needs 1."
)
LOGGER = rule(
    "VR023",
    "info",
    "trainer.logger is veRL's default",
    "It includes wandb, which asks for a login when the run starts.",
)
CPU_ONLY = rule("VR026", "error", "a GPU-only setting in a CPU run", "trainer.device is cpu, and this needs CUDA.")
LEGACY_TRAINER = rule(
    "VR027",
    "error",
    "the legacy trainer",
    "use_v1: false is deprecated, and samplers and hooks of V1 do not run in it.",
)
TWO_PENALTIES = rule(
    "VR030", "warning", "two KL penalties", "use_kl_loss and use_kl_in_reward both hold the policy back."
)
FILTER_MEDIA = rule(
    "VR011",
    "warning",
    "filter_overlong_prompts with images or videos",
    "It decodes the media of the whole data set before the first step; filter once, offline.",
)

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
    "actor_rollout_ref.model.use_remove_padding": ((True,), "false"),
    f"{ROLLOUT}.free_cache_engine": ((True,), "false"),
    f"{ROLLOUT}.enforce_eager": ((False,), "true"),
    f"{ACTOR}.use_torch_compile": ((True,), "false"),
}

Check = Callable[[Chain], Iterator[Finding]]


def uses_tools(chain: Chain) -> bool:
    paths = (f"{TURNS}.tool_config_path", f"{TURNS}.function_tool_path")
    loop = chain.get(f"{ROLLOUT}.agent.default_agent_loop")
    return chain.get(f"{TURNS}.enable") is True or loop == "tool_agent" or any(chain.get(path) for path in paths)


def check(chain: Chain) -> Iterator[Finding]:
    for part in (_rollout, _batches, _lengths, _algorithm, _machine):
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
    refill, sampler = (
        "trainer.v1.sampler.sync_refill_failed_groups",
        chain.get("trainer.v1.sampler.custom_sampler.path"),
    )
    custom = uses_tools(chain) or chain.get(f"{ROLLOUT}.agent.agent_loop_config_path")
    if (
        custom
        and not sampler
        and chain.get(refill) is not True
        and chain.get("trainer.v1.trainer_mode") in (None, "sync")
    ):
        yield REFILL.at(chain.place(refill), "failed groups are not replaced", f"write `{refill}: true`")


def _batches(chain: Chain) -> Iterator[Finding]:
    batch, mini = number(chain.get("data.train_batch_size")), number(chain.get(f"{ACTOR}.ppo_mini_batch_size"))
    place = chain.place(f"{ACTOR}.ppo_mini_batch_size")
    if batch and mini and mini > batch:
        message = f"`ppo_mini_batch_size` {mini} is larger than `train_batch_size` {batch}"
        yield MINI_BATCH.at(place, message, f"write {batch} or a divisor of it")
    elif batch and mini and batch % mini:
        message = f"`train_batch_size` {batch} is no multiple of `ppo_mini_batch_size` {mini}: batches are padded"
        yield MINI_BATCH.at(place, message, f"write a divisor of {batch}", level="warning")
    group = number(chain.get(f"{ROLLOUT}.n")) or 1
    gpus = (number(chain.get("trainer.n_gpus_per_node")) or 0) * (number(chain.get("trainer.nnodes")) or 1)
    for path, size in (("data.train_batch_size", batch), (f"{ACTOR}.ppo_mini_batch_size", mini)):
        if size and gpus and size * group % gpus:
            message = f"`{path}` {size} x {group:g} rollouts cannot be shared by {gpus:g} GPUs"
            yield SHARES.at(chain.place(path), message, f"make it a multiple of {gpus:g}")
    if chain.get(f"{ACTOR}.use_dynamic_bsz") is not True:
        yield from _micro_batches(chain)


def _micro_batches(chain: Chain) -> Iterator[Finding]:
    wanted = {ACTOR: "ppo_micro_batch_size", ROLLOUT: "log_prob_micro_batch_size"}
    if chain.get(f"{ACTOR}.use_kl_loss") is True or chain.get("algorithm.use_kl_in_reward") is True:
        wanted[REF] = "log_prob_micro_batch_size"
    for section, key in wanted.items():
        given = [chain.get(f"{section}.{key}") is not None, chain.get(f"{section}.{key}_per_gpu") is not None]
        if sum(given) != 1:
            message = f"`{section}` has {'both' if all(given) else 'no'} {key} and {key}_per_gpu"
            yield MICRO_BATCH.at(
                chain.place(f"{section}.{key}_per_gpu"),
                message,
                f"write `{key}_per_gpu` only, or `{ACTOR}.use_dynamic_bsz: true`",
            )


def _lengths(chain: Chain) -> Iterator[Finding]:
    prompt, response, limit = (
        number(chain.get(key))
        for key in ("data.max_prompt_length", "data.max_response_length", f"{ROLLOUT}.max_model_len")
    )
    if prompt and response and limit and prompt + response > limit:
        message = f"max_prompt_length {prompt} + max_response_length {response} > max_model_len {limit}"
        level: Level = "error" if prompt >= limit else "warning"
        yield LENGTHS.at(
            chain.place(f"{ROLLOUT}.max_model_len"), message, f"write `max_model_len: {prompt + response}`", level=level
        )
    family = models.family(chain.get("actor_rollout_ref.model.path"))
    if family and chain.get("data.filter_overlong_prompts") is True:
        yield FILTER_MEDIA.at(
            chain.place("data.filter_overlong_prompts"),
            f"all media of the data are decoded for {family[0]}",
            "write `filter_overlong_prompts: false` and filter the rows offline",
        )
        if (size := number(chain.get("data.image_patch_size"))) not in (None, family[1]):
            yield PATCH_SIZE.at(
                chain.place("data.image_patch_size"),
                f"{size} for {family[0]}",
                f"write `image_patch_size: {family[1]}`",
            )


def _algorithm(chain: Chain) -> Iterator[Finding]:
    path = "algorithm.adv_estimator"
    estimator, place = chain.get(path), chain.place(path)
    if not chain.sets(path):
        yield ESTIMATOR.at(
            place, "no `adv_estimator`: the default gae trains a critic", "write `adv_estimator: grpo`", level="warning"
        )
    elif estimator == "gdpo" and chain.get("trainer.use_v1") is not False:
        yield ESTIMATOR.at(
            place, "gdpo needs columns that the V1 trainer does not hand over", "write `adv_estimator: grpo`"
        )
    if estimator in GROUP_ESTIMATORS and (number(chain.get(f"{ROLLOUT}.n")) or 1) < 2:
        yield GROUP_OF_ONE.at(chain.place(f"{ROLLOUT}.n"), f"{estimator} with `{ROLLOUT}.n: 1`", "write `n: 8`")
    if chain.get(f"{ACTOR}.use_kl_loss") is True and chain.get("algorithm.use_kl_in_reward") is True:
        yield TWO_PENALTIES.at(
            chain.place("algorithm.use_kl_in_reward"), "both KL penalties are on", "write `use_kl_in_reward: false`"
        )
    if chain.get("trainer.use_v1") is False:
        yield LEGACY_TRAINER.at(
            chain.place("trainer.use_v1"), "`use_v1: false` starts the deprecated trainer", "remove it"
        )


def _machine(chain: Chain) -> Iterator[Finding]:
    path = f"{ROLLOUT}.tensor_model_parallel_size"
    parallel, gpus = (
        number(chain.get(path)),
        (number(chain.get("trainer.n_gpus_per_node")) or 0) * (number(chain.get("trainer.nnodes")) or 1),
    )
    if parallel and gpus and (parallel > gpus or gpus % parallel):
        yield TENSOR_PARALLEL.at(
            chain.place(path), f"{parallel} for {gpus:g} GPUs", "write `tensor_model_parallel_size: 1`"
        )
    if not chain.sets("trainer.logger") and "wandb" in names(chain.get("trainer.logger")):
        yield LOGGER.at(chain.place("trainer.logger"), "logs go to wandb", "write `logger: [console, tensorboard]`")
    if chain.get("trainer.device") == "cpu":
        for key, (needs_cuda, instead) in ON_CPU.items():
            if chain.get(key) in needs_cuda:
                leaf = key.rsplit(".", 1)[-1]
                yield CPU_ONLY.at(chain.place(key), f"`{key}` is {chain.get(key)}", f"write `{leaf}: {instead}`")
