"""What a training file and its test share is found, and nothing else."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from firsthand.data.leaks import compare as leaks
from firsthand.data.leaks.image_hash import BITS, image_hash, near
from firsthand.data.read import data_file

from .conftest import asked, trained
from .test_command import firsthand


def photo(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(6):
        photo(number).save(tmp_path / f"{number}.png")
    photo(0, (200, 150)).save(tmp_path / "small.jpg", quality=60)
    Image.new("RGB", (64, 64)).save(tmp_path / "black.png")
    Image.new("RGB", (64, 64), "white").save(tmp_path / "white.png")
    return tmp_path


def found(folder: Path, train: list[dict], test: list[dict], distance: int = 10) -> list[leaks.Leak]:
    (folder / "train.json").write_text(json.dumps(train))
    (folder / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in test))
    facts = [
        leaks.facts(data_file.find(str(folder / name), folder), 1, lambda done, total: None)
        for name in ("train.json", "test.jsonl")
    ]
    assert not any(one.unread for one in facts)
    return list(leaks.compare(facts[0], facts[1], distance))


def image(name: str) -> dict[str, str]:
    return {"type": "image", "image": name}


def test_nothing_is_shared(folder: Path) -> None:
    train = [trained("<image>what is it ?\nA. a\nB. b", images=["0.png"], id="a", identity="A1")]
    assert found(folder, train, [asked(image("1.png"), id="b", identity="A1")]) == []


@pytest.mark.parametrize(
    ("train", "test", "kind"),
    [
        ({"id": "same"}, {"id": "same"}, "id"),
        ({"extra_info": {"id": "same"}}, {"id": "same"}, "id"),
        ({"vid_id": "videos/a/0001.mp4"}, {"video_path": "/x/a/0001.avi"}, "video"),
        (
            {"identity": "A1_JAKE", "query_time": "DAY1_11200000"},
            {"identity": "A1_JAKE", "query_time": "DAY1_11300000", "target_time": "DAY1_11100000-DAY1_11250000"},
            "time",
        ),
    ],
)
def test_what_a_row_says_of_itself(folder: Path, train: dict, test: dict, kind: str) -> None:
    rows = [trained("other ?"), trained("one ?", **train)]
    [leak] = found(folder, rows, [asked(**{"id": "q"} | test)])
    assert leak[:3] == (kind, 2, 1)


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ({"identity": "A1_JAKE", "query_time": "DAY1_11200000"}, {"identity": "A2", "query_time": "DAY1_11200000"}),
        (
            {"identity": "A1_JAKE", "query_time": "DAY1_11200000"},
            {"identity": "A1_JAKE", "query_time": "DAY1_11200100"},
        ),
        ({"vid_id": "a/0001.mp4"}, {"video_path": "b/0001.mp4"}),
    ],
)
def test_what_only_seems_shared(folder: Path, train: dict, test: dict) -> None:
    assert found(folder, [trained("one ?", **train)], [asked(id="q", **test)]) == []


def test_times_of_clips(folder: Path) -> None:
    clip = "DAY1_A1_JAKE_11200000"
    photo(9).save(folder / f"{clip}_100.png")
    rows = [trained("<image>one ?", images=[f"{clip}_100.png"])]
    [leak] = found(folder, rows, [asked(identity="A1_JAKE", query_time="DAY1_11202000")])
    assert (leak.kind, leak.what) == ("time", "A1_JAKE DAY1_11202000-DAY1_11202000")


def test_the_same_question_in_other_spelling(folder: Path) -> None:
    row = trained("Which thing do I  HOLD?\n(A) The book.\n(B) the cup")
    assert [leak[:3] for leak in found(folder, [row], [asked()])] == [("question", 1, 1)]
    assert leaks.question_key("What?", ["a", "b"]) != leaks.question_key("What?", ["a", "c"])


def test_frames_that_look_alike(folder: Path) -> None:
    train = [trained("<image>a ?", images=["1.png"]), trained("<video>b ?", videos=[["2.png", "small.jpg"]])]
    train.append(trained("<image>c ?", images=["black.png"]))
    test = [asked(image("5.png"), id="a"), asked(image("0.png"), id="b"), asked(image("white.png"), id="c")]
    assert [leak[:3] for leak in found(folder, train, test)] == [("frame", 2, 2)]
    assert found(folder, train, test, distance=0) == []


def test_frames_that_cannot_be_compared_are_said(folder: Path) -> None:
    (folder / "train.json").write_text(json.dumps([trained("<image>a ?", images=["gone.png"]), 7]))
    (folder / "test.jsonl").write_text(json.dumps(asked()))
    code, said = firsthand("leaks", folder / "train.json", folder / "test.jsonl", "--workers", 1)
    assert code == 1
    assert "not compared row 1: gone.png" in said
    assert "not compared row 2: the row is not a JSON object" in said


def test_the_command(folder: Path) -> None:
    found(folder, [trained("<image>a ?", images=["0.png"], id="x")], [asked(image("0.png"), id="x")])
    words = ("leaks", folder / "train.json", folder / "test.jsonl", "--workers", 1)
    code, said = firsthand(*words)
    assert (code, "1 pairs  the same question id (id)" in said) == (1, True)
    code, said = firsthand(*words, "--json", "--ignore", "id")
    assert (code, [leak["kind"] for leak in json.loads(said)["leaks"]]) == (1, ["frame"])
    code, said = firsthand(*words, "--ignore", "id", "--ignore", "frame")
    assert code == 0


def test_a_hash_survives_what_happens_to_frames(folder: Path) -> None:
    value = image_hash(folder / "0.png")
    assert value is not None
    for quality, size in ((95, (320, 240)), (40, (320, 240)), (80, (160, 120)), (80, (640, 480))):
        photo(0).resize(size).save(folder / "again.jpg", quality=quality)
        again = image_hash(folder / "again.jpg")
        assert again is not None
        assert (value ^ again).bit_count() <= 10
    others = [image_hash(folder / f"{number}.png") for number in range(1, 6)]
    assert all((value ^ other).bit_count() > 40 for other in others if other is not None)
    assert image_hash(folder / "black.png") is None


@settings(max_examples=60)
@given(seed=st.integers(0, 10**6), distance=st.integers(0, 24), few=st.integers(0, 40))
def test_every_near_pair_and_no_other(seed: int, distance: int, few: int) -> None:
    rng = random.Random(seed)
    centres = [rng.getrandbits(BITS) for _ in range(4)]

    def close(centre: int) -> int:
        for bit in rng.sample(range(BITS), rng.randrange(20)):
            centre ^= 1 << bit
        return centre

    ours, theirs = ([close(rng.choice(centres)) for _ in range(count)] for count in (few, 60))
    wanted: list[list[Any]] = [
        [i, j] for i, a in enumerate(ours) for j, b in enumerate(theirs) if (a ^ b).bit_count() <= distance
    ]
    assert near(ours, theirs, distance).tolist() == wanted
