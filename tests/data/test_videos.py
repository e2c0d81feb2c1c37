"""Video-R1, Open-R1-Video, LongViTU and QAEgo4D, in the exact formats of their releases, with their defects."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from firsthand import files
from firsthand.data.build.build import Built, Options, build
from firsthand.data.build.catalogue import release
from firsthand.errors import UserError


def run(name: str, src: Path, out: Path, *purposes: Any) -> dict[Any, Built]:
    return build(release(name), src, out, purposes, Options(), lambda *_: None)


def video_r1_row(id: int = 1, kind: str = "multiple choice", solution: str = "A", **changes: Any) -> dict[str, Any]:
    return {
        "problem_id": id,
        "problem": "What happens?",
        "data_type": "video",
        "problem_type": kind,
        "options": ["A. he runs", "B. he sits"] if kind == "multiple choice" else [],
        "solution": f"<answer>{solution}</answer>",
        "path": "./LLaVA-Video-178K/a/b.mp4",
        "data_source": "LLaVA-Video-178K",
    } | changes


def rl_rows(name: str, file: str, rows: list[dict[str, Any]], tmp_path: Path) -> tuple[Built, list[dict[str, Any]]]:
    write = files.write_jsonl if file.endswith(".jsonl") else files.write_json
    write(tmp_path / "src" / file, rows)
    built = run(name, tmp_path / "src", tmp_path / "out", "rl")["rl"]
    return built, pq.read_table(tmp_path / "out/rl_train.parquet").to_pylist()


KINDS = {
    "multiple choice": ("A", "What happens?\nA. he runs\nB. he sits\nAnswer with the letter of one option."),
    "numerical": ("3.5", "What happens?\nAnswer with one number."),
    "regression": ("12", "What happens?\nAnswer with one number."),
    "OCR": ("EXIT 4", "What happens?\nAnswer with the text exactly as it is written in the picture."),
    "free-form": ("A man runs.", "What happens?\nAnswer in your own words, in one or two sentences."),
    "math": ("\\frac{1}{2}", "What happens?\nAnswer with one expression, in LaTeX or as plain text."),
    "temporal grounding": (
        "12.5-18", "What happens?\nAnswer with the span of time in seconds, as start-end: 12.5-18."
    ),
    "spatial grounding": (
        "[4, 8, 40, 60]",
        "What happens?\nAnswer with one box in pixels of the picture, as [left, top, right, bottom].",
    ),
    "pointing": ("[4, 8, 40, 60]", "What happens?\nAnswer with one point in pixels of the picture, as [x, y]."),
}  # fmt: skip


def test_every_type_of_problem_is_asked_its_way(tmp_path: Path) -> None:
    rows = [video_r1_row(id, kind, answer) for id, (kind, (answer, _)) in enumerate(KINDS.items())]
    rows.append(video_r1_row(9, data_type="image", path="./Chart/c.png"))
    built, made = rl_rows("video_r1", "Video-R1-260k.json", rows, tmp_path)
    assert built.dropped == 0
    for row, (kind, (answer, text)) in zip(made, KINDS.items(), strict=False):
        assert row["prompt"][1]["content"] == f"<video>{text}"
        assert (row["reward_model"]["ground_truth"], row["extra_info"]["problem_type"]) == (answer, kind)
        assert (row["videos"], row["images"]) == ([{"video": "LLaVA-Video-178K/a/b.mp4"}], [])
    assert (made[-1]["images"], made[-1]["videos"]) == (["Chart/c.png"], [])
    assert made[-1]["prompt"][1]["content"].startswith("<image>What")


def test_chains_of_thought_lose_their_tags_once(tmp_path: Path) -> None:
    rows = [video_r1_row(1, process="<think>\nhe is fast\n</think>"), video_r1_row(2, process="he is fast")]
    files.write_json(tmp_path / "src/Video-R1-COT-165k.json", rows)
    run("video_r1", tmp_path / "src", tmp_path / "out", "sft")
    for row in files.read_jsonl(tmp_path / "out/sft.jsonl"):
        assert row["messages"][2]["content"] == "<think>he is fast</think>\n<answer>A</answer>"
        assert row["videos"] == ["LLaVA-Video-178K/a/b.mp4"]


BAD = {
    "problem_type 'essay' is not one of": video_r1_row(kind="essay"),
    "data_type 'audio' is neither": video_r1_row(data_type="audio"),
    "without options": video_r1_row(options=[]),
    "'C' is not among the options": video_r1_row(solution="C"),
    "'Certainly' is not among the options": video_r1_row(solution="Certainly"),
    "the answer is empty": video_r1_row(solution="", kind="free-form"),
    "the key 'path' is missing": {key: value for key, value in video_r1_row().items() if key != "path"},
}


@pytest.mark.parametrize("reason", BAD)
def test_a_row_of_video_r1_that_cannot_be_read(tmp_path: Path, reason: str) -> None:
    built, rows = rl_rows("video_r1", "Video-R1-260k.json", [BAD[reason], video_r1_row(2)], tmp_path)
    assert (built.dropped, len(rows)) == (1, 1)
    assert reason in built.examples[0]


def open_r1_row(question: str, answer: str) -> dict[str, Any]:
    """As the release's own script makes it: cut at "Please", two characters of the answer, an absolute path."""
    return {
        "problem": question.split("Please")[0],
        "solution": f"<answer>{answer[:2]}</answer>",
        "video": "/data/user/LLaVA-Video-large-swift/academic/v1.mp4",
        "original_question": f"<video>\n{question}",
        "original_answer": answer,
    }


def test_damaged_problems_and_solutions_are_read_whole(tmp_path: Path) -> None:
    ask = "\nPlease respond with only the letter of the correct answer."
    rows = [
        open_r1_row(f"What is said after the word Please?\nA. come\nB. go{ask}", "B. go"),
        open_r1_row(f"What is it?\nA. a cup\nB. a bowl\nC. a cat{ask}", "C."),
        open_r1_row("Please describe the man.", "The man walks."),
    ]
    built, made = rl_rows("open_r1_video", "LLaVA-Video-large-swift-origin.jsonl", rows, tmp_path)
    assert built.dropped == 0
    assert [row["reward_model"]["ground_truth"] for row in made] == ["B", "C", "The man walks."]
    texts = [row["prompt"][1]["content"].removeprefix("<video>").splitlines() for row in made]
    assert texts[0] == [
        "What is said after the word Please?", "A. come", "B. go", "Answer with the letter of one option.",
    ]  # fmt: skip
    assert texts[2] == ["Please describe the man.", "Answer in your own words, in one or two sentences."]
    assert made[0]["videos"] == [{"video": "academic/v1.mp4"}]


INSTRUCTIONS = [
    "Answer with the option's letter from the given choices directly.",
    "Please provide your answer by stating the letter followed by the full option.",
    "Select the best answer from the options.",
    "please answer directly with the letter of the option",
]


@pytest.mark.parametrize("ask", INSTRUCTIONS)
def test_the_line_that_says_how_to_answer_is_taken_off(tmp_path: Path, ask: str) -> None:
    rows = [
        open_r1_row(f"What is it?\nA. a cup\nB. a word of thanks\n{ask}", "B."),
        open_r1_row(f"What is it? A. a cup B. a bowl\n{ask}", "B. a bowl"),
        open_r1_row("He speaks.\nGive the name of his dog.\nAnswer the question using a single word or phrase.", "Bo"),
        open_r1_row("He speaks.\nWhat is the answer he gives?", "No."),
    ]
    built, made = rl_rows("open_r1_video", "LLaVA-Video-large-swift-origin.jsonl", rows, tmp_path)
    assert built.dropped == 0
    texts = [row["prompt"][1]["content"].removeprefix("<video>").splitlines()[:-1] for row in made]
    assert texts == [
        ["What is it?", "A. a cup", "B. a word of thanks"],
        ["What is it?", "A. a cup", "B. a bowl"],
        ["He speaks.", "Give the name of his dog."],
        ["He speaks.", "What is the answer he gives?"],
    ]


@pytest.mark.parametrize("question, reason", [
    ("What is it?\nA. a cup\nB. a bowl\nThink of the whole video.", "neither an option nor known to say how to answer"),
    ("What is it?\nA. a cup\nB.\nC. a bowl", "options without text: B"),
    ("What is it? a cup, a bowl", "the answer is the letter B., but no options were found"),
])  # fmt: skip
def test_what_is_not_known_to_be_an_option_is_listed(tmp_path: Path, question: str, reason: str) -> None:
    rows = [open_r1_row(question, "B."), open_r1_row("What?", "This.")]
    built, made = rl_rows("open_r1_video", "LLaVA-Video-large-swift-origin.jsonl", rows, tmp_path)
    assert (built.dropped, len(made)) == (1, 1) and reason in built.examples[0]


def test_a_video_from_elsewhere(tmp_path: Path) -> None:
    rows = [open_r1_row("What?", "This."), open_r1_row("What?", "This.") | {"video": "/tmp/v.mp4"}]
    built, _ = rl_rows("open_r1_video", "LLaVA-Video-large-swift-origin.jsonl", rows, tmp_path)
    assert built.examples == [
        "LLaVA-Video-large-swift-origin.jsonl: row 2: "
        "the video /tmp/v.mp4 lies outside a folder LLaVA-Video-large-swift"
    ]


def test_the_pool_of_ego3s_keeps_its_region(tmp_path: Path) -> None:
    rows = [video_r1_row(1, roi_path="roi/1.jpg"), video_r1_row(2, "free-form", "He cooks.", roi_path="roi/2.jpg")]
    _, made = rl_rows("longvitu", "pool.json", rows, tmp_path)
    assert [row["extra_info"]["roi_path"] for row in made] == ["roi/1.jpg", "roi/2.jpg"]
    assert {row["data_source"] for row in made} == {"longvitu"}


def test_conversations_of_longvitu(tmp_path: Path) -> None:
    talk = [{"from": "human", "value": "<image>\nWhat does he cook?"}, {"from": "gpt", "value": "Soup."}]
    rows = [
        {"id": "7", "video": "videos/0000_x.mp4", "conversations": talk},
        {"id": "8", "video": "videos/0000_x.mp4", "conversations": talk * 2},
        {"id": "9", "video": "videos/0000_x.mp4", "conversations": talk[::-1]},
    ]
    built, [made] = rl_rows("longvitu", "longvitu_train_101k.json", rows, tmp_path)
    assert built.dropped == 2
    assert (made["extra_info"]["id"], made["reward_model"]["ground_truth"]) == ("7", "Soup.")
    assert made["prompt"][1]["content"].startswith("<video>What does he cook?\n")


def qaego4d_row(id: str, **changes: Any) -> dict[str, Any]:
    return {
        "video_id": "clip-1",
        "sample_id": id,
        "question": "Where was the knife?",
        "answer": "on the board",
        "moment_start_frame": 300,
        "moment_end_frame": 345,
    } | changes


def test_qaego4d_open_and_close(tmp_path: Path) -> None:
    wrong = ["in the sink", "on the floor", "in the box"]
    files.write_json(tmp_path / "src/annotations.train.json", [qaego4d_row("a_0")])
    close = [qaego4d_row(f"b_{number}", wrong_answers=wrong) for number in range(20)]
    close.append(qaego4d_row("c_0", wrong_answers=["on the board", "x", "y"]))
    files.write_json(tmp_path / "src/annotations.QaEgo4D_test_close.json", close)
    built = run("qaego4d", tmp_path / "src", tmp_path / "out")
    [open_row] = pq.read_table(tmp_path / "out/rl_train.parquet").to_pylist()
    assert open_row["extra_info"]["evidence_seconds"] == "10.00-11.50"
    assert open_row["reward_model"]["ground_truth"] == "on the board"
    rows = list(files.read_jsonl(tmp_path / "out/eval.jsonl"))
    assert (len(rows), built["eval"].dropped) == (20, 1)
    assert {row["options"][row["answer"]] for row in rows} == {"on the board"}
    assert len({row["answer"] for row in rows}) > 2  # shuffled
    assert {frozenset(row["options"].values()) for row in rows} == {frozenset(["on the board", *wrong])}
    run("qaego4d", tmp_path / "src", tmp_path / "again", "eval")
    assert (tmp_path / "again/eval.jsonl").read_bytes() == (tmp_path / "out/eval.jsonl").read_bytes()


def test_open_questions_of_qaego4d_are_not_for_evaluation(tmp_path: Path) -> None:
    """`firsthand eval` asks for letters: an eval file of open questions could not be read by anything."""
    files.write_json(tmp_path / "src/annotations.train.json", [qaego4d_row("a_0")])
    files.write_json(tmp_path / "src/annotations.test.json", [qaego4d_row("b_0")])
    wanted = r"annotations\.QaEgo4D_test_close\.json, which .* eval .*Becomebright/GroundVQA\); without it: --for rl"
    with pytest.raises(UserError, match=wanted):
        run("qaego4d", tmp_path / "src", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert run("qaego4d", tmp_path / "src", tmp_path / "out", "rl")["rl"].rows == {"rl_train.parquet": 1}
    options = Options(pattern="annotations.test.json")
    with pytest.raises(
        UserError, match=r"annotations\.QaEgo4D_test_close\.json of Hugging Face Becomebright/GroundVQA"
    ):
        build(release("qaego4d"), tmp_path / "src", tmp_path / "out", ("eval",), options, lambda *_: None)
