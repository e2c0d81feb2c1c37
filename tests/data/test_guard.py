"""A published test set cannot be learnt from: every way in is refused with its reason, and the support set is not."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.data.leaks import guard
from firsthand.data.read.data_file import find
from firsthand.errors import UserError
from firsthand.files import read_jsonl
from firsthand.question import Question

COUNT = "How many distinct tools are seen ?"
OPTIONS = ["A: one", "B: two", "C: three", "D: four"]
TEST_FRAMES = [
    f"egocross_testbed/EgoPet/generated/v1/frames/ii_q{q}/frame_{n:05}.jpg" for q in (184, 185) for n in range(3)
]


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.random.default_rng(seed).integers(0, 255, (6, 8), dtype=np.uint8)
    Image.fromarray(grey).resize((96, 72), Image.Resampling.BICUBIC).save(path, quality=95)


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    """The test set as released, built below datasets/."""
    for seed, path in enumerate(TEST_FRAMES):
        draw(tmp_path / "release" / path, seed)
    rows = [
        {"id": 184 + n, "dataset": "EgoPet", "primary_category": "Identification", "original_video_fps": 30.0,
         "question_type": "interaction identification", "question_text": text, "options": OPTIONS,
         "video_path": [f"/{path}" for path in TEST_FRAMES[3 * n : 3 * n + 3]]}
        for n, text in enumerate((COUNT, "What does the dog do ?"))
    ]  # fmt: skip
    folder = tmp_path / "release/egocross_testbed"
    (folder / "egocross_testbed_imgs.json").write_text(json.dumps(rows))
    named = [{"id": 184, "question_id": "EgoPet_v1_q184_interaction", "dataset": "EgoPet", "answer": ""}]
    (folder / "submission_template.json").write_text(json.dumps(named))
    monkeypatch.chdir(tmp_path)
    cli("build", "egocross_test", "--src", "release")
    return tmp_path


def cli(*arguments: Any, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["data", *map(str, arguments)])
    assert result.exit_code == code, result.output
    return result.output


def train(folder: Path, name: str = "train.json", **row: Any) -> Path:
    """A ShareGPT file of one row; it looks innocent unless told otherwise."""
    asked = row.pop("asked", "what do i hold ?\nA. a cup\nB. a pen")
    images = row.pop("images", [])
    messages = [{"role": "user", "content": "<image>" * len(images) + asked}, {"role": "assistant", "content": "A"}]
    path = folder / name
    path.write_text(json.dumps([{"messages": messages, "images": images, **row}]))
    return path


def refused(path: Path) -> str | None:
    try:
        guard.refuse(find(str(path), Path("none")), guard.load(Path("datasets")))
    except UserError as error:
        assert "row 1: " in str(error) and "the owners of the test ask not to train on it" in str(error)
        return str(error)
    return None


SAME = COUNT + "\nB. two\nA: one\nC) three\nD. four"


def test_the_guard_knows_rows_and_frames_but_holds_none_of_them(project: Path) -> None:
    text = (project / "datasets/egocross_test/guard.json").read_text()
    content = json.loads(text)
    assert content["names"] == ["EgoPet_v1_q184_interaction", "egocross/184", "egocross/185"]
    assert len(content["questions"]) == 2 and len(content["looks"]) == 6
    assert sum(map(len, content["frames"].values())) == 6
    assert "tools" not in text


def test_frames_of_the_test_folder(project: Path) -> None:
    (project / "egocross_testbed").symlink_to("release/egocross_testbed")
    assert "is a frame of EgoCross's test set" in refused(train(project, images=[TEST_FRAMES[0]]))


def test_frames_under_another_name(project: Path) -> None:
    shutil.copy(project / "release" / TEST_FRAMES[1], project / "mine.jpg")
    assert "mine.jpg is, byte for byte" in refused(train(project, images=["mine.jpg"]))


def test_a_question_by_name(project: Path) -> None:
    assert "EgoPet_v1_q184_interaction is a question" in refused(
        train(project, question_id="EgoPet_v1_q184_interaction")
    )
    assert "egocross/185 is a question" in refused(train(project, id="185", data_source="egocross", split="test"))
    assert refused(train(project, id="185")) is None, "a number says nothing outside its data set"


def test_a_question_by_its_words_without_frames(project: Path) -> None:
    assert "question and options are those of a test set" in refused(train(project, asked=SAME.upper()))


def test_a_question_by_its_words_with_frames_saved_again(project: Path) -> None:
    for number in range(3):
        with Image.open(project / "release" / TEST_FRAMES[number]) as image:
            image.resize((80, 60)).save(project / f"{number}.jpg", quality=60)
    images = [f"{number}.jpg" for number in range(3)]
    assert "question and options are those" in refused(train(project, asked=SAME, images=images))


def test_the_same_words_about_another_clip_are_another_question(project: Path) -> None:
    for number in range(3):
        draw(project / f"{number}.jpg", 100 + number)
    assert refused(train(project, asked=SAME, images=[f"{number}.jpg" for number in range(3)])) is None


def test_the_published_answers(project: Path) -> None:
    rows = [{"instruction": "?", "output": "A", "correct_option_letter": "A"}]
    (project / "a.json").write_text(json.dumps(rows))
    assert "row of EgoCross's published answers" in refused(project / "a.json")
    (project / "datasets/egocross_test/guard.json").unlink()
    assert "row of EgoCross's published answers" in refused(project / "a.json"), "this one needs no file"


def test_other_rows_pass(project: Path) -> None:
    draw(project / "mine.jpg", 300)
    assert refused(train(project, images=["mine.jpg"])) is None


def test_a_build_of_training_rows_drops_them_and_says_why(project: Path) -> None:
    source = project / "support"
    frames = [f"frames/EgoPet/v9/frames/ii_q1/frame_{n}.jpg" for n in (0, 30)]
    for number, path in enumerate(frames):
        draw(source / path, 200 + number)
    stolen = "frames/EgoPet/v9/frames/ii_q2/frame_0.jpg"
    (source / stolen).parent.mkdir()
    shutil.copy(project / "release" / TEST_FRAMES[4], source / stolen)
    text = COUNT + "\n" + "\n".join(OPTIONS)
    rows = [
        {"messages": [{"role": "user", "content": "<image>" * len(images) + text},
                      {"role": "assistant", "content": "A"}], "images": images, "domain": "animal"}
        for images in (frames, [stolen])
    ]  # fmt: skip
    (source / "train.json").write_text(json.dumps(rows))
    cli("build", "egocross_support", "--src", source, "--for", "sft", code=1)
    [dropped] = read_jsonl(project / "datasets/egocross_support/dropped.jsonl")
    assert (
        dropped["row"] == 2
        and "byte for byte" in dropped["reason"]
        and "the owners of the test ask not to train on it" in dropped["reason"]
    )
    assert len(list(read_jsonl(project / "datasets/egocross_support/sft.jsonl"))) == 1


def test_frames_are_unpacked_before_anything_is_refused(project: Path) -> None:
    """Without its frames nobody knows whether a row is a test's or asks the same about another clip."""
    source = project / "support"
    frames = [f"frames/EgoPet/v9/frames/ii_q1/frame_{n}.jpg" for n in (0, 30)]
    text = "<image><image>" + COUNT + "\n" + "\n".join(OPTIONS)
    turns = [{"role": "user", "content": text}, {"role": "assistant", "content": "A"}]
    source.mkdir()
    (source / "train.json").write_text(json.dumps([{"messages": turns, "images": frames, "domain": "animal"}]))
    (source / "frames.zip").touch()
    said = " ".join(cli("build", "egocross_support", "--src", source, "--for", "sft", code=1).split())
    assert "train.json: row 1: a test asks this in the same words" in said and "unpack the frames first" in said
    assert f"unzip -n {source}/frames.zip -d {source}" in said
    assert not (project / "datasets/egocross_support/sft.jsonl").exists()
    assert "unpack the frames first" in refused_by_its_words(train(project, asked=SAME, images=["gone.jpg"]))
    for number, path in enumerate(frames):
        draw(source / path, 200 + number)
    cli("build", "egocross_support", "--src", source, "--for", "sft")


def refused_by_its_words(path: Path) -> str:
    with pytest.raises(guard.FramesMissing) as caught:
        guard.refuse(find(str(path), Path("none")), guard.load(Path("datasets")))
    return str(caught.value)


def test_registering_and_checking_refuse_them_too(project: Path) -> None:
    train(project, asked=SAME)
    entry = {"file_name": "train.json", "formatting": "sharegpt", "columns": {"messages": "messages"}}
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    (project / "dataset_info.json").write_text(json.dumps({"mine": entry | {"tags": tags}}))
    before = (project / "dataset_info.json").read_bytes()
    assert "row 1: question and options are those of a test set" in cli("register", code=1).replace("\n", " ")
    assert (project / "dataset_info.json").read_bytes() == before
    checked = json.loads(cli("check", "mine", "--json", "--workers", 1, code=1))
    assert "test-set" in json.dumps(checked) and "the owners of the test ask" in json.dumps(checked)


def test_a_broken_guard_file_is_an_error_and_not_an_open_door(project: Path) -> None:
    (project / "datasets/egocross_test/guard.json").write_text('{"names": []}')
    with pytest.raises(UserError, match="build the test set again"):
        guard.load(Path("datasets"))


def test_a_test_set_without_its_frames_is_guarded_by_words_and_names(project: Path) -> None:
    shutil.rmtree(project / "release/egocross_testbed/EgoPet")
    output = cli("build", "egocross_test", "--src", "release")
    assert "the guard does not know them" in output.replace("\n", " ")
    assert refused(train(project, asked=SAME)) is not None


def test_questions_carry_their_names(project: Path) -> None:
    question = Question(
        id="184", question="?", options={"A": "1", "B": "2"}, answer="A", data_source="egocross", split="test"
    )
    assert "egocross/184" in str(guard.load(Path("datasets")).why_question(question, project))
