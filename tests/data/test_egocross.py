"""EgoCross in the exact format of its release, with the irregularities of its files."""

import re
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow.parquet as pq
import pytest
from PIL import Image
from typer.testing import CliRunner

from firsthand import files
from firsthand.cli import app
from firsthand.data.build.build import Built, Options, build
from firsthand.data.build.catalogue import release
from firsthand.doctor.recipes import check
from firsthand.errors import UserError
from firsthand.question import Question
from firsthand.rollout.prompt import system

ROOT = Path(__file__).parents[2]


def frame(dataset: str, video: str, folder: str, name: str) -> str:
    return f"frames/{dataset}/{video}/frames/{folder}/{name}"


def support_row(
    domain: str, images: list[str], separator: str = ".", answer: str = "B", asked: str = "What is held?"
) -> dict[str, Any]:
    options = "\n".join(f"{letter}{separator} thing {letter}" for letter in "ABCD")
    return {
        "messages": [
            {"role": "user", "content": "<image>" * len(images) + f"{asked}\n{options}"},
            {"role": "assistant", "content": answer},
        ],
        "images": images,
        "domain": domain,
    }


ANIMAL = [frame("EgoPet", "022", "ii_q3", f"frame_{number}.jpg") for number in (100, 137, 174)]
SURGERY = [frame("CholecTrack20", "VID103", "dic_q1", f"frame_{number}.png") for number in (5000, 5025, 5050)]
EGOSURGERY = [frame("EgoSurgery", "15", "dtoi_q2", f"15_1_{number}.jpg") for number in (640, 641, 645)]
EVEN = [frame("EgoSurgery", "15", "onvi_q2", f"15_1_{number}.jpg") for number in (640, 641, 642)]
INDUSTRY = [frame("ENIGMA", "111", "dotc_q4", f"111_{number}.jpg") for number in (7972, 7992, 8020)]
SUPPORT = [
    support_row("animal", ANIMAL, ".", asked="What object is the dog holding?"),
    support_row("surgery", SURGERY, ":", asked="How many distinct types of tools were visible?"),
    support_row("surgery", EGOSURGERY, ")", asked="Which tool was the left hand predominantly holding?"),
    support_row("surgery", EVEN, ")", asked="Which of the following objects was NOT visible?"),
    support_row("industry", INDUSTRY, ".", asked="What is the predicted next type of interaction?"),
]
KINDS = ["interaction identification", "object counting", "dominant held-object identification",
         "object not visible identification", "next interaction prediction"]  # fmt: skip


def run(name: str, src: Path, out: Path, *purposes: Any, **options: Any) -> dict[Any, Built]:
    return build(release(name), src, out, purposes, Options(**options), lambda *_: None)


def built_support(tmp_path: Path, rows: list[dict[str, Any]], *purposes: Any, **options: Any) -> dict[Any, Built]:
    files.write_json(tmp_path / "src/train.json", rows)
    return run("egocross_support", tmp_path / "src", tmp_path / "out", *purposes, **options)


def test_the_three_ways_of_writing_options_become_one(tmp_path: Path) -> None:
    built_support(tmp_path, SUPPORT, "sft", "eval")
    for row in files.read_jsonl(tmp_path / "out/sft.jsonl"):
        assert row["messages"][1]["content"].endswith("?\nA. thing A\nB. thing B\nC. thing C\nD. thing D")
        assert row["messages"][2] == {"role": "assistant", "content": "B"}
        assert row["messages"][0] == {"role": "system", "content": system("egocross")}


def test_the_number_of_a_frame_is_its_clock(tmp_path: Path) -> None:
    """25 per second in three data sets, 2 s each in EgoSurgery, with gaps; none where a clip's start is unknown."""
    built = built_support(tmp_path, SUPPORT, "sft")["sft"]
    shown = [
        re.split(r"(?<=>)[^<>]*\?", row["messages"][1]["content"])[0]
        for row in files.read_jsonl(tmp_path / "out/sft.jsonl")
    ]
    assert shown == [
        "<0.0 seconds><image><1.5 seconds><image><3.0 seconds><image>",
        "<0.0 seconds><image><1.0 seconds><image><2.0 seconds><image>",
        "<0.0 seconds><image><2.0 seconds><image><10.0 seconds><image>",
        "<0.0 seconds><image><2.0 seconds><image><4.0 seconds><image>",
        "<frame 1 of 3><image><frame 2 of 3><image><frame 3 of 3><image>",
    ]
    assert built.rows == {"sft.jsonl": 5, "sft_video_0.5fps.jsonl": 1, "sft_video_1fps.jsonl": 1}
    [row] = files.read_jsonl(tmp_path / "out/sft_video_0.5fps.jsonl")
    assert (row["videos"], row["images"]) == ([EVEN], [])
    assert row["messages"][1]["content"].startswith("<video>Which of")


def test_frames_that_are_listed_out_of_order_are_shown_in_order(tmp_path: Path) -> None:
    built_support(tmp_path, [support_row("surgery", [EVEN[2], EVEN[0], EVEN[1]])], "sft")
    [row] = files.read_jsonl(tmp_path / "out/sft.jsonl")
    assert row["images"] == EVEN
    assert row["messages"][1]["content"].startswith("<0.0 seconds><image><2.0 seconds><image><4.0 seconds><image>What")


def test_rl_and_eval_rows(tmp_path: Path) -> None:
    """The words of a question give its type, whatever the folder of its frames is called."""
    built_support(tmp_path, SUPPORT)
    rows = pq.read_table(tmp_path / "out/rl_train.parquet").to_pylist()
    assert [row["extra_info"]["index"] for row in rows] == [0, 1, 2, 3, 4]
    assert rows[1]["extra_info"]["choices"] == ["thing A", "thing B", "thing C", "thing D"]
    assert [row["extra_info"]["question_type"] for row in rows] == KINDS
    assert (rows[1]["reward_model"]["ground_truth"], rows[1]["agent_name"]) == ("B", "single_turn_agent")
    assert (rows[0]["images"], rows[0]["videos"]) == (ANIMAL, [])
    questions = [Question.from_eval(row) for row in files.read_jsonl(tmp_path / "out/eval.jsonl")]
    ids = ["animal-01", "surgery-01", "surgery-02", "surgery-03", "industry-01"]
    assert [question.id for question in questions] == ids
    categories = ["Identification", "Counting", "Identification", "Identification", "Prediction"]
    assert [question.labels["primary_category"] for question in questions] == categories
    assert (tmp_path / "out/media").resolve() == (tmp_path / "src").resolve()


def test_frames_as_video_for_rl_and_eval(tmp_path: Path) -> None:
    built = built_support(tmp_path, SUPPORT, "rl", video=True)["rl"]
    rows = pq.read_table(tmp_path / "out/rl_train.parquet").to_pylist()
    rates = [row["videos"][0]["raw_fps"] if row["videos"] else None for row in rows]
    assert rates == [pytest.approx(25 / 37, abs=1e-3), 1.0, None, 0.5, None]
    assert built.notes == {"frames without an even rate: images with times, not a video": 1}


def test_of_too_many_frames_some_are_learnt_from_at_their_true_times(tmp_path: Path) -> None:
    """A frame list keeps its rate and so all of its frames; in evaluation `firsthand eval run` chooses."""
    many = [frame("CholecTrack20", "VID103", "nap_q7", f"frame_{5000 + 25 * number}.png") for number in range(135)]
    rows = [support_row("surgery", many), *SUPPORT]
    built = built_support(tmp_path, rows, max_frames=60)
    for purpose in ("sft", "rl"):
        assert built[purpose].notes["questions with more than 60 frames: 60 of them as images"] == 1
    row, second, *_ = files.read_jsonl(tmp_path / "out/sft.jsonl")
    assert (len(row["images"]), row["images"][0], row["images"][-1]) == (60, many[0], many[-1])
    written = [float(time) for time in re.findall(r"<(\d+\.\d) seconds><image>", row["messages"][1]["content"])]
    assert written == [many.index(image) for image in row["images"]]
    assert second["images"] == ANIMAL
    assert len(pq.read_table(tmp_path / "out/rl_train.parquet").to_pylist()[0]["images"]) == 60
    view, *_ = files.read_jsonl(tmp_path / "out/sft_video_1fps.jsonl")
    assert view["videos"] == [many]
    [first, *_] = files.read_jsonl(tmp_path / "out/eval.jsonl")
    assert first["images"] == many
    manifest = files.read_json(tmp_path / "out/manifest.json")
    assert manifest["sft"]["options"]["max_frames"] == 60


def test_the_recipe_and_the_doctor_agree_on_the_longest_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """135 frames of the usual size are longer than cutoff_len; those that its header builds with are not."""
    recipe = ROOT / "recipes/egocross/sft_lora.yaml"
    [cap] = re.findall(r"data build egocross_support .*--max-frames (\d+)", recipe.read_text())
    many = [frame("CholecTrack20", "VID103", "nap_q7", f"frame_{5000 + 25 * number}.png") for number in range(135)]
    for path in many:
        (tmp_path / "src" / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("1", (854, 480)).save(tmp_path / "src" / path)
    monkeypatch.chdir(tmp_path)
    for max_frames, rules in ((None, ["LF030"]), (int(cap), [])):
        files.write_json(tmp_path / "src/train.json", [support_row("surgery", many)])
        out = Path("datasets/egocross_support")
        run("egocross_support", tmp_path / "src", out, "sft", max_frames=max_frames)
        CliRunner().invoke(app, ["data", "register"])
        found = [finding for finding in check(recipe).findings if finding.level == "error"]
        assert [finding.rule for finding in found if finding.rule != "RC007"] == rules, found
        assert all("--max-frames" in finding.fix for finding in found if finding.rule == "LF030")


BAD = {
    "3 <image> tags for 2 images": support_row("animal", ANIMAL) | {"images": ANIMAL[:2]},
    "the roles are": {**support_row("animal", ANIMAL), "messages": [{"role": "user", "content": "x"}]},
    "'content' is missing": {**support_row("animal", ANIMAL), "messages": [{"role": "user"}, {"role": "assistant"}]},
    "must be a list of paths": support_row("animal", ANIMAL) | {"images": ANIMAL[0]},
    "answer 'E' is not among the options": support_row("animal", ANIMAL, answer="E"),
    "no options": support_row("animal", ANIMAL, separator="-"),
    "is not a frame of the domain 'industry'": support_row("industry", ANIMAL),
    "'domain' is missing": {key: value for key, value in support_row("animal", ANIMAL).items() if key != "domain"},
    "a number of their own": support_row("animal", [*ANIMAL[:2], ANIMAL[0]]),
    "not a JSON object": "a text",
}


def test_a_row_that_cannot_be_converted_is_listed_and_the_others_are_kept(tmp_path: Path) -> None:
    built = built_support(tmp_path, [*BAD.values(), *SUPPORT], "sft")["sft"]
    assert (built.dropped, built.rows["sft.jsonl"]) == (len(BAD), len(SUPPORT))
    dropped = list(files.read_jsonl(tmp_path / "out/dropped.jsonl"))
    assert [row["row"] for row in dropped] == list(range(1, len(BAD) + 1))
    for reason, row in zip(BAD, dropped, strict=True):
        assert row["file"] == "train.json"
        assert reason in row["reason"]


def test_a_domain_has_a_file_of_its_own(tmp_path: Path) -> None:
    files.write_json(tmp_path / "src/train_animal.json", SUPPORT[:1])
    built = run("egocross_support_animal", tmp_path / "src", tmp_path / "out", "sft")
    assert built["sft"].rows["sft.jsonl"] == 1


def a_test_row(id: int, dataset: str, video: str, names: list[str] | None = None) -> dict[str, Any]:
    folder = f"/egocross_testbed/{dataset}/generated/{video}/frames/oc_q{id}"
    return {
        "id": id,
        "dataset": dataset,
        "primary_category": "Counting",
        "question_type": "object counting",
        "question_text": "How many tools?",
        "options": [f"{letter}: {number}" for number, letter in enumerate("ABCD")],
        "original_video_fps": 25.0,
        "video_path": [f"{folder}/{name}" for name in names or [f"frame_{number:05}.jpg" for number in range(3)]],
    }


TEST = [
    a_test_row(1, "CholecTrack20", "VID25"),
    a_test_row(2, "CholecTrack20", "VID12"),
    a_test_row(200, "EgoPet", "cat"),
    a_test_row(54, "CholecTrack20", "VID30", ["frame_6201.png", "frame_6226.png", "frame_6276.png"]),
    a_test_row(400, "EgoSurgery", "04", ["04_1_640.jpg", "04_1_641.jpg", "04_1_650.jpg"]),
    a_test_row(460, "EgoSurgery", "10", ["10_2_232.jpg", "10_2_67.jpg", "10_2_68.jpg"]),
    a_test_row(900, "ExtrameSportFPV", "VID006"),
]


def test_the_test_set(tmp_path: Path) -> None:
    """No question_id, no answers, a slash before every path, three clocks, frames out of order."""
    files.write_json(tmp_path / "src/egocross_testbed/egocross_testbed_imgs.json", TEST)
    built = run("egocross_test", tmp_path / "src", tmp_path / "out")["eval"]
    assert (built.rows, built.dropped) == ({"eval.jsonl": 7}, 0)
    questions = {row["id"]: Question.from_eval(row) for row in files.read_jsonl(tmp_path / "out/eval.jsonl")}
    assert {id: question.times for id, question in questions.items()} == {
        "1": [0, 2, 4], "2": [0, 2, 4], "54": [0, 1, 3], "200": [0, 2, 4], "400": [0, 2, 20], "460": [0, 2, 330],
        "900": [0, 2, 4],
    }  # fmt: skip
    assert [PurePosixPath(path).name for path in questions["460"].images] == [
        "10_2_67.jpg", "10_2_68.jpg", "10_2_232.jpg",
    ]  # fmt: skip
    first = questions["1"]
    assert (first.answer, first.split, first.options["C"]) == (None, "test", "2")
    assert first.images[0] == "egocross_testbed/CholecTrack20/generated/VID25/frames/oc_q1/frame_00000.jpg"
    domains = {"CholecTrack20": "surgery", "EgoSurgery": "surgery", "EgoPet": "animal", "ExtrameSportFPV": "xsports"}
    assert all(question.labels["domain"] == domains[question.labels["dataset"]] for question in questions.values())


def test_the_folder_may_be_named_from_inside_or_from_above(tmp_path: Path) -> None:
    files.write_json(tmp_path / "a/src/egocross_testbed/egocross_testbed_imgs.json", TEST)
    for src in (tmp_path / "a", tmp_path / "a/src", tmp_path / "a/src/egocross_testbed"):
        run("egocross_test", src, tmp_path / "out")
        assert (tmp_path / "out/media").resolve() == (tmp_path / "a/src").resolve()


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"dataset": "ExtremeSportFPV"}, "is not one of CholecTrack20"),
        ({"video_path": ["/elsewhere/EgoPet/x.jpg"]}, "do not lie in /egocross_testbed/EgoPet/"),
        ({"options": ["A: x", "B: y", "C z", "D: w"]}, "4 options carry the letters A, B, D"),
        ({"id": 200}, "is that of row 1 of egocross_testbed/egocross_testbed_imgs.json too"),
        ({"options": []}, ""),
    ],
)
def test_a_bad_test_row(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    rows = [a_test_row(200, "EgoPet", "cat"), a_test_row(201, "EgoPet", "cat") | changes]
    files.write_json(tmp_path / "src/egocross_testbed/egocross_testbed_imgs.json", rows)
    built = run("egocross_test", tmp_path / "src", tmp_path / "out")["eval"]
    assert built.dropped == 1 and reason in built.examples[0]


@pytest.mark.parametrize("purpose", ["sft", "rl"])
def test_the_test_set_gives_no_rows_to_learn_from(tmp_path: Path, purpose: str) -> None:
    with pytest.raises(UserError, match="choose --for eval"):
        run("egocross_test", tmp_path, tmp_path / "out", purpose)
