"""What the native dialect needs of vLLM: `tool_choice: none` keeps the tools in the prompt.

`ChatPolicy` reads the calls itself, from the text, so it forbids the server to parse them; the chat template must still
describe the tools, with the very tokens of training. That is vLLM's default, and one flag of it would break it.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

MODEL = str(Path(__file__).parents[3] / "models/tiny_qwen3_vl")


@pytest.fixture(scope="module")
def render() -> Any:
    """The prompt's token ids of a request, by vLLM's own renderer, as a server with or without that flag has it."""
    pytest.importorskip("vllm")
    from vllm.config import ModelConfig, VllmConfig
    from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
    from vllm.renderers.online_renderer import OnlineRenderer
    from vllm.renderers.registry import renderer_from_config

    config = ModelConfig(model=MODEL, tokenizer=MODEL, dtype="float32", max_model_len=4096)
    renderer = renderer_from_config(VllmConfig(model_config=config))

    def ids(body: dict[str, Any], **flags: bool) -> list[int]:
        online = OnlineRenderer(
            config, renderer, request_logger=None, chat_template=None, chat_template_content_format="auto",
            enable_auto_tools=True, tool_parser="hermes", **flags,
        )  # fmt: skip
        _, [prompt] = asyncio.run(online.render_chat(ChatCompletionRequest.model_validate(body)))
        return prompt["prompt_token_ids"]

    return ids


def test_the_tools_stay_in_the_prompt(run, model, ask, render) -> None:
    from transformers import AutoTokenizer
    from vllm.entrypoints.openai.cli_args import FrontendArgs

    model.scripts = {"q": [model.search().replace("tool>", "tool_call>"), model.answer("B")]}
    assert run(ask("q"), "--dialect", "native").exit_code == 0
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    assert FrontendArgs.exclude_tools_when_tool_choice_none is False
    for body in model.requests:  # the question, and the conversation with a result
        assert body["tool_choice"] == "none"
        text = tokenizer.apply_chat_template(
            body["messages"], tools=body["tools"], add_generation_prompt=True, tokenize=False
        )
        assert json.dumps("rag") in text
        assert render(body) == tokenizer(text, add_special_tokens=False).input_ids
    hidden = tokenizer.decode(render(model.requests[0], exclude_tools_when_tool_choice_none=True))
    assert json.dumps("rag") not in hidden
