"""A row of veRL and a row of evaluation are the same question, and blind is what the renderer writes without media."""

import json
from pathlib import Path

import pytest

from firsthand.errors import UserError
from firsthand.llm.messages import Prompted
from firsthand.question import Question
from firsthand.rollout import prompt
from firsthand.selection.pool import Pool, blind


def question(**changes) -> Question:
    facts = {"id": "q", "question": "what ?", "options": {"A": "cup", "B": "egg"}, "answer": "A"}
    return Question(**{**facts, "data_source": "made", "split": "train", **changes})


@pytest.mark.parametrize("style", ["choice", "egocross", "video_r1"])
@pytest.mark.parametrize(
    "media",
    [
        {"images": ["0.jpg", "1.jpg"]},
        {"images": ["0.jpg", "1.jpg"], "times": [0.0, 0.5]},
        {"video": ["0.jpg", "1.jpg"], "fps": 2.0},
        {"video_file": "a.mp4"},
    ],
)
def test_the_question_alone_is_what_the_renderer_writes_without_media(tmp_path, style, media) -> None:
    shown = question(style=style, **media)
    without = Prompted.model_validate({"id": "q", "messages": prompt.messages(question(style=style))})
    (tmp_path / "pool.jsonl").write_text(json.dumps(prompt.eval_row(shown)) + "\n")
    (tmp_path / "pool.json").write_text(json.dumps([prompt.verl_row(shown, 0)]))
    for name in ("pool.jsonl", "pool.json"):
        [row] = Pool(tmp_path / name, None)
        assert row.asked and row.has_media and not row.problem
        assert blind(row.asked).messages == without.messages
        whole = Prompted.model_validate({"id": "q", "messages": prompt.messages(shown)})
        assert row.asked.messages == whole.messages
        assert (row.truth, row.info["letters"]) == ("A", "AB")


def test_both_formats_ask_the_same(pool: Path) -> None:
    table, lines = (Pool(pool / name, None) for name in ("pool.parquet", "pool.jsonl"))
    for one, other in zip(table, lines, strict=True):
        assert one.asked and other.asked and one.asked.messages == other.asked.messages
        assert (one.id, one.number, one.truth, one.frames) == (other.id, other.number, other.truth, other.frames)


def test_rows_are_written_as_they_were_read(pool: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    Pool(pool / "pool.parquet", None).write({2, 40}, tmp_path / "out.parquet")
    whole, some = parquet.read_table(pool / "pool.parquet"), parquet.read_table(tmp_path / "out.parquet")
    assert some.equals(whole.take([1, 39]))
    Pool(pool / "pool.jsonl", None).write({2, 40}, tmp_path / "out.jsonl")
    lines = (pool / "pool.jsonl").read_bytes().splitlines(keepends=True)
    assert (tmp_path / "out.jsonl").read_bytes() == lines[1] + lines[39]


def test_what_is_no_pool_is_refused(tmp_path: Path, pool: Path) -> None:
    solved = prompt.sharegpt_row(question(), "<answer>A</answer>")
    (tmp_path / "sft.json").write_text(json.dumps([solved]))
    with pytest.raises(UserError, match="answered already"):
        Pool(tmp_path / "sft.json", None)
    twice = (pool / "pool.jsonl").read_text().splitlines()[0] + "\n"
    (tmp_path / "twice.jsonl").write_text(twice * 2)
    with pytest.raises(UserError, match="row 2 repeats the id 'q0'"):
        list(Pool(tmp_path / "twice.jsonl", None))
