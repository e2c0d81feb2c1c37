"""A run over a data set: what is found is kept, what cannot be read is listed, what was begun otherwise is refused."""

import json

import pytest
from typer.testing import CliRunner

from firsthand import files
from firsthand.cli import app
from firsthand.errors import UserError
from firsthand.selection import region_file
from firsthand.selection.regions.find import find_all
from firsthand.selection.regions.finders import Centre
from firsthand.selection.regions.shown import read_shown

from .conftest import draw, question


def run(data, out, finder=None, settings=None):
    return find_all(
        read_shown(data), finder or Centre(), lambda row: row.pictures(data.parent, 16, 2.0), out,
        settings or {"finder": "centre"}, lambda done, total: None,
    )  # fmt: skip


class Killed(Centre):
    """Ends with its second row, as a kill would; counts the rows that it is asked."""

    def __init__(self, after: int) -> None:
        self.after, self.asked = after, []

    def find(self, row, pictures):
        if len(self.asked) == self.after:
            raise KeyboardInterrupt
        self.asked.append(row.id)
        return super().find(row, pictures)


def test_a_killed_run_goes_on_where_it_was_and_ends_as_if_it_had_not_been_killed(data, tmp_path):
    out, whole = tmp_path / "regions.jsonl", tmp_path / "whole.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run(data, out, Killed(after=1))
    assert not out.exists()
    again = Killed(after=9)
    assert run(data, out, again).resumed == 1 and again.asked == ["clip"]
    run(data, whole)
    assert out.read_bytes() == whole.read_bytes()
    assert run(data, out, Killed(after=0)).resumed == 2


def test_other_settings_or_another_question_under_the_same_name_are_refused(data, tmp_path):
    out = tmp_path / "regions.jsonl"
    run(data, out)
    with pytest.raises(UserError, match=r"was begun with .*use another --out"):
        run(data, out, settings={"finder": "random"})
    data.write_text(data.read_text().replace("which colour ?", "which one ?"))
    with pytest.raises(UserError, match="has changed since"):
        run(data, out)


def test_what_cannot_be_read_is_listed_and_tried_again(data, tmp_path):
    out = tmp_path / "regions.jsonl"
    kept = (data.parent / "still.png").read_bytes()
    (data.parent / "still.png").write_bytes(b"no picture")
    (data.parent / "second.png").unlink()
    result = CliRunner().invoke(app, ["select", "regions", str(data), "--finder", "centre", "--out", str(out)])
    assert result.exit_code == 1 and "2 rows have no readable pictures" in result.output
    listed = {row["id"]: row["why"] for row in files.read_jsonl(f"{out}.missing.jsonl")}
    assert "not a readable image" in listed["still"] and "no such file" in listed["clip"]
    assert region_file.read(out) == {}
    (data.parent / "still.png").write_bytes(kept)
    draw(data.parent / "second.png")
    result = CliRunner().invoke(app, ["select", "regions", str(data), "--finder", "centre", "--out", str(out)])
    assert result.exit_code == 0 and region_file.read(out).keys() == {"still", "clip"}
    assert not (tmp_path / "regions.jsonl.missing.jsonl").exists()
    page = (tmp_path / "regions.html").read_text()
    assert page.count("data:image/jpeg") == 3 and "which colour ?" in page


def test_frames_that_are_looked_at_are_spread_over_the_row_and_keep_their_places(data, tmp_path):
    paths = [f"f{n}.png" for n in range(9)]
    for path in paths:
        draw(data.parent / path)
    data.write_text(json.dumps({**question("long", paths).model_dump(exclude_defaults=True), "letters": "AB"}) + "\n")
    found = find_all(
        read_shown(data), Centre(), lambda row: row.pictures(data.parent, 3, 2.0), tmp_path / "out.jsonl",
        {}, lambda done, total: None,
    )  # fmt: skip
    assert found.regions[0].frames == (0, 4, 8) and found.regions[0].size == (128, 96)


@pytest.mark.parametrize(("given", "said"), [
    (["--finder", "clip_grid"], "needs --model"),
    (["--finder", "precomputed"], "needs --from"),
    (["--finder", "clip_grid", "--model", "models/none"], "models/none: no such folder"),
    (["--finder", "clip_grid", "--model", "tests"], "cannot be loaded as CLIP or SigLIP"),
    (["--finder", "centre", "--label", "order"], "no row with the label order"),
])  # fmt: skip
def test_a_mistake_in_the_options_is_told(data, tmp_path, given, said):
    result = CliRunner().invoke(app, ["select", "regions", str(data), "--out", str(tmp_path / "o.jsonl"), *given])
    assert result.exit_code == 1 and said in " ".join(result.output.split())
