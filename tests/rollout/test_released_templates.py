"""Token identity with what Qwen released: its chat templates and its vocabulary, not those of tiny models.

Where a released template does not keep our words, that stands here as what is expected of it."""

import asyncio
import unicodedata
import warnings
from collections.abc import Callable
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import TemplateError
from released import CACHE, FAMILIES, MISSING, ROOT, TOKENS, WHY, fine_tuned, needed, ranks, release
from trajectories import END, IGNORED, OBSERVATIONS, STYLES, as_served, asked, sampled, toolbox, trajectory, written

from firsthand import files
from firsthand.question import Question, StyleName
from firsthand.rollout import prompt
from firsthand.rollout.dialects import chat_tools
from firsthand.rollout.turn_text import Call, read_action
from firsthand.toy.tiny_models import models
from firsthand.toy.tiny_models.models import SPLIT

ENTRY = files.read_json(ROOT / "dataset_info.json")["ego_cott"]
NATIVE = {"columns": ENTRY["columns"] | {"tools": "tools"}, "tags": ENTRY["tags"] | {"observation_tag": "tool"}}
KEEP_WORDS = ["qwen2_5", "qwen2_5_vl", "qwen3_vl", "qwen3_5", "qwen3_instruct_2507"]
CASES = [(name, style) for name in KEEP_WORDS for style in STYLES if (name, style) != ("qwen2_5_vl", "ego_r1_native")]
AGENTS = [*CASES, *(("qwen3", style) for style in STYLES)]


def test_what_qwen_released_is_there() -> None:
    if MISSING:
        warnings.warn(f"TOKEN IDENTITY WAS NOT TESTED WITH WHAT QWEN RELEASED. {WHY}", stacklevel=1)
        pytest.skip(WHY)


# -- the vocabulary ----------------------------------------------------------------------------------------------------


@needed
def test_the_tokenizer_is_qwens() -> None:
    tiktoken, ranked = pytest.importorskip("tiktoken"), ranks()
    assert len(ranked) == 151_643
    special = {token: len(ranked) + number for number, token in enumerate(TOKENS)}
    assert (special["<|im_end|>"], special["<|video_pad|>"], special["</think>"]) == (151_645, 151_656, 151_668)
    original = tiktoken.Encoding("qwen", pat_str=SPLIT, mergeable_ranks=ranked, special_tokens=special)
    texts = [turn for style in STYLES for turn in written(style)] + OBSERVATIONS
    texts += [prompt.system(style) for style in prompt.STYLES] + [(ROOT / "LICENSE").read_text()]
    texts += ["e\u0301 杯子 кухня ごはん 👩\u200d🍳 12345 3.14\t\r\n\n   x", "it's I'LL \u00a0 ¿qué? <|im_start|>\n"]
    for text in texts:
        mine = release("qwen3").tokenizer.encode(text, add_special_tokens=False)
        assert mine == original.encode(unicodedata.normalize("NFC", text), allowed_special="all")


@needed
def test_tags_are_tokens_in_qwen3_and_text_in_qwen2_5() -> None:
    old, new = (release(name).tokenizer.encode("<think>") for name in ("qwen2_5", "qwen3"))
    assert new == [151_667] and len(old) == 3
    assert len(release("qwen3").tokenizer) - len(release("qwen2_5").tokenizer) == 4


# -- questions ---------------------------------------------------------------------------------------------------------


def question(style: StyleName, **changes: Any) -> Question:
    return Question(
        id="q", question="Which thing do I hold?", options={"A": "the cup", "B": "杯子, not {{content}}"}, answer="A",
        style=style, data_source="test", split="train", identity="A1_JAKE", query_time="DAY2_10000000", **changes,
    )  # fmt: skip


QUESTIONS = [question(style) for style in prompt.STYLES if style != "ego_r1_native"]
QUESTIONS.append(question("choice", system="  Two lines:\n\n be brief, étudiant.\n"))


def sees(name: str) -> bool:
    return name.endswith("_vl") or name == "qwen3_5"


def prompt_of_rollout(name: str, row: Question) -> list[int]:
    """What veRL's single-turn loop sends to its engine."""
    from omegaconf import OmegaConf
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap
    from verl.experimental.agent_loop.single_turn_agent_loop import SingleTurnAgentLoop
    from verl.workers.rollout.replica import TokenOutput

    from firsthand.training.dataset import MediaDataset

    model, media = release(name), {"root": ".", "image": {}, "video": {}}
    rollout = {"prompt_length": 8192, "response_length": 16}
    config = DictConfigWrap(OmegaConf.create({"actor_rollout_ref": {"rollout": rollout}, "data": {"media": media}}))

    async def generate(**_: Any) -> TokenOutput:
        return TokenOutput(token_ids=[model.tokenizer.eos_token_id])

    async def main() -> Any:
        loop = SingleTurnAgentLoop(
            trainer_config=config, server_manager=SimpleNamespace(generate=generate), tokenizer=model.tokenizer,
            processor=model.processor, dataset_cls=MediaDataset, data_config=DictConfigWrap(config.config.data),
            hf_model_type=model.model_type,
        )  # fmt: skip
        return await loop.run({}, raw_prompt=prompt.verl_row(row, 0)["prompt"])

    return asyncio.run(main()).prompt_ids


@needed
@pytest.mark.parametrize("name", FAMILIES)
def test_a_question_is_the_same_tokens(name: str) -> None:
    pytest.importorskip("llamafactory")
    rows = [prompt.sharegpt_row(row, prompt.response("so", "A", row.style)) for row in QUESTIONS]
    for row, taught in zip(QUESTIONS, fine_tuned(name, rows, ENTRY), strict=True):
        messages = as_served(prompt.messages(row), sees(name))
        ids = release(name).tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=False)
        learnt = sum(label != IGNORED for label in taught["labels"])
        assert taught["input_ids"][:-learnt] == ids
        assert prompt_of_rollout(name, row) == ids
        assert release(name).tokenizer.decode(ids) == (
            f"<|im_start|>system\n{row.system or prompt.system(row.style)}<|im_end|>\n"
            f"<|im_start|>user\n{prompt.question_text(row)}<|im_end|>\n<|im_start|>assistant\n"
        )


@needed
def test_templates_without_eyes_refuse_parts_or_lose_them() -> None:
    """So a question without media is plain text, and not a list of parts."""
    messages = prompt.messages(question("choice"))
    assert isinstance(messages[-1]["content"], str)
    messages[-1]["content"] = [{"type": "text", "text": messages[-1]["content"]}]
    with pytest.raises(TypeError, match="can only concatenate str"):
        release("qwen2_5").tokenizer.apply_chat_template(messages, tokenize=False)
    for name in ("qwen3", "qwen3_instruct_2507"):
        text = release(name).tokenizer.apply_chat_template(messages, tokenize=False)
        assert "<|im_start|>user\n<|im_end|>" in text


@needed
@pytest.mark.e2e
def test_vllm_joins_parts_for_templates_without_eyes() -> None:
    hf = pytest.importorskip("vllm.renderers.hf")
    for name in FAMILIES:
        found = hf._detect_content_format(release(name).tokenizer.chat_template, default="unknown")
        assert found == ("openai" if sees(name) else "string")


# -- turns with tools --------------------------------------------------------------------------------------------------


@pytest.fixture
def requests(serve) -> Callable[[StyleName], list[dict[str, Any]]]:
    return lambda style: asked(serve, style)


@cache
def taught(name: str, style: StyleName, **changes: Any) -> dict[str, Any]:
    """The trajectory as LLaMA-Factory trains it."""
    pytest.importorskip("llamafactory")
    solved, schemas = trajectory(style), chat_tools(STYLES[style], toolbox().schemas())
    row = prompt.sharegpt_row(solved.question, prompt.solution(solved), schemas)
    [made] = fine_tuned(name, [row], ENTRY | NATIVE if schemas else ENTRY, **changes)
    return made


def rolled_out(name: str, style: StyleName, ended: bool = True) -> Any:
    pytest.importorskip("verl")
    model = release(name)
    return sampled(model.tokenizer, model.processor, model.model_type, style, ended)


def rendered(name: str, request: dict[str, Any], **options: Any) -> list[int]:
    messages, tools = as_served(request["messages"], sees(name)), request.get("tools")
    return release(name).tokenizer.apply_chat_template(messages, tools=tools, return_dict=False, **options)


@needed
@pytest.mark.parametrize("name, style", CASES)
def test_the_template_has_the_tokens_of_fine_tuning_in_every_turn(requests, name: str, style: StyleName) -> None:
    *turns, whole = requests(style)
    row = taught(name, style)
    assert rendered(name, whole) == row["input_ids"]
    learnt = [place for place, label in enumerate(row["labels"]) if label != IGNORED]
    starts = [place for place in learnt if place - 1 not in learnt]
    assert len(starts) == len(turns) == len(written(style))
    for start, request in zip(starts, turns, strict=True):
        assert rendered(name, request, add_generation_prompt=True) == row["input_ids"][:start]
    text = release(name).tokenizer.decode(row["input_ids"])
    assert ("<tools>" in text) == (style == "ego_r1_native")


@needed
@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("name, style", AGENTS)
def test_the_rollout_has_the_tokens_of_fine_tuning(name: str, style: StyleName, ended: bool) -> None:
    """... whether a turn is ended by the model or by a stop string. Hybrid Qwen3 too: no turn is rendered again."""
    output, row, tokenizer = rolled_out(name, style, ended), taught(name, style), release(name).tokenizer
    end, newline = tokenizer.convert_tokens_to_ids(END[0]), tokenizer.encode(END[1])
    ids = output.prompt_ids + output.response_ids
    assert row["input_ids"] == ids + ([] if ended else [end]) + newline
    mask = [0] * len(output.prompt_ids) + output.response_mask
    own = tokenizer.decode([token for token, one in zip(ids, mask, strict=True) if one])
    assert own == "".join(turn + END[0] * ended for turn in written(style))
    learnt = tokenizer.decode([label for label in row["labels"] if label != IGNORED])
    assert learnt == "".join(turn + "".join(END) for turn in written(style))


# -- what the released templates do not keep ---------------------------------------------------------------------------


def hybrid(turn: str, native: bool, last: bool) -> str:
    """What Qwen3's template makes of a turn: the thought on lines of its own, or no thought."""
    thought, action = turn.removeprefix("<think>").split("</think>")
    if last or (native and thought):
        return "<think>\n" + thought.strip("\n") + "\n</think>\n\n" + action.lstrip("\n")
    return action.lstrip("\n")


@needed
@pytest.mark.parametrize("style", STYLES)
def test_hybrid_qwen3_is_served_other_words_than_it_is_taught(requests, style: StyleName) -> None:
    """Its template drops thoughts before the last user turn, and sets the others on lines of their own. In `ego_r1` an
    observation is a user turn, in the native dialect it is not."""
    served = release("qwen3").tokenizer.decode(rendered("qwen3", requests(style)[-1]))
    expected = release("qwen3").tokenizer.decode(taught("qwen3", style)["input_ids"])
    *earlier, last = written(style)
    for turn in earlier:
        expected = expected.replace(turn, hybrid(turn, STYLES[style] == "native", last=False))
    assert served == expected.replace(last, hybrid(last, True, last=True))
    assert not any(turn in served for turn in written(style))


@needed
@pytest.mark.parametrize("style", STYLES)
def test_the_reasoning_template_teaches_hybrid_qwen3_the_same_tokens(style: StyleName) -> None:
    plain, thinking = taught("qwen3", style), taught("qwen3", style, template="qwen3")
    assert (plain["input_ids"], plain["labels"]) == (thinking["input_ids"], thinking["labels"])


@needed
def test_qwen2_5_vl_describes_no_tools(requests) -> None:
    """Its template passes over `tools` and makes the role of a result a role of its own, so the native dialect is not
    for it: fine-tuning would describe the tools, a server and the rollout would not."""
    style: StyleName = "ego_r1_native"
    decode = release("qwen2_5_vl").tokenizer.decode
    served = decode(rendered("qwen2_5_vl", requests(style)[-1]))
    output = rolled_out("qwen2_5_vl", style)
    trained = decode(taught("qwen2_5_vl", style)["input_ids"])
    assert "<tools>" in trained and "<|im_start|>user\n<tool_response>\n" in trained
    for text in (served, decode(output.prompt_ids + output.response_ids) + "\n"):
        assert "<tools>" not in text and "<tool_response>" not in text
        assert text.count("<|im_start|>tool\n") == len(OBSERVATIONS)


OPENED = {"qwen3_5_think": "<think>\n", "qwen3_5_nothink": "<think>\n\n</think>\n\n"}


def by_qwen3_5(name: str, request: dict[str, Any], **options: Any) -> str:
    return rendered("qwen3_5", request, chat_template=(CACHE / f"{name}.jinja").read_text(), tokenize=False, **options)


@needed
@pytest.mark.parametrize("name", OPENED)
def test_qwen3_5_begins_the_reply_where_fine_tuning_begins_none(name: str) -> None:
    """So the model would be asked with other tokens than LLaMA-Factory teaches; all before the reply is the same."""
    for row in QUESTIONS[:-1]:
        request = {"messages": prompt.messages(row)}
        kept = rendered("qwen3_5", request, tokenize=False, add_generation_prompt=True)
        assert by_qwen3_5(name, request, add_generation_prompt=True) == kept + OPENED[name]


@needed
@pytest.mark.parametrize("name", OPENED)
@pytest.mark.parametrize("style", STYLES)
def test_qwen3_5_keeps_no_thought_as_it_was_written_and_describes_tools_before_the_task(
    requests, name: str, style: StyleName
) -> None:
    whole = requests(style)[-1]
    served, taught_text = (
        by_qwen3_5(name, whole),
        release("qwen3_5").tokenizer.decode(taught("qwen3_5", style)["input_ids"]),
    )
    assert not any(turn in served for turn in written(style)) and all(turn in taught_text for turn in written(style))
    if STYLES[style] == "native":
        task = prompt.system(style)
        assert served.index("<tools>") < served.index(task) and taught_text.index(task) < taught_text.index("<tools>")
        assert "<function=example_function_name>" in served and "<function=example_function_name>" in taught_text


@needed
@pytest.mark.parametrize("name", OPENED)
def test_a_call_that_qwen3_5_renders_is_read(name: str) -> None:
    arguments = {
        "keywords": ["cup", "杯"],
        "n": 4,
        "fps": 0.5,
        "all": True,
        "end": None,
        "level": "day",
        "said": "so\n\nit",
    }
    call = {"function": {"name": "rag", "arguments": arguments}}
    turns = [{"role": "user", "content": "where ?"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    for template in ((CACHE / f"{name}.jinja").read_text(), models.chat_template("qwen3_5")):
        text = release("qwen3_5").tokenizer.apply_chat_template(turns, chat_template=template, tokenize=False)
        action = read_action("<think>x</think>" + text[text.index("<tool_call>") : text.rindex("<|im_end|>")], "native")
        assert action == Call("rag", arguments, "x")


# -- the tiny models' templates ----------------------------------------------------------------------------------------

TINY = ["qwen2_5", "qwen2_5_vl", "qwen3_vl"]
SCHEMAS = toolbox().schemas()
CALL = {"name": "rag", "arguments": {"keywords": ["cup", "杯"]}}
PARTS = [{"type": "image"}, {"video": "x"}, {"type": "image_url", "image_url": {"url": "x"}}, {"type": "video_url"}]
CONTENTS = st.none() | st.sampled_from(["", " a\n", "<think>x</think>"]) | st.lists(
    st.sampled_from([*PARTS, {"type": "text", "text": "so"}]), max_size=3
)  # fmt: skip
CALLS = st.lists(st.sampled_from([{"function": CALL}, CALL, CALL | {"arguments": "{}"}]), max_size=2)
TURNS = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool", "system", "human"]), "content": CONTENTS},
        optional={"tool_calls": CALLS},
    ),
    max_size=4,
)


@needed
@pytest.mark.parametrize("name", TINY)
@given(turns=TURNS, tools=st.booleans(), asks=st.booleans())
@settings(max_examples=300)
def test_a_tiny_template_is_the_released_one_or_stricter(name: str, turns, tools: bool, asks: bool) -> None:
    """... for a conversation that begins with a system message, as all of ours do: Qwen2.5 makes one up where it lacks,
    and the tiny models do not."""
    turns = [{"role": "system", "content": "be brief ."}, *turns]
    options = {"tools": SCHEMAS if tools else None, "add_generation_prompt": asks, "tokenize": False}
    apply = release(name).tokenizer.apply_chat_template
    try:
        tiny = apply(turns, chat_template=models.chat_template(name), **options)
    except (TemplateError, TypeError):
        return
    assert tiny == apply(turns, **options)


@needed
@pytest.mark.parametrize("name, style", [case for case in CASES if case[0] in TINY])
def test_a_tiny_template_takes_all_that_we_send(requests, name: str, style: StyleName) -> None:
    for request in requests(style):
        assert rendered(name, request) == rendered(name, request, chat_template=models.chat_template(name))
