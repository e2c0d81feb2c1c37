"""The page of runs: scores beside chance, flipped questions, hostile outputs, and the same in a real browser."""

import json
import re
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.evals.rows import Gold
from firsthand.evals.score import Score
from firsthand.pages.results.charts import LEFT, RIGHT, WIDTH, draw
from firsthand.rollout.episodes import Episode
from firsthand.rollout.trace import Trace, Turn

HOSTILE = "</script><script>document.title='taken'</script><img src=x onerror=\"document.title='taken'\">"


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Twelve questions about pictures; b has three right that a has wrong, and one the other way round."""
    media = tmp_path / "media"
    media.mkdir()
    for number in range(4):
        Image.new("RGB", (320, 240), (40 * number, 90, 160)).save(media / f"{number}.jpg")
    paths = []
    for name, letters in (("a", "AAAAAABBBBB."), ("b", "AAAAABAAABB.")):
        folder = tmp_path / name
        folder.mkdir()
        rows = [
            {"id": f"q{i}", "answer": "A", "letters": "ABC", "label": "scene" if i % 2 else "hand"}
            | {"question": f"what is in the hand {i} ?", "options": {"A": "cup", "B": "pan", "C": "jar"}}
            | {"images": [f"{i % 4}.jpg", "gone.jpg"]}
            | {"messages": [{"role": "user", "content": [{"type": "image", "image": f"{i % 4}.jpg"},
                                                         {"type": "text", "text": f"what {i} ?"}]}]}
            for i in range(12)
        ]  # fmt: skip
        said = [
            {"id": f"q{i}", "output": f"<think>{HOSTILE}</think><answer>{x}</answer>"} for i, x in enumerate(letters)
        ]
        for file, content in (("questions", rows), ("answers", [one | {"settings": {}} for one in said])):
            (folder / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
        (folder / "run.json").write_text(json.dumps({"benchmark": "file"}))
        paths.append(folder)
    return paths


def page(runs: list[Path], *options: str) -> Any:
    out = runs[0].parent / "page.html"
    words = [*map(str, runs), "--out", str(out), "--media-root", str(runs[0].parent / "media"), *options]
    return CliRunner().invoke(app, ["eval", "page", *words]), out


def test_everything_is_in_one_file(runs) -> None:
    result, out = page(runs)
    assert result.exit_code == 0, result.output
    assert "12 of 12 questions" in result.output and "1 frames were not found" in result.output
    html = out.read_text()
    assert "b against a: +16.7 points" in html and "3 questions right only with b, 1 only with a" in html
    assert "chance 33.3, always A 100.0" in html
    assert "http" not in re.sub(r"http-equiv", "", html) and HOSTILE not in html
    shown = json.loads(html.split('id="items">')[1].split("</script>")[0])
    by_id = {item["id"]: item for item in shown["items"]}
    assert by_id["q6"]["worth"] == [0, 1] and by_id["q5"]["worth"] == [1, 0]
    assert by_id["q11"]["worth"] == ["not readable", "not readable"]
    assert [item["id"] for item in shown["items"]][:4] == ["q5", "q6", "q7", "q8"]  # what flipped comes first
    assert by_id["q1"]["prompt"][0]["text"] == "[image: 1.jpg]\nwhat 1 ?" and len(by_id["q1"]["frames"]) == 1
    assert by_id["q1"]["said"][0][0]["text"] == f"<think>{HOSTILE}</think><answer>A</answer>"


def test_a_chart_by_hand() -> None:
    golds = {"1": Gold(id="1", answer="A", letters="AB", k="x"), "2": Gold(id="2", answer="B", letters="ABCD", k="y")}
    chart = draw([Score(model="m", n=2, correct=1)], golds, ["k"])
    width = WIDTH - LEFT - RIGHT
    assert [group.name for group in chart.groups] == ["all", "k: x", "k: y"]
    assert [group.chance for group in chart.groups] == [LEFT + share * width for share in (0.375, 0.5, 0.25)]
    assert chart.groups[0].marks[0].x == LEFT + width / 2


def test_a_limit_is_said(runs) -> None:
    result, out = page(runs, "--limit", "4")
    assert "4 of 12 questions" in result.output and "4 of 12 questions are on this page" in out.read_text()


def test_runs_of_other_questions_have_no_page(runs) -> None:
    (runs[1] / "run.json").write_text(json.dumps({"benchmark": "egoschema"}))
    result, out = page(runs)
    assert result.exit_code == 1 and "a page has one benchmark" in result.output and not out.exists()


@pytest.mark.browser
def test_in_a_browser(runs, chromium: list[str]) -> None:
    """It opens from a file at a link to what b won, says nothing on the console, and runs nothing hostile."""
    _, out = page(runs)
    done = subprocess.run(
        [*chromium, "--virtual-time-budget=3000", "--dump-dom", f"{out.as_uri()}#flip=better"],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    dom = unescape(done.stdout)
    assert "3 of 12" in dom and dom.count("<li data-id=") == 3 and "<title>file: a, b</title>" in dom
    assert dom.count('<img src="data:image/jpeg') == 1 and "The prompt, as asked" in dom
    assert not [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def test_an_agents_turns_and_what_its_tools_said(tmp_path: Path) -> None:
    folder = tmp_path / "agent"
    folder.mkdir()
    turns = [
        Turn(text="look", action="call", tool="rag", status="ok", observation="a cup"),
        Turn(text="<answer>A</answer>", action="answer"),
    ]
    episode = Episode(
        id="q0", question="what ?", options={"A": "cup", "B": "pan"}, answer="A", letter="A", correct=True,
        output="<answer>A</answer>", data_source="toy", split="test", trace=Trace(turns=turns, stop="answer"),
        prompt_tokens=9, completion_tokens=3, cost=None, seconds=1.0, settings={"dialect": "native"},
        messages_sha256="",
    )  # fmt: skip
    row = {"id": "q0", "question": "what ?", "answer": "A", "letters": "AB", "options": episode.options}
    (folder / "questions.jsonl").write_text(json.dumps(row) + "\n")
    (folder / "episodes.jsonl").write_text(episode.model_dump_json() + "\n")
    (folder / "run.json").write_text(json.dumps({"benchmark": "toy_memory"}))
    result, out = page([folder])
    assert result.exit_code == 0, result.output
    [item] = json.loads(out.read_text().split('id="items">')[1].split("</script>")[0])["items"]
    assert item["worth"] == [1]
    told = [(part["who"], part["text"]) for part in item["said"][0]]
    assert told == [("model", "look"), ("tool", "a cup"), ("model", "<answer>A</answer>")]
