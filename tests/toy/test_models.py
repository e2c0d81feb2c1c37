"""The tiny models are Qwen models in all but size: same tokens, same template, same classes, and they generate."""

import json
import random
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.rollout import prompt
from firsthand.toy.tiny_models import base_model, drills, models
from firsthand.toy.tiny_models.models import ADDED, SPECIAL
from firsthand.toy.week import world

KINDS = list(base_model.KINDS)
SHIPPED = Path(__file__).parents[2] / "models"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All kinds with random weights, and a tokenizer that learnt from drills, as those in models/ have."""
    rng, out = random.Random(0), tmp_path_factory.mktemp("models")
    rows = [{"messages": drills.chat(drills.text_row(rng), rng)} for _ in range(200)]
    for kind in KINDS:
        models.build(kind, out / kind, base_model.corpus(rows))
    return {kind: out / kind for kind in KINDS}


@pytest.fixture(scope="session")
def tokenizer(tiny) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny["qwen3_vl"])


def pieces(tokenizer: Any, text: str) -> list[str]:
    return [tokenizer.decode([token]) for token in tokenizer.encode(text, add_special_tokens=False)]


PARTS = [*world.WORDS, *SPECIAL, *ADDED, " ", "\n", "\n\n", "A. ", "<answer>", "0.5", "é", "手"]
TEXTS = st.text(max_size=40) | st.lists(st.sampled_from(PARTS), max_size=12).map("".join)


@given(TEXTS)
def test_any_text_survives_the_tokenizer(tokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text, add_special_tokens=False)) == unicodedata.normalize("NFC", text)


def test_the_tokenizer_is_laid_out_as_qwens(tokenizer) -> None:
    for token in [*SPECIAL, *ADDED]:
        assert pieces(tokenizer, f"a{token}b") == ["a", token, "b"]
    assert (tokenizer.eos_token, tokenizer.pad_token, tokenizer.bos_token) == ("<|im_end|>", "<|endoftext|>", None)
    assert set(SPECIAL) <= set(tokenizer.all_special_tokens) and set(ADDED).isdisjoint(tokenizer.all_special_tokens)
    assert len(tokenizer) <= models.VOCAB


def test_every_toy_word_is_one_token(tokenizer) -> None:
    words = [word for word in world.WORDS if not word.isdigit()]
    assert len(words) > 150
    assert [word for word in words if len(pieces(tokenizer, f" {word}")) != 1] == []


def test_a_letter_is_a_token_of_its_own_wherever_it_is_asked_for(tokenizer) -> None:
    for letter in "ABCD":
        answer, option = pieces(tokenizer, prompt.response("so", letter)), pieces(tokenizer, f" ?\n{letter}. the cup")
        assert answer.count(letter) == 1 and option.count(letter) == 1
        assert answer[answer.index(letter) - 1].endswith(">") and answer[answer.index(letter) + 1].startswith("<")
        assert tokenizer.convert_tokens_to_ids(letter) in tokenizer.encode(f"{letter}. the cup")


def test_the_prompt_of_the_task_costs_few_tokens(tokenizer) -> None:
    assert len(pieces(tokenizer, prompt.system("choice"))) < 40


TOOL = {
    "type": "function",
    "function": {
        "name": "rag",
        "description": "Searches what was seen before; café.",
        "parameters": {"type": "object", "properties": {"keywords": {"type": "array"}}, "required": ["keywords"]},
    },
}
CALL = {"name": "rag", "arguments": {"level": "week", "keywords": ["cup", 'a "b"', "手"]}}
ASK, SAY = {"role": "user", "content": "where is it ?"}, {"role": "assistant", "content": "here .\n"}
ONE = {"role": "assistant", "content": "", "tool_calls": [{"type": "function", "function": CALL}]}
TWO = {"role": "assistant", "content": "", "tool_calls": [{"function": CALL}, {"function": {**CALL, "name": "vlm"}}]}
RESULT = {"role": "tool", "content": "i saw it .\n<b>"}
SYSTEM = {"role": "system", "content": "be brief ."}

CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "one turn": [ASK, SAY],
    "system": [SYSTEM, ASK, SAY],
    "two turns": [SYSTEM, ASK, SAY, ASK, {"role": "assistant", "content": "<think>so</think>\n<answer>A</answer>"}],
    "call": [SYSTEM, ASK, ONE, RESULT, SAY],
    "two calls, two results": [ASK, TWO, RESULT, RESULT, SAY, ASK, SAY],
}


def in_llamafactory(name: str, tokenizer: Any, turns: list[dict[str, Any]], tools: list[dict] | None) -> list[int]:
    """The same conversation in LLaMA-Factory's own roles, through its own template."""
    from llamafactory.data.template import TEMPLATES

    system = turns[0]["content"] if turns[0]["role"] == "system" else None
    messages: list[dict[str, str]] = []
    for turn in turns[1:] if system else turns:
        role, content = turn["role"], turn["content"]
        if turn.get("tool_calls"):
            role, content = "function", json.dumps([call["function"] for call in turn["tool_calls"]])
        elif role == "tool":
            role = "observation"
            if messages[-1]["role"] == role:  # as its converter of OpenAI rows joins them
                messages[-1]["content"] += f"\n</tool_response>\n<tool_response>\n{content}"
                continue
        messages.append({"role": role, "content": content})
    template = TEMPLATES[name]
    pairs = template.encode_multiturn(tokenizer, messages, system, json.dumps(tools) if tools else None)
    return [token for pair in pairs for part in pair for token in part]


@pytest.mark.parametrize("kind", ["qwen3_vl", "qwen3_5"])
@pytest.mark.parametrize("tools", [None, [TOOL]], ids=["no tools", "tools"])
@pytest.mark.parametrize("name", CONVERSATIONS)
def test_the_chat_template_is_llamafactorys(tokenizer, name: str, tools: list[dict] | None, kind: str) -> None:
    pytest.importorskip("llamafactory")
    turns = CONVERSATIONS[name]
    options: dict[str, Any] = {"tools": tools, "tokenize": False, "chat_template": models.chat_template(kind)}
    whole = tokenizer.apply_chat_template(turns, **options)
    expected = in_llamafactory(f"{kind}_nothink", tokenizer, turns, tools)
    assert whole == tokenizer.decode(expected)
    assert tokenizer.encode(whole, add_special_tokens=False) == expected
    asked = tokenizer.apply_chat_template(turns[:-1], add_generation_prompt=True, **options)
    assert whole == asked + turns[-1]["content"] + "<|im_end|>\n"


def test_arguments_may_be_a_string_and_content_may_be_parts(tokenizer) -> None:
    call = {"name": "rag", "arguments": json.dumps(CALL["arguments"], ensure_ascii=False)}
    one, other = (
        tokenizer.apply_chat_template([ASK, {"role": "assistant", "tool_calls": [item]}], tokenize=False)
        for item in ({"function": CALL}, call)
    )
    assert one == other
    parts = [{"type": "image"}, {"type": "video"}, {"type": "image_url", "image_url": {"url": "x"}}, {"text": "so"}]
    text = tokenizer.apply_chat_template([{"role": "user", "content": parts}], tokenize=False)
    pads = [f"<|vision_start|><|{kind}_pad|><|vision_end|>" for kind in ("image", "video", "image")]
    assert text == f"<|im_start|>user\n{''.join(pads)}so<|im_end|>\n"


IMAGE, VIDEO, TEXT = {"type": "image"}, {"type": "video"}, {"type": "text", "text": "so"}
UNKNOWN = {"type": "audio", "audio": "x"}
CALLS = [{"function": {**CALL, "arguments": json.dumps(CALL["arguments"])}}]
EYES, ALL = ("qwen3_vl", "qwen3_5", "qwen2_5_vl"), tuple(KINDS)


@pytest.mark.parametrize(("kinds", "turns", "tools"), [
    (("qwen2_5",), [SYSTEM, ASK | {"content": [TEXT]}], None),
    (("qwen2_5",), [SYSTEM | {"content": [TEXT]}, ASK], None),
    (("qwen2_5",), [SYSTEM, ASK, ONE | {"tool_calls": CALLS}], None),
    (("qwen3_vl", "qwen3_5"), [SYSTEM, ASK, ONE | {"content": None}], None),
    (("qwen3_5",), [SYSTEM, ASK, ONE | {"tool_calls": CALLS}], None),
    (("qwen2_5_vl",), [SYSTEM, ASK], [TOOL]),
    (("qwen2_5_vl",), [SYSTEM, ASK, ONE], None),
    (("qwen2_5_vl",), [SYSTEM, ASK, SAY, RESULT], None),
    (EYES, [SYSTEM | {"content": [IMAGE, TEXT]}, ASK], None),
    (EYES, [SYSTEM, ASK, SAY | {"content": [TEXT, VIDEO]}], None),
    (EYES, [SYSTEM, ASK | {"content": [UNKNOWN, TEXT]}], None),
    (ALL, [SYSTEM, ASK, SAY | {"content": None}], None),
    (ALL, [SYSTEM, ASK, SYSTEM], None),
    (ALL, [ASK, SYSTEM], None),
    (ALL, [SYSTEM, ASK | {"role": "human"}], None),
])  # fmt: skip
def test_what_a_released_template_refuses_or_loses_is_an_error(tokenizer, kinds, turns, tools) -> None:
    from jinja2 import TemplateError

    for kind in kinds:
        with pytest.raises((TemplateError, TypeError)):
            tokenizer.apply_chat_template(turns, tools=tools, chat_template=models.chat_template(kind), tokenize=False)


@pytest.mark.parametrize("kind", KINDS)
def test_it_loads_by_auto_classes_and_generates(tiny, kind: str) -> None:
    import torch
    from PIL import Image
    from transformers import AutoConfig, AutoProcessor

    from firsthand.serving.verify import load_model

    assert AutoConfig.from_pretrained(tiny[kind]).model_type == {"qwen2_5": "qwen2"}.get(kind, kind)
    model, processor = load_model(tiny[kind]), AutoProcessor.from_pretrained(tiny[kind])
    assert sum(weight.numel() for weight in model.parameters()) < 4_000_000
    content: Any = "what do i hold ?"
    media: dict[str, Any] = {}
    if kind != "qwen2_5":
        content = [{"type": "image"}, {"type": "text", "text": content}]
        media = {"images": [Image.new("RGB", (128, 96), "red")]}
    text = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    inputs = processor(text=[text], return_tensors="pt", **media)
    with torch.inference_mode():
        made = model.generate(**inputs, max_new_tokens=3, do_sample=False, eos_token_id=None)
    assert made.shape == (1, inputs["input_ids"].shape[1] + 3)
    assert int(made.max()) < models.VOCAB


@pytest.mark.parametrize("folder", sorted(SHIPPED.glob("tiny_qwen*")), ids=lambda folder: folder.name)
def test_a_model_that_is_shipped_has_this_template_and_letters_of_their_own(folder: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.chat_template == models.chat_template(folder.name.removeprefix("tiny_"))
    assert all(letter in pieces(tokenizer, prompt.response("so", letter)) for letter in "ABCD")


def test_equal_seeds_give_equal_weights(tiny, tmp_path: Path) -> None:
    words = ["the cup"] * 9
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        models.build("qwen2_5", tmp_path / name, words, seed)
    one, same, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "same", "other"))
    assert one == same != other


def test_the_delta_heads_of_qwen3_5_begin_with_a_memory(tiny) -> None:
    """As transformers draws them a state keeps e^-10 of itself a token, and the model binds no letter to its option."""
    import torch
    from safetensors.torch import load_file

    weights = {name: weight.float() for name, weight in load_file(tiny["qwen3_5"] / "model.safetensors").items()}
    heads = [name.removesuffix("A_log") for name in weights if name.endswith("A_log")]
    assert len(heads) == 3
    for head in heads:
        step = torch.nn.functional.softplus(weights[f"{head}dt_bias"])
        assert step.min() > 0.0009 and step.max() < 0.11
        assert (weights[f"{head}A_log"].exp() * step).max() < 2
