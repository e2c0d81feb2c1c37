"""Recipes of EgoAgent: the key that is wrong is named, and what is read but not there."""

from pathlib import Path

from firsthand.doctor import recipes

ROOT = Path(__file__).parents[2]


def found(tmp_path: Path, monkeypatch, old: str, new: str) -> list[tuple[str, str | None, int | None]]:
    monkeypatch.chdir(ROOT)
    text = (ROOT / "recipes/egoagent/stage2_300m.yaml").read_text()
    assert old in text
    path = tmp_path / "stage2.yaml"
    path.write_text(text.replace(old, new))
    return [(one.rule, one.key, one.line) for one in recipes.check(path).findings]


def test_what_a_recipe_reads_must_be_there(tmp_path: Path, monkeypatch) -> None:
    rules = found(tmp_path, monkeypatch, "seed: 0", "seed: 0")
    assert [(rule, key) for rule, key, _ in rules] == [("RC007", key) for key in ("start", "data.images", "data.clips")]


def test_a_wrong_key_and_a_wrong_value_are_named(tmp_path: Path, monkeypatch) -> None:
    [one] = found(tmp_path, monkeypatch, "  warmup: 0.1", "  warm_up: 0.1")
    assert one[:2] == ("EA001", "schedule.warm_up")
    [one] = found(tmp_path, monkeypatch, "preset: published", "preset: paper")
    assert one[:2] == ("EA001", "preset")
