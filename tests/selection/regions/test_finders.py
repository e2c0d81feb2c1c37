"""Finders on pictures whose contents are known."""

from pathlib import Path

import numpy as np
import pytest

from firsthand.errors import UserError
from firsthand.selection.region_file import Region
from firsthand.selection.regions import boxes
from firsthand.selection.regions.clip_grid import ClipGrid, text_of
from firsthand.selection.regions.detector import Seen, chosen
from firsthand.selection.regions.finders import Centre, Precomputed, Random
from firsthand.selection.regions.shown import Shown, read_shown

from .conftest import draw, question


def shown(folder: Path, *squares, **more) -> tuple[Shown, object]:
    draw(folder / "frame.png", *squares)
    row = Shown(question("one", ["frame.png"], **more))
    return row, row.pictures(folder, 16, 2.0)


def test_windows_cover_the_frame_to_its_edges_and_overlap_by_half_or_more():
    tried = boxes.windows((128, 96), (0.45,))  # side 43.2, steps of at most 21.6: 5 places in a row, 4 rows
    assert len(tried) == 20 and len(boxes.windows((128, 96))) == 80
    assert tried[:, :2].min() == 0 and tried[:, 2].max() == 128 and tried[:, 3].max() == 96
    assert np.allclose(tried[:, 2] - tried[:, 0], 43.2, atol=1e-4)
    assert max(np.diff(np.unique(tried[:, 0])).max(), np.diff(np.unique(tried[:, 1])).max()) <= 21.6


def test_iou():
    """Two squares of 10, moved by 5: 50 of 150. Moved by 10: nothing."""
    found = boxes.iou(np.array([0, 0, 10, 10]), np.array([[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10]]))
    assert found.tolist() == pytest.approx([1.0, 1 / 3, 0.0])


def test_the_grid_finds_what_the_text_names(tmp_path, colours):
    row, pictures = shown(tmp_path, ("red", (10, 10, 40, 40)), ("green", (80, 50, 120, 90)))
    for text, inside in (("{answer}", (10, 10, 40, 40)), ("green", (80, 50, 120, 90))):
        found = ClipGrid(colours, text, prior=0.0).find(row, pictures)
        [box] = found.boxes
        other = {"{answer}": (80, 50, 120, 90), "green": (10, 10, 40, 40)}[text]
        assert boxes.iou(np.array(box), np.array([inside]))[0] > 0 == boxes.iou(np.array(box), np.array([other]))[0]
        assert found.crop == (0, box)


def test_of_two_that_are_alike_the_prior_takes_the_lower_one_and_the_margin_says_how_sure(tmp_path, colours):
    row, pictures = shown(tmp_path, ("red", (0, 0, 60, 40)), ("red", (60, 55, 127, 95)))
    undecided = ClipGrid(colours, "red", prior=0.0).find(row, pictures)
    assert undecided.margin == pytest.approx(0.0, abs=1e-6), "both squares are red and nothing else"
    lower = ClipGrid(colours, "red", prior=0.5).find(row, pictures)
    assert boxes.centre(lower.boxes[0])[1] > 55
    # the lowest window (centre at 96 - 14.4) against the lowest of those that share less than a tenth with it
    assert lower.margin is not None and 0 <= lower.margin < 0.1


def test_the_crop_is_of_the_frame_that_shows_it_best(data, colours):
    row = read_shown(data)["clip"]
    found = ClipGrid(colours, "green", prior=0.0).find(row, row.pictures(data.parent, 16, 2.0))
    assert found.crop and found.crop[0] == 0 and len(found.boxes) == 2  # only the first frame has green


def test_a_text_without_its_value_or_with_an_unknown_one_is_told(tmp_path):
    row = Shown(question("one", ["frame.png"], answer=None, labels={"held": None}))
    for text, said in (("{answer}", "no answer"), ("{held}", "no held"), ("{thing}", "no 'thing'; a row has")):
        with pytest.raises(UserError, match=said):
            text_of(row, text)
    assert text_of(row, "{question}") == "which colour ?"


def test_centre_and_random_windows(tmp_path):
    row, pictures = shown(tmp_path)
    [box] = Centre().find(row, pictures).boxes
    assert box == pytest.approx((64 - 21.6, 48 - 21.6, 64 + 21.6, 48 + 21.6))
    drawn = Random().find(row, pictures)
    assert drawn == Random().find(row, pictures) and drawn.boxes[0][2] <= 128.0
    others = {Random().find(Shown(question(f"row {n}", ["frame.png"])), pictures).boxes for n in range(20)}
    assert len(others) > 5


def test_regions_of_another_are_taken_as_they_are_or_refused(tmp_path):
    row, pictures = shown(tmp_path)
    known = Region(id="one", finder="x", size=(128, 96), frames=(0,), boxes=((1, 2, 3, 4),), crop=(0, (1, 2, 3, 4)))
    assert Precomputed({"one": known}).find(row, pictures) == (((1, 2, 3, 4),), (0, (1, 2, 3, 4)), None)
    for changed, said in (({"size": (64, 48)}, "frames of"), ({"frames": (3,)}, "no box for its frame 0")):
        with pytest.raises(UserError, match=said):
            Precomputed({"one": known.model_copy(update=changed)}).find(row, pictures)
    with pytest.raises(UserError, match="does not know the row"):
        Precomputed({}).find(row, pictures)


def test_a_detector_joins_the_hand_with_the_thing_that_it_touches():
    hand, far = Seen(0.9, (0, 0, 10, 10), True), Seen(0.95, (50, 50, 60, 60), True)
    held, lying = Seen(0.5, (5, 5, 20, 20), False), Seen(0.8, (30, 30, 40, 40), False)
    [best] = chosen([lying, hand, held, far])
    assert best.box == (0, 0, 20, 20) and best.score == pytest.approx(0.45)
    assert chosen([lying, far])[0] is far, "no pair: the surest hand"
    assert chosen([lying, held])[0] is lying, "no hand: the surest thing"
    assert chosen([]) == []
