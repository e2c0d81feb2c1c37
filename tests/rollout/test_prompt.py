"""The styles of a prompt, and what its containers keep of a question."""

import json

import pytest

from firsthand.question import Question, Solved, Step, letters_of
from firsthand.rollout import prompt
from firsthand.rollout.turn_text import Answer, Call, read_action
from firsthand.tools.rag import RagArguments
from firsthand.tools.video_llm import VideoArguments
from firsthand.tools.vlm import VlmArguments

ARGUMENTS = {"rag": RagArguments, "video_llm": VideoArguments, "vlm": VlmArguments}
OURS = {"rag": {"order"}}  # arguments of ours, of which Ego-R1's published dialect must not speak


def question(**changes) -> Question:
    fields = {
        "id": "q", "question": "what ?", "options": {"A": "cup", "B": "book"}, "answer": "B", "data_source": "x",
        "split": "train", "style": "ego_r1", "query_time": "DAY1_11210217", "labels": {"type": "EntityLog"},
    }  # fmt: skip
    return Question(**fields | changes)


@pytest.mark.parametrize("changes", [
    {}, {"images": ["a.jpg", "b.jpg"], "times": [0.0, 2.0]}, {"video": ["a.jpg"], "fps": 0.5}, {"video_file": "v.mp4"},
    {"answer": None}, {"options": {}, "answer": "a book", "style": "video_r1", "labels": {"problem_type": "free-form"}},
])  # fmt: skip
def test_a_row_of_evaluation_holds_the_whole_question(changes) -> None:
    row = question(**changes)
    assert Question.from_eval(json.loads(json.dumps(prompt.eval_row(row)))) == row


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"images": ["a.jpg", "b.jpg"], "labels": {"type": "where"}},
        {"images": [], "video": ["a.jpg", "b.jpg"], "fps": 0.5},
        {"images": [], "video_file": "a.mp4"},
        {"options": {}, "answer": "a cup"},
        {"style": "ego_r1", "identity": "A1_JAKE", "query_time": "DAY1_11000000", "answer": None, "label": "memory"},
    ],
)
def test_a_row_of_verl_is_read_back_as_its_question(changes):
    row = question(**changes)
    read = Question.from_verl(json.loads(json.dumps(prompt.verl_row(row, 3))), row.style)
    assert read == row and letters_of(prompt.verl_row(row, 3)["extra_info"]) == "".join(row.options)


def test_a_row_whose_letters_are_not_those_of_its_choices_is_not_a_question():
    row = prompt.verl_row(question(), 0)
    row["extra_info"]["letters"] += "Z"
    with pytest.raises(ValueError, match="as many letters as choices"):
        Question.from_verl(row)


def test_a_question_without_media_is_plain_text() -> None:
    """The template of a text model (Qwen2.5) takes no list of parts."""
    row = prompt.eval_row(question())
    text = "what ? <timestamp>DAY1_11210217</timestamp>\nA. cup\nB. book"
    assert row["messages"][1] == {"role": "user", "content": text} == prompt.verl_row(question(), 0)["prompt"][1]
    shown = prompt.eval_row(question(images=["a.jpg"]))["messages"][1]["content"]
    assert shown == [{"type": "image", "image": "a.jpg"}, {"type": "text", "text": text}]


def test_labels_do_not_hide_fields() -> None:
    with pytest.raises(ValueError, match=r"\['video'\] are names of fields"):
        question(labels={"video": "v"})


def test_what_is_taught_is_what_the_reader_of_turns_accepts() -> None:
    step = Step(
        thought="look", tool="rag", arguments={"level": "day", "keywords": ["<b>", 'a "cup"', "é"]}, observation="x"
    )
    call, seen, answer = prompt.solution(Solved(question=question(), steps=[step], thought="so"))
    assert read_action(call["content"], "ego_r1") == Call("rag", step.arguments, "look")
    assert seen == {"role": "user", "content": "<information>x</information>"}
    assert read_action(answer["content"], "ego_r1", "AB") == Answer("B", "B", "so")


def test_the_tools_of_ego_r1_are_those_of_the_toolbox() -> None:
    tools = [json.loads(line) for line in prompt.system("ego_r1").splitlines() if line.startswith('{"name"')]
    assert {tool["name"]: set(tool["parameters"]["properties"]) for tool in tools} == {
        name: set(arguments.model_fields) - OURS.get(name, set()) for name, arguments in ARGUMENTS.items()
    }


def test_the_example_of_a_call_can_be_read() -> None:
    example = prompt.system("ego_r1").splitlines()[-1]
    call = read_action(example, "ego_r1")
    assert isinstance(call, Call)
    ARGUMENTS[call.name].model_validate(call.arguments)


def test_an_answer_that_is_not_public_cannot_be_taught() -> None:
    with pytest.raises(ValueError, match="not public"):
        Solved(question=question(answer=None))


@pytest.mark.parametrize("changes, reason", [
    ({"answer": "C"}, "not among the options"),
    ({"options": {"A": "cup"}, "answer": "A"}, "at least two"),
    ({"answer": ""}, "not among|empty"),
    ({"video": ["a.jpg"]}, "video and fps go together"),
    ({"video": ["a.jpg"], "fps": 0.0}, "fps is 0"),
    ({"images": ["a.jpg"], "times": [0.0, 1.0]}, "2 times for 1 images"),
    ({"images": ["a.jpg", "b.jpg"], "times": [1.0, 1.0]}, "do not rise"),
])  # fmt: skip
def test_a_question_that_contradicts_itself(changes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        question(**changes)


def test_the_native_dialect_is_written_as_qwen_writes_a_call() -> None:
    row = question(style="ego_r1_native")
    step = Step(thought="look", tool="rag", arguments={"keywords": ["é"]}, observation="x")
    call, seen, answer = prompt.solution(Solved(question=row, steps=[step], thought="so"))
    assert call["content"] == (
        '<think>look</think>\n<tool_call>\n{"name": "rag", "arguments": {"keywords": ["é"]}}\n</tool_call>'
    )
    assert read_action(call["content"], "native") == Call("rag", step.arguments, "look")
    assert seen == {"role": "tool", "content": "x"}
    assert read_action(answer["content"], "native", "AB") == Answer("B", "B", "so")


def test_the_schemas_of_tools_are_in_rows_of_the_native_dialect_and_no_others() -> None:
    tools = [{"type": "function", "function": {"name": "rag", "description": "é"}}]
    assert json.loads(prompt.sharegpt_row(question(style="ego_r1_native"), "x", tools)["tools"]) == tools
    assert "tools" not in prompt.sharegpt_row(question(), "x")
    for style, given in (("ego_r1_native", None), ("ego_r1", tools)):
        with pytest.raises(ValueError, match=style):
            prompt.sharegpt_row(question(style=style), "x", given)
