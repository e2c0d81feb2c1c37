"""Requests in the exact shape of foreign clients, and their answers read as those clients read them.

Ego-R1: `utils/process.py` of its evaluation and the batches of its training. verl-tool: `verltool_agent_loop.py`, which
speaks through aiohttp.
"""

import asyncio
import base64
from typing import Any

import aiohttp
import httpx
import pytest

from firsthand.llm.faults import Unavailable
from firsthand.tools.limits import Guard
from firsthand.tools.protocol import Context, Outcome, WrongArguments
from firsthand.tools.scope import Scope
from firsthand.tools.serve.server import Limits, build
from firsthand.tools.toolbox import Toolbox

CALL = '<think>t</think>\n<tool>{"name": "vlm", "arguments": {"question": "%s", "timestamp": "DAY1_11210217"}}</tool>'
END = Scope.of(query_time="end")


@pytest.fixture
def url(serve, toolbox) -> str:
    return serve(build(toolbox, END, Limits()))


# --- Ego-R1 ----------------------------------------------------------------------------------------------------------


def ego_r1_video_llm(url: str, question: str, span: str) -> Any:
    """As `utils/process.py` does it, with its test for an answer."""
    data = [{"range": span, "question": question, "identity": "A1"}]
    results = httpx.post(f"{url}/video_llm", json=data, timeout=20).json()
    if isinstance(results, list) and results:
        if "answer" in results[0]:
            return results[0]["answer"]
        return str(results[0])
    return str(results)


@pytest.mark.parametrize(
    "fault",
    [
        Unavailable("no answer (All connection attempts failed)"),
        Unavailable("an empty answer or an error in its place"),
        WrongArguments("'answer-DAY1_11210217' is not a time"),
        Unavailable("HTTP 500"),
    ],
)
def test_no_error_of_video_llm_looks_like_an_answer_to_ego_r1(serve, toolbox, fault: Exception) -> None:
    class Broken:
        name, description, arguments = "video_llm", "x", toolbox.tools["video_llm"].arguments

        async def run(self, _: Any, __: Context) -> Outcome:
            raise fault

    url = serve(build(Toolbox([Broken()], {"video_llm": Guard(retries=0)}), END, Limits()))
    said = ego_r1_video_llm(url, "what?", "DAY1_11210217-DAY1_11220217")
    assert said.startswith("error: ") and "answer" not in said


def test_ego_r1_reads_its_memory_by_a_base_url_of_each_person(url: str) -> None:
    body = {"level": "day", "keywords": ["cup"], "start_time": "DAY1_11210217", "query_time": "DAY2_11210217"}
    reply = httpx.post(f"{url}/A1_JAKE/query", json=body, timeout=20)
    assert reply.json()["response"]["source"] == "A1_JAKE"


def test_ego_r1_asks_vlm_with_its_own_fields(url: str) -> None:
    body = {"question": "what?", "timestamp": "DAY1_11210217", "identity": "A1"}
    assert httpx.post(f"{url}/vlm", json=body, timeout=20).json()["source"] == "A1_JAKE"
    whole = {"question": "what?", "timestamp": "DAY1_11210217", "vid_id": "video-7"}
    assert httpx.post(f"{url}/vlm", json=whole, timeout=20).json()["source"] == "video-7"


def test_ego_r1_trains_with_lists_that_have_gaps(url: str) -> None:
    asked = {"range": "DAY1_11210217-DAY1_11220217", "question": "what?", "identity": "A2"}
    answers = httpx.post(f"{url}/video_llm", json=[None, asked, "", {"question": 7}, asked], timeout=20)
    assert answers.status_code == 400, "an item without a person, of a server that knows none"
    answers = httpx.post(f"{url}/video_llm", json=[None, asked, "", asked | {"question": 7}], timeout=20).json()
    assert answers[0] is answers[2] is None and answers[1]["source"] == "A2_ALICE" and answers[3].startswith("error")


# --- verl-tool -------------------------------------------------------------------------------------------------------


def verl_tool(url: str, actions: list[str], finish: list[bool] | None = None, **fields: Any) -> tuple[Any, Any]:
    """As `send_batch_requests_async` does it: the row, its pictures and its sound travel with every call."""
    count = len(actions)
    row = {"source": "A1_JAKE", "query_time": "DAY3_12000000", "images": None, "audio": None, **fields}
    body = {
        "trajectory_ids": [f"traj-{number}" for number in range(count)],
        "actions": actions,
        "finish": finish or [False] * count,
        "is_last_step": [False] * count,
        "extra_fields": [row] * count,
    }

    async def ask() -> tuple[Any, Any]:
        timeout = aiohttp.ClientTimeout(total=60)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(f"{url}/get_observation", json=body) as reply,
        ):
            reply.raise_for_status()
            return await reply.json(), reply.headers

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("action", "word", "valid"),
    [
        ("no call", "user_error", False),
        (CALL % "future", "blocked_by_time", False),
        (CALL % "down", "infra_error", True),
    ],
)
def test_verl_tool_reads_a_whole_batch_that_went_wrong(serve, toolbox, action: str, word: str, valid: bool) -> None:
    guards = {name: Guard(retries=0) for name in toolbox.names}
    answer, headers = verl_tool(serve(build(Toolbox(toolbox.tools.values(), guards), END, Limits())), [action] * 1024)
    assert answer["valids"] == [valid] * 1024 and answer["dones"] == [False] * 1024
    assert {observation["outcome"] for observation in answer["observations"]} == {word}
    assert headers["X-Outcome"] == f"{word}=1024"


def test_verl_tool_sends_the_pictures_of_a_row_with_every_call(url: str) -> None:
    picture = "data:image/jpeg;base64," + base64.b64encode(bytes(3 << 20)).decode()
    answer, headers = verl_tool(url, [CALL % "what", "x"], finish=[False, True], images=[picture])
    assert answer["observations"][0].startswith("vlm of A1_JAKE at DAY3") and answer["dones"] == [False, True]
    assert headers["X-Outcome"] == "ok,ok"


def test_verl_tool_closes_trajectories_without_a_row(url: str) -> None:
    body = {"trajectory_ids": ["a"], "actions": [""], "finish": [True], "extra_fields": None}
    assert httpx.post(f"{url}/get_observation", json=body, timeout=20).json()["dones"] == [True]


# --- clients of a server with a token, that can give an address only -------------------------------------------------


@pytest.mark.parametrize(
    ("password", "status"), [("a-secret-token", 200), ("a-secret-toke", 401), ("", 401), ("x:a-secret-token", 401)]
)
def test_the_token_may_be_the_password_of_the_address(serve, toolbox, password: str, status: int) -> None:
    url = serve(build(toolbox, END, Limits(), token="a-secret-token"))
    body = {"question": "what?", "timestamp": "DAY1_11210217", "identity": "A1"}
    assert httpx.post(f"{url}/vlm", json=body, auth=("x", password)).status_code == status
    for broken in ("Basic", "Basic !", "Basic YQ==", "basic Og==", "Basic \xe9"):
        headers = {"Authorization": broken.encode("latin-1")}
        assert httpx.post(f"{url}/vlm", json=body, headers=headers).status_code == 401  # type: ignore[arg-type]


# --- programs that copy what a model wrote ---------------------------------------------------------------------------

HALF = "\\ud800"


@pytest.mark.parametrize("field", ["identity", "vid_id", "query_time", "question", HALF])
@pytest.mark.parametrize("route", ["query", "vlm", "video_llm", "get_observation"])
def test_half_a_surrogate_pair_is_refused_or_answered(url: str, route: str, field: str) -> None:
    keys = {"query": '"level": "day", "keywords": ["x"]'}
    fields = keys.get(route, '"question": "x", "timestamp": "DAY1_11210217", "range": "x"')
    body = f'{{{fields}, "{field}": "{HALF}"}}'
    if route == "get_observation":
        body = f'{{"trajectory_ids": ["{HALF}"], "actions": ["{HALF}"], "extra_fields": [{body}]}}'
    reply = httpx.post(f"{url}/{route}", content=body, headers={"Content-Type": "application/json"}, timeout=20)
    assert reply.status_code < 500 and reply.json()
