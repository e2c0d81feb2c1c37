"""The tools YAML: strict, and its errors say what to write."""

import asyncio
import base64
from pathlib import Path

import pytest
import yaml

from firsthand import clock, files
from firsthand.errors import UserError
from firsthand.files import read_yaml
from firsthand.recipe.kind import detect
from firsthand.tools import config
from firsthand.tools.catalogue import read
from firsthand.tools.protocol import Budget, Context

RECIPES = Path(__file__).parents[2] / "recipes"


def test_recipes_are_valid() -> None:
    recipes = [path for path in RECIPES.rglob("*.yaml") if detect(read_yaml(path)) == "tools"]
    assert len(recipes) >= 5
    for recipe in recipes:
        assert read(recipe).tools.rag is not None, recipe


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("", "the file: Input should be a valid dictionary"),
        ("- tools", "the file: Input should be a valid dictionary"),
        ("tools: {rag: ", "not valid YAML"),
        ("memory: {store: x}", "tools: Field required"),
        ("tools: {rga: }", "tools.rga: unknown key; did you mean 'rag'?"),
        ("tools: {}\ncasettes: {mode: auto}", "casettes: unknown key; did you mean 'cassettes'?"),
        ("tools: {}\ncassettes: {mode: always}", "cassettes.mode: Input should be 'off', 'record', 'replay' or 'auto'"),
        ("tools: {}\nmemory: {stor: x}", "memory.stor: unknown key; did you mean 'store'?"),
        ("tools: {}\nbackends: {a: {kind: oracel}}", "backends.a: Input tag 'oracel'"),
        ("tools: {}\nbackends: {a: {kind: oracle}}", "backends.a.root: Field required"),
        (
            "tools: {}\nbackends: {a: {kind: openai, base_url: x, model: y, api_key: sk-abcdefghijklmnopqrstuv}}",
            "backends.a.api_key: keys are read from the environment only",
        ),
        ("tools: {}\nlimits: {retries: -1}", "limits.retries: Input should be greater than or equal to 0"),
        ("tools: {rag: }", "memory: not set"),
        ("tools: {frames: }", "video: not set"),
        ("tools: {vlm: {}}", "tools.vlm.backend: Field required"),
        ("tools: {frames: }\nvideo: nowhere", "video: nowhere is not a folder"),
        ("tools: {vlm: {backend: eyes}}\nvideo: .", "there is no backend 'eyes'; backends: none"),
        ("tools: {vlm: {backend: a}}\nvideo: .\nbackends: {a: {kind: oracle, root: nowhere}}", "toy build"),
        ("tools: {rag: }\nmemory: {store: nowhere.sqlite}", "nowhere.sqlite: no such memory"),
        (
            "tools: {vlm: {backend: a}}\nvideo: .\n"
            "backends: {a: {kind: openai, base_url: x, model: y, key_env: [NOT_THERE_KEY]}}",
            "the environment variable NOT_THERE_KEY is not set",
        ),
    ],
)
def test_mistakes_are_named(tmp_path: Path, monkeypatch, written: str, complaint: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tools.yaml"
    path.write_text(written)
    with pytest.raises(UserError) as caught:
        config.load(path)
    assert str(path) in str(caught.value) and complaint in str(caught.value)
    assert "sk-" not in str(caught.value)


def test_a_backend_that_no_tool_uses_needs_no_key(week: Path, tmp_path: Path) -> None:
    path = tmp_path / "tools.yaml"
    paid = "paid: {kind: openai, base_url: x, model: y, key_env: [NOT_THERE_KEY]}"
    toy = f"toy: {{kind: oracle, root: {week}}}"
    path.write_text(f"tools: {{vlm: {{backend: toy}}}}\nvideo: {week}/store\nbackends: {{{paid}, {toy}}}")
    assert config.load(path).names == ("vlm",)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        config.load(tmp_path / "none.yaml")


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "tools.yaml"
    path.write_text("tools: {rga: , vlm: {}}\nvidoe: x")
    with pytest.raises(UserError) as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 3


def test_tools_keep_the_order_of_the_page_and_only_what_is_named_is_there(week: Path, tmp_path: Path) -> None:
    path = tmp_path / "tools.yaml"
    path.write_text(f"tools: {{terminate: , frames: }}\nvideo: {week}/store\nlimits: {{retries: 0, breaker_faults: 1}}")
    assert config.load(path).names == ("frames", "terminate")


def test_replay_needs_neither_key_nor_service(week: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PAID_KEY", raising=False)
    eyes = {"kind": "openai", "base_url": "http://127.0.0.1:9/v1", "model": "m", "key_env": ["PAID_KEY"]}
    settings = {
        "video": str(week / "store"),
        "backends": {"eyes": eyes},
        "tools": {"vlm": {"backend": "eyes"}},
        "cassettes": {"mode": "replay", "folder": "tapes"},
    }
    Path("tools.yaml").write_text(yaml.safe_dump(settings))
    start = clock.parse(files.read_json(week / "truth/A1_JAKE.json")[0]["start"])
    arguments = {"question": "Who is there?", "timestamp": clock.stamp(clock.plus(start, 2))}
    outcome = asyncio.run(config.load("tools.yaml").call("vlm", arguments, Context("A1_JAKE", None)))
    assert outcome.status == "infra_error" and "no recording" in outcome.text and "Who is there?" in outcome.text


def test_a_key_in_an_address_reaches_nobody(
    week: Path, tmp_path: Path, chat_server, caplog: pytest.LogCaptureFixture
) -> None:
    """Not the model, the log or the file of the counts, even if the server gives it back, and the limit is reached."""
    secrets = ("s3cret-of-a-user", base64.b64encode(b"me:s3cret-of-a-user").decode())

    def echo(chat, _) -> None:
        chat.send(200 if len(server.requests) > 1 else 400, {"error": {"message": str(chat.headers)}})

    server = chat_server(echo)
    address = server.url.replace("//", f"//me:{secrets[0]}@")
    backend = f"{{kind: openai, model: m, base_url: '{address}/v1', per_minute: 2, burst: 2}}"
    (tmp_path / "tools.yaml").write_text(
        f"video: {week}/store\nstate: {tmp_path}/state\nbackends: {{eyes: {backend}}}\n"
        "limits: {retries: 0}\ntools: {vlm: {backend: eyes}}\n"
    )
    toolbox = config.load(tmp_path / "tools.yaml")
    start = clock.parse(files.read_json(week / "truth/A1_JAKE.json")[0]["start"])
    arguments = {"question": "what?", "timestamp": clock.stamp(clock.plus(start, 2))}

    async def ask() -> list[str]:
        row = Context("A1_JAKE", None, budget=Budget(seconds=5.0))
        said = [(await toolbox.call("vlm", arguments, row)).text for _ in range(3)]
        await toolbox.close()
        return said

    said = asyncio.run(ask())
    assert "HTTP 400" in said[0] and "[key]" in said[0] and "not a chat completion" in said[1] and "no room" in said[2]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "state").iterdir()).decode(errors="replace")
    everything = "".join([*said, caplog.text, kept])
    assert not [secret for secret in secrets if secret in everything] and "127.0.0.1" not in said[2] + kept


def test_the_tools_of_a_backend_share_its_places_and_recordings_need_none(tmp_path: Path) -> None:
    """`concurrency` counts tool calls; a tool that asks no service is never held up."""

    def places(mode: str) -> dict:
        settings = f"""
backends:
  eyes: {{kind: openai, base_url: "http://127.0.0.1:9/v1", model: m, concurrency: 3}}
tools: {{video_llm: {{backend: eyes}}, vlm: {{backend: eyes}}, frames: }}
video: {tmp_path}
cassettes: {{mode: {mode}, folder: {tmp_path}}}
state: {tmp_path}/state
"""
        (tmp_path / "tools.yaml").write_text(settings)
        return {name: guard.places for name, guard in config.load(tmp_path / "tools.yaml")._guards.items()}

    of = places("auto")
    assert of["frames"] is None and of["vlm"].most == 3
    assert of["vlm"].take("one", 60.0) and of["video_llm"].take("two", 60.0) and of["vlm"].take("three", 60.0)
    assert not of["video_llm"].take("four", 60.0)
    assert set(places("replay").values()) == {None}
