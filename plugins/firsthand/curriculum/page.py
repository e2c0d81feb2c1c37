"""One page of a curriculum: S over the steps, and the words of the questions that entered and left."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from firsthand.files import write_text
from firsthand.html.render import render
from firsthand.llm.messages import Text
from firsthand.selection.pool import Row

if TYPE_CHECKING:
    from firsthand.curriculum.loop import Loop

SHOWN, WIDTH, HEIGHT = 12, 640, 160


def write(loop: "Loop") -> None:
    words = _words(loop)
    updates = [
        update
        | {side: [words[id] for id in update[side][:SHOWN]] for side in ("entered", "left")}
        | {f"{side}_count": len(update[side]) for side in ("entered", "left")}
        for update in loop.updates
    ]
    page = render(
        Path(__file__).with_name("page.html.jinja"),
        title=f"{loop.recipe.out.name}: {loop.number} rounds, {len(updates)} updates",
        lines={name: _points(loop, name) for name in ("stagnation", "accuracy")},
        threshold=HEIGHT * (1 - loop.recipe.stagnation.share),
        marks=[update["step"] / loop.recipe.total_steps * WIDTH for update in updates],
        history=loop.stagnation.history,
        updates=updates,
        loop=loop,
        width=WIDTH,
        height=HEIGHT,
    )
    write_text(loop.recipe.out / "curriculum.html", page)


def _points(loop: "Loop", name: str) -> str:
    total = loop.recipe.total_steps
    seen = [one for one in loop.stagnation.history if name in one]
    return " ".join(f"{one['step'] / total * WIDTH:.1f},{HEIGHT * (1 - one[name]):.1f}" for one in seen)


def _words(loop: "Loop") -> dict[str, str]:
    """Of the rows that the page names."""
    named: set[str] = {id for update in loop.updates for side in ("entered", "left") for id in update[side][:SHOWN]}
    return {row.id: _said(row) for row in loop.pool if row.id in named} if named else {}


def _said(row: Row) -> str:
    last: Any = row.asked.messages[-1].content if row.asked else ""
    text = last if isinstance(last, str) else "".join(part.text for part in last if isinstance(part, Text))
    return text.splitlines()[0] if text else row.id
