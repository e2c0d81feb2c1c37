"""vLLM's engine as GRPO uses it: several answers to each of many prompts of words, by weights that it invents.

It prints how much faster it is to ask for all answers to a prompt at once than for each apart without a cache of
prefixes, and how many rollouts of the full length the cache holds, with the bytes that the doctor counts for a token.
"""

import os
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from on_gpu import folder

PACKAGES = ("vllm",)
ANSWERS = 8


def run(model: str, tiny: bool) -> None:
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    prompts, length, written = (4, 200, 32) if tiny else (32, 6144, 512)
    with tempfile.TemporaryDirectory() as name:
        where = folder.make(model, Path(name) / "model", weights=False)
        engine = _engine(where, length + written, tiny)
        rng = random.Random(0)
        asked = [{"prompt_token_ids": [rng.randrange(20, 700) for _ in range(length)]} for _ in range(prompts)]
        _warm_up(engine, written)
        together = _seconds(engine, asked, ANSWERS, written)
        engine.reset_prefix_cache()
        apart = _seconds(engine, [_marked(one, number) for one in asked for number in range(ANSWERS)], 1, written)
        tokens = prompts * ANSWERS * written
        print(f"{model}: {prompts} prompts of {length:,} tokens, {ANSWERS} answers of {written} to each")
        print(f"together  {tokens / together:9.0f} tokens/s written")
        print(f"apart     {tokens / apart:9.0f} tokens/s written, ratio {apart / together:.2f}")
        _cache(engine, where, length + written, tiny)


def _engine(where: Path, longest: int, tiny: bool) -> Any:
    from vllm import LLM

    return LLM(
        model=str(where), skip_tokenizer_init=False, load_format="dummy", max_model_len=longest, block_size=32,
        dtype="float32" if tiny else "bfloat16", limit_mm_per_prompt={"image": 0, "video": 0},
        enable_prefix_caching=True, gpu_memory_utilization=0.2 if tiny else 0.6, enforce_eager=tiny,
    )  # fmt: skip


def _marked(prompt: dict[str, Any], number: int) -> dict[str, Any]:
    """Another first token, so that no two share the blocks of a prefix."""
    return {"prompt_token_ids": [number, *prompt["prompt_token_ids"][1:]]}


def _warm_up(engine: Any, written: int) -> None:
    _seconds(engine, [{"prompt_token_ids": [1, 2, 3]}], 1, written)


def _seconds(engine: Any, prompts: list[Any], answers: int, written: int) -> float:
    from vllm import SamplingParams

    sampling = SamplingParams(n=answers, max_tokens=written, ignore_eos=True, detokenize=False, temperature=1.0)
    begun = time.perf_counter()
    made = engine.generate(prompts, sampling, use_tqdm=False)
    assert all(len(answer.token_ids) == written for one in made for answer in one.outputs)
    return time.perf_counter() - begun


def _cache(engine: Any, where: Path, longest: int, tiny: bool) -> None:
    """What the engine set aside, and what the doctor counts for a token."""
    from firsthand.doctor.fit.shapes import shape

    one, cache = shape(str(where)), engine.llm_engine.vllm_config.cache_config
    tokens = cache.num_gpu_blocks * cache.block_size
    each = 2 * (4 if tiny else 2) * one.attending * one.kv_heads * one.head
    print(f"cache     {tokens:9,} tokens = {tokens / longest:.0f} rollouts of the full length; {each:,} bytes a token")
