"""Wrong inputs of every kind, through the command line: each is told with its place and what to do about it."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.evals.egocross import owner_files

# -- rows in the exact formats of the releases -------------------------------------------------------------------------


def problem(id: int = 1, **changes: Any) -> dict[str, Any]:
    """A row of Video-R1."""
    return {
        "problem_id": id, "problem": "what ?", "data_type": "image", "problem_type": "multiple choice",
        "options": ["A. cup", "B. book"], "solution": "<answer>A</answer>", "path": "./a.jpg", "data_source": "x",
    } | changes  # fmt: skip


def less(row: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != key}


FRAMES = [f"frames/EgoPet/dog_1/frames/ii_q3/frame_{number}.jpg" for number in (100, 137)]
CHOICE = "<image><image>What is held?\nA. cup\nB. book\nC. dog\nD. none"


def support(user: str = CHOICE, answer: str = "B", **changes: Any) -> dict[str, Any]:
    turns = [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    return {"messages": turns, "images": FRAMES, "domain": "animal"} | changes


def exam(**changes: Any) -> dict[str, Any]:
    """A row of EgoCross's test set."""
    return {
        "id": 1, "dataset": "EgoPet", "question_text": "what ?", "options": ["A. cup", "B. book"],
        "video_path": ["/egocross_testbed/EgoPet/dog_1/frame_1.jpg"], "question_type": "animal identification",
        "primary_category": "Identification",
    } | changes  # fmt: skip


ASKED = "Who has it? <timestamp>DAY1_11210217</timestamp>\nA. Jake\nB. Alice"
CALL = '<think>Look.</think> <tool>{"name": "rag", "arguments": {}}</tool>'


def step(
    user: str = ASKED, reply: str = "<think>So.</think> <answer>B</answer>", *history: list[str]
) -> dict[str, Any]:
    """A record of Ego-CoTT."""
    return {"instruction": user, "input": "", "output": reply, "system": "s", "history": list(history)}


def week(**changes: Any) -> dict[str, Any]:
    """A question of EgoLifeQA."""
    return {
        "ID": "1", "type": "EntityLog", "query_time": {"date": "DAY1", "time": "11210217"}, "question": "who ?",
        "choice_a": "a", "choice_b": "b", "choice_c": "c", "choice_d": "d", "answer": "A",
        "target_time": {"date": "DAY1", "time": "11152408"},
    } | changes  # fmt: skip


def turns(*texts: str, **columns: Any) -> dict[str, Any]:
    """A row for LLaMA-Factory."""
    roles = ("user", "assistant") * len(texts)
    messages = [{"role": role, "content": text} for role, text in zip(roles, texts, strict=False)]
    return {"messages": messages, "images": [], "videos": []} | columns


GOOD = turns("which ?\nA. the cup\nB. the book", "<answer>A</answer>")
ENTRY = {
    "file_name": "rows.json",
    "formatting": "sharegpt",
    "columns": {"messages": "messages", "images": "images", "videos": "videos"},
    "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
}


def template(**changes: Any) -> list[dict[str, Any]]:
    rows = [
        {"id": n, "question_id": f"q{n}", "dataset": owner_files.dataset_of(n), "answer": ""}
        for n in range(1, owner_files.TOTAL + 1)
    ]
    rows[4] |= changes
    return rows


# -- what is wrong -----------------------------------------------------------------------------------------------------


class Wrong(NamedTuple):
    words: str  # the command
    file: str  # that is at fault
    content: Any  # of it: bytes, or what is written as JSON
    says: tuple[str, ...]  # place first; what is wrong, and what to do
    beside: dict[str, Any] = {}  # files that are right


def built(name: str, file: str, content: Any, *says: str, purpose: str = "") -> Wrong:
    """Rows of a release that cannot be converted; a row that can stands beside them."""
    return Wrong(f"data build {name} --src src --out out {purpose}", f"src/{file}", content, says)


def video_r1(row: Any, *says: str) -> Wrong:
    return built("video_r1", "Video-R1-260k.json", [problem(1), row], "row 2", *says, purpose="--for rl")


def support_set(row: Any, *says: str) -> Wrong:
    return built("egocross_support", "train.json", [support(), row], "train.json: row 2", *says, purpose="--for sft")


def cott(row: Any, *says: str) -> Wrong:
    return built("ego_cott", "train-cott.json", [step(), row], "train-cott.json: row 2", *says)


def registered(content: Any, *says: str, words: str = "--check", **rows: Any) -> Wrong:
    return Wrong(f"data register {words}", "dataset_info.json", content, says, {"rows.json": [GOOD], **rows})


def checked(row: Any, *says: str) -> Wrong:
    return Wrong("data check rows.json --workers 1", "rows.json", [GOOD, row], ("row 2:", *says, "fix:"))


def submitted(rows: Any, *says: str, words: str = "", wanted: Any = None) -> Wrong:
    words = f"submit egocross p.json --template t.json {words}"
    return Wrong(words, "p.json", rows, says, {"t.json": wanted or template()})


def scored(name: str, content: Any, *says: str, answers: Any = None) -> Wrong:
    answers = answers or [{"id": n, "correct_option_letter": "B"} for n in range(1, 958)]
    return Wrong(f"eval score egocross {name} --answers a.json", name, content, says, {"a.json": answers})


CASES: dict[str, Wrong] = {
    # converters: rows
    "problem type": video_r1(problem(2, problem_type="essay"), "problem_type 'essay' is not one of multiple choice"),
    "medium": video_r1(problem(2, data_type="audio"), "data_type 'audio' is neither image nor video"),
    "key missing": video_r1(less(problem(2), "solution"), "the key 'solution' is missing"),
    "null": video_r1(problem(2, path=None), "not of the release's form", "look at: path"),
    "no options": video_r1(problem(2, options=[]), "multiple choice without options"),
    "letters with a gap": video_r1(problem(2, options=["A. he", "C. she"]), "2 options carry the letters A, C"),
    "empty options": video_r1(problem(2, options=["A. ", "B. "]), "options without text: A, B"),
    "answer": video_r1(problem(2, solution="<answer>E</answer>"), "answer 'E' is not among the options ['A', 'B']"),
    "empty answer": video_r1(problem(2, problem_type="OCR", solution="<answer></answer>"), "the answer is empty"),
    "empty question": video_r1(problem(2, problem=" "), "question: String should have at least 1 character"),
    "id again": video_r1(problem(1), "its id '1' is that of row 1 of Video-R1-260k.json too"),
    "no object": video_r1("row", "the row is not a JSON object but str"),
    "half a character": video_r1(problem(2, problem="\ud800"), "not valid text"),
    "list breaks off": built(
        "video_r1",
        "Video-R1-260k.json",
        json.dumps([problem(), problem(2)])[:-9].encode(),
        "row 2",
        "no valid JSON from here on",
        purpose="--for rl",
    ),
    "placeholders of a release": support_set(support(CHOICE.removeprefix("<image>")), "1 <image> tags for 2 images"),
    "roles of a release": support_set(support(messages=[]), "the roles are [], not user and assistant"),
    "no options in the text": support_set(support("<image><image>What?"), "no options were found after the question"),
    "domain": support_set(support(domain="surgery"), "is not a frame of the domain 'surgery'"),
    "frames as text": support_set(support(images="a.jpg"), "the frames must be a list of paths"),
    "test data set": built(
        "egocross_test",
        "egocross_testbed/egocross_testbed_imgs.json",
        [exam(), exam(id=2, dataset="EgoCat")],
        "row 2",
        "dataset 'EgoCat' is not one of",
    ),
    "test frames": built(
        "egocross_test",
        "egocross_testbed/egocross_testbed_imgs.json",
        [exam(), exam(id=2, video_path=["/a.jpg"])],
        "row 2",
        "do not lie in /egocross_testbed/EgoPet/",
    ),
    "no time": cott(step("Who?\nA. he\nB. she"), "the question has no <timestamp>"),
    "unreadable time": cott(step(ASKED.replace("DAY1", "MONDAY")), "MONDAY"),
    "history lost": cott(step("<information>x</information>"), "its history is missing"),
    "chain without end": cott(step(ASKED + " ", CALL), "no record holds the end of this chain"),
    "unreadable call": cott(
        step("<information>1</information>", "<answer>B</answer>", [ASKED, "<tool>{</tool>"]),
        "turn 1: no action could be read; write <think>",
    ),
    "answer of a week": built(
        "egolife_qa",
        "EgoLifeQA/EgoLifeQA_A1_JAKE.json",
        [week(), week(ID="2", answer="F")],
        "row 2",
        "answer 'F' is not among the options",
    ),
    "time of a week": built(
        "egolife_qa",
        "EgoLifeQA/EgoLifeQA_A1_JAKE.json",
        [week(), week(ID="2", query_time={"date": "DAY1"})],
        "row 2",
        "time",
    ),
    # converters: files and words
    "release": Wrong(
        "data build video_r2 --src src --out out", "src/x", [], ("'video_r2' is not a data set", "video_r1")
    ),
    "purpose": built(
        "video_r1", "x", [], "video_r1 gives no rows for eval", "choose --for sft or rl", purpose="--for eval"
    ),
    "unknown purpose": built("video_r1", "x", [], "--for dpo", "choose sft, rl, eval", purpose="--for dpo"),
    "no file of the release": built(
        "video_r1",
        "x",
        [],
        "src holds no Video-R1-260k.json",
        "name the folder as its owner distributes it",
        purpose="--for rl",
    ),
    "no folder": Wrong(
        "data build video_r1 --src gone --out out", "x", [], ("gone: no such folder", "comes from Hugging Face")
    ),
    "no bytes": built(
        "video_r1", "Video-R1-260k.json", b"", "Video-R1-260k.json", "0 bytes", "download it again", purpose="--for rl"
    ),
    "no list": built(
        "video_r1",
        "Video-R1-260k.json",
        problem(),
        "Video-R1-260k.json",
        "not a list of rows",
        "starts with [",
        purpose="--for rl",
    ),
    "no UTF-8": built(
        "video_r1", "Video-R1-260k.json", b'[{"a": "\xff"}]', "Video-R1-260k.json", "not UTF-8", purpose="--for rl"
    ),
    "no rows": built("video_r1", "Video-R1-260k.json", [], "no row for rl could be taken", purpose="--for rl"),
    "no system prompt": built(
        "video_r1", "Video-R1-260k.json", [problem()], "gone.txt: no such file", purpose="--system gone.txt"
    ),
    "hub": Wrong("data fetch video_r1 --from gitlab", "x", [], ("gitlab", "hf")),
    # registry
    "registry no JSON": registered(b"{", "dataset_info.json: not valid JSON"),
    "registry no object": registered([], "dataset_info.json: must be a JSON object"),
    "entry no object": registered({"mine": "rows.json"}, "mine: is not a JSON object", 'write {"file_name": ...}'),
    "entry without tags": registered({"mine": less(ENTRY, "tags")}, "mine: has no tags"),
    "entry missing": registered({}, "ego_cott: is missing", "firsthand data register"),
    "entry that does not fit": registered(
        {"mine": ENTRY | {"columns": {"messages": "turns"}}}, "mine: the first row does not fit", "turns"
    ),
    "published answers": registered(
        {"mine": ENTRY},
        "rows.json",
        "row 1",
        "published answers",
        "ask not to train on it",
        words="",
        **{"rows.json": [GOOD | {"correct_option_letter": "A"}]},
    ),
    # check
    "neither file nor entry": Wrong("data check nothing", "x", [], ("nothing", "neither a file nor an entry")),
    "format": Wrong("data check rows.csv", "rows.csv", b"a,b", ("rows.csv", ".json, .jsonl, .parquet")),
    "no parquet": Wrong(
        "data check rows.parquet", "rows.parquet", b"PAR1", ("rows.parquet", "not a readable parquet file")
    ),
    "line": Wrong(
        "data check rows.jsonl --workers 1",
        "rows.jsonl",
        json.dumps(GOOD).encode() + b"\n{",
        ("row 2", "not valid JSON"),
    ),
    "placeholders": checked(turns("<image>which ?", "A"), "<image>"),
    "media": checked(turns("<image>which ?", "A", images=["gone.jpg"]), "gone.jpg"),
    "outside": checked(turns("<image>which ?", "A", images=["../x.jpg"]), "../x.jpg"),
    "two users": checked(turns("a", "b", messages=[{"role": "user", "content": "a"}] * 2), "user"),
    "answer in a row": checked(turns("which ?\nA. the cup\nB. the book", "<answer>D</answer>"), "D"),
    "recipe": Wrong(
        "data check rows.json --recipe r.yaml",
        "r.yaml",
        {"a": 1},
        ("r.yaml", "a recipe of `llamafactory-cli train` or of veRL is needed"),
        {"rows.json": [GOOD]},
    ),
    # leaks and show
    "leak": Wrong("data leaks rows.json test.json", "rows.json", [GOOD], ("row 1",), {"test.json": [GOOD]}),
    "no test": Wrong("data leaks rows.json gone.json", "rows.json", [GOOD], ("gone.json: no such file",)),
    "kind of leak": Wrong(
        "data leaks rows.json rows.json --ignore frames", "rows.json", [GOOD], ("frames", "the kinds are")
    ),
    "whose prompt": Wrong("data show rows.json 1", "rows.json", [GOOD], ("whose prompt?", "--model")),
    # submit
    "template": submitted(
        [], "t.json", "1 ids are given twice: 4", "1 of the 957 ids are missing: 5", wanted=template(id=4)
    ),
    "keys of a template": submitted([], "t.json", "row 5: keys are", wanted=template(note=1)),
    "spelling": submitted(
        [], "t.json", "id 5: dataset 'EgoDog'", "officially 'CholecTrack20'", wanted=template(dataset="EgoDog")
    ),
    "unknown question": submitted([{"id": 958, "answer": "A"}], "p.json", "row 1: id 958 is not in the template"),
    "letter": submitted([{"id": 4, "answer": "E"}], "p.json", "row 1: answer 'E' is not one of A, B, C, D"),
    "twice": submitted([{"id": 4, "answer": "A"}] * 2, "p.json", "row 2: id 4 a second time"),
    "holes": submitted([{"id": 4, "answer": "A"}], "p.json: 956 of 957 questions have no letter", "--unanswered A"),
    "no zip to write": submitted([], "s.json", "call it submission.zip", words="--out s.json"),
    # score
    "no zip": scored("m.zip", b"zip", "m.zip: not a zip with predictions.json"),
    "no predictions": Wrong("eval score egocross gone.zip --answers a.json", "a.json", [], ("gone.zip: no such file",)),
    "id of no question": scored("m.json", [{"id": "x", "answer": "A"}], "m.json: id 'x'", "not an official id"),
    "prediction twice": scored("m.json", [{"id": 1, "answer": "A"}] * 2, "m.json: id '1'", "given twice"),
    "log of another command": scored(
        "m.jsonl", b'{"id": "1", "output": "B", "letter": "B"}\n', "m.jsonl", "firsthand eval run egocross"
    ),
    "broken line": scored("m.jsonl", b'{"id": "1", "output": "B", "letter"\n', "m.jsonl", "1"),
    "answers without letters": scored(
        "m.json",
        [{"id": 1, "answer": "A"}],
        "a.json: id 1: no correct_option_letter of A, B, C, D",
        answers=[{"id": 1}],
    ),
    "answers twice": scored(
        "m.json",
        [{"id": 1, "answer": "A"}],
        "a.json: row 2: id 1 a second time",
        answers=[{"id": 1, "correct_option_letter": "A"}] * 2,
    ),
    "answers of no question": scored(
        "m.json", [{"id": 1, "answer": "A"}], "a.json: row 1: no id", answers=[{"correct_option_letter": "A"}]
    ),
}


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())


@pytest.mark.parametrize("kind", CASES)
def test_a_wrong_input_is_told_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    wrong = CASES[kind]
    for name, content in {**wrong.beside, wrong.file: wrong.content}.items():
        write(tmp_path / name, content)
    monkeypatch.chdir(tmp_path)
    result = CliRunner(env={"COLUMNS": "1000"}).invoke(app, wrong.words.split())
    told = " ".join(result.output.split())
    assert isinstance(result.exception, SystemExit) and result.exit_code == 1, (told, result.exception)
    assert "Traceback" not in told
    for part in wrong.says:
        assert part in told, told
