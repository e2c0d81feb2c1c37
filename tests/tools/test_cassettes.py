"""Record and replay of external calls, alone and with many processes."""

import asyncio
import json
import multiprocessing
from pathlib import Path
from typing import Any

import pytest

from firsthand.llm import keys
from firsthand.llm.faults import Unavailable
from firsthand.tools.backends.base import Answer, Recorded, Sight
from firsthand.tools.cassettes import Cassettes, Mode, NotRecorded
from firsthand.tools.protocol import Image

REQUEST = {"model": "m", "question": "who?", "media": [[1.0, "abc"]]}


class Service:
    def __init__(self, *answers: str) -> None:
        self.answers, self.calls = list(answers), 0

    async def __call__(self) -> dict[str, Any]:
        self.calls += 1
        await asyncio.sleep(0)
        return {"text": self.answers[min(self.calls, len(self.answers)) - 1], "cost": 0.5}


def play(folder: Path, mode: Mode, service: Service, request: dict[str, Any] = REQUEST) -> tuple[str, bool]:
    response, replayed = asyncio.run(Cassettes(folder, mode).play(request, service))
    return response["text"], replayed


def test_off_asks_always_and_keeps_nothing(tmp_path: Path) -> None:
    service = Service("a", "b")
    assert [play(tmp_path, "off", service) for _ in range(2)] == [("a", False), ("b", False)]
    assert list(tmp_path.iterdir()) == []


def test_auto_asks_once(tmp_path: Path) -> None:
    service = Service("a", "b")
    assert [play(tmp_path, "auto", service) for _ in range(2)] == [("a", False), ("a", True)]


def test_record_asks_again_and_replaces(tmp_path: Path) -> None:
    service = Service("a", "b")
    assert [play(tmp_path, "record", service) for _ in range(2)] == [("a", False), ("b", False)]
    assert play(tmp_path, "replay", Service("never")) == ("b", True)


def test_replay_never_asks_and_names_what_is_missing(tmp_path: Path) -> None:
    never = Service("never")
    with pytest.raises(NotRecorded, match=r"who\?"):
        play(tmp_path, "replay", never)
    assert never.calls == 0


@pytest.mark.parametrize("change", [{"model": "n"}, {"question": "what?"}, {"media": [[1.0, "abd"]]}, {"more": 1}])
def test_any_other_content_is_another_recording(tmp_path: Path, change: dict[str, Any]) -> None:
    play(tmp_path, "auto", Service("a"))
    assert play(tmp_path, "auto", Service("b"), REQUEST | change) == ("b", False)


def test_the_order_of_fields_does_not_matter(tmp_path: Path) -> None:
    play(tmp_path, "auto", Service("a"))
    assert play(tmp_path, "replay", Service("never"), dict(reversed(REQUEST.items()))) == ("a", True)


def test_equal_calls_at_the_same_time_are_one_call(tmp_path: Path) -> None:
    service, cassettes = Service("a", "b"), Cassettes(tmp_path, "auto")

    async def many() -> list[tuple[dict[str, Any], bool]]:
        return await asyncio.gather(*(cassettes.play(REQUEST, service) for _ in range(50)))

    assert {response["text"] for response, _ in asyncio.run(many())} == {"a"}
    assert service.calls == 1


def test_a_fault_is_not_recorded_and_the_next_asks_again(tmp_path: Path) -> None:
    async def down() -> dict[str, Any]:
        raise Unavailable("down")

    with pytest.raises(Unavailable):
        asyncio.run(Cassettes(tmp_path, "auto").play(REQUEST, down))
    assert play(tmp_path, "auto", Service("a")) == ("a", False)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"request": {}}', '{"response": "text"}', "\x00" * 80])
def test_a_damaged_recording_is_recorded_again(tmp_path: Path, damage: str) -> None:
    play(tmp_path, "auto", Service("a"))
    [path] = tmp_path.rglob("*.json")
    path.write_text(damage)
    with pytest.raises(NotRecorded):
        play(tmp_path, "replay", Service("never"))
    assert play(tmp_path, "auto", Service("b")) == ("b", False)
    assert play(tmp_path, "replay", Service("never")) == ("b", True)


def test_no_key_is_recorded(tmp_path: Path) -> None:
    keys.remember(["a-key-that-leaks"])
    play(tmp_path, "auto", Service("your key a-key-that-leaks is valid"), {"question": "a-key-that-leaks?"})
    [path] = tmp_path.rglob("*.json")
    assert "leaks" not in path.read_text()
    assert json.loads(path.read_text())["response"]["text"] == f"your key {keys.MARK} is valid"


def _write(folder: Path, process: int) -> int:
    service = Service(*[f"{process}" * 2000])
    cassettes = Cassettes(folder, "auto")

    async def all_of_them() -> None:
        for number in range(40):
            response, _ = await cassettes.play({"question": number}, service)
            assert len(response["text"]) == 2000 and len(set(response["text"])) == 1

    asyncio.run(all_of_them())
    return service.calls


def test_eight_processes_write_the_same_recordings(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(8) as pool:
        calls = pool.starmap(_write, [(tmp_path, process) for process in range(8)])
    paths = list(tmp_path.rglob("*"))
    assert len([path for path in paths if path.is_file()]) == 40  # none half written, none left over
    assert 40 <= sum(calls) <= 320
    before = [play(tmp_path, "replay", Service("never"), {"question": number}) for number in range(40)]
    assert before == [play(tmp_path, "auto", Service("never"), {"question": number}) for number in range(40)]


class Eyes:
    settings = {"backend": "eyes", "model": "m"}

    def __init__(self) -> None:
        self.calls = 0

    async def answer(self, sight: Sight) -> Answer:
        self.calls += 1
        return Answer(f"{sight.question} {len(sight.images)}", cost=0.25)

    async def close(self) -> None:
        return None


def test_a_recorded_backend_is_paid_once_and_knows_its_media(tmp_path: Path) -> None:
    eyes = Eyes()
    recorded = Recorded(eyes, Cassettes(tmp_path, "auto"))
    sight = Sight("what?", (Image(b"jpeg", 5.0),), "A1_JAKE", 5.0, 5.0)
    assert asyncio.run(recorded.answer(sight)) == Answer("what? 1", 0.25, False)
    assert asyncio.run(recorded.answer(sight)) == Answer("what? 1", 0.0, True)
    for other in (Image(b"JPEG", 5.0), Image(b"jpeg", 6.0)):
        assert not asyncio.run(recorded.answer(Sight("what?", (other,), "A1_JAKE", 5.0, 5.0))).replayed
    assert eyes.calls == 3


@pytest.mark.parametrize("mode", ["record", "auto"])
def test_an_answer_that_cannot_be_kept_is_used_all_the_same(tmp_path: Path, caplog, mode: Mode) -> None:
    (tmp_path / "full").touch()
    assert play(tmp_path / "full", mode, Service("a")) == ("a", False)
    assert "may be asked and paid for again" in caplog.text
