"""veRL: agents with tools (`firsthand.training.agent_loop.ToolLoop`): their loops, their rows and the room they need.

A new loop is made for every trajectory. A mistake here does not stop a run: veRL logs a traceback for each rollout
and goes on with the rest of the batch, or ends each of them in the middle.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from firsthand.doctor.agent_templates import without_thoughts, without_tools
from firsthand.doctor.rows import Row, column, first_rows
from firsthand.doctor.verl.agent_loops import TARGET, reads_trace
from firsthand.doctor.verl.files import NO_LOOP, agent_entries, builtin_loops
from firsthand.doctor.verl.rows import data_files
from firsthand.errors import UserError
from firsthand.findings import RULES, Finding, Place
from firsthand.recipe import model_names, named_files, yaml_lines
from firsthand.recipe.chat_templates import Template
from firsthand.recipe.hydra_chain import Chain
from firsthand.recipe.values import did_you_mean, number

NO_ROOM = RULES["VR036"]
REFUSED_ROWS = RULES["VR037"]
DIALECT = RULES["VR038"]
NO_TRACE = RULES["VR039"]
PLAIN_SAMPLER = RULES["VR040"]
SAME_INDEX = RULES["VR042"]
TEST_CHOOSES = RULES["VR043"]
UNSUITABLE = RULES["VR046"]

WRAPPING = 32  # tokens around an observation
SAMPLER = "trainer.v1.sampler"
AGENTS = "actor_rollout_ref.rollout.agent"
MODEL = "actor_rollout_ref.model"

Loops = dict[str, Row]  # by the name that rows give


def check(chain: Chain) -> Iterator[Finding]:
    loops = {str(entry.get("name")): entry for entry in agent_entries(chain)}
    ours = {name: entry for name, entry in loops.items() if entry.get("_target_") == TARGET}
    seen: set[str] = set()
    default = chain.get(f"{AGENTS}.default_agent_loop") or "single_turn_agent"
    for key, file in data_files(chain):
        try:
            rows = first_rows(file)
        except UserError:  # reported by verl/rows.py
            continue
        named = [str(row.get("agent_name") or default) for row in rows]
        seen |= set(named)
        yield from _rows(chain.place(key), str(file), list(zip(named, rows, strict=True)), loops)
        if seen & ours.keys():
            yield from _whole_file(chain.place(key), file, validates=key == "data.val_files")
    used = [entry for name, entry in ours.items() if name in seen or not seen]
    yield from _template(chain, {str(entry.get("dialect")) for entry in used}, known=bool(seen))
    if seen & ours.keys():
        yield from _room(chain, [entry for name, entry in ours.items() if name in seen])
        yield from _sampler(chain)
    elif seen and reads_trace(chain.get("reward.custom_reward_function.path")):
        message = f"rows go to {', '.join(sorted(seen))}, which writes no trace"
        fix = "build rows with an agent style (ego_r1), or use reward_fns/choice.py"
        yield NO_TRACE.at(chain.place("reward.custom_reward_function.path"), message, fix)


def _rows(place: Place, path: str, rows: list[tuple[str, Row]], loops: Loops) -> Iterator[Finding]:
    unknown = {name for name, row in rows if row.get("agent_name")} - loops.keys() - builtin_loops()
    for name in sorted(unknown) if builtin_loops() else ():  # without veRL its own are not known
        fix = did_you_mean(name, loops, f"register it in the file of `{AGENTS}.agent_loop_config_path`")
        yield NO_LOOP.at(place, f"{path}: rows name the agent loop `{name}`, which is not registered", fix)
    from firsthand.rollout.prompt import style_of
    from firsthand.rollout.turn_text import Dialect

    for number_, (name, row) in enumerate(rows, 1):
        loop, facts = loops.get(name, {}), row.get("extra_info")
        if loop.get("_target_") != TARGET:
            continue
        facts = facts if isinstance(facts, dict) else {}
        source = any(facts.get(key) for key in ("identity", "vid_id", "source"))
        lacking = [] if source else ["identity"]
        if lacking := lacking + ([] if facts.get("query_time") else ["query_time"]):
            message = f"{path}: row {number_} has no extra_info.{' and no extra_info.'.join(lacking)}"
            yield REFUSED_ROWS.at(place, message, "add it; query_time may be `end`: the whole video may be seen")
            return
        system = _system(row)
        dialect: Any = loop.get("dialect")
        if system and dialect in get_args(Dialect) and ("<tool>" in system) != (dialect == "ego_r1"):
            style = style_of(dialect)
            message = f"{path}: row {number_} is not written for `{name}`, whose dialect is {dialect}"
            yield DIALECT.at(place, message, f"build the rows with the style {style}, or name another loop")
            return


def _template(chain: Chain, spoken: set[str], known: bool) -> Iterator[Finding]:
    """Where no row can be read it is not known whether rows name a loop of the native dialect."""
    from firsthand.rollout.turn_text import Dialect

    place = chain.place(f"{MODEL}.path")
    template = Template(chain.get(f"{MODEL}.path"), chain.get(f"{MODEL}.custom_chat_template"))
    for dialect in get_args(Dialect):
        if dialect in spoken:
            for fault in without_tools(template, dialect):
                yield UNSUITABLE.at(place, *fault, level="error" if known or len(spoken) == 1 else "warning")
            for fault in without_thoughts(template, dialect):
                yield UNSUITABLE.at(place, *fault)


def _system(row: Row) -> str:
    prompt = row.get("prompt")
    first = prompt[0] if isinstance(prompt, list) and prompt and isinstance(prompt[0], Mapping) else {}
    return str(first.get("content") or "") if first.get("role") == "system" else ""


def _whole_file(place: Place, file: Path, validates: bool) -> Iterator[Finding]:
    indices = Counter(column(file, "extra_info", "index"))
    if repeated := [index for index, count in indices.items() if count > 1]:
        message = f"{file}: {len(repeated)} values of extra_info.index stand in several rows (first: {repeated[0]})"
        yield SAME_INDEX.at(place, message, "number the rows over the whole file")
    if validates and "test" in column(file, "extra_info", "split"):
        message = f"{file}: rows of the split `test` choose the checkpoint"
        yield TEST_CHOOSES.at(place, message, "validate on the dev split, and keep the test for the end")


def _room(chain: Chain, loops: list[Row]) -> Iterator[Finding]:
    from pydantic import ValidationError

    from firsthand.rollout.loop_file import Loop

    key = "data.max_response_length"
    limit, family = number(chain.get(key)), model_names.family(chain.get(f"{MODEL}.path"))
    for entry in loops:
        try:
            loop = Loop.model_validate(entry)
        except ValidationError:  # reported by agent_loops
            continue
        budget, sees = loop.budget, family and _gives_pictures(entry.get("toolbox"))
        pictures = budget.images * budget.pixels / (family[1] * 2) ** 2 if family and sees else 0
        between = budget.tokens + pictures + WRAPPING
        needed = round(loop.turns * loop.turn_tokens + (loop.turns - 1) * between)
        if limit is not None and needed > limit:
            each = f"{budget.tokens + round(pictures)} tokens"
            message = f"{loop.turns} turns of {loop.turn_tokens} tokens and what tools say between, {each} each, are"
            fix = f"write `max_response_length: {needed}`, or less `turns`, `turn_tokens` or `budget` in the loop"
            yield NO_ROOM.at(chain.place(key), f"`{loop.name}`: {message} {needed}; the limit is {limit:g}", fix)


def _gives_pictures(toolbox: Any) -> bool:
    from firsthand.tools.catalogue import image_tools

    document = yaml_lines.load(Path(toolbox))[0] if isinstance(toolbox, str) and named_files.exists(toolbox) else None
    tools = document.data.get("tools") if document is not None and isinstance(document.data, dict) else None
    return isinstance(tools, dict) and bool(tools.keys() & image_tools())


def _sampler(chain: Chain) -> Iterator[Finding]:
    if chain.get(f"{SAMPLER}.custom_sampler.name") != "GroupReplayBuffer":
        fix = "write `custom_sampler: {path: pkg://firsthand.training.replay_buffer, name: GroupReplayBuffer}`"
        yield PLAIN_SAMPLER.at(chain.place(f"{SAMPLER}.custom_sampler"), "the sampler knows nothing of tools", fix)
