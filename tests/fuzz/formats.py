"""One right row of every format that a command reads, and what can be wrong with a row or a file."""

import gzip
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from firsthand.evals.egocross import owner_files
from firsthand.rollout.telemetry import Rollout
from firsthand.rollout.trace import Trace, Turn

DEAD = "http://127.0.0.1:9"  # nobody listens there


class Format(NamedTuple):
    words: str  # a command
    file: str  # that it reads rows of, or one object where it ends in .yaml
    row: dict[str, Any]
    beside: dict[str, Any] = {}  # other files
    id: str = "id"  # the key that tells rows apart
    out: str | None = None  # where rows and dropped.jsonl come out: nothing may be missing there


def _turns(*texts: str, **more: Any) -> dict[str, Any]:
    roles = ("user", "assistant") * len(texts)
    return {"messages": [{"role": r, "content": t} for r, t in zip(roles, texts, strict=False)], **more}


ASKED = "Who has it? <timestamp>DAY1_11210217</timestamp>\nA. Jake\nB. Alice"
FRAMES = [f"frames/EgoPet/dog_1/frames/ii_q3/frame_{number}.jpg" for number in (100, 137)]
CHOICE = "<image><image>What is held?\nA. cup\nB. book\nC. dog\nD. none"
WEEK = {
    "ID": "1", "type": "EntityLog", "query_time": {"date": "DAY1", "time": "11210217"}, "question": "who ?",
    "choice_a": "a", "choice_b": "b", "choice_c": "c", "choice_d": "d", "answer": "A", "need_audio": False,
    "target_time": {"date": "DAY1", "time": "11152408"},
}  # fmt: skip
VIDEO_R1 = {
    "problem_id": 1, "problem": "what ?", "data_type": "image", "problem_type": "multiple choice",
    "options": ["A. cup", "B. book"], "solution": "<answer>A</answer>", "path": "./a.jpg", "data_source": "x",
}  # fmt: skip
EXAM = {
    "id": 1, "dataset": "EgoPet", "question_text": "what ?", "options": ["A. cup", "B. book"],
    "video_path": ["/egocross_testbed/EgoPet/dog_1/frame_1.jpg"], "question_type": "animal identification",
    "primary_category": "Identification",
}  # fmt: skip
STEP = {
    "instruction": ASKED, "input": "", "output": "<think>So.</think> <answer>B</answer>", "system": "s", "history": [],
}  # fmt: skip
TRACE = {
    "ID": "1", "question": ASKED, "ground_truth": "B",
    "cot": [
        {"thought": "t", "tool": {"name": "rag", "arguments": '{"level": "day"}'}, "observation": {"response": "x"}},
        {"thought": "so", "answer": "B"},
    ],
}  # fmt: skip
OPEN_R1 = {
    "problem": "What?", "solution": "<answer>A.</answer>", "video": "/data/user/LLaVA-Video-large-swift/a/v1.mp4",
    "original_question": "<video>\nWhat?\nA. cup\nB. book\nPlease respond with only the letter.",
    "original_answer": "A. cup",
}  # fmt: skip
QAEGO4D = {
    "video_id": "clip-1", "sample_id": "1", "question": "Where?", "answer": "here", "moment_start_frame": 300,
    "moment_end_frame": 345, "wrong_answers": ["there", "nowhere", "home"],
}  # fmt: skip
LONGVITU = {
    "id": "7", "video": "videos/0000_x.mp4",
    "conversations": [{"from": "human", "value": "<image>\nWhat does he cook?"}, {"from": "gpt", "value": "Soup."}],
}  # fmt: skip
EGOSCHEMA = {"q_uid": "1", "question": "what ?"} | {f"option {n}": f"o{n}" for n in range(5)}
EVAL = {
    "id": "1", "question": "Who?", "options": {"A": "Jake", "B": "Alice"}, "answer": "A", "data_source": "x",
    "split": "test", "identity": "A1_JAKE", "query_time": "DAY1_11210217", "style": "ego_r1", "letters": "AB",
    "messages": [{"role": "user", "content": [{"type": "text", "text": "Who?\nA. Jake\nB. Alice"}]}],
}  # fmt: skip
PREDICTION = {"id": "1", "output": "<answer>A</answer>", "letter": "A"}
RECORD = {"generated_text": "he cooks", "date": "DAY1", "start_time": "11000000", "end_time": "11003000"}
CALL = '<think>I look with rag.</think> <tool>{"name": "rag", "arguments": {"level": "day"}}</tool>'
_TURNS = [
    Turn(text=CALL, action="call", tool="rag", arguments={"level": "day"}, status="ok", observation="o", tokens=3),
    Turn(text="<think>So.</think> <answer>A</answer>", action="answer", tokens=2),
]
_TRACE = Trace(turns=_TURNS, stop="answer", letter="A", seconds=1.0)
ROLLOUT = Rollout("1_0_0", 1.0, {"accuracy": 1.0}, _TRACE, {"id": "1", "question": "Who?"}, 5).as_row(1)
EPISODE = EVAL | {
    "letter": "A", "correct": True, "output": "A", "trace": _TRACE.model_dump(), "prompt_tokens": 1, "cost": 0.0,
    "completion_tokens": 1, "seconds": 1.0, "settings": {"dialect": "ego_r1", "tools": ["rag"], "model": "m"},
    "messages_sha256": "x", "split": "train",
}  # fmt: skip
SHAREGPT = _turns("which ?\nA. cup\nB. book", "<answer>A</answer>", images=[], videos=[], id="1", tools="")
OTHER = SHAREGPT | {"id": "9"}
ALPACA = {"id": "1", "instruction": "which ?", "input": "", "output": "a cup", "history": [["a", "b"]], "system": "s"}
TOOLS = {"tools": {"terminate": {}}, "limits": {"retries": 1}, "state": "state"}
TEACH = {
    "questions": "q.jsonl", "tools": "t.yaml", "out": "out.jsonl", "samples": 1, "limits": {"turns": 3, "seconds": 9.0},
    "teacher": {"kind": "scripted", "factory": "nothing:there", "dialect": "ego_r1"},
}  # fmt: skip
ENTRY = {
    "file_name": "rows.json", "formatting": "sharegpt", "columns": {"messages": "messages", "images": "images"},
    "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
}  # fmt: skip
REPORT = {
    "title": "t", "subtitle": "s", "seed": 7, "commands": ["x"], "stages": [{"name": "SFT", "seconds": 4}],
    "curves": {"x": "step", "series": {"score": [[1, 0.5], [2, 0.6]]}}, "notes": ["n"],
    "table": [{"model": "m", "n": 2, "correct": 1, "unparsed": 0, "by": {"l": {"n": 2, "correct": 1}}}],
    "trajectories": [],
}  # fmt: skip
RL = {
    "data_source": "x", "agent_name": "single_turn_agent", "reward_model": {"style": "rule", "ground_truth": "B"},
    "extra_info": {"index": 0, "problem_type": "multiple choice", "letters": "AB", "question": "q?"},
}  # fmt: skip
REWARD = {
    "defaults": ["ppo_trainer", "_self_"],
    "reward": {"custom_reward_function": {"path": "pkg://firsthand.reward_fns.by_type", "name": "compute_score"}},
}
TEMPLATE = [
    {"id": n, "question_id": f"q{n}", "dataset": owner_files.dataset_of(n), "answer": ""}
    for n in range(1, owner_files.TOTAL + 1)
]


def _build(name: str, purpose: str, file: str, row: dict[str, Any], id: str, **beside: Any) -> Format:
    return Format(f"data build {name} --src src --out out --for {purpose}", f"src/{file}", row, beside, id, "out")


FORMATS = {
    "video_r1": _build("video_r1", "rl", "Video-R1-260k.json", VIDEO_R1, "problem_id"),
    "chains of video_r1": _build(
        "video_r1", "sft", "Video-R1-COT-165k.json", VIDEO_R1 | {"process": "<think>t</think>"}, "problem_id"
    ),
    "egocross_support": _build(
        "egocross_support", "sft", "train.json", _turns(CHOICE, "B", images=FRAMES, domain="animal"), ""
    ),
    "egocross_test": _build("egocross_test", "eval", "egocross_testbed/egocross_testbed_imgs.json", EXAM, "id"),
    "ego_cott": _build("ego_cott", "sft", "train-cott.json", STEP, "instruction"),
    "traces of ego_cott": _build("ego_cott", "sft", "Ego-CoTT-raw/A1.json", TRACE, "ID"),
    "egolife_qa": _build("egolife_qa", "eval", "EgoLifeQA/EgoLifeQA_A1_JAKE.json", WEEK, "ID"),
    "ego_qa": _build("ego_qa", "rl", "Ego-QA-4.4K/A1.json", WEEK, "ID"),
    "open_r1_video": _build("open_r1_video", "rl", "LLaVA-Video-large-swift-origin.jsonl", OPEN_R1, ""),
    "qaego4d": _build("qaego4d", "eval", "x/annotations.QaEgo4D_test_close.json", QAEGO4D, "sample_id"),
    "longvitu": _build("longvitu", "rl", "longvitu_train_101k.json", LONGVITU, "id"),
    "egoschema": _build(
        "egoschema",
        "eval",
        "questions.json",
        EGOSCHEMA,
        "q_uid",
        **{"src/subset_answers.json": {"4": 1, "5": 4, "6": 3}},
    ),
    "sharegpt": Format("data check rows.json --workers 1", "rows.json", SHAREGPT),
    "alpaca": Format("data check rows.jsonl --workers 1", "rows.jsonl", ALPACA),
    "eval rows": Format("data check rows.jsonl --workers 1", "rows.jsonl", EVAL),
    "rl rows": Format(
        "reward validate rows.jsonl --recipe recipe.yaml", "rows.jsonl", RL, {"recipe.yaml": REWARD}, "data_source"
    ),
    "leaks": Format("data leaks rows.jsonl other.json --workers 1", "rows.jsonl", EVAL, {"other.json": [OTHER]}),
    "registry": Format("data register --check", "dataset_info.json", ENTRY, {"rows.json": [SHAREGPT]}),
    "questions": Format(f"eval ask q.jsonl --server {DEAD} --model m --out out.jsonl --retries 0", "q.jsonl", EVAL),
    "golds": Format("eval score p.jsonl --answers g.jsonl", "g.jsonl", EVAL, {"p.jsonl": PREDICTION}),
    "answers": Format("eval score p.jsonl --answers g.jsonl", "p.jsonl", PREDICTION, {"g.jsonl": EVAL}),
    "predictions": Format(
        "submit egocross p.json --template t.json", "p.json", {"id": 4, "answer": "A"}, {"t.json": TEMPLATE}
    ),
    "chains": Format("cott filter c.jsonl --out good.jsonl", "c.jsonl", EPISODE),
    "figures": Format("cott stats c.jsonl --html page.html", "c.jsonl", EPISODE),
    "conversion": Format("cott convert c.jsonl --sft sft.json --rl rl.parquet", "c.jsonl", EPISODE),
    "episodes": Format("view c.jsonl --out page.html", "c.jsonl", EPISODE),
    "rollouts": Format("view run --out page.html", "run/traces/000001.jsonl", ROLLOUT, id="key"),
    "memory": Format("memory import m --out m.sqlite", "m/A1_JAKE/A1_JAKE_30s.json", RECORD, id="generated_text"),
    "captions": Format(
        f"memory build --captions m --out m.sqlite --server {DEAD} --model m --retries 0",
        "m/A1_JAKE_30s.json",
        RECORD,
        id="generated_text",
    ),
    "tools": Format("tools list t.yaml", "t.yaml", TOOLS),
    "teacher": Format("cott generate c.yaml", "c.yaml", TEACH, {"q.jsonl": EVAL, "t.yaml": TOOLS}),
    "report": Format("report build run --out page.html", "run/report.json", REPORT),
}
ONE_OBJECT = ("registry", "tools", "teacher", "report")

WRONG = (
    *("null", "true", "-1", "0", "1.5", "1e999", "-Infinity", "NaN", "9" * 5000, "12345678901234567890123"),
    *("[]", "{}", "[[]]", "[{}]", "[null]", '""', '" "', '"\\ud800"', '["\\ud800"]', '{"\\ud800": 1}', '"\\u0000"'),
    *(
        '"<image>"',
        '"../../etc/passwd"',
        '"' + "x" * 100_000 + '"',
        "[" * 600 + "]" * 600,
        "[" * 100_000 + "]" * 100_000,
    ),
    '{"a": ' * 500 + "1" + "}" * 500,
)
CUT = ""  # the key itself goes


def mutated(row: dict[str, Any], pick: random.Random | None = None, count: int = 0) -> Iterator[str]:
    """JSON of the row with each of its values replaced by each of `WRONG`, or cut out; or some of these."""
    cases = [(path, wrong) for path in _paths(row) for wrong in (*WRONG, CUT)]
    for path, wrong in pick.sample(cases, count) if pick else cases:
        copy = json.loads(json.dumps(row))
        *way, last = path
        held = copy
        for step in way:
            held = held[step]
        if wrong == CUT:
            del held[last]
        else:
            held[last] = "@@@"
        yield json.dumps(copy).replace('"@@@"', wrong)
    yield from () if pick else WRONG


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, held in items:
        yield (*before, key)
        yield from _paths(held, (*before, key))


def files_of(name: str, rows: list[str]) -> dict[str, Any]:
    """The files of a format with these rows, as JSON."""
    format = FORMATS[name]
    if name in ONE_OBJECT:
        text = f'{{"mine": {rows[0]}}}' if name == "registry" else rows[0]
    else:
        text = "".join(f"{row}\n" for row in rows) if format.file.endswith("l") else f"[{', '.join(rows)}]"
    return {**format.beside, format.file: text.encode()}


def numbered(name: str, number: int) -> dict[str, Any]:
    """The right row under another id."""
    format = FORMATS[name]
    if not format.id or name in ONE_OBJECT:
        return format.row
    if name == "ego_cott":
        return format.row | {"instruction": ASKED.replace("Who", f"Who of {number}")}
    return format.row | {format.id: type(format.row[format.id])(number + 4)}


RIGHT = b'{"id": "1", "a": "\xc3\xa9"}\n'
CONTENT = {
    "nothing": b"",
    "a line break": b"\n",
    "zeros": b"\0" * 4096,
    "latin-1": '{"id": "é"}\n'.encode("latin-1"),
    "utf-16": '{"id": "é"}\n'.encode("utf-16"),
    "utf-8 with a mark": b"\xef\xbb\xbf" + RIGHT,
    "gzip": gzip.compress(RIGHT, mtime=0),
    "half a row": RIGHT[:9],
    "deep": b"[" * 100_000 + b"\n",
    "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "long number": b"9" * 5000 + b"\n",
    "a number": b"1\n",
    "a word": b'"x"\n',
    "null": b"null",
    "empty list": b"[]",
    "empty object": b"{}",
    "list of numbers": b"[1, 2]",
    "half a pair": b'{"id": "\\ud800"}\n',
    "other rows": b'{"id": "1", "text": "mine"}\n{"id": "2", "text": "mine"}\n',
    "yaml": b"a: &a [*a]\n",
    "html": b"<html><body>no</body></html>",
    "binary": random.Random(0).randbytes(20_000),
}


def as_pipe(path: Path) -> None:
    import os

    os.mkfifo(path)


KINDS = {"a pipe": as_pipe, "a folder": Path.mkdir, "a device": lambda path: path.symlink_to("/dev/zero")}
