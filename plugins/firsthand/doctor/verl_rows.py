"""veRL: the first rows of the data against the recipe; veRL asserts on the first row that does not fit."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firsthand.doctor import models
from firsthand.doctor.findings import Finding, Place, rule
from firsthand.doctor.media_size import Ruler
from firsthand.doctor.rows import Unreadable, first_rows
from firsthand.doctor.values import number
from firsthand.doctor.verl_chain import Chain
from firsthand.doctor.verl_settings import uses_tools

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

AGENT = "actor_rollout_ref.rollout.agent.default_agent_loop"


def check(chain: Chain) -> Iterator[Finding]:
    agents_named: set[bool] = set()
    for key in ("data.train_files", "data.val_files"):
        value = chain.get(key)
        for path in value if isinstance(value, list) else [value]:
            if not isinstance(path, str) or not Path(path).expanduser().is_file():
                continue
            try:
                rows = first_rows(Path(path).expanduser())
            except Unreadable as error:
                yield UNSEEN.at(chain.place(key), f"{path}: {error}", "check the file")
                continue
            agents_named |= {bool(row.get("agent_name")) for row in rows}
            yield from _columns(chain, chain.place(key), path, rows)
            yield from _placeholders(chain, chain.place(key), path, rows)
            yield from _prompt_length(chain, path, rows)
    if uses_tools(chain) and chain.get(AGENT) in (None, "single_turn_agent") and agents_named != {True}:
        message = "tools are configured, but rows go to `single_turn_agent`"
        yield TOOLS_UNUSED.at(
            chain.place(AGENT), message, "write `default_agent_loop: tool_agent`, or give rows an `agent_name`"
        )


def _columns(chain: Chain, place: Place, path: str, rows: list[dict[str, Any]]) -> Iterator[Finding]:
    prompt = str(chain.get("data.prompt_key") or "prompt")
    for index, row in enumerate(rows, 1):
        lacking = [column for column in (prompt, "data_source", "reward_model") if row.get(column) is None]
        truth = row.get("reward_model")
        if isinstance(truth, dict) and truth.get("ground_truth") is None:
            lacking.append("reward_model.ground_truth")
        if lacking:
            yield BAD_ROWS.at(
                place,
                f"{path}: row {index} has no {', '.join(lacking)}",
                "write the rows with `firsthand` converters, or add it",
            )
            return


def _media(chain: Chain, row: dict[str, Any], kind: str) -> list[Any]:
    value = row.get(str(chain.get(f"data.{kind}_key") or f"{kind}s"))
    return value if isinstance(value, list) else []


def _placeholders(chain: Chain, place: Place, path: str, rows: list[dict[str, Any]]) -> Iterator[Finding]:
    prompt = str(chain.get("data.prompt_key") or "prompt")
    for index, row in enumerate(rows, 1):
        messages = row.get(prompt)
        contents = [m.get("content") for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
        text = "\n".join(content for content in contents if isinstance(content, str))
        for kind in ("image", "video"):
            written, held = text.count(f"<{kind}>"), len(_media(chain, row, kind))
            if written != held and any(isinstance(content, str) for content in contents):
                message = f"{path}: row {index} writes {written} <{kind}> for {held} {kind}s"
                yield BAD_ROWS.at(place, message, f"write one <{kind}> for each")
                return


def _prompt_length(chain: Chain, path: str, rows: list[dict[str, Any]]) -> Iterator[Finding]:
    family, limit = (
        models.family(chain.get("actor_rollout_ref.model.path")),
        number(chain.get("data.max_prompt_length")),
    )
    if family is None or limit is None:
        return
    side = family[1] * 2
    ruler = Ruler(Path(), side)
    worst, where = 0, 0
    for index, row in enumerate(rows, 1):
        tokens = sum(_tokens(ruler, image, "image", 16384 * side * side) for image in _media(chain, row, "image"))
        for video in _media(chain, row, "video"):
            frames = video.get("video") if isinstance(video, dict) else video
            if isinstance(frames, list):
                each = [_tokens(ruler, frame, "image", 768 * side * side) for frame in frames]
                tokens += math.ceil(len(each) / 2) * max(each, default=0)
        if tokens > worst:
            worst, where = tokens, index
    if worst >= limit:
        message = f"{path}: the media of row {where} alone need {worst} tokens, max_prompt_length is {limit}"
        fix = f"write `max_prompt_length: {worst + 512}` or more, or make the images smaller"
        yield TOO_LONG.at(chain.place("data.max_prompt_length"), message, fix)


def _tokens(ruler: Ruler, item: Any, key: str, cap: float) -> int:
    own = item if isinstance(item, dict) else {key: item}
    name = own.get(key) or own.get("path")
    cap = number(own.get("max_pixels")) or cap
    return ruler.tokens(name.removeprefix("file://"), cap) if isinstance(name, str) else 0
