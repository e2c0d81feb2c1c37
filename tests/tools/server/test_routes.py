"""Ego-R1's routes and verl-tool's, over a real socket: JSON, statuses, who decides about the row, and refusals."""

import json
import socket
from typing import Any

import httpx
import pytest

from firsthand.tools.scope import Scope
from firsthand.tools.serve.server import Limits, build

SAYS = {"X-Source": "A1_JAKE", "X-Query-Time": "DAY3_12000000"}
SEARCH = {"level": "day", "keywords": ["cup"], "start_time": None, "query_time": "DAY3_11000000"}
WATCH = {"question": "what", "range": "DAY1_11210217-DAY1_11220217"}
LOOK = {"question": "what", "timestamp": "DAY1_11210217"}


@pytest.fixture
def start(serve, toolbox):
    """A client of a server that was started with the given options."""
    clients = []

    def start(
        pinned: Scope = Scope(), limits: Limits = Limits(), token: str | None = None, **says: str
    ) -> httpx.Client:
        client = httpx.Client(base_url=serve(build(toolbox, pinned, limits, token)), headers=says, timeout=20)
        clients.append(client)
        return client

    yield start
    for client in clients:
        client.close()


@pytest.fixture
def client(start) -> httpx.Client:
    return start(**SAYS)


def outcome(reply: httpx.Response) -> tuple[int, str | None]:
    return reply.status_code, reply.headers.get("x-outcome")


def action(name: str, **arguments: Any) -> str:
    return f"<think>t</think><tool>{json.dumps({'name': name, 'arguments': arguments})}</tool>"


# --- Ego-R1 ----------------------------------------------------------------------------------------------------------


def test_query(client) -> None:
    reply = client.post("/query", json=SEARCH)
    assert outcome(reply) == (200, "ok")
    assert reply.json() == {"response": {**SEARCH, "source": "A1_JAKE", "asked": "DAY3_12000000"}}
    assert client.post("/query", json={**SEARCH, "identity": "A1"}).json() == reply.json()


@pytest.mark.parametrize(
    ("keyword", "status", "word", "key"),
    [
        ("wrong", 200, "user_error", "response"),
        ("future", 200, "blocked_by_time", "response"),
        ("down", 503, "infra_error", "detail"),
    ],
)
def test_query_that_ends_otherwise(client, keyword, status, word, key) -> None:
    reply = client.post("/query", json={**SEARCH, "keywords": [keyword]})
    assert outcome(reply) == (status, word) and isinstance(reply.json()[key], str)


def test_video_llm_takes_one_call(client) -> None:
    reply = client.post("/video_llm", json={**WATCH, "identity": "A1"})
    assert outcome(reply) == (200, "ok") and reply.json()["range"] == WATCH["range"]
    assert client.post("/video_llm", json={**WATCH, "question": "down"}).json().startswith("error: ")


def test_video_llm_takes_a_list_and_keeps_its_order(client) -> None:
    items = [None, WATCH, "", {**WATCH, "question": "wrong"}, {"question": "no range"}, WATCH, {}]
    reply = client.post("/video_llm", json=items)
    assert outcome(reply) == (200, "none,ok,none,user_error,user_error,ok,user_error")
    answers = reply.json()
    assert answers[0] is None and answers[2] is None and answers[1] == answers[5]
    assert answers[3] == "error: that is wrong" and answers[4].startswith("error: video_llm: range")


def test_vlm(client) -> None:
    assert outcome(client.post("/vlm", json=LOOK)) == (200, "ok")
    for question, ended in {"wrong": (422, "user_error"), "down": (503, "infra_error")}.items():
        reply = client.post("/vlm", json={**LOOK, "question": question})
        assert outcome(reply) == ended and isinstance(reply.json()["detail"], str)


# --- verl-tool -------------------------------------------------------------------------------------------------------


def test_get_observation(start) -> None:
    rows = [
        (action("rag", level="day", keywords=["cup"]), "A1_JAKE", False),
        (action("vlm", question="picture", timestamp="t"), "A2_ALICE", False),
        (action("vlm", question="down", timestamp="t"), "A2_ALICE", False),
        ("I do not know", "A2_ALICE", False),
        (action("terminate", answer="B"), "A2_ALICE", False),
        ("", None, True),
    ]
    body = {
        "trajectory_ids": [str(number) for number in range(len(rows))],
        "actions": [row[0] for row in rows],
        "extra_fields": [{"source": row[1], "query_time": "DAY2_09000000", "images": ["x"]} for row in rows],
        "finish": [row[2] for row in rows],
        "is_last_step": [False] * len(rows),
    }
    reply = start().post("/get_observation", json=body)
    assert outcome(reply) == (200, "ok,ok,infra_error,user_error,ok,ok")
    answer = reply.json()
    assert answer["dones"] == [False, False, False, False, True, True]
    assert answer["valids"] == [True, True, True, False, True, True]
    texts = answer["observations"]
    assert texts[0] == "rag of A1_JAKE at DAY2_09000000" and texts[4].startswith("terminate of A2_ALICE")
    assert texts[1]["obs"] == "vlm of A2_ALICE at DAY2_09000000"
    assert [url[:23] for url in texts[1]["image"]] == ["data:image/jpeg;base64,"]
    assert texts[2]["outcome"] == "infra_error" and texts[3]["outcome"] == "user_error"


@pytest.mark.parametrize(
    "change",
    [
        {"actions": []},
        {"trajectory_ids": []},
        {"extra_fields": [{}, {}]},
        {"finish": ["perhaps"]},
        {"extra_fields": [{"source": "A1_JAKE"}]},
        {"extra_fields": [{"source": 1, "query_time": "end"}]},
    ],
)
def test_get_observation_refuses_what_its_client_got_wrong(start, change) -> None:
    good = {"trajectory_ids": ["a"], "actions": ["x"], "extra_fields": [{"source": "A1_JAKE", "query_time": "end"}]}
    client = start()
    assert client.post("/get_observation", json=good).status_code == 200
    reply = client.post("/get_observation", json={**good, **change})
    assert reply.status_code == 400 and reply.json()["detail"]


# --- who decides about the row ---------------------------------------------------------------------------------------


def test_a_path_names_the_row_for_clients_that_know_only_a_base_url(start) -> None:
    reply = start().post("/A1_JAKE@DAY3_12000000/query", json=SEARCH)
    assert reply.json()["response"]["asked"] == "DAY3_12000000"
    whole = start(pinned=Scope.of(query_time="end")).post("/vid-1/query", json={**SEARCH, "vid_id": "vid-1"})
    assert whole.json()["response"] | {"source": "vid-1", "asked": "end"} == whole.json()["response"]


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/query", {}, {}),  # nobody says anything
        ("/query", {"X-Source": "A1_JAKE"}, {}),  # the query time of the body is the model's
        ("/query", {"X-Query-Time": "end"}, {}),
        ("/query", SAYS, {"identity": "A2"}),
        ("/query", SAYS, {"vid_id": "A2_ALICE"}),
        ("/A2_ALICE/query", SAYS, {}),
        ("/A1_JAKE@noon/query", SAYS, {}),
        ("/query", {**SAYS, "X-Query-Time": "soon"}, {}),
        ("/query", SAYS, {"identity": {"$ne": 1}}),
    ],
)
def test_a_request_that_leaves_the_row_open_or_contradicts_itself_is_refused(start, path, headers, body) -> None:
    reply = start().post(path, json={**SEARCH, **body}, headers=headers)
    assert reply.status_code == 400 and reply.json()["detail"]


def test_what_the_server_was_started_with_can_only_be_narrowed(start) -> None:
    client = start(pinned=Scope.of("A1_JAKE", "DAY2_12000000"))
    later, earlier = {"X-Query-Time": "DAY5_00000000"}, {"X-Query-Time": "DAY1_10000000"}
    asked = [
        client.post("/query", json=SEARCH, headers=says).json()["response"]["asked"] for says in ({}, later, earlier)
    ]
    assert asked == ["DAY2_12000000", "DAY2_12000000", "DAY1_10000000"]
    assert client.post("/query", json=SEARCH, headers={"X-Source": "A2_ALICE"}).status_code == 400


# --- the server itself -----------------------------------------------------------------------------------------------


def test_health_and_metrics(client, toolbox) -> None:
    for keyword in ("cup", "wrong", "down", "cup"):
        client.post("/query", json={**SEARCH, "keywords": [keyword]})
    body = {"trajectory_ids": ["a"], "actions": ["<tool>nonsense</tool>"]}
    client.post("/get_observation", json=body)
    assert client.get("/health").json() == {"status": "ok", "tools": list(toolbox.names), "paused": []}
    lines = client.get("/metrics").text.splitlines()
    for expected in (
        'firsthand_tool_calls_total{outcome="ok",tool="rag"} 2.0',
        'firsthand_tool_calls_total{outcome="infra_error",tool="rag"} 1.0',
        'firsthand_tool_calls_total{outcome="user_error",tool="unknown"} 1.0',
        'firsthand_tool_call_seconds_bucket{le="+Inf",tool="rag"} 4.0',
        'firsthand_tool_call_seconds_count{tool="rag"} 4.0',
        "firsthand_tool_calls_in_flight 0.0",
    ):
        assert expected in lines
    assert any(line.startswith("process_open_fds ") for line in lines)


def test_a_token_protects_everything_but_health(start) -> None:
    client = start(token="a-secret-token", **SAYS)
    for wrong in ({}, {"Authorization": "Bearer another"}, {"Authorization": "a-secret-token"}):
        for reply in (client.post("/query", json=SEARCH, headers=wrong), client.get("/metrics", headers=wrong)):
            assert reply.status_code == 401 and "a-secret-token" not in reply.text
        assert client.post("/mcp", json={}, headers=wrong).status_code == 401
    assert client.get("/health").status_code == 200
    assert client.post("/query", json=SEARCH, headers={"Authorization": "Bearer a-secret-token"}).status_code == 200


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a": NaN}x'])
def test_a_body_that_cannot_be_read_is_refused_shortly(client, body: bytes) -> None:
    for path in ("/query", "/vlm", "/get_observation"):
        reply = client.post(path, content=body, headers={"Content-Type": "application/json"})
        assert reply.status_code == 400 and len(reply.text) < 2000


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/json", ""])
def test_a_body_that_does_not_say_it_is_json_is_refused(client, kind: str) -> None:
    """A page in a browser may send these kinds to any address without asking it first."""
    reply = client.post("/query", content=json.dumps(SEARCH), headers={"Content-Type": kind})
    assert reply.status_code == 400 and "Content-Type application/json" in reply.json()["detail"]
    as_json = client.post(
        "/query", content=json.dumps(SEARCH), headers={"Content-Type": "Application/JSON; charset=utf-8"}
    )
    assert as_json.status_code == 200


def test_unknown_routes_and_methods_are_answered_in_json(client) -> None:
    assert client.get("/query").status_code == 405 and client.get("/query").json()["detail"]
    assert client.post("/no/such/route", json={}).json() == {"detail": "Not Found"}


def test_a_body_that_is_too_long_is_refused_with_or_without_a_length(start) -> None:
    client = start(limits=Limits(body_bytes=1000), **SAYS)
    assert client.post("/query", json={"level": "x" * 2000}).status_code == 413
    assert client.post("/query", content=(b"x" * 100 for _ in range(100))).status_code == 413
    assert client.post("/query", json=SEARCH).status_code == 200


def test_a_client_that_stops_writing_holds_nothing(start) -> None:
    client = start(limits=Limits(body_seconds=0.2), **SAYS)
    with socket.create_connection((client.base_url.host, client.base_url.port), timeout=20) as connection:
        connection.sendall(b"POST /query HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
        assert b" 408 " in connection.recv(1000)


def test_another_host_name_is_refused(client) -> None:
    """What a page in a browser would send after it has made its own name point to this machine."""
    assert client.post("/query", json=SEARCH, headers={"Host": "attacker.example"}).status_code == 400


def test_the_tools_are_closed_with_the_server(toolbox) -> None:
    from starlette.testclient import TestClient

    with TestClient(build(toolbox, Scope(), Limits()), base_url="http://localhost") as client:
        assert client.get("/health").status_code == 200 and not toolbox.tools["rag"].closed
    assert all(tool.closed for tool in toolbox.tools.values())


def test_calls_that_do_not_end_are_cancelled_with_the_server(serve, toolbox) -> None:
    """The fixture asserts that the server ends, and that no task is left."""
    url = serve(build(toolbox, Scope.of("A1_JAKE", "end"), Limits()), timeout_graceful_shutdown=1)
    slow = {**WATCH, "question": "slow"}
    for body in (slow, [slow, slow]):
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(f"{url}/video_llm", json=body, timeout=0.5)
