"""Patches `vLLMHttpServer.generate` of `verl.workers.rollout.vllm_rollout.vllm_async_server`: a policy may sample
`<|video_pad|>`, on every machine.

Such a token stands for pixels. The agent loop and the actor look for those of one more image or video, find none, and
the rollout is lost. With the patch, tokens that stand for media or open a block of them are never sampled. The rollout
engine's log-probabilities are then those of a policy without them, larger than the actor's by the chance that it gave
to them: nothing for a model that was trained to answer, up to 2e-3 for a tiny base model (with these tokens left out,
the actor agrees to 1e-5). veRL takes some of them out of the logits themselves, so `rollout.logprobs_mode` changes
nothing. vLLM takes no bias beside speculative decoding: there nothing is changed.
"""

import functools
import inspect
from typing import Any

NAMES = ("image_token_id", "video_token_id", "audio_token_id", "vision_start_token_id")
NEVER = float("-inf")


def needed(server) -> bool:
    return "logit_bias" not in inspect.getsource(server.vLLMHttpServer.generate)


def apply(server) -> None:
    generate = server.vLLMHttpServer.generate

    @functools.wraps(generate)
    async def generate_text(self, prompt_ids, sampling_params, *args, **kwargs):
        if not self.engine.vllm_config.speculative_config:
            sampling_params = without_media(sampling_params, self.model_config.processor)
        return await generate(self, prompt_ids, sampling_params, *args, **kwargs)

    server.vLLMHttpServer.generate = generate_text


def without_media(sampling_params: dict[str, Any], processor: Any) -> dict[str, Any]:
    banned = {token: NEVER for name in NAMES if isinstance(token := getattr(processor, name, None), int)}
    given = sampling_params.get("logit_bias") or {}
    return {**sampling_params, "logit_bias": {**given, **banned}} if banned else sampling_params
