"""In vLLM the merged model gives the answer that it gives in transformers, on the same probes.

Greedy decoding takes the likeliest token at each step. So vLLM's whole answer can be judged by one pass of the model in
transformers over it: each of its tokens must be the likeliest there too. Where two tokens are almost equally likely,
the rounding of two engines may choose either. Such a tie is reported and accepted, and the tokens after it are judged
as its continuation.
"""

import tempfile
from itertools import takewhile
from pathlib import Path
from typing import Any

from firsthand.findings import Finding
from firsthand.serving.checks import failed, held
from firsthand.serving.probe_rows import FPS, FRAMES, QUESTION, frames, probes
from firsthand.serving.vllm_server import in_bfloat16, vllm_server
from firsthand.serving.weights import load_model, naming

TOKENS = 24
# Differences of log-probabilities. float32 on both sides stays below 0.001; in bfloat16 the neighbours of 20 are
# 0.125 away.
TIE_IN_FLOAT32, TIE_IN_BFLOAT16 = 0.2, 1.0
FIX = "This vLLM does not run the model as transformers does: take the versions of `firsthand doctor`"


def same_answers(merged: Path) -> list[Finding]:
    rows = probes(merged)
    longest = max(row["input_ids"].shape[1] for row in rows.values()) + TOKENS
    log = merged.with_name(f"{merged.name}.vllm.log")
    with (
        vllm_server(merged, "merged", log, longest, ["--skip-mm-profiling"]) as url,
        naming("vLLM: it cannot be asked", f"see {log}"),
    ):
        answers = {name: _ask(url, name) for name in rows}
    model = load_model(merged)
    tie = TIE_IN_BFLOAT16 if in_bfloat16(merged) else TIE_IN_FLOAT32
    return [_judged(model, name, rows[name], *answers[name], tie) for name in rows]


def _ask(url: str, name: str) -> tuple[list[int], list[int], str]:
    """Token ids of the prompt as vLLM saw it and of its greedy answer, and the answer."""
    from firsthand.llm.client import connect_blocking
    from firsthand.llm.media import request_body
    from firsthand.llm.messages import Prompted

    with tempfile.TemporaryDirectory() as folder:
        names = [f"{number}.png" for number in range(FRAMES)]
        for file, frame in zip(names, frames(), strict=True):
            frame.save(Path(folder, file))
        media: dict[str, dict[str, Any]] = {"image": {"image": names[0]}, "video": {"video": names, "fps": FPS}}
        parts = [{"type": name, **media[name]}] if name in media else []
        turn = {"role": "user", "content": [*parts, {"type": "text", "text": QUESTION}]}
        body = request_body(Prompted.model_validate({"id": name, "messages": [turn]}), folder)
    plain = {"temperature": 0.0, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0, "return_token_ids": True}
    reply = connect_blocking(url).chat.completions.create(
        model="merged", messages=body.pop("messages"), max_tokens=TOKENS, extra_body={**plain, **body}
    )
    choice = reply.choices[0]
    ids = (choice.model_extra or {}).get("token_ids") or []
    return (reply.model_extra or {}).get("prompt_token_ids") or [], ids, choice.message.content or ""


def _judged(model: Any, name: str, row: Any, prompt: list[int], answer: list[int], text: str, tie: float) -> Finding:
    import torch

    wanted = row["input_ids"][0].tolist()
    if prompt != wanted:
        at = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(prompt, wanted, strict=False))))
        detail = f"its prompt has {len(prompt)} tokens, the processor's {len(wanted)}, and they part at token {at}"
        return failed(f"vLLM, {name}", detail, "compare its processor files with the base's")
    if not answer:
        return failed(f"vLLM, {name}", "it answered nothing", FIX)
    with torch.inference_mode():
        after = model(**_continued(row, answer)).logits[0, len(wanted) - 1 : -1].float().log_softmax(-1)
    gaps = after.max(-1).values - after[range(len(answer)), answer]
    worst = int(gaps.argmax())
    if not gaps[worst] <= tie:  # NaN too
        detail = f"token {worst} of its answer is {gaps[worst]:.2g} less likely in transformers than another"
        return failed(f"vLLM, {name}", f"{detail}: {text!r}", FIX)
    ties = int((gaps > 0).sum())
    after_tie = f", {ties} of them after a tie of {gaps[worst]:.1g}" if ties else ""
    return held(f"vLLM, {name}", f"the greedy answer of transformers, {len(answer)} tokens{after_tie}: {text!r}")


def _continued(row: Any, answer: list[int]) -> dict[str, Any]:
    """The inputs with the answer after the prompt, as text that is attended to."""
    import torch

    more = torch.tensor([answer])
    ends = {"input_ids": more, "attention_mask": torch.ones_like(more)}
    shape, plain = row["input_ids"].shape, torch.zeros_like(more)
    per_token = {key: value for key, value in row.items() if value.shape == shape}
    return {
        **row,
        **{key: torch.cat([value, ends.get(key, plain).to(value.dtype)], 1) for key, value in per_token.items()},
    }
