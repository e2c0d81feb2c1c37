"""A question about a part of a video file: the part reaches the server, and training refuses it."""

import pytest
from pydantic import ValidationError

from firsthand.llm.media import request_body
from firsthand.llm.messages import Prompted
from firsthand.question import Question
from firsthand.rollout.prompt import eval_row, sharegpt_row, verl_row

ASKED = {"id": "q", "question": "what?", "answer": "cup", "data_source": "x", "split": "test", "video_file": "v.mp4"}


def test_the_rows_of_evaluation_say_the_span() -> None:
    row = eval_row(Question(**ASKED, span=[1.0, 2.5]))
    assert row["messages"][1]["content"][0] == {"type": "video", "video": "v.mp4", "span": [1.0, 2.5]}
    assert Question.from_eval(row).span == [1.0, 2.5]
    assert Prompted.model_validate(row).videos[0].span == (1.0, 2.5)


def test_the_server_gets_nothing_else(tmp_path, monkeypatch) -> None:
    import firsthand.llm.media as media

    asked = []
    monkeypatch.setattr(media, "read_clip", lambda path, **sampling: asked.append((path.name, sampling)) or 1 / 0)
    (tmp_path / "v.mp4").touch()
    with pytest.raises(ZeroDivisionError):
        request_body(
            Prompted.model_validate(eval_row(Question(**ASKED, span=[1.0, 2.5]))), tmp_path, sampling={"fps": 2}
        )
    assert asked == [("v.mp4", {"fps": 2, "span": (1.0, 2.5)})]


def test_a_question_without_a_span_keeps_the_hash_of_earlier_runs() -> None:
    message = {"role": "user", "content": [{"type": "video", "video": "v.mp4"}]}
    part = Prompted.model_validate({"id": "q", "messages": [message]}).messages[0].model_dump()["content"][0]
    assert part == {"type": "video", "video": "v.mp4", "fps": None}


@pytest.mark.parametrize("span", [[2.0, 1.0], [1.0], [-1.0, 2.0]])
def test_spans_that_are_none(span: list[float]) -> None:
    with pytest.raises(ValidationError, match="is not the first and the last second of a video file"):
        Question(**ASKED, span=span)


def test_training_shows_whole_files_and_refuses() -> None:
    question = Question(**ASKED, span=[1.0, 2.0])
    for render in (lambda: sharegpt_row(question, "x"), lambda: verl_row(question, 0)):
        with pytest.raises(ValueError, match=r"only a part of v\.mp4 may be seen"):
            render()
