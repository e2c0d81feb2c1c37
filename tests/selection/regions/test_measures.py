"""How good regions and names are, by hand; embeddings on disk."""

import numpy as np
import pytest

from firsthand.errors import UserError
from firsthand.selection.region_file import Region
from firsthand.selection.regions.calibrate import auc, calibrate, youden
from firsthand.selection.regions.crops import crops, embedded
from firsthand.selection.regions.measure import measured
from firsthand.selection.regions.shown import read_shown
from firsthand.similarity import Vectors


def region(name: str, *boxes, crop=None) -> Region:
    return Region(id=name, finder="x", size=(128, 96), frames=tuple(range(len(boxes))), boxes=boxes, crop=crop)


def test_regions_are_measured_frame_by_frame_then_row_by_row():
    """Row a: the same box, and nothing found. Row b: moved by half of its side, so 1/3 is shared and the centre lies on
    the edge that belongs to the box. Row c has no true box; row d was not looked at."""
    truth = {"a": region("a", (0, 0, 10, 10), (0, 0, 10, 10)), "b": region("b", (0, 0, 10, 10)), "c": region("c", None)}
    truth["d"] = region("d", (0, 0, 10, 10))
    found = {"a": region("a", (0, 0, 10, 10), None), "b": region("b", (-5, 0, 5, 10)), "c": region("c", (0, 0, 9, 9))}
    done = measured(found, truth)
    assert done.n == 2
    assert done.means == pytest.approx(((0.5 + 1) / 2, (0.5 + 1) / 2, (0.5 + 1 / 3) / 2, (0.5 + 0) / 2))
    assert done.intervals[0][0] == 0.5 and done.intervals[0][1] == 1.0


def test_threshold_and_area_under_the_curve_by_hand():
    right, wrong = np.array([0.9, 0.8, 0.4]), np.array([0.5, 0.3, 0.2, 0.1])
    # above 0.45: 2/3 of the right and 1/4 of the wrong, 0.42; above 0.35: 1 and 1/4, 0.75; above 0.65: 2/3 and 0
    assert youden(right, wrong) == pytest.approx(0.35)
    assert auc(right, wrong) == pytest.approx((4 + 4 + 3) / 12)
    assert auc(np.array([0.5]), np.array([0.5])) == 0.5
    assert youden(np.array([0.9, 0.8]), np.array([0.1, 0.2])) == pytest.approx(0.5), "the middle of the gap"


def test_calibration_on_crops_whose_name_is_known(colours):
    """Three crops, each its own colour and nothing else: right names have cosine 1, wrong ones 0."""
    vectors = Vectors("colours", dict(zip("abc", np.eye(3), strict=True)))
    names = dict(zip("abc", ("red", "green", "blue"), strict=True))
    found = calibrate(vectors, names, colours, ["red"])
    assert (found.threshold, found.right_above, found.wrong_above, found.auc) == (0.5, 1.0, 0.0, 1.0)
    assert found.generic == {"red": pytest.approx(1 / 3)} and found.best_is_right == 1.0
    assert found.lists[1] == pytest.approx(1 / 3, abs=0.06) and found.lists[2] == pytest.approx(2 / 3, abs=0.06)
    with pytest.raises(UserError, match="1 names: at least two"):
        calibrate(vectors, {"a": "red"}, colours, [])


def test_embeddings_are_of_the_crops_and_come_back_from_disk(data, tmp_path, colours):
    """The crop is the right half of the square's frame in one row; the other row has no region."""
    rows, missing = read_shown(data), {}
    regions = {"clip": region("clip", None, (70, 50, 101, 81), crop=(1, (70, 50, 101, 81)))}
    found = crops(rows, regions, lambda row: row.pictures(data.parent, 16, 2.0), missing)
    vectors = embedded(colours, found, lambda done: None)
    assert missing == {"still": "no region"} and vectors.of["clip"].tolist() == pytest.approx([1, 0, 0])
    vectors.write(tmp_path / "v.npz")
    back = Vectors.read(tmp_path / "v.npz")
    assert back.model == "colours" and back.of["clip"].tolist() == vectors.of["clip"].tolist()
    (tmp_path / "other.npz").write_bytes(b"nothing of ours")
    with pytest.raises(UserError, match="not a file of `firsthand select embed`"):
        Vectors.read(tmp_path / "other.npz")


def test_a_region_of_other_frames_gives_no_crop(data):
    missing: dict[str, str] = {}
    regions = {"still": region("still", (0, 0, 5, 5), crop=(0, (0, 0, 5, 5))).model_copy(update={"size": (9, 9)})}
    found = list(
        crops({"still": read_shown(data)["still"]}, regions, lambda row: row.pictures(data.parent, 16, 2.0), missing)
    )
    assert found == [] and "other frames" in missing["still"]
