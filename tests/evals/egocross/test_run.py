"""The whole inference against a server on a real socket that answers, and refuses, as vLLM does."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.data.build.releases.egocross import TYPES
from firsthand.evals.single_turn.answer import PROMPTS
from firsthand.files import read_jsonl, write_jsonl
from firsthand.question import Question
from firsthand.rollout.prompt import eval_row

TOO_LONG = (400, "The decoder prompt (length 900) is longer than the maximum model length of 800")


@pytest.fixture
def server(chat_server) -> Any:
    """Knows that the cup is right, likes the letter A a little, and takes at most `most` images."""

    def answer(chat: Any, body: dict[str, Any]) -> None:
        user = body["messages"][-1]["content"]
        if sum(part["type"] == "image_url" for part in user) > server.most:
            status, message = server.refusal
            return chat.send(status, {"error": {"message": message}})
        options = dict(line.split(". ", 1) for line in user[-1]["text"].splitlines() if line[1:3] == ". ")
        right = next((letter for letter, text in options.items() if text == "cup"), "A")
        said = server.says or right
        likes = {letter: math.log(0.6 if letter == right else 0.1 + 0.05 * (letter == "A")) for letter in options}
        top = [{"token": letter, "logprob": value} for letter, value in likes.items()]
        logprobs = {"content": [{"token": said, "logprob": -0.1, "top_logprobs": top}]}
        chat.complete(said, **({"logprobs": logprobs} if body.get("logprobs") else {}))

    server = chat_server(answer, most=100, refusal=TOO_LONG, says=None)
    return server


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Three questions about eight frames each; the cup is at another letter in each."""
    folder = tmp_path / "egocross_test"
    (folder / "media").mkdir(parents=True)
    for number in range(8):
        Image.new("RGB", (64, 48), (number * 30, 90, 0)).save(folder / "media" / f"{number}.png")
    made = []
    for number in range(1, 4):
        things = ["key", "pen", "book"]
        things.insert(number, "cup")
        made.append(Question(
            id=str(number), question="What is held?", options=dict(zip("ABCD", things, strict=True)), answer=None,
            images=[f"{n}.png" for n in range(8)], times=[2.0 * n for n in range(8)], style="egocross",
            data_source="egocross", split="test", labels={"question_type": "object counting", "domain": "animal"},
        ))  # fmt: skip
    write_jsonl(folder / "eval.jsonl", map(eval_row, made))
    return folder / "eval.jsonl"


@pytest.fixture
def run(server: Any, rows: Path, tmp_path: Path) -> Any:
    def start(*options: Any, code: int = 0) -> list[dict[str, Any]]:
        out = tmp_path / "out"
        fixed = ["--rows", rows, "--server", server.url, "--out", out, "--min-pixels", 1, "--retries", 0]
        result = CliRunner().invoke(app, ["eval", "run", "egocross", *map(str, [*fixed, *options])])
        start.output, start.out = result.output, out  # type: ignore[attr-defined]
        assert result.exit_code == code, result.output
        answers = out / "answers.jsonl"
        return sorted(read_jsonl(answers), key=lambda row: row["id"]) if answers.exists() else []

    return start


WAYS = [
    ((), 1, False),
    (("--rotate",), 4, False),
    (("--method", "logprob"), 1, True),
    (("--method", "logprob", "--rotate"), 4, True),
    (("--method", "pairwise"), 6, True),
    (("--method", "pairwise", "--rotate"), 12, True),
]


@pytest.mark.parametrize(("options", "requests", "logprobs"), WAYS)
def test_every_way_of_asking_finds_the_option(run, server: Any, options, requests: int, logprobs: bool) -> None:
    answers = run(*options)
    assert [row["letter"] for row in answers] == ["B", "C", "D"]
    assert all(row["decided"] and row["frames"] == 8 and row["halved"] == [] for row in answers)
    assert len(server.requests) == 3 * requests
    assert all(bool(body.get("logprobs")) == logprobs and body["temperature"] == 0 for body in server.requests)


def test_frames_have_their_times_before_them(run, server: Any) -> None:
    run("--frames", "tail", "--max-frames", 4)
    [_, user] = server.requests[0]["messages"]
    assert [part["text"] for part in user["content"] if part["type"] == "text"][:-1] == [
        "<0.0 seconds>", "<10.0 seconds>", "<12.0 seconds>", "<14.0 seconds>",
    ]  # fmt: skip


def shown(server: Any) -> dict[str, tuple[list[str], list[str]]]:
    """Texts and pictures of each question, by its last text: requests come in any order."""
    found = {}
    for body in server.requests:
        content = body["messages"][-1]["content"]
        texts = [part["text"] for part in content if part["type"] == "text"]
        found[texts[-1]] = texts, [part["image_url"]["url"] for part in content if part["type"] == "image_url"]
    return found


def test_another_order_of_the_frames_has_the_same_words_and_is_another_run(run, server: Any) -> None:
    [reverse] = {row["settings"]["frame_order"] for row in run("--frame-order", "reversed", "--max-frames", 4)}
    assert reverse == "reversed"
    backwards = shown(server)
    run("--max-frames", 4, code=1)
    assert "was begun with" in run.output, "answers on other frames do not mix with these"
    shutil.rmtree(run.out)
    server.requests.clear()
    assert "frame_order" not in run("--max-frames", 4)[0]["settings"]
    assert len(backwards) == 3
    assert shown(server) == {question: (texts, urls[::-1]) for question, (texts, urls) in backwards.items()}


def test_as_a_video_with_its_rate(run, server: Any) -> None:
    run("--video", "--max-frames", 4)
    assert server.requests[0]["media_io_kwargs"] == {"video": {"num_frames": -1, "fps": 0.25}}
    assert server.requests[0]["messages"][-1]["content"][0]["type"] == "video_url"


def test_by_path_the_server_reads_the_files(run, server: Any, rows: Path) -> None:
    run("--by-path")
    urls = [part["image_url"]["url"] for part in server.requests[0]["messages"][-1]["content"] if "image_url" in part]
    assert urls == [(rows.parent / "media" / f"{n}.png").resolve().as_uri() for n in range(8)]


def test_what_must_be_resized_cannot_go_by_path(run, server: Any) -> None:
    run("--by-path", "--max-pixels", 100, code=1)
    assert "cannot be sent by path" in run.output.replace("\n", " ") and not server.requests


REFUSALS = [
    TOO_LONG,
    (400, "This model's maximum context length is 640 tokens. However, you requested 900"),
    (500, "CUDA out of memory. Tried to allocate 2.00 GiB"),
    (413, "Request Entity Too Large"),
    (400, "At most 3 image(s) may be provided in one prompt."),
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_is_too_much_is_halved_and_said(run, server: Any, refusal: tuple[int, str]) -> None:
    server.most, server.refusal = 3, refusal
    answers = run()
    assert [row["letter"] for row in answers] == ["B", "C", "D"]
    assert all(row["frames"] == 2 and row["of_frames"] == 8 for row in answers)
    assert all([note.split(":")[0] for note in row["halved"]] == ["8 frames", "4 frames"] for row in answers)
    assert refusal[1][:20] in answers[0]["halved"][0]


def test_one_frame_that_is_too_much_is_a_failure(run, server: Any) -> None:
    server.most = 0
    assert run(code=1) == [] and "3 failed" in run.output and "maximum model length" in run.output


def test_another_refusal_is_a_failure_at_once(run, server: Any) -> None:
    server.most, server.refusal = 3, (400, "invalid image url")
    run(code=1)
    assert len(server.requests) == 3


def test_a_run_resumes_and_keeps_to_its_plan(run, server: Any, rows: Path) -> None:
    everything = rows.read_text()
    rows.write_text(everything.splitlines(keepends=True)[0])
    run()
    rows.write_text(everything)
    assert len(run()) == 3 and len(server.requests) == 3
    run("--rotate", code=1)
    assert "was begun with" in run.output and len(server.requests) == 3


def test_an_answer_without_a_letter_is_counted(run, server: Any) -> None:
    server.says = "I cannot tell"
    assert [row["letter"] for row in run()] == [None] * 3
    assert "3 without a letter" in run.output


def test_advice_for_the_type_of_question(run, server: Any) -> None:
    run("--prompts", "typed")
    text = server.requests[0]["messages"][-1]["content"][-1]["text"]
    assert text.startswith((PROMPTS / "egocross/object_counting.txt").read_text().strip() + "\nWhat is held?\nA. ")


def test_there_is_advice_for_every_type() -> None:
    names = {kind.replace(" ", "_").replace("-", "_") for kind in TYPES}
    assert {path.stem for path in (PROMPTS / "egocross").glob("*.txt")} == names and len(names) == 15


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda row: row | {"options": {}}, "row 1: 1 has no options"),
        (lambda row: {key: value for key, value in row.items() if key != "question"}, "row 1: question"),
        (lambda row: row | {"times": [1.0]}, "row 1"),
        (lambda row: [row], "row 1"),
    ],
)
def test_rows_that_cannot_be_asked(run, rows: Path, spoil, message: str) -> None:
    rows.write_text(json.dumps(spoil(json.loads(rows.read_text().splitlines()[0]))) + "\n")
    run(code=1)
    assert message in run.output


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "huge"], "serves tiny, not huge"),
        (["--rows", "none.jsonl"], "no such file"),
        (["--video", "--frames", "tail"], "a video has one rate"),
        (["--media-root", "/nowhere"], "no such file"),
        (["--max-image-tokens", "1"], "one frame costs"),
    ],
)
def test_mistakes_of_the_command_line(run, options, message: str) -> None:
    run(*options, code=1)
    assert message in run.output.replace("\n", " ")


def test_a_model_that_is_no_folder(rows: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["eval", "run", "egocross", "--rows", str(rows), "--out", str(tmp_path / "o")])
    assert result.exit_code == 1 and "say --server URL, or --model" in result.output
    options = ["--rows", str(rows), "--model", str(tmp_path), "--out", str(tmp_path / "o")]
    result = CliRunner().invoke(app, ["eval", "run", "egocross", *options])
    assert result.exit_code == 1 and "not a model folder" in result.output
