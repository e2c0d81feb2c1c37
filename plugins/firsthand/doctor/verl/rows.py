"""veRL: the first rows of the data against the recipe; veRL asserts on the first row that does not fit."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firsthand.doctor.media_size import Ruler
from firsthand.doctor.rows import Unreadable, count_rows, first_rows
from firsthand.doctor.verl.settings import uses_tools
from firsthand.findings import Finding, Place, rule
from firsthand.recipe import model_names, named_files
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.values import number

BAD_ROWS = rule(
    "VR028", "error", "rows that veRL cannot use", "A missing column or an unmatched <image> stops the run at that row."
)
TOO_LONG = rule(
    "VR029",
    "error",
    "prompts longer than max_prompt_length",
    "The media alone need more tokens; truncating them breaks the model.",
)
TOOLS_UNUSED = rule(
    "VR032",
    "error",
    "tools that are never called",
    "Rows go to single_turn_agent unless they, or the recipe, name another loop.",
)
UNSEEN = rule(
    "VR033", "info", "rows were not looked at", "The checks of columns, media and length did not run on this file."
)

NO_MEDIA = rule("VR034", "error", "media of the rows are missing", "veRL opens them in the middle of a rollout.")

FEWER_STEPS = rule(
    "VR045",
    "error",
    "more training steps than the rows give",
    "The run ends with its epochs: it looks well, and the checkpoint of its last step was never written.",
)

CAPS = {"image": 16384, "video": 768}  # most tokens of an image and of a frame, unless the row or the recipe says less
Row = dict[str, Any]
AGENT = "actor_rollout_ref.rollout.agent.default_agent_loop"


def check(chain: Chain) -> Iterator[Finding]:
    yield from _steps(chain)
    agents_named: set[bool] = set()
    for key in ("data.train_files", "data.val_files"):
        value = chain.get(key)
        for path in value if isinstance(value, list) else [value]:
            file = named_files.find(path) if isinstance(path, str) else None
            if file is None:
                continue
            try:
                rows = first_rows(file)
            except Unreadable as error:
                yield UNSEEN.at(chain.place(key), f"{path}: {error}", "check the file")
                continue
            agents_named |= {bool(row.get("agent_name")) for row in rows}
            yield from _columns(chain, chain.place(key), path, rows)
            yield from _placeholders(chain, chain.place(key), path, rows)
            yield from _media(chain, chain.place(key), path, rows)
    if uses_tools(chain) and chain.get(AGENT) in (None, "single_turn_agent") and agents_named != {True}:
        message = "tools are configured, but rows go to `single_turn_agent`"
        fix = "write `default_agent_loop: tool_agent`, or give rows an `agent_name`"
        yield TOOLS_UNUSED.at(chain.place(AGENT), message, fix)


def _steps(chain: Chain) -> Iterator[Finding]:
    named, batch = chain.get("data.train_files"), number(chain.get("data.train_batch_size"))
    wanted, epochs = number(chain.get("trainer.total_training_steps")), number(chain.get("trainer.total_epochs"))
    files = [
        named_files.find(path) for path in (named if isinstance(named, list) else [named]) if isinstance(path, str)
    ]
    counts = [count_rows(file) if file else None for file in files]
    if not counts or None in counts or not batch or not epochs or not wanted:
        return
    rows = sum(count or 0 for count in counts)
    if wanted > (given := int(rows // batch * epochs)):
        message = f"{rows} rows in batches of {batch:g} are {given} steps in {epochs:g} epochs, not {wanted:g}"
        fix = f"write `total_training_steps: {given}`, or more `total_epochs`"
        yield FEWER_STEPS.at(chain.place("trainer.total_training_steps"), message, fix)


def _columns(chain: Chain, place: Place, path: str, rows: list[Row]) -> Iterator[Finding]:
    prompt = str(chain.get("data.prompt_key") or "prompt")
    for index, row in enumerate(rows, 1):
        lacking = [column for column in (prompt, "data_source", "reward_model") if row.get(column) is None]
        truth = row.get("reward_model")
        if isinstance(truth, dict) and truth.get("ground_truth") is None:
            lacking.append("reward_model.ground_truth")
        if lacking:
            yield BAD_ROWS.at(place, f"{path}: row {index} has no {', '.join(lacking)}", "add it to every row")
            return


def _placeholders(chain: Chain, place: Place, path: str, rows: list[Row]) -> Iterator[Finding]:
    prompt = str(chain.get("data.prompt_key") or "prompt")
    for index, row in enumerate(rows, 1):
        messages = row.get(prompt)
        contents = [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
        texts = [content for content in contents if isinstance(content, str)]
        for kind in ("image", "video") if texts else ():
            written, held = "\n".join(texts).count(f"<{kind}>"), len(_items(chain, row, kind))
            if written != held:
                message = f"{path}: row {index} writes {written} <{kind}> for {held} {kind}s"
                yield BAD_ROWS.at(place, message, f"write one <{kind}> for each")
                return


def _items(chain: Chain, row: Row, kind: str) -> list[Any]:
    value = row.get(str(chain.get(f"data.{kind}_key") or f"{kind}s"))
    return value if isinstance(value, list) else []


def _files(item: Any, kind: str) -> list[str]:
    """The paths of an image, or of the frames of a video that is a frame list."""
    content = (item.get(kind) or item.get("path")) if isinstance(item, dict) else item
    found = content if kind == "video" and isinstance(content, list) else [content] if kind == "image" else []
    return [path.removeprefix("file://") for path in found if isinstance(path, str)]


def _media(chain: Chain, place: Place, path: str, rows: list[Row]) -> Iterator[Finding]:
    """Are the files there, and do their tokens fit? `data.media` is read by firsthand's dataset class."""
    root = Path(str(chain.get("data.media.root") or "."))
    names = {name for row in rows for kind in CAPS for item in _items(chain, row, kind) for name in _files(item, kind)}
    if lost := sorted(name for name in names if not named_files.exists(str(root / name))):
        message = f"{path}: {len(lost)} files of the first {len(rows)} rows are not under {root} (first: {lost[0]})"
        yield NO_MEDIA.at(place, message, "set the folder that the rows' paths start from")
    family = model_names.family(chain.get("actor_rollout_ref.model.path"))
    limit = number(chain.get("data.max_prompt_length"))
    if family is None or limit is None:
        return
    ruler = Ruler(root, family[1] * 2)
    costs = [
        sum(_tokens(chain, ruler, item, kind) for kind in CAPS for item in _items(chain, row, kind)) for row in rows
    ]
    worst = max(costs, default=0)
    if worst >= limit:
        row = costs.index(worst) + 1
        message = f"{path}: the media of row {row} alone need {worst} tokens, max_prompt_length is {limit}"
        fix = f"write `max_prompt_length: {worst + 512}` or more, or make the images smaller"
        yield TOO_LONG.at(chain.place("data.max_prompt_length"), message, fix)


def _tokens(chain: Chain, ruler: Ruler, item: Any, kind: str) -> int:
    own = number(item.get("max_pixels")) if isinstance(item, dict) else None
    pixels = number(chain.get(f"data.media.{kind}.max_pixels")) or own or CAPS[kind] * ruler.side**2
    each = [ruler.tokens(name, max(1.0, pixels)) for name in _files(item, kind)]
    return math.ceil(len(each) / 2) * max(each, default=0) if kind == "video" else sum(each)
