"""The address and the key of a server, and what a completion must say."""

import asyncio
import json
from typing import Any

import pytest

from firsthand.errors import UserError
from firsthand.llm.client import BadAnswer, Settings, base_url, complete, connect, connect_blocking, read_completion


@pytest.mark.parametrize("written", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"])
def test_however_it_is_written(written: str) -> None:
    assert base_url(written) == "http://h:1/v1"


def test_a_path_before_v1_stays() -> None:
    assert base_url("https://h/proxy/v1") == base_url("https://h/proxy") == "https://h/proxy/v1"


def test_the_key_of_one_service_never_goes_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only our own servers' key is sent unasked; whoever wants another names it."""
    monkeypatch.setenv("OPENAI_API_KEY", "paid")
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    assert connect("http://h:1").api_key == connect_blocking("http://h:1").api_key == "none"
    monkeypatch.setenv("VLLM_API_KEY", "ours")
    assert connect("http://h:1").api_key == "ours" and connect("http://h:1", key="other").api_key == "other"


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": 3}])
def test_a_completion_that_does_not_count_its_tokens_is_no_answer(chat_server, usage: Any) -> None:
    """Read as 0, it would make a run look cheaper than it was."""

    def answer(chat: Any, body: dict[str, Any]) -> None:
        chat.send(200, {"choices": [{"message": {"content": "B"}}], "usage": usage})

    async def ask(url: str) -> None:
        async with connect(url, retries=0) as client:
            await complete(client, {"messages": []}, Settings(model="tiny"))

    with pytest.raises(BadAnswer, match="not a chat completion"):
        asyncio.run(ask(chat_server(answer).url))


def test_half_a_character_becomes_a_question_mark() -> None:
    """No file and no later request could hold it."""
    body = b'{"choices": [{"message": {"content": "a\\ud800b", "reasoning": "\\ud83d\\ude00"}}]}'
    message = read_completion(body).message
    assert message.content == "a?b" and (message.model_extra or {})["reasoning"] == "\U0001f600"


@pytest.mark.parametrize("body", [b"", b"[" * 100_000, b"\xff", b'{"choices": []}', b'{"choices": [{"message": 1}]}'])
def test_what_is_not_a_completion(body: bytes) -> None:
    with pytest.raises(BadAnswer, match="not a chat completion"):
        read_completion(body)


def test_what_only_the_server_knows_goes_back_to_it() -> None:
    """Some services refuse the next turn without the signature of the call."""
    call = {
        "id": "1",
        "type": "function",
        "function": {"name": "rag", "arguments": "{}"},
        "signature": {"of": "theirs"},
    }
    body = json.dumps({"choices": [{"message": {"role": "assistant", "content": None, "tool_calls": [call]}}]})
    assert read_completion(body.encode()).message.model_dump()["tool_calls"] == [call]


@pytest.mark.parametrize(
    "server", ["http://[::1", "http://localhost:99999", "localhost:8000", "ftp://x", "http://", ""]
)
def test_what_is_no_address_is_a_message(server: str) -> None:
    with pytest.raises(UserError, match="write it as http://localhost:8000"):
        base_url(server)


@pytest.mark.parametrize("connects", [connect, connect_blocking])
def test_a_broken_address_is_refused_before_anything_reads_it(connects) -> None:
    with pytest.raises(UserError, match="not the address of a server"):
        connects("http://[::1")
