"""Asking a server that fails in every way it can: no answer is lost, doubled or invented."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.evals.single_turn.as_written import ask, prompted, rows_of
from firsthand.files import read_jsonl
from firsthand.llm.ask_many import Pace, Summary
from firsthand.llm.client import Settings


def run(questions: Path, server: Any, media: Path, **options: Any) -> tuple[Summary, list[dict[str, Any]]]:
    out = questions.parent / "out.jsonl"
    settings = Settings(**options.pop("settings", {"model": "tiny"}))
    pace = Pace(**{name: options.pop(name) for name in Pace._fields if name in options})
    asked = prompted(questions, rows_of(questions, None), options.get("recipe"))
    summary = asyncio.run(ask(asked, out, server.url, settings, media_root=media, pace=pace, **options))
    return summary, list(read_jsonl(out))


def test_a_row_says_what_was_asked_and_what_came_back(server, media, make_questions) -> None:
    summary, rows = run(make_questions("q1"), server, media, settings={"model": "tiny", "temperature": 0.5, "seed": 3})
    assert summary == Summary(asked=1)
    [row] = rows
    assert row["seconds"] >= 0 and len(row.pop("messages_sha256")) == 64
    assert {key: row[key] for key in row if key != "seconds"} == {
        "id": "q1",
        "settings": {"model": "tiny", "temperature": 0.5, "max_tokens": 1024, "seed": 3},
        "output": "<think>so</think><answer>B</answer>",
        "letter": "B",
        "finish_reason": "stop",
        "prompt_tokens": 7,
        "completion_tokens": 5,
    }
    sent = server.requests[0]
    assert (sent["model"], sent["temperature"], sent["max_tokens"], sent["seed"]) == ("tiny", 0.5, 1024, 3)
    assert "media_io_kwargs" not in sent


@pytest.mark.parametrize("fault", ["error_500", "hang_up", "truncated"])
def test_passing_faults_are_tried_again(server, media, make_questions, fault: str) -> None:
    server.script = {"q2": [fault, fault]}
    summary, rows = run(make_questions("q1", "q2", "q3"), server, media)
    assert {row["id"] for row in rows} == {"q1", "q2", "q3"} and not summary.failed
    assert server.tries == {"q1": 1, "q2": 3, "q3": 1}


@pytest.mark.parametrize(
    ("fault", "why", "tries"),
    [
        ("error_500", "out of luck", 2),
        ("hang_up", "Connection error", 2),
        ("truncated", "Connection error", 2),
        ("error_400", "the prompt is too long", 1),
        ("not_json", "gateway", 1),
        ("no_choices", "not a chat completion", 1),
    ],
)
def test_a_lasting_fault_is_listed_and_stops_nothing(server, media, make_questions, fault, why, tries) -> None:
    server.script = {"q1": [fault] * 9}
    summary, rows = run(make_questions("q1", "q2"), server, media, retries=1, concurrency=1)
    assert [row["id"] for row in rows] == ["q2"]
    assert list(summary.failed) == ["q1"] and why in summary.failed["q1"]
    assert server.tries["q1"] == tries


def test_a_slow_answer_is_a_time_out(server, media, make_questions) -> None:
    server.script = {"q1": ["slow"]}
    summary, _ = run(make_questions("q1"), server, media, retries=0, timeout=0.3)
    assert "timed out" in summary.failed["q1"]


def test_a_failed_question_is_asked_again_by_the_next_run(server, media, make_questions) -> None:
    server.script = {"q1": ["error_400"]}
    questions = make_questions("q1", "q2")
    run(questions, server, media)
    summary, rows = run(questions, server, media)
    assert (summary.asked, summary.resumed, summary.failed) == (1, 1, {})
    assert sorted(row["id"] for row in rows) == ["q1", "q2"]


def test_cut_and_silent_answers_are_kept_and_counted(server, media, make_questions) -> None:
    server.script = {"q1": ["cut"], "q2": ["silent"], "q3": ["odd_characters"]}
    summary, rows = run(make_questions("q1", "q2", "q3", "q4"), server, media)
    assert summary.asked == 4 and [row["id"] for row in rows if row["finish_reason"] == "length"] == ["q1"]
    assert {row["id"]: row["letter"] for row in rows} == {"q1": None, "q2": None, "q3": "B", "q4": "B"}


def test_no_more_than_concurrency_in_flight(server, media, make_questions) -> None:
    server.pause = threading.Barrier(3, timeout=60).wait  # answers three at once or none
    run(make_questions(*(f"q{i}" for i in range(12))), server, media, concurrency=3)
    assert server.most_in_flight == 3


def test_a_torn_last_line_is_dropped_and_asked_again(server, media, make_questions) -> None:
    questions = make_questions("q1", "q2", "q3")
    run(questions, server, media, concurrency=1)
    out = questions.parent / "out.jsonl"
    whole = out.read_bytes()
    out.write_bytes(whole[:-20])
    summary, rows = run(questions, server, media)
    assert summary.torn and (summary.asked, summary.resumed) == (1, 2)
    assert [row["id"] for row in rows] == ["q1", "q2", "q3"]
    assert server.tries == {"q1": 1, "q2": 1, "q3": 2}


def test_a_finished_file_asks_nothing(server, media, make_questions) -> None:
    questions = make_questions("q1", "q2")
    _, before = run(questions, server, media)
    summary, after = run(questions, server, media)
    assert (summary.asked, summary.resumed) == (0, 2) and before == after


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"settings": {"model": "tiny", "temperature": 1.0}}, "was begun with"),
        ({"rows": [{"id": "q1", "messages": [{"role": "user", "content": "another"}]}]}, "has changed since"),
        ({"rows": ["q2"]}, "not among the questions"),
    ],
)
def test_another_run_may_not_continue_the_file(server, media, make_questions, change, message) -> None:
    run(make_questions("q1"), server, media)
    with pytest.raises(UserError, match=message):
        run(make_questions(*change.pop("rows", ["q1"])), server, media, **change)


def test_kill_9_loses_nothing_and_doubles_nothing(server, media, make_questions, hold, tmp_path) -> None:
    held = hold(10)
    server.pause = held.passed
    keys = [f"q{i}" for i in range(40)]
    questions, out = make_questions(*keys), tmp_path / "out.jsonl"
    command = [sys.executable, "-m", "firsthand.cli", "eval", "ask", str(questions), "--server", server.url]
    command += ["--model", "tiny", "--out", str(out), "--concurrency", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    held.wait(2, process)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert out.read_bytes().count(b"\n") == 10
    held.release()
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert finished.returncode == 0, finished.stderr
    ids = [row["id"] for row in read_jsonl(out)]
    assert sorted(ids) == sorted(keys)
    assert max(server.tries.values()) == 2 and sum(server.tries.values()) == 40 + 2  # only what was in flight


def test_two_processes_may_not_share_a_file(server, media, make_questions, tmp_path) -> None:
    from firsthand.llm.row_log import RowLog

    with RowLog(tmp_path / "out.jsonl"), pytest.raises(UserError, match="another process"):
        run(make_questions("q1"), server, media)


def cli(*arguments: Any) -> Any:
    return CliRunner().invoke(app, ["eval", *map(str, arguments)])


def test_the_command_lists_failures_and_its_exit_code_says_so(server, media, make_questions, tmp_path) -> None:
    server.script = {"q1": ["error_400"]}
    options = ["--server", server.url, "--model", "tiny", "--out", tmp_path / "out.jsonl"]
    first = cli("ask", make_questions("q1", "q2"), *options)
    assert first.exit_code == 1 and "failed q1: BadRequestError" in first.output and "1 failed" in first.output
    second = cli("ask", make_questions("q1", "q2"), *options)
    assert second.exit_code == 0 and "1 asked, 1 from earlier runs, 0 failed" in second.output


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--model": "huge"}, "serves tiny, not huge"),
        ({"--server": "http://127.0.0.1:9"}, "no server answers"),
        ({"FILE": "none.jsonl"}, "no such file"),
        ({"--out": "/"}, "cannot be written"),
    ],
)
def test_hopeless_runs_fail_before_the_first_question(server, make_questions, tmp_path, changes, message) -> None:
    file = changes.pop("FILE", make_questions("q1"))
    options = {"--server": server.url, "--model": "tiny", "--out": tmp_path / "out.jsonl", "--retries": 0} | changes
    result = cli("ask", file, *(item for pair in options.items() for item in pair))
    assert result.exit_code == 1 and message in result.output.replace("\n", " ")
    assert not server.requests


def test_video_files_are_sampled_as_the_recipe_says(server, media, make_questions, decode_url, write_clip) -> None:
    """40 frames at 20 a second: 1.5 a second are three, within 30 x 30 pixels. The answers say how they were asked."""
    write_clip(media / "a.mp4", 40)
    recipe = media / "recipe.yaml"
    recipe.write_text("template: qwen3_vl_nothink\nvideo_fps: 1.5\nvideo_maxlen: 16\nvideo_max_pixels: 900\n")
    questions = make_questions(make_questions.question("q1", {"type": "video", "video": "a.mp4"}))
    with pytest.raises(UserError, match=r"questions\.jsonl: q1 is about the video file a\.mp4; say with --recipe"):
        run(questions, server, media)
    _, [row] = run(questions, server, media, recipe=recipe)
    assert row["settings"]["video_fps"] == 1.5 and row["settings"]["video_min_pixels"] == 256
    [sent] = server.requests
    assert "video_fps" not in sent
    facts = {"num_frames": -1, "fps": 20.0, "frames_indices": [0, 19, 39], "total_num_frames": 40}
    assert sent["media_io_kwargs"] == {"video": facts}
    head, frames = decode_url(sent["messages"][0]["content"][0]["video_url"]["url"])
    assert head == "data:video/jpeg;base64"
    assert [Image.open(BytesIO(frame)).size for frame in frames] == [(30, 30)] * 3
    recipe.write_text("template: qwen3_vl_nothink\nvideo_fps: 2.0\n")
    with pytest.raises(UserError, match="was begun with"):
        run(questions, server, media, recipe=recipe)


def test_a_video_file_is_asked_in_another_order(server, media, make_questions, decode_url, write_clip) -> None:
    """Frame n of the clip is as light as n: what the server gets, and what the row says of it."""
    write_clip(media / "a.mp4", 120)
    (media / "recipe.yaml").write_text("template: qwen3_vl_nothink\nvideo_fps: 1\nvideo_min_pixels: 256\n")
    questions = make_questions(make_questions.question("q1", {"type": "video", "video": "a.mp4"}))
    run_folder, times, lights = media.parent / "run", [], []
    for order in ("ordered", "reversed"):
        words = ["--recipe", media / "recipe.yaml", "--media-root", media, "--server", server.url, "--model", "tiny"]
        words += ["--frame-order", order, "--out", run_folder / order]
        result = CliRunner().invoke(app, ["eval", "run", str(questions), *map(str, words)])
        assert result.exit_code == 0, result.output
        [sent] = server.requests
        server.requests.clear()
        _, frames = decode_url(sent["messages"][0]["content"][0]["video_url"]["url"])
        lights.append([Image.open(BytesIO(frame)).getpixel((48, 48))[0] for frame in frames])
        times.append(sent["media_io_kwargs"]["video"]["frames_indices"])
    assert times == [[0, 23, 47, 71, 95, 119]] * 2
    assert lights[0] == sorted(set(lights[0])) and lights[1] == lights[0][::-1]
    settings = [next(read_jsonl(run_folder / order / "answers.jsonl"))["settings"] for order in ("ordered", "reversed")]
    assert settings[1] == settings[0] | {"frame_order": "reversed"}


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        ("data: {}", "not a recipe of `llamafactory-cli train`"),
        ("template: x\nvideo_maxlen: many", "video_maxlen: .*integer"),
        ("template: [", "not valid YAML"),
    ],
)
def test_a_recipe_that_says_nothing_of_videos_is_refused(server, media, make_questions, recipe: str, why: str) -> None:
    (media / "recipe.yaml").write_text(recipe)
    questions = make_questions(make_questions.question("q1", {"type": "video", "video": "a.mp4"}))
    with pytest.raises(UserError, match=rf"recipe\.yaml: {why}"):
        run(questions, server, media, recipe=media / "recipe.yaml")


def test_a_video_file_that_cannot_be_read_fails_alone(server, media, make_questions, write_clip) -> None:
    write_clip(media / "a.mp4", 40)
    (media / "b.mp4").write_text("<html>404</html>")
    (media / "recipe.yaml").write_text("template: qwen3_vl_nothink")
    videos = [make_questions.question(name, {"type": "video", "video": f"{name}.mp4"}) for name in "abc"]
    summary, rows = run(make_questions(*videos), server, media, recipe=media / "recipe.yaml")
    assert [row["id"] for row in rows] == ["a"]
    assert "b.mp4" in summary.failed["b"] and "Invalid data" in summary.failed["b"]
    assert "no such file" in summary.failed["c"]


def test_a_proxy_does_not_stand_before_a_server_on_this_machine(server, media, make_questions, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    summary, rows = run(make_questions("q1"), server, media)
    assert len(rows) == 1 and not summary.failed


def test_the_key_in_an_address_is_not_shown(media, make_questions) -> None:
    address = "http://somebody:SECRETSECRET@127.0.0.1:9"
    words = ["eval", "ask", make_questions("q1"), "--server", address, "--model", "m", "--media-root", media,
             "--out", media / "out.jsonl", "--retries", "0"]  # fmt: skip
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 1 and "127.0.0.1:9" in done.output and "SECRET" not in done.output
