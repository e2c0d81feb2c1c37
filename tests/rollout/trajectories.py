"""One question that an agent answers with tools, turn by turn: what reinforcement learning and a chat server are given
of it."""

import asyncio
from io import BytesIO
from types import SimpleNamespace
from typing import Any
from unittest import mock

from openai import AsyncOpenAI
from PIL import Image as Picture
from pydantic import BaseModel, Field

from firsthand import clock
from firsthand.question import Question, Solved, Step, StyleName
from firsthand.rollout import prompt
from firsthand.rollout.agent import Limits, run_episode
from firsthand.rollout.chat_policy import ChatPolicy
from firsthand.rollout.dialects import chat_tools
from firsthand.rollout.turn_text import Dialect
from firsthand.tools.protocol import Context, Image, Outcome
from firsthand.tools.toolbox import Toolbox

IGNORED = -100
END = ["<|im_end|>", "\n"]  # how a turn ends
STYLES: dict[StyleName, Dialect] = {"ego_r1": "ego_r1", "ego_r1_native": "native"}
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


def sampled(
    tokenizer: Any, processor: Any, model_type: str, style: StyleName, ended: bool, pictures: bool = False
) -> Any:
    """The output of veRL's agent loop whose model samples the turns of the trajectory; `ended`: up to <|im_end|>."""
    from omegaconf import OmegaConf
    from verl.experimental.agent_loop.agent_loop import DictConfigWrap

    from firsthand.training import agent_loop
    from firsthand.training.dataset import MediaDataset

    turns = iter([tokenizer.encode(turn + END[0] * ended, add_special_tokens=False) for turn in written(style)])

    async def generate(**_: Any) -> Any:
        return SimpleNamespace(token_ids=next(turns), log_probs=None, extra_fields={})

    async def main() -> Any:
        config = DictConfigWrap(OmegaConf.create({
            "actor_rollout_ref": {"rollout": {"prompt_length": 8192, "response_length": 8192}},
            "data": {"media": {"root": ".", "image": {}, "video": {}}},
        }))  # fmt: skip
        with mock.patch.object(agent_loop, "toolbox_of", return_value=toolbox(pictures)):
            loop = agent_loop.ToolLoop(
                trainer_config=config, server_manager=SimpleNamespace(generate=generate), tokenizer=tokenizer,
                processor=processor, dataset_cls=MediaDataset, data_config=DictConfigWrap(config.config.data),
                hf_model_type=model_type, toolbox="", dialect=STYLES[style],
            )  # fmt: skip
        row = prompt.verl_row(trajectory(style).question, 0)
        return await loop.run({}, raw_prompt=row["prompt"], extra_info=row["extra_info"])

    return asyncio.run(main())


def asked(serve: Any, style: StyleName, pictures: bool = False) -> list[dict[str, Any]]:
    """Every request that an agent makes of a chat server, and a last one that holds the answer as well."""
    from fastapi import FastAPI

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


def as_served(messages: list[dict[str, Any]], sees: bool) -> list[dict[str, Any]]:
    """A server joins parts of text for a template that takes none, which the templates of models without eyes are."""
    return messages if sees else prompt.with_placeholders(messages)
