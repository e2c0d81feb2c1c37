"""veRL: the actor, its reference and critic (FSDP2), and the engine that shares their GPUs, phase by phase."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from firsthand.doctor.fit.machine import GB, Machine, Need, Phase, allowance
from firsthand.doctor.fit.shapes import Shape, shape
from firsthand.doctor.fit.step import Batch, Parts, Way, held, in_a_layer
from firsthand.recipe.values import number

MODEL, ROLLOUT, ACTOR = "actor_rollout_ref.model", "actor_rollout_ref.rollout", "actor_rollout_ref.actor"
LOGIT = 6  # bytes: in bfloat16 the logits, their gradient, and a copy for the entropy; read in veRL, not measured
ENGINE = 2.5 * GB  # of vLLM beside weights and cache: activations of its first run, CUDA graphs; a guess
ASLEEP = 1.5 * GB  # of vLLM while it sleeps: its context and graphs; a guess
ON_GPU, OTHER = 4 * GB, 1.2 * GB  # RAM of a process with torch on a GPU, and of another one of Ray; guesses


@dataclass(frozen=True)
class Settings:
    shape: Shape
    lora: int
    wide: int  # bytes of a stored weight
    streamed: bool  # offload_policy: weights, gradients and optimizer stay on the host
    parameters_off: bool  # they leave the GPU while the engine writes
    optimizer_off: bool
    critic: bool
    critic_parameters_off: bool
    critic_optimizer_off: bool
    reference: bool
    fused: bool
    checkpointed: bool
    masked: bool  # without flash-attn a mask of tokens x tokens keeps packed sequences apart
    packed: int  # tokens of a micro-batch
    longest: int  # of one rollout
    prompt: int
    response: int
    rollouts: int  # of a step
    share: float  # of the GPU, for the engine
    parallel: int
    sleeps: bool
    bucket: float
    agents: int
    rewards: int
    storage: int


def settings(get: Callable[[str], Any], model: str | None = None, instead: str | None = None) -> Settings:
    """`get` gives the value of a dotted key of the composed recipe; `instead` is what a missing folder is made of."""

    def count(key: str, default: float = 0) -> float:
        return number(get(key)) or default

    engine = f"{ACTOR}.fsdp_config"
    prompt, response = int(count("data.max_prompt_length", 512)), int(count("data.max_response_length", 512))
    dynamic = get(f"{ACTOR}.use_dynamic_bsz") is True
    several = int(count(f"{ACTOR}.ppo_micro_batch_size_per_gpu", 1)) * (prompt + response)
    return Settings(
        shape=shape(model or str(get(f"{MODEL}.path")), instead),
        lora=int(count(f"{MODEL}.lora_rank")),
        wide=2 if str(get(f"{engine}.model_dtype")) in ("bfloat16", "bf16") else 4,
        streamed=get(f"{engine}.offload_policy") is True,
        parameters_off=get(f"{engine}.param_offload") is True,
        optimizer_off=get(f"{engine}.optimizer_offload") is True,
        critic=get("algorithm.adv_estimator") == "gae",
        critic_parameters_off=get("critic.fsdp.param_offload") is True,
        critic_optimizer_off=get("critic.fsdp.optimizer_offload") is True,
        reference=True in (get(f"{ACTOR}.use_kl_loss"), get("algorithm.use_kl_in_reward")),
        fused=get(f"{MODEL}.use_fused_kernels") is True,
        checkpointed=get(f"{MODEL}.enable_gradient_checkpointing") is not False,
        masked=get(f"{MODEL}.override_config.attn_implementation") not in (None, "flash_attention_2"),
        packed=int(count(f"{ACTOR}.ppo_max_token_len_per_gpu", 16384)) if dynamic else several,
        longest=int(count(f"{ROLLOUT}.max_model_len", prompt + response)),
        prompt=prompt,
        response=response,
        rollouts=int(count("data.train_batch_size", 1) * count(f"{ROLLOUT}.n", 1)),
        share=count(f"{ROLLOUT}.gpu_memory_utilization", 0.5),
        parallel=int(count(f"{ROLLOUT}.tensor_model_parallel_size", 1)),
        sleeps=get(f"{ROLLOUT}.free_cache_engine") is not False,
        bucket=count(f"{ROLLOUT}.checkpoint_engine.update_weights_bucket_megabytes", 2048) * 2**20,
        agents=int(count(f"{ROLLOUT}.agent.num_workers", 8)),
        rewards=int(count("reward.num_workers", 8)),
        storage=int(count("transfer_queue.backend.SimpleStorage.num_data_storage_units", 8)),
    )


def need(given: Settings, machine: Machine) -> Need:
    phases = [_writing(given, machine), _handing_over(given, machine), _learning(given, machine)]
    if given.critic:
        phases.append(_judging(given, machine))
    cpus = int(cores(given.storage, machine.gpus))
    rows = f"{given.packed:,} tokens a micro-batch, rollouts of at most {given.longest:,}"
    starts = cached_rollouts(given, machine) >= 1
    return Need(tuple(phases), _host(given, machine), cpus, rows, _notes(given, machine), starts)


def cores(storage: float, gpus: float) -> float:
    """What Ray must have: veRL holds 3 for each GPU, TransferQueue 1 and 1 for each storage unit; other actors none."""
    return 1 + storage + 3 * gpus


def _trained(given: Settings) -> int:
    return given.shape.adapter(given.lora) if given.lora else given.shape.parameters


def _all(given: Settings) -> int:
    return given.shape.parameters + (given.shape.adapter(given.lora) if given.lora else 0)


def _weights(given: Settings, machine: Machine) -> float:
    return given.wide * _all(given) / machine.gpus


def _optimizer(given: Settings, machine: Machine) -> float:
    return 2 * given.wide * _trained(given) / machine.gpus


def _critic(given: Settings, machine: Machine) -> Parts:
    """What of it stays on the GPU while others work; it is a whole model with all of its weights trained."""
    if not given.critic:
        return {}
    one = given.shape.parameters * 4.0 / machine.gpus
    return {"the critic": one * ((0 if given.critic_parameters_off else 1) + (0 if given.critic_optimizer_off else 2))}


def _writing(given: Settings, machine: Machine) -> Phase:
    """The engine is awake beside what of the trainer stays on the GPU."""
    parts: Parts = _engine(given, machine) | _critic(given, machine)
    if not given.streamed and not given.parameters_off:
        parts["weights"] = _weights(given, machine)
    if not given.streamed and not given.optimizer_off:
        parts["optimizer"] = _optimizer(given, machine)
    return Phase("rollouts", parts | {"allowance": allowance(machine, 0)})


def _engine(given: Settings, machine: Machine) -> Parts:
    """Its share: the cache gets what weights and first run leave of it."""
    weights = _engine_weights(given)
    cache = given.share * machine.memory - weights - ENGINE
    return {"the engine's weights": weights, "the engine's cache": max(0.0, cache), "the engine's own": ENGINE}


def _handing_over(given: Settings, machine: Machine) -> Phase:
    """The new weights travel to the engine, whose cache is not there yet."""
    parts: Parts = {"the engine's weights": _engine_weights(given), "one whole weight": 4.0 * given.shape.embedding}
    parts |= {"buckets": given.bucket} | _critic(given, machine)
    if not given.streamed:
        parts["weights"] = _weights(given, machine)
        if not given.optimizer_off:
            parts["optimizer"] = _optimizer(given, machine)
    return Phase("new weights", parts | {"allowance": allowance(machine, 0, 2)})


def _learning(given: Settings, machine: Machine) -> Phase:
    shape, parts = given.shape, _critic(given, machine)
    if not given.streamed:
        parts["weights"], parts["optimizer"] = _weights(given, machine), _optimizer(given, machine)
        parts["gradients"] = given.wide * _trained(given) / machine.gpus
    root = shape.embedding * (1 if shape.tied else 2)
    parts["gathered weights"] = 2.0 * (root + 2 * shape.layer) + (4.0 * root if given.streamed else 0)
    step = held(shape, _micro_batch(given), _way(given))
    parts |= step | {"the engine, asleep": ASLEEP if given.sleeps else given.share * machine.memory}
    return Phase("learning", parts | {"allowance": allowance(machine, sum(step.values()))})


def _judging(given: Settings, machine: Machine) -> Phase:
    """The critic learns: its head says one number a token, so it has no logits."""
    whole = replace(given, lora=0, streamed=False, wide=4)
    parts: Parts = {} if given.streamed or given.parameters_off else {"the actor": _weights(given, machine)}
    if not given.streamed and not given.optimizer_off:
        parts["the actor"] = parts.get("the actor", 0) + _optimizer(given, machine)
    parts |= {"weights": _weights(whole, machine), "optimizer": _optimizer(whole, machine)}
    parts |= {
        "gradients": _weights(whole, machine),
        "gathered weights": 2.0 * (given.shape.embedding + given.shape.layer),
    }
    step = in_a_layer(given.shape, _micro_batch(given), _way(whole))
    parts |= step | {"the engine, asleep": ASLEEP if given.sleeps else given.share * machine.memory}
    return Phase("the critic learns", parts | {"allowance": allowance(machine, sum(step.values()))})


def _micro_batch(given: Settings) -> Batch:
    """Packed to the brim; pictures are in prompts."""
    seen = given.packed * given.prompt // (given.prompt + given.response) if given.shape.vision else 0
    return Batch(1, given.packed, given.packed, seen)


def _way(given: Settings) -> Way:
    return Way(
        checkpointed=given.checkpointed,
        fused=given.fused,
        logits=LOGIT,
        padded=given.masked,
        adapters=False,
        whole=not given.lora,
        tower=not given.lora,
    )


def _engine_weights(given: Settings) -> float:
    return 2.0 * _all(given) / given.parallel


def cached_rollouts(given: Settings, machine: Machine) -> float:
    """How many rollouts of the full length the engine's cache holds, on one GPU."""
    shape = given.shape
    token = 2 * 2 * shape.attending * shape.kv_heads * shape.head / given.parallel
    return _engine(given, machine)["the engine's cache"] / token / given.longest


def _notes(given: Settings, machine: Machine) -> tuple[str, ...]:
    at_once = cached_rollouts(given, machine)
    each = given.rollouts / machine.gpus * given.parallel
    if at_once < 1:
        return (f"the engine's cache holds {at_once:.1f} rollouts of the full length: it does not start",)
    return (
        f"the engine's cache holds {at_once:.0f} rollouts of the full length; a step has {each:.0f} for each engine",
    )


def _host(given: Settings, machine: Machine) -> Parts:
    whole, ranks = 4.0 * given.shape.parameters, machine.gpus
    parts = {"the model, read by each rank": given.wide * given.shape.parameters * (ranks if given.shape.tied else 1.0)}
    if given.reference and not given.lora:
        parts["the reference"] = whole
    if given.streamed or given.parameters_off:
        parts["weights"] = float(given.wide * _all(given))
    if given.streamed or given.optimizer_off:
        parts["optimizer"] = 2.0 * given.wide * _trained(given)
    if given.lora and given.sleeps:  # otherwise the engine throws its weights away when it sleeps
        parts["the engine's weights, asleep"] = _engine_weights(given) * ranks
    others = given.agents + given.rewards + given.storage + 6
    return parts | {"processes": 2 * ranks * ON_GPU + others * OTHER}


def switches(given: Settings, machine: Machine) -> list[tuple[str, Settings]]:
    """Keys to put behind the recipe, cheapest first."""
    found = []
    if not given.fused:
        found.append((f"{MODEL}.use_fused_kernels=true", replace(given, fused=True)))
    if given.packed > given.longest:
        found.append((f"{ACTOR}.ppo_max_token_len_per_gpu={given.longest}", replace(given, packed=given.longest)))
    for share in (0.5, 0.4):
        if share < given.share and cached_rollouts(replace(given, share=share), machine) >= 1:
            found.append((f"{ROLLOUT}.gpu_memory_utilization={share}", replace(given, share=share)))
    if not given.streamed:
        keys = f"{ACTOR}.fsdp_config.param_offload=true {ACTOR}.fsdp_config.optimizer_offload=true"
        found.append((keys, replace(given, parameters_off=True, optimizer_off=True)))
        found.append((f"{ACTOR}.fsdp_config.offload_policy=true", replace(given, streamed=True)))
    if given.critic and not given.critic_parameters_off:
        keys = "critic.fsdp.param_offload=true critic.fsdp.optimizer_offload=true"
        found.append((keys, replace(given, critic_parameters_off=True, critic_optimizer_off=True)))
    if not given.lora:
        streamed = replace(given, lora=64, streamed=True, fused=True, packed=given.longest, share=0.75)
        found.append(("+shared@_global_=one_gpu_24", replace(streamed, agents=2, rewards=2, storage=1)))
    return found
