"""One page of a curriculum: S over the steps, and the words of the questions that entered and left."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from firsthand.files import write_text
from firsthand.html.render import render
from firsthand.llm.messages import Text
from firsthand.selection.pool import Row

if TYPE_CHECKING:
    from firsthand.curriculum.curriculum import Curriculum

SHOWN, WIDTH, HEIGHT = 12, 640, 160


def write(curriculum: "Curriculum") -> None:
    words = _words(curriculum)
    updates = [
        update
        | {side: [words[id] for id in update[side][:SHOWN]] for side in ("entered", "left")}
        | {f"{side}_count": len(update[side]) for side in ("entered", "left")}
        for update in curriculum.updates
    ]
    page = render(
        Path(__file__).with_name("page.html.jinja"),
        title=f"{curriculum.recipe.out.name}: {len(curriculum.stagnation.history)} probings, {len(updates)} updates",
        lines={name: _points(curriculum, name) for name in ("stagnation", "accuracy")},
        threshold=HEIGHT * (1 - curriculum.recipe.stagnation.share),
        marks=[update["step"] / curriculum.recipe.total_steps * WIDTH for update in updates],
        history=curriculum.stagnation.history,
        updates=updates,
        curriculum=curriculum,
        width=WIDTH,
        height=HEIGHT,
    )
    write_text(curriculum.recipe.out / "curriculum.html", page)


def _points(curriculum: "Curriculum", name: str) -> str:
    total = curriculum.recipe.total_steps
    seen = [one for one in curriculum.stagnation.history if name in one]
    return " ".join(f"{one['step'] / total * WIDTH:.1f},{HEIGHT * (1 - one[name]):.1f}" for one in seen)


def _words(curriculum: "Curriculum") -> dict[str, str]:
    """Of the rows that the page names."""
    named: set[str] = {
        id for update in curriculum.updates for side in ("entered", "left") for id in update[side][:SHOWN]
    }
    return {row.id: _said(row) for row in curriculum.pool if row.id in named} if named else {}


def _said(row: Row) -> str:
    last: Any = row.asked.messages[-1].content if row.asked else ""
    text = last if isinstance(last, str) else "".join(part.text for part in last if isinstance(part, Text))
    return text.splitlines()[0] if text else row.id
