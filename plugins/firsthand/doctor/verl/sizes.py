"""veRL: batch sizes, lengths and GPUs that do not add up; most stop the run only after Ray and the model are up."""

from collections.abc import Iterator

from firsthand.findings import RULES, Finding, Level
from firsthand.recipe import model_names
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.values import number

ROLLOUT, ACTOR, REF = "actor_rollout_ref.rollout", "actor_rollout_ref.actor", "actor_rollout_ref.ref"

MINI_BATCH = RULES["VR014"]
SHARES = RULES["VR015"]
LENGTHS = RULES["VR016"]
PATCH_SIZE = RULES["VR017"]
MICRO_BATCH = RULES["VR019"]
TENSOR_PARALLEL = RULES["VR022"]
FILTER_MEDIA = RULES["VR011"]


def check(chain: Chain) -> Iterator[Finding]:
    yield from _batches(chain)
    yield from _lengths(chain)
    path = f"{ROLLOUT}.tensor_model_parallel_size"
    parallel, gpus = number(chain.get(path)), _gpus(chain)
    if parallel and gpus and (parallel > gpus or gpus % parallel):
        fix = "write `tensor_model_parallel_size: 1`"
        yield TENSOR_PARALLEL.at(chain.place(path), f"{parallel} for {gpus:g} GPUs", fix)


def _gpus(chain: Chain) -> float:
    """0 when the recipe does not say."""
    return (number(chain.get("trainer.n_gpus_per_node")) or 0) * (number(chain.get("trainer.nnodes")) or 1)


def _batches(chain: Chain) -> Iterator[Finding]:
    batch, mini = number(chain.get("data.train_batch_size")), number(chain.get(f"{ACTOR}.ppo_mini_batch_size"))
    place = chain.place(f"{ACTOR}.ppo_mini_batch_size")
    if batch and mini and mini > batch:
        message = f"`ppo_mini_batch_size` {mini} is larger than `train_batch_size` {batch}"
        yield MINI_BATCH.at(place, message, f"write {batch} or a divisor of it")
    elif batch and mini and batch % mini:
        message = f"`train_batch_size` {batch} is not a multiple of `ppo_mini_batch_size` {mini}: batches are padded"
        yield MINI_BATCH.at(place, message, f"write a divisor of {batch}", level="warning")
    group = number(chain.get(f"{ROLLOUT}.n")) or 1
    gpus, shared = _gpus(chain), {f"{ACTOR}.ppo_mini_batch_size": mini}
    if chain.get(f"{ACTOR}.use_dynamic_bsz") is not True:  # with it, veRL pads the batch
        shared["data.train_batch_size"] = batch
        yield from _micro_batches(chain)
    for path, size in shared.items():
        if size and gpus and size * group % gpus:
            message = f"`{path}` {size} x {group:g} rollouts cannot be shared by {gpus:g} GPUs"
            yield SHARES.at(chain.place(path), message, f"make it a multiple of {gpus:g}")


def _micro_batches(chain: Chain) -> Iterator[Finding]:
    wanted = {ACTOR: "ppo_micro_batch_size", ROLLOUT: "log_prob_micro_batch_size"}
    if chain.get(f"{ACTOR}.use_kl_loss") is True or chain.get("algorithm.use_kl_in_reward") is True:
        wanted[REF] = "log_prob_micro_batch_size"
    for section, key in wanted.items():
        given = [chain.get(f"{section}.{key}") is not None, chain.get(f"{section}.{key}_per_gpu") is not None]
        if sum(given) != 1:
            message = f"`{section}` has {'both' if any(given) else 'neither'} {key} and {key}_per_gpu"
            fix = f"write `{key}_per_gpu` only, or `{ACTOR}.use_dynamic_bsz: true`"
            yield MICRO_BATCH.at(chain.place(f"{section}.{key}_per_gpu"), message, fix)


def _lengths(chain: Chain) -> Iterator[Finding]:
    prompt, response, limit = (
        number(chain.get(key))
        for key in ("data.max_prompt_length", "data.max_response_length", f"{ROLLOUT}.max_model_len")
    )
    if prompt and response and limit and prompt + response > limit:
        message = f"max_prompt_length {prompt} + max_response_length {response} > max_model_len {limit}"
        level: Level = "error" if prompt >= limit else "warning"
        fix = f"write `max_model_len: {prompt + response}`"
        yield LENGTHS.at(chain.place(f"{ROLLOUT}.max_model_len"), message, fix, level=level)
    family = model_names.family(chain.get("actor_rollout_ref.model.path"))
    if family and chain.get("data.filter_overlong_prompts") is True:
        place, fix = (
            chain.place("data.filter_overlong_prompts"),
            "write `filter_overlong_prompts: false`, filter offline",
        )
        yield FILTER_MEDIA.at(place, f"all media of the data are decoded for {family[0]}", fix)
        if (size := number(chain.get("data.image_patch_size"))) not in (None, family[1]):
            place, fix = chain.place("data.image_patch_size"), f"write `image_patch_size: {family[1]}`"
            yield PATCH_SIZE.at(place, f"{size} for {family[0]}", fix)
