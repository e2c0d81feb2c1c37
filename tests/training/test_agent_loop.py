"""The agent loop on token ids: over random conversations in both dialects, the mask covers exactly what the model
sampled, and the whole is what the chat template makes of the same words."""

import asyncio
import json
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PilImage
from pydantic import BaseModel

from firsthand.errors import UserError
from firsthand.llm.faults import Unavailable
from firsthand.tools.protocol import Context, Image, Outcome
from firsthand.tools.toolbox import Toolbox

pytest.importorskip("verl")
MODEL = Path(__file__).parents[2] / "models/tiny_qwen3_vl"
WORDS = st.lists(
    st.sampled_from(["the cup", "in the kitchen", "DAY1_11210217", "{x}", "…", "\n", "B"]), max_size=6
).map(" ".join)


class Arguments(BaseModel):
    say: str = ""
    picture: bool = False


class Echo:
    name, description, arguments = "echo", "For tests.", Arguments

    async def run(self, arguments, context):
        if arguments.say == "down":
            raise Unavailable("no server")
        if arguments.say == "budget":
            return Outcome("ok", f"{context.budget.tokens} tokens")
        buffer = BytesIO()
        PilImage.new("RGB", (64, 64), (200, 30, 30)).save(buffer, "JPEG")
        images = (Image(buffer.getvalue(), 5.0),) if arguments.picture else ()
        return Outcome("ok", f"{context.source} {arguments.say}", images=images)


class Server:
    """Samples given texts, with or without the end of the turn, as vLLM does it with and without a stop string."""

    def __init__(self, tokenizer, turns):
        self.tokenizer, self.turns, self.sampled, self.asked = tokenizer, iter(turns), [], []
        self.processor_kwargs = []

    async def generate(self, *, prompt_ids, sampling_params, image_data=None, mm_processor_kwargs=None, **_):
        self.processor_kwargs.append(mm_processor_kwargs)
        text, ended = next(self.turns)
        ids = self.tokenizer.encode(text, add_special_tokens=False)
        ids += [self.tokenizer.convert_tokens_to_ids("<|im_end|>")] if ended else []
        ids = ids[: sampling_params["max_tokens"]]
        self.sampled += ids
        self.asked.append((list(prompt_ids), len(image_data or [])))
        return SimpleNamespace(
            token_ids=ids,
            log_probs=[-0.5] * len(ids),
            extra_fields={"min_global_steps": len(self.asked), "max_global_steps": len(self.asked)},
        )


@pytest.fixture(scope="module")
def processor():
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(MODEL)


@pytest.fixture
def run(processor, monkeypatch):
    """Run one trajectory of scripted turns through the real loop; gives its output, the server and the policy."""
    from omegaconf import OmegaConf
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap

    from firsthand.training import agent_loop
    from firsthand.training.dataset import MediaDataset

    policies, policy_class = [], agent_loop.TokenPolicy
    monkeypatch.setattr(agent_loop, "toolbox_of", lambda path: Toolbox([Echo()]))
    monkeypatch.setattr(agent_loop, "TokenPolicy", lambda *a: policies.append(policy_class(*a)) or policies[-1])

    def call(turns, dialect, response_length=2000, messages=None, letters="ABCD", data=None, **limits):
        policies.clear()

        async def main():
            rollout = {"prompt_length": 2000, "response_length": response_length}
            config = OmegaConf.create({
                "actor_rollout_ref": {"rollout": rollout},
                "data": {"media": {"root": ".", "image": {}, "video": {}}, **(data or {})},
            })  # fmt: skip
            server = Server(processor.tokenizer, turns)
            loop = agent_loop.ToolLoop(
                trainer_config=DictConfigWrap(config), server_manager=server, tokenizer=processor.tokenizer,
                processor=processor, dataset_cls=MediaDataset, data_config=DictConfigWrap(config.data),
                hf_model_type="qwen3_vl", toolbox="x", dialect=dialect, **{"turns": 9, "invalid": 9, **limits},
            )  # fmt: skip
            facts = {"identity": "A2_ALICE", "query_time": "DAY2_10000000", "letters": letters}
            prompt = messages or [{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]
            return await loop.run({"logprobs": True}, raw_prompt=prompt, extra_info=facts), server

        output, server = asyncio.run(main())
        return output, server, policies[0]

    return call


def call_text(dialect, say="", picture=False):
    tag = {"ego_r1": "tool", "native": "tool_call"}[dialect]
    body = json.dumps({"name": "echo", "arguments": {"say": say, "picture": picture}}, ensure_ascii=False)
    return f"<think>so</think> <{tag}>{body}</{tag}>"


TURNS = st.lists(st.tuples(st.sampled_from(["call", "picture", "junk"]), WORDS, st.booleans()), max_size=4)


@settings(max_examples=200)
@given(plan=TURNS, dialect=st.sampled_from(["ego_r1", "native"]), ended=st.booleans())
def test_the_mask_covers_exactly_what_the_model_sampled(run, processor, plan, dialect, ended):
    turns = [
        (words if kind == "junk" else call_text(dialect, words, kind == "picture"), end) for kind, words, end in plan
    ]
    turns.append(("<think>so</think> <answer>B</answer>", ended))
    output, server, policy = run(turns, dialect)
    kept = [token for token, sampled in zip(output.response_ids, output.response_mask, strict=True) if sampled]
    assert kept == server.sampled
    assert len(output.response_logprobs) == len(output.response_mask)
    assert all(
        (logprob == -0.5) == bool(sampled)
        for logprob, sampled in zip(output.response_logprobs, output.response_mask, strict=True)
    )
    # the same words through the chat template, pictures expanded by the processor
    text = processor.apply_chat_template(policy.messages, tools=policy.tools, tokenize=False)
    expected = processor(text=[text], images=policy.images or None)["input_ids"][0]
    closing = len(processor.tokenizer.encode("<|im_end|>\n" if not ended else "\n", add_special_tokens=False))
    assert output.prompt_ids + output.response_ids == list(expected)[:-closing]
    assert output.extra_fields["trace"]["letter"] == "B"
    assert (output.extra_fields["min_global_steps"], output.extra_fields["max_global_steps"]) == (1, len(turns))


@pytest.mark.parametrize("after", ["", ".", ".\n", " I am sure"])
@pytest.mark.parametrize("turn", [call_text("ego_r1", "cup"), "<think>so</think> <answer>B</answer>"])
def test_a_turn_is_read_as_a_server_cuts_it_and_trained_as_it_was_sampled(run, processor, turn, after):
    """vLLM cuts its text behind a stop string but not its tokens, of which the last may hold more: `>.`"""
    turns = [(turn + after, False), ("<think>x</think> <answer>B</answer>", True)]
    output, server, policy = run(turns, "ego_r1")
    first = output.extra_fields["trace"]["turns"][0]
    assert (first["text"], first["action"]) == (turn, "answer" if "answer" in turn else "call")
    kept = [token for token, sampled in zip(output.response_ids, output.response_mask, strict=True) if sampled]
    assert kept == server.sampled and processor.tokenizer.decode(kept).startswith(turn + after)
    assert policy.messages[2]["content"] == turn + after, "the next turn follows what was sampled"


def test_a_turn_that_ends_with_its_last_token_is_not_cut(run, processor):
    turn = call_text("ego_r1", "cup")
    most = len(processor.tokenizer.encode(turn))
    output, _, _ = run([(turn, False), ("<think>x</think> <answer>B</answer>", True)], "ego_r1", turn_tokens=most)
    trace = output.extra_fields["trace"]
    assert (trace["turns"][0]["status"], trace["stop"]) == ("ok", "answer")
    output, _, _ = run([(turn, False)], "ego_r1", turn_tokens=most - 1)
    assert output.extra_fields["trace"]["stop"] == "length"


def test_a_picture_of_a_tool_reaches_the_model(run):
    output, server, _ = run(
        [(call_text("native", picture=True), True), ("<think>x</think> <answer>B</answer>", True)], "native"
    )
    assert [images for _, images in server.asked] == [0, 1]
    assert len(output.multi_modal_data["images"]) == 1


def test_a_rollout_whose_tools_failed_trains_nothing(run):
    output, _, _ = run([(call_text("ego_r1", "down"), True), ("<think>x</think> <answer>B</answer>", True)], "ego_r1")
    assert output.extra_fields["trace"]["faults"] == 1 and not any(output.response_mask)


def test_an_open_question_is_never_read_as_one_of_four_letters(run):
    turns = [("<think>so</think> <answer>B</answer>", True)]
    said = {letters: run(turns, "ego_r1", letters=letters)[0].extra_fields["trace"] for letters in ("", "AB")}
    assert [(trace["stop"], trace["letter"]) for trace in said.values()] == [("answer", None), ("answer", "B")]


def test_the_row_decides_whose_week_it_is(run):
    _, _, policy = run(
        [(call_text("ego_r1", "A1_JAKE"), True), ("<think>x</think> <answer>B</answer>", True)], "ego_r1"
    )
    assert policy.messages[-2]["content"] == "<information>A2_ALICE A1_JAKE</information>"


@pytest.mark.parametrize(("facts", "says"), [
    ({"identity": "A1_JAKE"}, "has no query_time; write DAYx_HHMMSSFF, or 'end'"),
    ({"identity": "A1_JAKE", "query_time": None}, "has no query_time"),
    ({"identity": None, "query_time": "end"}, "has no identity"),
    ({"identity": "A1_JAKE", "query_time": "noon"}, "'noon' is not a time"),
    ({"identity": "A1_JAKE", "query_time": 86400}, "query_time must be text"),
])  # fmt: skip
def test_a_row_that_does_not_say_what_may_be_seen_is_refused(facts, says):
    from firsthand.training.agent_loop import context_of

    with pytest.raises(UserError, match=f"^row q7, extra_info: {says}"):
        context_of({"id": "q7", "index": 0, **facts})


def test_only_end_lets_the_whole_video_be_seen():
    from firsthand.training.agent_loop import context_of

    assert context_of({"id": "q7", "vid_id": "v", "query_time": "end"}) == Context("v", None)
    assert context_of({"id": "q7", "identity": "A1", "query_time": "DAY2_00000000"}) == Context("A1_JAKE", 172800.0)


def test_the_loop_decides_how_much_a_tool_may_say(run):
    turns = [(call_text("ego_r1", "budget"), True), ("<think>x</think> <answer>B</answer>", True)]
    _, _, policy = run(turns, "ego_r1", budget={"tokens": 77})
    assert policy.messages[-2]["content"] == "<information>77 tokens</information>"


@settings(max_examples=8)
@given(length=st.integers(30, 200))
def test_nothing_is_ever_longer_than_the_response_length(run, length):
    turns = [(call_text("ego_r1", "word " * 20), False)] * 8 + [("<think>x</think> <answer>B</answer>", True)]
    output, _, _ = run(turns, "ego_r1", response_length=length)
    assert len(output.response_ids) == len(output.response_mask) <= length
    assert output.extra_fields["trace"]["stop"] == "length"


def test_the_rollout_expands_media_as_training_does(run):
    """`data.mm_processor_kwargs` reaches both, in every turn; otherwise a picture has other tokens in each."""
    turns = [(call_text("native", picture=True), False), ("<think>so</think> <answer>B</answer>", True)]
    wanted = {"min_pixels": 1024}
    _, server, _ = run(turns, "native", data={"mm_processor_kwargs": wanted})
    assert server.processor_kwargs == [wanted, wanted]
