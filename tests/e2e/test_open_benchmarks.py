"""EgoThink and EgoTextVQA end to end: owner's files, stubs of their media, the tiny model on vLLM, and two judges.

The rows are the owner's where FIRSTHAND_REAL_FILES names the folder with them, else made up in their form. One judge is
the tiny model itself, on the same vLLM server, which cannot say a verdict: all its failures are counted, and none is a
score. The other one is a small server that compares words.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.files import read_json, read_jsonl, write_json
from firsthand.serving.vllm_server import vllm_server

pytestmark = [pytest.mark.e2e, pytest.mark.long]
ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models/tiny_qwen3_vl"
RECIPE = ROOT / "recipes/tiny_sft_qwen3vl.yaml"
REAL = os.environ.get("FIRSTHAND_REAL_FILES", "")
MANY = int(os.environ.get("FIRSTHAND_QUESTIONS", "40"))  # of each benchmark; 10000 asks all


def egothink(src: Path) -> None:
    """A folder with the annotations and a small picture for each question."""
    if REAL:
        home = Path(REAL) / "egothink"
        found = {path.parent.relative_to(home): read_json(path) for path in home.glob("data/**/annotations.json")}
    else:
        row = {"question": "what do I hold?", "answer": "a cup", "source_dataset": "ego4d"}
        rows = [row | {"image_path": [f"{n}.jpg"]} for n in range(1, 6)]
        found = {Path("data/Activity"): rows, Path("data/Object/existence"): rows}
    for folder, rows in found.items():
        write_json(src / folder / "annotations.json", rows)
        for row in rows:
            path = src / folder / "images" / row["image_path"][0]
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (64, 48), "red").save(path)


def egotextvqa(src: Path) -> None:
    if REAL:
        content = read_json(Path(REAL) / "egotextvqa/outdoor_total.json")
    else:
        row = {
            "video_id": 7,
            "question": "what is on it?",
            "question_type": "others",
            "correct_answer": "stop",
        }
        rows = [row | {"question_id": 1 + n / 10, "timestamp": float(n)} for n in (1, 2)]
        content = [{"dataset": "egotextqa", "split": "outdoor", "task_setting": "open-ended", "data": rows}]
    write_json(src / "outdoor_total.json", content)
    stub = src / "stub.mp4"
    with av.open(str(stub), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 64
        for number in range(120):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 2 * number, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    (src / "videos").mkdir()
    for video in {row["video_id"] for row in content[0]["data"]}:
        (src / f"videos/{video}.mp4").hardlink_to(stub)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pytest.importorskip("vllm")
    with vllm_server(MODEL, "tiny", tmp_path_factory.mktemp("vllm") / "log", 4096) as url:
        yield url


@pytest.fixture
def judge(chat_server) -> Any:
    def answer(chat: Any, body: dict[str, Any]) -> None:
        asked = json.loads(body["messages"][-1]["content"])
        near = bool(set(asked["right answer"].lower().split()) & set(asked["answer to grade"].lower().split()))
        textvqa = "pred" in body["messages"][0]["content"]
        chat.complete(
            f"{{'pred': '{'yes' if near else 'no'}', 'score': {5 * near}}}" if textvqa else f"[[{int(near)}]]"
        )

    return chat_server(answer)


def firsthand(*words: Any) -> Any:
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(map(str, words)))


@pytest.mark.parametrize(
    ("name", "release", "mark"),
    [("egothink", egothink, "mark"), ("egotextvqa_realtime", egotextvqa, "yes")],
)
def test_from_the_owners_files_to_a_table(server, judge, tmp_path: Path, name: str, release: Any, mark: str) -> None:
    src, rows, run = tmp_path / "src", tmp_path / name, tmp_path / "run"
    src.mkdir()
    release(src)
    built = firsthand("data", "build", name, "--src", src, "--out", rows)
    assert built.exit_code == 0, built.output
    assert "media files are missing" not in built.output
    assert REAL == "" or "are published" not in built.output

    ask = ["eval", "run", name, "--rows", rows / "eval.jsonl", "--recipe", RECIPE, "--limit", MANY,
           "--server", server, "--model", "tiny", "--max-tokens", 8, "--out", run]  # fmt: skip
    for more in ([], ["--blind"]):
        asked = firsthand(*ask, *more)
        assert asked.exit_code == 0, asked.output
    count = len(list(read_jsonl(run / "questions.jsonl")))
    assert len(list(read_jsonl(run / "answers.jsonl"))) == len(list(read_jsonl(run / "blind.jsonl"))) == count

    failed = firsthand("eval", "judge", run, "--server", server, "--model", "tiny", "--max-tokens", 8, "--retries", 0)
    assert failed.exit_code == 1 and "no verdict in" in failed.output
    assert all(score["n"] < count for column, score in scores(run).items() if "by tiny" in column)
    (run / "verdicts/tiny.jsonl").rename(run / "verdicts/tiny.jsonl.own")

    judged = firsthand("eval", "judge", run, "--server", judge.url, "--model", "tiny")
    assert judged.exit_code == 0, judged.output
    found = scores(run)[f"answer: {mark} by tiny"]
    assert found["n"] == count and set(found["by"])
    assert scores(run)[f"blind: {mark} by tiny"]["n"] == count
    assert "answer: exact" in scores(run) and read_json(run / "results.json")["runs"][0]["seen"]["media"]


def scores(run: Path) -> dict[str, Any]:
    return read_json(run / "results.json")["runs"][0]["scores"]
