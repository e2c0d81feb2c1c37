"""The filter language: what it means, and that nothing but it is read."""

import json
from pathlib import Path

import pytest

from firsthand.errors import UserError
from firsthand.selection.expressions import Expression, Unknown
from firsthand.selection.filtering import filtered, write

ROW = {"full": 0.6, "blind": 0.2, "masked": None, "label": "scene", "kept": True, "n": 3}


@pytest.mark.parametrize(
    "text, value",
    [
        ("0 < full < 1 and full - blind > 0.1", True),
        ("0 < full < 0.6", False),
        ("not (full > blind)", False),
        ("full == 0.6 or masked > 0", True),  # the second is not read
        ("label in ('scene', 'prior')", True),
        ("label not in ['scene']", False),
        ("abs(blind - full) >= 0.4 and max(full, blind) < 1 and round(full) == 1", True),
        ("-full < 0 and n * 2 / 3 == 2 and n + 1 - 4 == 0", True),
        ("kept", True),
    ],
)
def test_means_what_it_says(text: str, value: bool) -> None:
    assert Expression(text)(ROW) is value


@pytest.mark.parametrize(
    "text",
    [
        *(
            "__import__('os')",
            "full.real",
            "(lambda: 1)()",
            "[x for x in label]",
            "full if kept else blind",
            "full ** 9",
        ),
        *("label[0]", "f'{full}'", "max(full, key=abs)", "open('x')", "full := 1", "", "1 +", "(" * 300 + ")" * 300),
        *("None", "b'x'", "1j", "{1: 2}", "full // 2", "~n", "max(*label)", "x" * 3000, "full is kept"),
    ],
)
def test_nothing_else_is_read(text: str) -> None:
    with pytest.raises(UserError):
        Expression(text)(ROW)


def test_what_makes_no_sense_is_a_message() -> None:
    for text, why in (("label > 1", "not supported"), ("full / 0 > 1", "zero"), ("label * 9 == 1", "not both numbers")):
        with pytest.raises(UserError, match=why):
            Expression(text)(ROW)
    with pytest.raises(Unknown, match="masked"):
        Expression("masked > 0")(ROW)
    with pytest.raises(UserError, match="no row has a key `ful`; did you mean `full`"):
        Expression("ful > 0").check(set(ROW))


def test_a_scores_file_of_others_is_filtered_and_rows_are_taken_by_id(tmp_path: Path, pool: Path) -> None:
    scores = tmp_path / "scores.jsonl"
    rows = [{"id": f"q{n}", "full": n / 40 if n else None, "stopped_early": n == 3} for n in range(40)]
    scores.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = filtered(scores, "full < 0.1")
    assert [row["id"] for row in found.kept] == ["q1", "q2", "q3"]
    assert (found.rows, found.unknown, found.early) == (40, {"full": 1}, 1)
    out = tmp_path / "some.jsonl"
    assert write(found, scores, pool / "pool.jsonl", out) == 3
    assert out.read_text().splitlines() == (pool / "pool.jsonl").read_text().splitlines()[1:4]
    with pytest.raises(UserError, match=r"name it \*\.parquet"):
        write(found, scores, pool / "pool.parquet", out)
    with pytest.raises(UserError, match="is one of the files that are read"):
        write(found, scores, None, scores)
