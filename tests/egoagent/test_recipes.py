"""Recipes of EgoAgent: a twin differs in model, sizes and paths only, and a mistake is named."""

import math
from pathlib import Path

import pytest
import yaml

from firsthand.egoagent.training.schedules import values
from firsthand.egoagent.training.settings import Schedule, read_recipe
from firsthand.errors import UserError
from firsthand.recipe.kind import detect

FOLDER = Path(__file__).parents[2] / "recipes/egoagent"
FULL = sorted(path.stem for path in FOLDER.glob("stage*.yaml"))
PATHS = {"output_dir", "start", "data.images", "data.clips"}
SIZES = {"batch.images", "batch.clips", "batch.micro_batches", "schedule.steps", "schedule.rounds",
         "schedule.learning_rate", "schedule.teacher_momentum", "keep.checkpoint_every", "keep.log_every"}  # fmt: skip
SMALL_WORLD = {"preset", "schedule.weight_decay", "schedule.decays", "schedule.floor",
               "schedule.last_teacher_momentum"}  # what the small world was measured to need  # fmt: skip
ON_CPU = {"machine.precision", "machine.cpu", "machine.workers"}


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch) -> None:
    monkeypatch.chdir(FOLDER.parents[1])


def leaves(config, prefix: str = "") -> dict:
    if not isinstance(config, dict):
        return {prefix: config}
    return {key: value for name in config for key, value in leaves(config[name], f"{prefix}.{name}".strip(".")).items()}


@pytest.mark.parametrize("name", FULL)
def test_a_twin_changes_model_sizes_and_paths_only(name: str) -> None:
    twin = f"tiny_{name.replace('1b', '300m')}"
    text, path = (FOLDER / f"{name}.yaml").read_text(), FOLDER / f"{twin}.yaml"
    assert f"recipes/egoagent/{twin}.yaml" in text and f"# Hardware: {16 if 'stage1' in name else ''}" in text
    full, tiny = (leaves(yaml.safe_load(one)) for one in (text, path.read_text()))
    changed = {key for key in full.keys() | tiny.keys() if full.get(key) != tiny.get(key)}
    views = {key for key in changed if key.startswith("views.")}
    assert changed - views <= PATHS | SIZES | SMALL_WORLD | ON_CPU | {"model"}, name
    assert full["output_dir"] != tiny["output_dir"]
    for one in (full, tiny):
        assert not [value for value in one.values() if isinstance(value, str) and value.startswith(("/", "~"))]


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*stage*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_is_read_and_stage_2_starts_where_stage_1_ends(path: Path) -> None:
    recipe = read_recipe(path)
    assert detect(yaml.safe_load(path.read_text())) == "egoagent"
    if recipe.joint:
        assert recipe.start == read_recipe(path.with_name(path.name.replace("stage2", "stage1"))).output_dir


def test_presets_keep_what_is_published_and_single_keys_win() -> None:
    path = FOLDER / "stage2_300m.yaml"
    published, ours = read_recipe(path).loss, read_recipe(path, ["preset=rounds"]).loss
    assert (published.teacher_temperature, published.act, published.pose_normalisation) == (0.04, 3, "none")
    assert (published.rep, published.pred) == (2, 1)
    assert published.late_act is None, "one weight from the first step to the last"
    assert (ours.teacher_temperature, ours.pose_normalisation) == (0.02, "train")
    assert (ours.rep, ours.pred, ours.act, ours.late_act) == (2, 2, 3, 30)
    assert read_recipe(path, ["loss.act=7"]).loss.act == 7


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("preset=paper", "'paper' is not one of published, rounds"),
        ("loss.teacher_temp=0.1", "loss.teacher_temp: Extra inputs"),
        ("schedule.steps=0", "schedule.steps: "),
        ("data.clips=null", "data.clips: stage 2 trains on clips"),
        ("seed.x=1", "seed is one value"),
        ("seed", "write key=value"),
    ],
)
def test_a_mistake_is_named(override: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        read_recipe(FOLDER / "stage2_300m.yaml", [override])
    assert message in str(error.value)


def test_schedules_by_hand() -> None:
    """100 steps, of which 10 warm up: rate 1 falls to 0.01, decay goes from 0.04 to 0.4, momentum from 0.99 to 1."""
    given = Schedule(steps=100, learning_rate=1, teacher_momentum=0.99)
    assert [values(given, step).learning_rate for step in (0, 4, 9, 10)] == pytest.approx([0.1, 0.5, 1, 1])
    assert values(given, 55).learning_rate == pytest.approx(0.01 + 0.99 / 2)
    assert values(given, 50).weight_decay == pytest.approx(0.22)
    assert values(given, 50).momentum == pytest.approx(0.995) and values(given, 0).momentum == pytest.approx(0.99)
    last = values(given, 99)
    assert last.learning_rate == pytest.approx(0.01, abs=1e-3) and math.isclose(last.momentum, 1, abs_tol=1e-5)
    kept = given.model_copy(update={"last_teacher_momentum": 0.99, "floor": 1})
    assert values(kept, 99).momentum == pytest.approx(0.99) and values(kept, 99).learning_rate == pytest.approx(1)
    assert [values(given, step).late for step in (0, 49, 50, 99)] == [False, False, True, True]
    assert values(given, 100) == values(given, 0), "a further round is like the first"
