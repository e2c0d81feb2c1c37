"""Frames: the caps always hold, order and times stay, and what is sent is what training saw."""

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from firsthand.errors import UserError
from firsthand.evals.single_turn.frames import Budget, choose, count, fit
from firsthand.media.reading import read_image
from firsthand.question import Question

BUDGET = Budget(max_tokens=1000, max_pixels=64 * 64, min_pixels=32 * 32, factor=32)  # 4 tokens a frame of 64 x 64


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(9):
        Image.new("RGB", (64, 64), (number * 20, 0, 0)).save(tmp_path / f"{number}.png")
    return tmp_path


def asked(frames: int = 9, **changes: object) -> Question:
    names = [f"{number}.png" for number in range(frames)]
    fields = {"images": names, "times": [2.0 * n for n in range(frames)]} | changes
    return Question(
        id="q", question="?", options={"A": "1", "B": "2"}, answer=None, data_source="x", split="test", **fields
    )


@given(st.integers(1, 100), st.sampled_from(["uniform", "tail", "full"]), st.integers(1, 40))
def test_a_policy_keeps_order_and_limit(total: int, policy, limit: int) -> None:
    chosen = choose(total, policy, limit)
    assert chosen == sorted(set(chosen)) and set(chosen) <= set(range(total))
    assert len(chosen) == (total if policy == "full" else min(total, limit))
    assert chosen[-1] == total - 1 and (len(chosen) == 1 or chosen[0] == 0)


def test_policies() -> None:
    assert choose(9, "uniform", 3) == [0, 4, 8]
    assert choose(20, "tail", 6) == [0, 8, 16, 17, 18, 19]


def test_times_stay_with_their_frames(root: Path) -> None:
    fitted = fit(asked(), root, "tail", 4, BUDGET)
    assert (fitted.images, fitted.times) == (["0.png", "6.png", "7.png", "8.png"], [0.0, 12.0, 14.0, 16.0])


@pytest.mark.parametrize("policy", ["uniform", "tail", "full"])
def test_the_cap_on_tokens_binds_every_policy(root: Path, policy) -> None:
    capped = Budget(max_tokens=14, max_pixels=64 * 64, min_pixels=1, factor=32)
    assert count(fit(asked(), root, policy, 9, capped)) == 3
    with pytest.raises(UserError, match="one frame costs 4 tokens, more than the 3"):
        fit(asked(), root, policy, 9, Budget(max_tokens=3, max_pixels=64 * 64, min_pixels=1, factor=32))


def test_a_frame_list_keeps_one_true_rate(root: Path) -> None:
    video = asked(images=[], times=[], video=[f"{n}.png" for n in range(9)], fps=0.5)
    fitted = fit(video, root, "uniform", 4, BUDGET)
    assert (fitted.video, fitted.fps) == (["0.png", "3.png", "6.png"], 0.5 / 3)


def test_a_frame_within_the_budget_is_sent_as_it_is(root: Path) -> None:
    assert BUDGET.read(root, "3.png") == ((root / "3.png").read_bytes(), "image/png")


@pytest.mark.parametrize("size", [(200, 100), (20, 10)])
def test_another_frame_has_the_size_that_training_gives_it(root: Path, size: tuple[int, int]) -> None:
    Image.effect_noise(size, 90).convert("RGB").save(root / "other.png")
    content, media_type = BUDGET.read(root, "other.png")
    wanted = read_image(root / "other.png", BUDGET.max_pixels, BUDGET.min_pixels)
    with Image.open(BytesIO(content)) as sent:
        assert media_type == "image/png" and sent.size == wanted.size and sent.tobytes() == wanted.tobytes()


def test_a_file_that_is_no_image_is_named(root: Path) -> None:
    (root / "0.png").write_text("not an image")
    with pytest.raises(UserError, match=r"0\.png: not a readable image"):
        fit(asked(), root, "full", 9, BUDGET)
