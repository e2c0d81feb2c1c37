"""One trajectory with tools is the same tokens in both dialects wherever a model meets it: fine-tuned on by
LLaMA-Factory, sampled turn by turn in veRL's agent loop, and answered by an agent behind a chat server."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import yaml
from openai import AsyncOpenAI
from PIL import Image as Picture
from pydantic import BaseModel, Field

from firsthand import clock, files, processes
from firsthand.question import Question, Solved, Step, StyleName
from firsthand.rollout import prompt
from firsthand.rollout.agent import LAST_TURN, Limits, run_episode
from firsthand.rollout.chat_policy import ChatPolicy
from firsthand.rollout.dialects import chat_tools
from firsthand.rollout.turn_text import Dialect
from firsthand.serving.vllm_server import CPU_ENV, free_port, serve_command
from firsthand.tools.protocol import Context, Image, Outcome
from firsthand.tools.toolbox import Toolbox

ROOT = Path(__file__).parents[2]
IGNORED = -100
END = ["<|im_end|>", "\n"]  # how a turn ends

# model -> LLaMA-Factory recipe, veRL's type of the model
RECIPES = {"qwen3_vl": "tiny_sft_qwen3vl_lora.yaml", "qwen2_5": "ego_r1/tiny_sft.yaml"}
STYLES: dict[StyleName, Dialect] = {"ego_r1": "ego_r1", "ego_r1_native": "native"}
CASES = list(itertools.product(RECIPES, STYLES))
QUERY_TIME = "DAY2_10000000"


class Arguments(BaseModel):
    keywords: list[str] = Field(description="Wörter – auch « à » und 杯")


class Memory:
    """Reads out given lines."""

    name, description, arguments = "rag", 'Searches "what was" written.\nOne call a turn.', Arguments

    def __init__(self, lines: list[str], pictures: bool):
        self.lines, self.pictures = iter(lines), pictures

    async def run(self, arguments: Arguments, context: Context) -> Outcome:
        line, buffer = next(self.lines), BytesIO()
        Picture.new("RGB", (96, 64), (len(line), 90, 30)).save(buffer, "JPEG")
        images = (Image(buffer.getvalue(), 1.0),) * (len(line) % 3)
        return Outcome("ok", line, images if self.pictures else ())


# what came back, with everything that a template or a tokenizer could change at the edges
OBSERVATIONS = [
    "the cup was in the kitchen",
    '{"date": "DAY1", "text": "杯 {{content}} é"}',
    "",
    "a\n\n\tb  c .",
]
THOUGHTS = ["look", "", "first line\n\nsecond: { } é", " spaces "]


def trajectory(style: StyleName) -> Solved:
    question = Question(
        id="q", question="where was the cup ?", options={"A": "kitchen", "B": "garden"}, answer="B", style=style,
        data_source="test", split="train", identity="A1_JAKE", query_time=QUERY_TIME,
    )  # fmt: skip
    steps = [
        Step(thought=thought, tool="rag", arguments={"keywords": [f"cup {number}", "杯"]}, observation=observation)
        for number, (thought, observation) in enumerate(zip(THOUGHTS, OBSERVATIONS, strict=True))
    ]
    return Solved(question=question, steps=steps, thought="so it is B")


def toolbox(pictures: bool = False) -> Toolbox:
    return Toolbox([Memory(OBSERVATIONS, pictures)])


def written(style: StyleName) -> list[str]:
    """The turns of the assistant."""
    return [turn["content"] for turn in prompt.solution(trajectory(style)) if turn["role"] == "assistant"]


@pytest.fixture(scope="module")
def folder(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """name -> a random tiny model."""

    @cache
    def made(name: str) -> Path:
        if name == "qwen3_vl":
            return model
        from firsthand.toy.tiny_models import base_model, models

        out = tmp_path_factory.mktemp("model") / name
        models.build(name, out, base_model.corpus([]))
        return out

    return made


@pytest.fixture(scope="module")
def tokenizer(folder) -> Callable[[str], Any]:
    from transformers import AutoTokenizer

    return cache(lambda name: AutoTokenizer.from_pretrained(folder(name)))


# -- LLaMA-Factory ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fine_tuning(folder, tmp_path_factory) -> Callable[..., dict[str, Any]]:
    """The row after the preprocessing of the recipe: input_ids and labels."""
    pytest.importorskip("llamafactory")
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    entry = files.read_json(ROOT / "dataset_info.json")["ego_cott"]
    native = {"columns": entry["columns"] | {"tools": "tools"}, "tags": entry["tags"] | {"observation_tag": "tool"}}

    @cache
    def processed(name: str, style: StyleName, **changes: Any) -> dict[str, Any]:
        made, work = trajectory(style), tmp_path_factory.mktemp("llamafactory")
        schemas = chat_tools(STYLES[style], toolbox().schemas())
        files.write_json(work / "rows.json", [prompt.sharegpt_row(made.question, prompt.solution(made), schemas)])
        registry = entry | {"file_name": "rows.json"} | (native if schemas else {})
        files.write_json(work / "dataset_info.json", {"rows": registry})
        recipe = yaml.safe_load((ROOT / "recipes" / RECIPES[name]).read_text())
        recipe |= {"dataset": "rows", "model_name_or_path": str(folder(name)), "preprocessing_num_workers": 1}
        recipe |= {"cutoff_len": 8192, "dataset_dir": str(work), "output_dir": str(work / "out")} | changes
        model_args, data_args, training_args, _, _ = get_train_args(recipe)
        loaded = load_tokenizer(model_args)
        template = get_template_and_fix_tokenizer(loaded["tokenizer"], data_args)
        [row] = get_dataset(template, model_args, data_args, training_args, stage="sft", **loaded)["train_dataset"]
        return row

    return processed


# -- veRL -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def reinforcement(folder, tokenizer, monkeypatch) -> Callable[..., Any]:
    """The output of the agent loop whose model samples the turns of the trajectory; `ended`: up to <|im_end|>."""
    pytest.importorskip("verl")
    from omegaconf import OmegaConf
    from transformers import AutoProcessor
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap

    from firsthand.training import agent_loop
    from firsthand.training.dataset import MediaDataset

    def run(name: str, style: StyleName, ended: bool, pictures: bool = False) -> Any:
        monkeypatch.setattr(agent_loop, "toolbox_of", lambda _: toolbox(pictures))
        encode = tokenizer(name).encode
        turns = iter([encode(turn + END[0] * ended, add_special_tokens=False) for turn in written(style)])

        async def generate(**_: Any) -> Any:
            return SimpleNamespace(token_ids=next(turns), log_probs=None, extra_fields={})

        async def main() -> Any:
            config = DictConfigWrap(OmegaConf.create({
                "actor_rollout_ref": {"rollout": {"prompt_length": 8192, "response_length": 8192}},
                "data": {"media": {"root": ".", "image": {}, "video": {}}},
            }))  # fmt: skip
            loop = agent_loop.ToolLoop(
                trainer_config=config, server_manager=SimpleNamespace(generate=generate), tokenizer=tokenizer(name),
                processor=AutoProcessor.from_pretrained(folder(name)) if name == "qwen3_vl" else None,
                dataset_cls=MediaDataset, data_config=DictConfigWrap(config.config.data),
                hf_model_type=name.removesuffix("_5"), toolbox="", dialect=STYLES[style],
            )  # fmt: skip
            row = prompt.verl_row(trajectory(style).question, 0)
            return await loop.run({}, raw_prompt=row["prompt"], extra_info=row["extra_info"])

        return asyncio.run(main())

    return run


# -- a chat server -----------------------------------------------------------------------------------------------------


@pytest.fixture
def evaluation(serve) -> Callable[..., list[dict[str, Any]]]:
    """Every request that an agent makes of a chat server, and a last one that holds the answer as well."""
    from fastapi import FastAPI

    def run(style: StyleName, pictures: bool = False) -> list[dict[str, Any]]:
        turns, requests, app = iter(written(style)), [], FastAPI()

        @app.post("/v1/chat/completions")
        def answer(body: dict[str, Any]) -> dict[str, Any]:
            requests.append(body)
            message = {"role": "assistant", "content": next(turns)}
            return {
                "id": "x", "object": "chat.completion", "created": 0, "model": "m",
                "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            }  # fmt: skip

        async def main(url: str) -> list[dict[str, Any]]:
            box, dialect = toolbox(pictures), STYLES[style]
            async with AsyncOpenAI(base_url=url, api_key="none") as client:
                asked = prompt.eval_row(trajectory(style).question)
                policy = ChatPolicy(client, "m", asked["messages"], dialect, chat_tools(dialect, box.schemas()))
                await run_episode(policy, box, Context("A1_JAKE", clock.parse(QUERY_TIME)), dialect, "AB", Limits())
            return [*requests, requests[-1] | {"messages": policy.messages}]

        return asyncio.run(main(f"{serve(app)}/v1"))

    return run


# -- the contract ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, style", CASES)
def test_fine_tuning_has_the_tokens_of_the_chat_template(fine_tuning, evaluation, tokenizer, name, style) -> None:
    request = evaluation(style)[-1]
    ids = tokenizer(name).apply_chat_template(request["messages"], tools=request.get("tools"), return_dict=False)
    assert fine_tuning(name, style)["input_ids"] == ids


@pytest.mark.parametrize("ended", [True, False])
@pytest.mark.parametrize("name, style", CASES)
def test_reinforcement_has_the_tokens_of_fine_tuning(fine_tuning, reinforcement, tokenizer, name, style, ended) -> None:
    """... and trains what fine-tuning trains, but for the end of a turn where the model did not sample it."""
    row, output = fine_tuning(name, style), reinforcement(name, style, ended)
    end = tokenizer(name).convert_tokens_to_ids(END[0])
    newline = tokenizer(name).encode(END[1])
    ids = output.prompt_ids + output.response_ids
    assert row["input_ids"] == ids + ([] if ended else [end]) + newline
    mask = [0] * len(output.prompt_ids) + output.response_mask
    learnt = [label != IGNORED for label in row["labels"]]
    assert not any(trained and not taught for trained, taught in zip(mask, learnt, strict=False))
    only_taught = [token for token, a, b in zip(ids, mask, learnt, strict=False) if b and not a]
    turns = len(written(style))
    assert only_taught == (newline if ended else [end, *newline]) * (turns - 1)
    sampled = tokenizer(name).decode([token for token, one in zip(ids, mask, strict=True) if one])
    assert sampled == "".join(turn + END[0] * ended for turn in written(style))


@pytest.mark.parametrize("name, style", CASES)
def test_fine_tuning_learns_the_turns_of_the_assistant_and_nothing_else(fine_tuning, tokenizer, name, style) -> None:
    row = fine_tuning(name, style)
    learnt = [label for label in row["labels"] if label != IGNORED]
    assert tokenizer(name).decode(learnt) == "".join(turn + "".join(END) for turn in written(style))


@pytest.mark.parametrize("name, style", CASES)
def test_the_words_are_those_that_were_meant(fine_tuning, tokenizer, name, style) -> None:
    text = tokenizer(name).decode(fine_tuning(name, style)["input_ids"])
    before, after = {
        "ego_r1": ("<information>", "</information>"),
        "native": ("<tool_response>\n", "\n</tool_response>"),
    }[STYLES[style]]
    for observation in OBSERVATIONS:
        assert f"<|im_start|>user\n{before}{observation}{after}<|im_end|>\n<|im_start|>assistant\n" in text
    assert ("<tools>" in text) == (style == "ego_r1_native")
    assert LAST_TURN not in text


@pytest.mark.parametrize("style", STYLES)
def test_a_reasoning_template_keeps_the_thoughts_of_earlier_turns(fine_tuning, style) -> None:
    plain, thinking = (fine_tuning("qwen3_vl", style, template=f"qwen3_vl{end}") for end in ("_nothink", ""))
    assert (plain["input_ids"], plain["labels"]) == (thinking["input_ids"], thinking["labels"])


# -- vLLM --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=RECIPES)
def vllm(request, folder, tmp_path_factory) -> Iterator[Any]:
    """vLLM's server without its engine: the name of its model, and the tokens that an engine would get."""
    pytest.importorskip("vllm")
    log, port = tmp_path_factory.mktemp("vllm") / "log", free_port()
    command = serve_command(folder(request.param), "m", port, 4096, [])
    command[command.index("serve") : command.index("serve") + 1] = ["launch", "render"]
    child = processes.start(command, log, CPU_ENV)
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=120) as client:

        def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
            response = client.post(path, json=body)
            assert response.is_success, response.text
            return response.json()

        def prompt_of(body: dict[str, Any]) -> list[int]:
            return post("/v1/chat/completions/render", body)["token_ids"]

        try:
            while True:
                assert child.poll() is None, processes.tail(log)
                with suppress(httpx.TransportError):
                    client.get("/health")
                    break
                time.sleep(0.5)
            yield SimpleNamespace(name=request.param, post=post, prompt_of=prompt_of)
        finally:
            processes.stop(child)


@pytest.mark.e2e
@pytest.mark.parametrize("style", STYLES)
def test_the_server_has_the_tokens_of_fine_tuning_in_every_turn(vllm, fine_tuning, evaluation, style) -> None:
    whole = fine_tuning(vllm.name, style)
    *requests, last = evaluation(style)
    keys = ("model", "messages", "tools")
    body = {key: last[key] for key in keys if key in last} | {"add_generation_prompt": False}
    assert vllm.post("/tokenize", body)["tokens"] == whole["input_ids"]
    learnt = [place for place, label in enumerate(whole["labels"]) if label != IGNORED]
    starts = [place for place in learnt if place - 1 not in learnt]
    assert len(requests) == len(starts) == len(written(style))
    for start, request in zip(starts, requests, strict=True):
        assert vllm.prompt_of(request) == whole["input_ids"][:start]


@pytest.mark.e2e
@pytest.mark.parametrize("style", STYLES)
def test_the_server_has_the_tokens_of_reinforcement_where_tools_give_pictures(
    vllm, reinforcement, evaluation, style
) -> None:
    if vllm.name == "qwen2_5":
        pytest.skip("it cannot see")
    output = reinforcement(vllm.name, style, True, pictures=True)
    ids = output.prompt_ids + output.response_ids
    assert len(output.multi_modal_data["images"]) > 1
    for request in evaluation(style, pictures=True)[:-1]:
        seen = vllm.prompt_of(request)
        assert seen == ids[: len(seen)]
    following = ids[len(seen) :]
    assert output.response_mask[-len(following) :] == [1] * len(following)  # all that is left is the answer
