"""The same questions asked changed: blind, shuffled, rotated. They stand beside the answers."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer import Exit

from firsthand.errors import UserError
from firsthand.evals.benchmarks import SUITE, Benchmark
from firsthand.evals.commands import execute
from firsthand.evals.ways import AsWritten, Run, SingleTurn
from firsthand.files import read_json, read_jsonl, write_jsonl
from firsthand.question import Question
from firsthand.rollout.prompt import eval_row

OPTIONS = {"A": "a cup", "B": "a pan", "C": "a key", "D": "a book"}


def text_of(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content)


@pytest.fixture
def model(chat_server) -> Any:
    """It finds the letter of the pan wherever it stands; to `letter` it always says A."""

    def answer(chat: Any, body: dict[str, Any]) -> None:
        asked = text_of(body)
        letter = "A" if "letter" in asked else re.search(r"^(\w)\. a pan", asked, re.MULTILINE)[1]
        chat.complete(f"<answer>{letter}</answer>")

    return chat_server(answer)


@pytest.fixture
def ask(model, media: Path, tmp_path: Path, monkeypatch) -> Any:
    rows = [
        Question(
            id=id, question=words, options=OPTIONS, answer="B", images=["a.jpg", "b.jpg"], times=[0.0, 2.0],
            data_source="mine", split="test",
        )
        for id, words in (("q1", "what is on the <image> hob?"), ("q2", "which letter?"))
    ]  # fmt: skip
    path = tmp_path / "rows.jsonl"
    write_jsonl(path, map(eval_row, rows))

    def run(way: Any) -> dict[str, Any]:
        monkeypatch.setitem(SUITE, "mine", Benchmark("mine", "A test.", path, way))
        execute(SUITE["mine"], Run(out=tmp_path / "run", server=model.url, model="tiny"))
        return read_json(tmp_path / "run/results.json")["runs"][0]

    run.media, run.out = media, tmp_path / "run"
    return run


WAYS = [AsWritten, SingleTurn]


@pytest.mark.parametrize("way", WAYS)
def test_blind_is_the_question_alone(ask, model, way) -> None:
    found = ask(way(media_root=ask.media))["scores"]
    assert list(found) == ["answer"]
    model.requests.clear()
    found = ask(way(media_root=ask.media, blind=True))["scores"]
    assert list(found) == ["answer", "blind"] and found["blind"]["n"] == 2
    for body in model.requests:
        assert "image" not in str(body["messages"]) and "seconds>" not in str(body["messages"])
    assert any("what is on the  hob?" in text_of(body) for body in model.requests), "the placeholder is gone too"


@pytest.mark.parametrize("way", WAYS)
def test_shuffled_letters_are_mapped_back(ask, model, way) -> None:
    ask(way(media_root=ask.media))
    model.requests.clear()
    assert list(ask(way(media_root=ask.media, shuffled=True))["scores"]) == ["answer", "shuffled"]
    assert len(model.requests) == 2
    for body in model.requests:
        shown = re.findall(r"^\w\. (a \w+)$", text_of(body), re.MULTILINE)
        assert sorted(shown) == sorted(OPTIONS.values()) and shown != list(OPTIONS.values())
    rows = {row["id"]: row for row in read_jsonl(ask.out / "shuffled.jsonl")}
    assert rows["q1"]["letter"] == "B", "wherever the pan stood"
    assert rows["q2"]["letter"] == rows["q2"]["orders"][0][0], "the option that stood at A"


def test_rotated_shows_who_looks_at_letters(ask, model) -> None:
    ask(AsWritten(media_root=ask.media))
    model.requests.clear()
    found = ask(AsWritten(media_root=ask.media, rotated=True))["scores"]
    assert len(model.requests) == 8
    shares = {name: (score["correct"], score["n"]) for name, score in found.items() if name.startswith("rotated")}
    assert shares == {
        "rotated": (1, 2),  # every option gets one vote of four: the earliest wins, which is A
        "rotated: right in every order": (1, 2),
        "rotated: same in every order": (1, 2),
    }


@pytest.mark.parametrize("way", WAYS)
def test_two_columns_at_once_are_refused(ask, model, way) -> None:
    """Else the questions of the second one would bring back the frames that the first one leaves out."""
    with pytest.raises(UserError, match="--blind and --shuffled are two columns"):
        ask(way(media_root=ask.media, blind=True, shuffled=True))
    assert not model.requests


def test_open_questions_have_no_order(ask, model, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "open.jsonl"
    row = Question(id="q", question="what?", answer="pan", data_source="mine", split="test")
    write_jsonl(path, [eval_row(row)])
    run = Run(out=tmp_path / "open", server=model.url, model="tiny")
    from firsthand.evals.metrics.text import EXACT

    with pytest.raises(UserError, match="q is an open question: it has no options"):
        execute(Benchmark("mine", "", path, AsWritten(shuffled=True), (EXACT,)), run)


def test_rows_that_are_only_messages_cannot_be_changed(make_questions, model, tmp_path: Path) -> None:
    run = Run(out=tmp_path / "run", server=model.url, model="tiny")
    with pytest.raises(UserError, match=r"questions\.jsonl: row 1: .*build the rows with `firsthand data build`"):
        execute(Benchmark("mine", "", make_questions("q1"), AsWritten(blind=True)), run)


# -- what stands beside every score ------------------------------------------------------------------------------------


def test_every_result_says_what_was_seen_and_what_no_model_can_do(ask) -> None:
    found = ask(AsWritten(media_root=ask.media))
    assert re.fullmatch(r"[0-9a-f]{16}, 2 files", found["seen"]["media"])
    # all four options have five or six characters: cup, pan, key (5), book (6)
    assert found["baselines"] == {
        "chance": 0.25, "always B": 1.0, "shortest option": pytest.approx(1 / 3), "longest option": 0.0,
    }  # fmt: skip
    table = (ask.out / "results.md").read_text()
    assert "without a model: chance 25.0, always B 100.0, shortest option 33.3, longest option 0.0" in table
    assert f"seen: media {found['seen']['media']}" in table


def test_a_run_whose_frames_changed_does_not_go_on(ask) -> None:
    way = AsWritten(media_root=ask.media)
    ask(way)
    (ask.media / "a.jpg").write_bytes((ask.media / "b.jpg").read_bytes())
    with pytest.raises(UserError, match="the media changed since the run was begun"):
        ask(way)


def test_a_frame_that_was_missing_may_come_later(ask) -> None:
    way, content = AsWritten(media_root=ask.media), (ask.media / "a.jpg").read_bytes()
    (ask.media / "a.jpg").unlink()
    with pytest.raises(Exit):
        ask(way)
    (ask.media / "a.jpg").write_bytes(content)
    assert ask(way)["seen"]["media"].endswith(", 2 files")


def test_interruptions_stand_beside_what_the_labels_alone_give(chat_server, tmp_path: Path) -> None:
    model = chat_server(lambda chat, body: chat.complete("$silent$"))
    rows = [
        Question(
            id=f"{session}/{n}", question="speak?", answer=answer, labels={"session": session, "task": "t"},
            data_source="x", split="test",
        )
        for session in ("1", "2") for n, answer in enumerate(2 * ["$silent$", "$interrupt$ now"])
    ]  # fmt: skip
    write_jsonl(tmp_path / "rows.jsonl", map(eval_row, rows))
    benchmark = replace(SUITE["egoproactive"], questions=tmp_path / "rows.jsonl")
    execute(benchmark, Run(out=tmp_path / "run", server=model.url, model="tiny"))
    found = read_json(tmp_path / "run/results.json")["runs"][0]
    # always silent: 4 of 8 right; F1 of silence 2*4/(2*4+4), of speaking 0. Labels take turns: the history knows all
    assert found["scores"]["answer: macro-F1"]["correct"] / 8 == pytest.approx(1 / 3)
    assert found["baselines"] == {
        "always silent": pytest.approx(1 / 3), "always speaking": pytest.approx(1 / 3), "label history": 1.0,
    }  # fmt: skip
