"""EgoSchema and Video-MME in the forms of their releases: which rows are taken, and what an agent is told of time."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firsthand import files
from firsthand.data.build.build import Built, Options, build
from firsthand.data.build.catalogue import release
from firsthand.question import Question
from firsthand.rollout.episodes import Task


def run(name: str, tmp_path: Path) -> tuple[Built, list[dict[str, Any]]]:
    out = tmp_path / "datasets" / name
    built = build(release(name), tmp_path / "src", out, ("eval",), Options(), lambda *_: None)["eval"]
    return built, list(files.read_jsonl(out / "eval.jsonl"))


def test_egoschema_takes_the_questions_with_public_answers(tmp_path: Path) -> None:
    questions = [
        {"q_uid": uid, "google_drive_id": "x", "question": f"what of {uid} ?"}
        | {f"option {n}": f"o{n}" for n in range(5)}
        for uid in ("u0", "u1", "u2")
    ]
    files.write_json(tmp_path / "src/questions.json", questions)
    files.write_json(tmp_path / "src/subset_answers.json", {"u0": 4, "u2": 0})
    built, rows = run("egoschema", tmp_path)
    assert built.left_aside == {"its answer is not public": 1} and not built.dropped
    assert [(row["id"], row["answer"], row["letters"]) for row in rows] == [("u0", "E", "ABCDE"), ("u2", "A", "ABCDE")]
    first = Question.from_eval(rows[0])
    assert (first.identity, first.query_time) == ("u0", "DAY1_00030000")
    text = rows[0]["messages"][1]["content"]
    assert text.startswith(
        "The video begins at DAY1_00000000. what of u0 ? <timestamp>DAY1_00030000</timestamp>\nA. o0"
    )


@pytest.fixture
def videomme(tmp_path: Path) -> Path:
    row = {
        "video_id": "601", "duration": "long", "domain": "Knowledge", "sub_category": "History", "url": "x",
        "videoID": "abc-1", "question_id": "601-1", "task_type": "Object Recognition", "question": "what is it ?",
        "options": ["A. cup", "B. book", "C. pan", "D. key"], "answer": "C",
    }  # fmt: skip
    rows = [row, row | {"question_id": "001-1", "duration": "short"}, row | {"question_id": "601-2", "answer": "E"}]
    folder = tmp_path / "src/videomme"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "test-00000-of-00001.parquet")
    return tmp_path / "src"


def test_videomme_takes_the_long_videos(videomme: Path, tmp_path: Path) -> None:
    built, [row] = run("videomme_long", tmp_path)
    assert built.left_aside == {"a short video": 1} and built.dropped == 1 and "'E' is not among" in built.examples[0]
    assert sum(built.notes.values()) and row["query_time"] == "end"
    question = Question.from_eval(row)
    assert question.options["C"] == "pan" and question.labels["task_type"] == "Object Recognition"
    assert Task(question, []).context.query_time is None  # the whole video may be seen


def test_a_video_that_is_there_says_how_long_it_is(videomme: Path, tmp_path: Path) -> None:
    import av

    (videomme / "videos").mkdir()
    with av.open(str(videomme / "videos/abc-1.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=2)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for _ in range(150):
            container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode())
    built, [row] = run("videomme_long", tmp_path)
    assert row["query_time"] == "DAY1_00011500" and not built.notes
