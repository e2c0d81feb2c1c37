"""vLLM's answer is judged by one pass of the model over it: the likeliest tokens pass, and nothing else does.

The answers here are those of the model in transformers; tests/e2e has those of vLLM.
"""

from pathlib import Path
from typing import Any

import pytest
import torch

from firsthand.findings import Finding
from firsthand.serving.greedy import TIE_IN_BFLOAT16, TIE_IN_FLOAT32, _judged
from firsthand.serving.probe_rows import probes
from firsthand.serving.weights import load_model

LENGTH = 6


@pytest.fixture(scope="module")
def model(base: Path) -> Any:
    return load_model(base)


@pytest.fixture(scope="module")
def rows(base: Path) -> dict[str, Any]:
    return probes(base)


def greedy(model: Any, row: Any) -> list[int]:
    options = {"do_sample": False, "max_new_tokens": LENGTH, "min_new_tokens": LENGTH}
    return model.generate(**row, **options)[0, row["input_ids"].shape[1] :].tolist()


def judged(
    model: Any, row: Any, answer: list[int], prompt: list[int] | None = None, tie: float = TIE_IN_FLOAT32
) -> Finding:
    prompt = row["input_ids"][0].tolist() if prompt is None else prompt
    return _judged(model, "video", row, prompt, answer, "said", tie)


@pytest.mark.parametrize("kind", ["image", "video"])
def test_the_greedy_answer_passes_and_another_token_does_not(model: Any, rows: dict[str, Any], kind: str) -> None:
    row = rows[kind]
    answer = greedy(model, row)
    assert judged(model, row, answer).level == "ok"
    for at in (0, LENGTH - 1):
        with torch.inference_mode():
            extended = torch.tensor([answer[:at]], dtype=torch.long)
            least = int(_next(model, row, extended).argmin())
        wrong = judged(model, row, [*answer[:at], least, *answer[at + 1 :]])
        assert wrong.level == "error" and "less likely in transformers than another: 'said'" in wrong.message


def _next(model: Any, row: Any, answer: Any) -> Any:
    from firsthand.serving.greedy import _continued

    return model(**_continued(row, answer[0].tolist())).logits[0, -1]


def test_another_prompt_and_an_empty_answer_are_told(model: Any, rows: dict[str, Any]) -> None:
    row, prompt = rows["video"], rows["video"]["input_ids"][0].tolist()
    other = judged(model, row, [1], [*prompt[:5], prompt[5] + 1, *prompt[6:]])
    assert other.level == "error" and "they part at token 5" in other.message and "processor files" in other.fix
    assert judged(model, row, [1], prompt[:-1]).level == "error"
    assert "it answered nothing" in judged(model, row, []).message


def test_a_model_that_gives_no_numbers_fails(base: Path, rows: dict[str, Any]) -> None:
    broken = load_model(base)
    broken.get_input_embeddings().weight.data.fill_(float("nan"))
    assert judged(broken, rows["image"], [1, 2]).level == "error"


def test_bfloat16_may_choose_what_is_almost_as_likely(model: Any, rows: dict[str, Any]) -> None:
    """A token 0.5 less likely than the best is an error of float32, and within the rounding of bfloat16."""
    row = rows["image"]
    with torch.inference_mode():
        logits = _next(model, row, torch.tensor([[]], dtype=torch.long)).float()
    other = int(logits.argsort()[-2])
    gap = 0.5
    shift = float(logits.max() - logits[other]) - gap
    head = model.get_output_embeddings()
    bias = head.register_forward_hook(lambda _, __, out: _raised(out, other, shift))
    try:
        assert judged(model, row, [other]).level == "error"
        assert judged(model, row, [other], tie=TIE_IN_BFLOAT16).level == "ok"
    finally:
        bias.remove()


def _raised(logits: Any, token: int, by: float) -> Any:
    logits[..., token] += by
    return logits
