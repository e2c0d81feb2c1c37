"""A policy that would sample `<|video_pad|>` at every turn, on a real vLLM: with the patch it never does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e
MODEL = Path(__file__).parents[2] / "models/tiny_qwen3_vl"
PROGRAM = """
import asyncio, json, sys
from types import SimpleNamespace

from transformers import AutoProcessor
from verl.workers.rollout.vllm_rollout import vllm_async_server as server
from vllm import LLM

model = sys.argv[1]
llm = LLM(model, dtype="float32", enforce_eager=True, max_model_len=256, skip_mm_profiling=True,
          logprobs_mode="processed_logprobs")
processor = AutoProcessor.from_pretrained(model)
prompt = processor.tokenizer.encode("what do i do ?")

class Engine:
    def __init__(self, speculative):
        self.vllm_config = SimpleNamespace(speculative_config=speculative)

    async def generate(self, prompt, sampling_params, **_):
        yield llm.generate([prompt], sampling_params, use_tqdm=False)[0]

class Config(SimpleNamespace):
    def get(self, name, default):
        return getattr(self, name, default)

async def admitted(request):
    asked._admitting = 1

asked = SimpleNamespace(
    _disaggregation_role="null", lora_as_adapter=False, replica_rank=0, global_steps=1, _admitting=1,
    _park_until_admitted=admitted, model_config=SimpleNamespace(processor=processor),
    config=Config(max_model_len=256, response_length=8, prompt_length=200, full_determinism=False, mtp=None,
                  enable_rollout_routing_replay=False),
)

async def sampled(speculative, temperature):
    asked.engine = Engine(speculative)
    given = {"temperature": temperature, "logprobs": True}
    outputs = [await server.vLLMHttpServer.generate(asked, prompt_ids=list(prompt), sampling_params=dict(given),
                                                    request_id=str(n)) for n in range(8)]
    return [(list(output.token_ids), output.log_probs) for output in outputs]

print("FOUND" + json.dumps([asyncio.run(sampled(*case)) for case in ((True, 1.0), (False, 1.0), (False, 0.0))]))
"""


@pytest.fixture(scope="module")
def eager(tmp_path_factory) -> tuple[Path, set[int]]:
    """A model for which media are the likeliest next words, and their tokens."""
    torch = pytest.importorskip("torch")
    from transformers import AutoModelForImageTextToText, AutoProcessor

    out = tmp_path_factory.mktemp("eager")
    processor, model = AutoProcessor.from_pretrained(MODEL), AutoModelForImageTextToText.from_pretrained(MODEL)
    prompt = processor.tokenizer("what do i do ?", return_tensors="pt")["input_ids"]
    media = {processor.image_token_id, processor.video_token_id}
    with torch.no_grad():
        words = model.get_input_embeddings().weight
        likely = int(model(input_ids=prompt).logits[0, -1].argmax())
        for token in media:
            words[token] = words[likely] * 1.1
    model.save_pretrained(out)
    processor.save_pretrained(out)
    return out, media


def test_tokens_that_stand_for_media_are_never_sampled(eager):
    pytest.importorskip("verl")
    model, media = eager
    environment = os.environ | {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_ENABLE_V1_MULTIPROCESSING": "0"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(model)], capture_output=True, text=True, env=environment, timeout=600
    )
    assert done.returncode == 0, done.stderr[-3000:]
    [line] = [line for line in done.stdout.splitlines() if line.startswith("FOUND")]
    upstream, patched, greedy = json.loads(line.removeprefix("FOUND"))
    assert any(media & set(tokens) for tokens, _ in upstream), "without the patch this model does"
    for outputs in (patched, greedy):
        assert all(not media & set(tokens) for tokens, _ in outputs)
        assert all(logprob > -50 for _, logprobs in outputs for logprob in logprobs)
