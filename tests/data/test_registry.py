"""dataset_info.json, and every entry of it through LLaMA-Factory's own loader, from files built here."""

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from firsthand import files
from firsthand.data import registry
from firsthand.data.build.build import Options, build
from firsthand.data.build.catalogue import RELEASES, release
from firsthand.data.read.data_file import find
from firsthand.errors import UserError
from firsthand.question import Question, Solved, Step
from firsthand.rollout import prompt

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models/tiny_qwen3_vl"
FOLDERS = {"animal": "EgoPet", "industry": "ENIGMA", "surgery": "CholecTrack20", "xsports": "ExtrameSportFPV"}
RATES = {"0.5fps": ["1.0", "4.0"], "1fps": ["0.5", "2.0"]}  # stamps of three frames: means of two, the last is alone
IGNORED = -100


def support_rows(src: Path, domain: str) -> list[dict[str, Any]]:
    """A row at half a frame and one at a frame a second, with their frames on disk."""
    rows = []
    for number, seconds in enumerate((2, 1), 1):
        images = [
            f"frames/{FOLDERS[domain]}/v/frames/oc_q{number}/frame_{index * seconds * 25}.jpg" for index in range(3)
        ]
        for shade, path in enumerate(images):
            (src / path).parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 64), (80 * shade, 40, 40)).save(src / path)
        text = "<image>" * 3 + "how many cups ?\nA: one\nB: two\nC: three\nD: four"
        turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "C"}]
        rows.append({"messages": turns, "images": images, "domain": domain})
    return rows


def write_video(path: Path) -> None:
    import av
    import numpy as np

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number * 12, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder with every release that can be fine-tuned on, built, and its registry."""
    root = tmp_path_factory.mktemp("project")
    src = root / "src"
    by_domain = {domain: support_rows(src, domain) for domain in FOLDERS}
    for domain, rows in by_domain.items():
        files.write_json(src / f"train_{domain}.json", rows)
    files.write_json(src / "train.json", [row for rows in by_domain.values() for row in rows])
    call = '<think>look</think> <tool>{"name": "rag", "arguments": {"level": "day"}}</tool>'
    record = {
        "instruction": "<information>the cup</information>",
        "output": "<think>so</think> <answer>A</answer>",
        "system": "tools",
        "history": [["what ? <timestamp>DAY1_11210217</timestamp>\nA. cup\nB. book", call]],
    }
    files.write_json(src / "train-cott.json", [record])
    row = {
        "problem_id": 1, "problem": "what is it ?", "data_type": "video", "problem_type": "multiple choice",
        "options": ["A. cup", "B. book"], "solution": "<answer>A</answer>", "path": "./videos/v.mp4",
        "process": "<think>a cup</think>",
    }  # fmt: skip
    picture = row | {"problem_id": 2, "data_type": "image", "path": f"./{by_domain['animal'][0]['images'][0]}"}
    files.write_json(src / "Video-R1-COT-165k.json", [row, picture])
    write_video(src / "videos/v.mp4")
    for name, one in RELEASES.items():
        if "sft" in one.inputs:
            build(release(name), src, root / f"datasets/{name}", ("sft",), Options(), lambda *_: None)
    registry.register(root / "dataset_info.json")
    return root


def loaded(project: Path, names: list[str], fps: float, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The rows of a recipe that names no absolute path, after LLaMA-Factory's own preprocessing."""
    pytest.importorskip("llamafactory")
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    monkeypatch.chdir(project)
    recipe = {
        "model_name_or_path": str(MODEL), "stage": "sft", "do_train": True, "finetuning_type": "full", "use_cpu": True,
        "bf16": False, "report_to": "none", "template": "qwen3_vl_nothink", "cutoff_len": 4096, "dataset_dir": ".",
        "media_dir": f"datasets/{names[0].partition('_video_')[0]}/media", "dataset": ",".join(names), "video_fps": fps,
        "preprocessing_num_workers": 1, "output_dir": "out", "cache_dir": "cache",
    }  # fmt: skip
    model_args, data_args, training_args, _, _ = get_train_args(recipe)
    parts = load_tokenizer(model_args)
    template = get_template_and_fix_tokenizer(parts["tokenizer"], data_args)
    rows = get_dataset(template, model_args, data_args, training_args, stage="sft", **parts)["train_dataset"]
    decode = parts["tokenizer"].decode
    return [
        {
            "text": decode(row["input_ids"]),
            "learnt": decode([label for label in row["labels"] if label != IGNORED]),
            "images": row["images"],
            "videos": row["videos"],
        }
        for row in rows
    ]


@pytest.mark.parametrize("rate", RATES)
def test_frame_lists_have_their_true_times(project: Path, monkeypatch: pytest.MonkeyPatch, rate: str) -> None:
    """As LLaMA-Factory renders them with the rate of the file in the recipe."""
    names = [name for name in registry.entries() if name.endswith(rate)]
    rows = loaded(project, names, float(rate.removesuffix("fps")), monkeypatch)
    assert (len(names), len(rows)) == (3, 5)  # two domains with even rates, and all four together (one has no clock)
    for row in rows:
        first, second = RATES[rate]
        assert row["text"].index(f"<{first} seconds>") < row["text"].index(f"<{second} seconds>")
        assert row["text"].count(" seconds>") == 2 and row["learnt"] == "C<|im_end|>\n"


def test_images_have_their_times_in_front(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of different rates in one file, as they stand in the prompt; those of ENIGMA have no clock."""
    names = [name for name in registry.entries() if name.startswith("egocross") and not name.endswith("fps")]
    rows = loaded(project, names, 2.0, monkeypatch)
    assert len(names) == 5 and len(rows) == 16
    for number, row in enumerate(rows):
        pads = row["text"]
        while "<|image_pad|>" * 2 in pads:
            pads = pads.replace("<|image_pad|>" * 2, "<|image_pad|>")
        shown = "<|vision_start|><|image_pad|><|vision_end|>"
        times = ("0.0", "2.0", "4.0") if number % 2 == 0 else ("0.0", "1.0", "2.0")
        before = [f"<{time} seconds>" for time in times]
        if row["images"][0].split("/")[-5] == "ENIGMA":
            before = [f"<frame {place} of 3>" for place in (1, 2, 3)]
        assert "".join(tag + shown for tag in before) + "how many cups ?\nA. one\n" in pads
        assert len(row["images"]) == 3


def test_chains_keep_every_turn(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [row] = loaded(project, ["ego_cott"], 2.0, monkeypatch)
    assert row["text"].count("<|im_start|>") == 5  # system, question, call, information, answer
    assert row["learnt"] == (
        '<think>look</think> <tool>{"name": "rag", "arguments": {"level": "day"}}</tool><|im_end|>\n'
        "<think>so</think> <answer>A</answer><|im_end|>\n"
    )


def test_images_and_video_files_together(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video, image = loaded(project, ["video_r1"], 2.0, monkeypatch)
    assert (len(video["videos"]), video["images"], len(image["images"])) == (1, None, 1)
    assert video["text"].count(" seconds>") == 2 and "<|video_pad|>" in video["text"]  # four frames at 2 fps
    assert video["learnt"] == image["learnt"] == "<think>a cup</think>\n<answer>A</answer><|im_end|>\n"


def test_all_entries_were_loaded() -> None:
    tested = [name for name in registry.entries() if name.startswith("egocross")]
    assert sorted([*tested, "ego_cott", "video_r1"]) == sorted(registry.entries())


# -- rows that bring their tools ---------------------------------------------------------------------------------------


def native_row() -> dict[str, Any]:
    question = Question(
        id="q", question="where ?", options={"A": "here", "B": "there"}, answer="B", style="ego_r1_native",
        data_source="test", split="train",
    )  # fmt: skip
    made = Solved(question=question, steps=[Step(thought="look", tool="rag", arguments={}, observation="a cup")])
    schema = {"name": "rag", "description": "searches", "parameters": {"type": "object", "properties": {}}}
    return prompt.sharegpt_row(question, prompt.solution(made), [{"type": "function", "function": schema}])


@pytest.mark.parametrize("name, file", [("mine", "rows.json"), ("ego_cott", "sft.jsonl")])
def test_rows_of_the_native_dialect_reach_llamafactory_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, file: str
) -> None:
    path, rows = tmp_path / "dataset_info.json", tmp_path / f"datasets/{name}/{file}"
    (files.write_jsonl if file.endswith("l") else files.write_json)(rows, [native_row()])
    files.write_json(path, registry.entries() | {name: registry.entry(f"datasets/{name}/{file}")})
    [problem] = registry.problems(path)
    assert problem.startswith(f"{name}: ") and problem.endswith("write it with `firsthand data register`")
    assert registry.register(path) == [name] and registry.register(path) == registry.problems(path) == []
    [row] = loaded(tmp_path, [name], 2.0, monkeypatch)
    assert "<tools>" in row["text"] and '"name": "rag"' in row["text"]
    assert "<tool_response>\na cup\n</tool_response>" in row["text"]
    assert row["learnt"].startswith("<think>look</think>\n<tool_call>\n") and row["learnt"].count("<|im_end|>") == 2


def test_what_people_say_of_their_tools_stays(tmp_path: Path) -> None:
    """Their names of columns, and rows in LLaMA-Factory's own form of calls."""
    path, row = tmp_path / "dataset_info.json", native_row()
    called = row["messages"][3] | {"role": "observation"}
    files.write_json(tmp_path / "a.json", [row | {"schemas": row["tools"]}])
    files.write_json(tmp_path / "b.json", [row | {"messages": [*row["messages"][:3], called, row["messages"][4]]}])
    mine = {name: registry.entry(f"{name}.json") for name in "ab"}
    mine["a"] = mine["a"] | {"columns": registry.COLUMNS | {"tools": "schemas"}}
    files.write_json(path, registry.entries() | mine)
    assert registry.register(path) == ["a"]
    written = files.read_json(path)
    assert written["a"]["columns"]["tools"] == "schemas" and written["a"]["tags"]["observation_tag"] == "tool"
    assert written["b"] == mine["b"]


def test_tools_must_be_text(tmp_path: Path) -> None:
    path, row = tmp_path / "dataset_info.json", native_row()
    files.write_json(tmp_path / "mine.json", [row | {"tools": json.loads(row["tools"])}])
    files.write_json(path, registry.entries() | {"mine": registry.entry("mine.json", native=True)})
    [problem] = registry.problems(path)
    assert problem.startswith("mine: the first row does not fit its entry: ")
    assert "row 1: `tools` is [" in problem and "not text" in problem


def test_a_file_that_is_not_registered_is_read_with_its_tools(tmp_path: Path) -> None:
    files.write_json(tmp_path / "mine.json", [native_row()])
    sample = find(str(tmp_path / "mine.json"), tmp_path).read(native_row())
    assert [turn.role for turn in sample.turns] == ["system", "user", "assistant", "tool", "assistant"]
    assert sample.tools and sample.tools[0]["function"]["name"] == "rag"


# -- the file itself ---------------------------------------------------------------------------------------------------


def test_the_projects_registry_is_complete() -> None:
    assert registry.problems(ROOT / "dataset_info.json") == []


def test_what_people_added_stays(tmp_path: Path) -> None:
    path = tmp_path / "dataset_info.json"
    mine = {"mine": {"file_name": "mine.json", "formatting": "alpaca"}}
    files.write_json(path, mine)
    assert set(registry.register(path)) == set(registry.entries())
    assert files.read_json(path) == mine | registry.entries()
    before = path.stat().st_mtime_ns
    assert registry.register(path) == [] and path.stat().st_mtime_ns == before


ROW = {
    "messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}],
    "images": [],
    "videos": [],
}


@pytest.mark.parametrize(
    "entry, problem",
    [
        ({"file_name": "rows.json", "formatting": "sharegpt", "columns": registry.COLUMNS}, "mine: has no tags"),
        ([], "mine: is not a JSON object"),
        (
            {
                "file_name": "rows.json",
                "formatting": "sharegpt",
                "columns": {"messages": "talk"},
                "tags": registry.TAGS,
            },
            "mine: the first row does not fit its entry",
        ),
    ],
)
def test_a_bad_entry_is_found(tmp_path: Path, entry: Any, problem: str) -> None:
    path = tmp_path / "dataset_info.json"
    files.write_json(tmp_path / "rows.json", [ROW])
    files.write_json(path, registry.entries() | {"mine": entry})
    [found] = registry.problems(path)
    assert found.startswith(problem)


def test_an_entry_of_ours_that_was_changed_is_found_and_mended(tmp_path: Path) -> None:
    path = tmp_path / "dataset_info.json"
    files.write_json(path, {**registry.entries(), "ego_cott": {"file_name": "datasets/ego_cott/train-cott.json"}})
    assert registry.problems(path) == ["ego_cott: differs; write it with `firsthand data register`"]
    assert registry.register(path) == ["ego_cott"]
    assert registry.problems(path) == []


@pytest.mark.parametrize("content", ["[]", "{", ""])
def test_a_broken_registry_is_a_message(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset_info.json").write_text(content)
    with pytest.raises(UserError, match=r"dataset_info\.json"):
        registry.register(tmp_path / "dataset_info.json")
    assert (tmp_path / "dataset_info.json").read_text() == content


def test_entries_are_json() -> None:
    assert json.loads(json.dumps(registry.entries())) == registry.entries()
