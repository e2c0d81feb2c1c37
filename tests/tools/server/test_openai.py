"""The stock OpenAI client with our schemas: a chat server calls a tool, the served tools answer, the chat goes on."""

import json
from typing import Any

import httpx
import jsonschema
import pytest
from openai import OpenAI

from firsthand.tools.scope import Scope
from firsthand.tools.serve.server import Limits, build


@pytest.fixture
def chat(serve) -> OpenAI:
    """A chat server that calls the tool `vlm` once, by its schema, and then answers with what the tool said."""
    from fastapi import FastAPI

    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def complete(body: dict) -> dict:
        functions = {tool["function"]["name"]: tool["function"] for tool in body["tools"]}
        for function in functions.values():
            jsonschema.Draft202012Validator.check_schema(function["parameters"])
        last, message = body["messages"][-1], {"role": "assistant", "content": None}
        if last["role"] == "tool":
            message["content"] = f"<answer>{last['content']}</answer>"
        else:
            arguments = {name: "what" for name in functions["vlm"]["parameters"]["required"]}
            call = {"name": "vlm", "arguments": json.dumps(arguments)}
            message["tool_calls"] = [{"id": "call_1", "type": "function", "function": call}]
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        return {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]}

    return OpenAI(base_url=f"{serve(app)}/v1", api_key="none", max_retries=0)


def test_a_round_of_function_calling(chat: OpenAI, serve, toolbox) -> None:
    tools = serve(build(toolbox, Scope.of("A1_JAKE", "DAY3_12000000"), Limits()))
    messages: list[Any] = [{"role": "user", "content": "What do I hold?"}]

    def ask() -> Any:
        reply = chat.chat.completions.create(model="agent", messages=messages, tools=toolbox.schemas())
        return reply.choices[0].message

    asked = ask()
    [call] = asked.tool_calls
    action = json.dumps({"name": call.function.name, "arguments": call.function.arguments})
    body = {"trajectory_ids": ["chat"], "actions": [action]}
    observation = httpx.post(f"{tools}/get_observation", json=body, timeout=60).json()["observations"][0]
    messages += [asked, {"role": "tool", "tool_call_id": call.id, "content": observation}]
    assert ask().content == "<answer>vlm of A1_JAKE at DAY3_12000000</answer>"
    chat.close()
