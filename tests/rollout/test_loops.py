"""An agent outside veRL runs within the limits that its training had, read from the same file."""

from pathlib import Path

import pytest

from firsthand.errors import UserError
from firsthand.files import read_yaml, write_text
from firsthand.recipe.kind import detect
from firsthand.rollout.agent import Limits
from firsthand.rollout.loop_file import read_loop
from firsthand.tools.protocol import Budget

RECIPES = Path(__file__).parents[2] / "recipes"


def test_every_agent_recipe_can_be_read() -> None:
    paths = [path for path in RECIPES.rglob("*.yaml") if detect(read_yaml(path)) == "verl agent loops"]
    assert len(paths) >= 5
    for path in paths:
        for entry in filter(lambda entry: "toolbox" in entry, read_yaml(path)):  # T-GRPO's loop has no tools
            assert read_loop(path, entry["name"]).toolbox == Path(entry["toolbox"]), path


def test_what_a_loop_says_and_what_it_leaves_to_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    write_text(path, "- {name: a, dialect: native, toolbox: t.yaml, turns: 4, budget: {tokens: 160}}\n")
    loop = read_loop(path, "a")
    assert (loop.dialect, loop.toolbox, loop.limits()) == ("native", Path("t.yaml"), Limits(turns=4))
    assert loop.budget == Budget(tokens=160) and loop.limits(2, 5.0) == Limits(turns=2, seconds=5.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {name: b, dialect: native}", "one loop named 'a' is needed; it has b"),
        ("- {name: a, dialect: native}\n- {name: a, dialect: native}", "it has a, a"),
        ("name: a", "a list of agent loops"),
        ("- {name: a, dialect: esperanto}", "loop a: dialect"),
        ("- {name: a, dialect: native, turn: 4}", "loop a: turn: Extra inputs"),
        ("- {name: a, dialect: native, budget: {tokens: many}}", "budget.tokens"),
        ("- [", "agent.yaml"),
    ],
)
def test_files_that_say_no_loop(tmp_path: Path, text: str, said: str) -> None:
    write_text(tmp_path / "agent.yaml", text)
    with pytest.raises(UserError, match=said):
        read_loop(tmp_path / "agent.yaml", "a")
