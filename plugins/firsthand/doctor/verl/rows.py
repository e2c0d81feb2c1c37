"""veRL: the first rows of the data against the recipe; veRL asserts on the first row that does not fit."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from firsthand.data.read.data_file import Source
from firsthand.data.read.media_headers import MISSING, OUTSIDE
from firsthand.doctor.rows import Code, Row, count_rows, first_rows, look
from firsthand.doctor.verl.settings import uses_tools
from firsthand.errors import UserError
from firsthand.findings import RULES, Finding, Place
from firsthand.recipe import model_names, named_files
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.limits import of_verl
from firsthand.recipe.values import number

BAD_ROWS = RULES["VR028"]
TOO_LONG = RULES["VR029"]
TOOLS_UNUSED = RULES["VR032"]
UNSEEN = RULES["VR033"]

NO_MEDIA = RULES["VR034"]

FEWER_STEPS = RULES["VR045"]

AGENT = "actor_rollout_ref.rollout.agent.default_agent_loop"
COLUMNS = {"prompt": "prompt", "image": "images", "video": "videos"}  # their keys in `data`, and their names without


def check(chain: Chain) -> Iterator[Finding]:
    yield from _steps(chain)
    agents_named: set[bool] = set()
    for key, file in data_files(chain):
        try:
            rows = first_rows(file)
            agents_named |= {bool(row.get("agent_name")) for row in rows}
            yield from _rows(chain, chain.place(key), file, rows)
        except UserError as error:
            yield UNSEEN.at(chain.place(key), str(error), "correct what the message names")
    if uses_tools(chain) and chain.get(AGENT) in (None, "single_turn_agent") and agents_named != {True}:
        message = "tools are configured, but rows go to `single_turn_agent`"
        fix = "write `default_agent_loop: tool_agent`, or give rows an `agent_name`"
        yield TOOLS_UNUSED.at(chain.place(AGENT), message, fix)


def data_files(chain: Chain) -> list[tuple[str, Path]]:
    """The files that are there, with the key that names each."""
    keys = ("data.train_files", "data.val_files")
    return [(key, file) for key in keys for path in chain.paths(key) if (file := named_files.find(path))]


def _steps(chain: Chain) -> Iterator[Finding]:
    batch = number(chain.get("data.train_batch_size"))
    wanted, epochs = number(chain.get("trainer.total_training_steps")), number(chain.get("trainer.total_epochs"))
    files = map(named_files.find, chain.paths("data.train_files"))
    counts = [count_rows(file) if file else None for file in files]
    if not counts or None in counts or not batch or not epochs or not wanted:
        return
    rows = sum(count or 0 for count in counts)
    if wanted > (given := int(rows // batch * epochs)):
        message = f"{rows} rows in batches of {batch:g} are {given} steps in {epochs:g} epochs, not {wanted:g}"
        fix = f"write `total_training_steps: {given}`, or more `total_epochs`"
        yield FEWER_STEPS.at(chain.place("trainer.total_training_steps"), message, fix)


def _rows(chain: Chain, place: Place, file: Path, rows: list[Row]) -> Iterator[Finding]:
    recipe, family = of_verl(chain), model_names.family(chain.get("actor_rollout_ref.model.path"))
    renamed = {str(chain.get(f"data.{key}_key") or name): name for key, name in COLUMNS.items()}
    rows = [{renamed.get(column, column): value for column, value in row.items()} for row in rows]
    side = family[1] * 2 if family and not any(map(_says_its_size, rows)) else 0
    seen = look(Source(file, "verl", recipe.root or Path(), recipe.limits), rows, side)
    lost = Code(NO_MEDIA, place, "set `data.media.root` to the folder that the rows' paths start from")
    outside = lost if chain.get("data.media") else replace(lost, rule=replace(NO_MEDIA, level="warning"))
    yield from seen.findings({MISSING: lost, OUTSIDE: outside}, Code(BAD_ROWS, place))
    yield from seen.too_long(TOO_LONG, chain.place("data.max_prompt_length"))


def _says_its_size(row: Row) -> bool:
    """A budget of a row's own, which veRL's data set obeys, is not counted with."""
    media = [item for column in ("images", "videos") if isinstance(row.get(column), list) for item in row[column]]
    return any(isinstance(item, dict) and "max_pixels" in item for item in media)
