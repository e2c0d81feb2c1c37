"""A recorded chain: an episode in its file, and what can be learnt from it."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ValidationError

from firsthand.errors import UserError, first_problem
from firsthand.files import read_jsonl
from firsthand.question import Question, Solved, Step, StyleName
from firsthand.rollout.episodes import Episode
from firsthand.rollout.turn_text import Action, Answer, Call, Dialect, read_action


class Unusable(Exception):
    """Why a chain cannot be learnt from."""


class Chain(NamedTuple):
    episode: Episode
    file: Path
    row: int


class _Settings(BaseModel):
    dialect: Dialect
    tools: list[str]


class _Recorded(BaseModel):
    """An episode's settings, as far as rules and converters read them."""

    settings: _Settings


def read_chains(paths: Iterable[Path]) -> Iterator[Chain]:
    for path in paths:
        for number, row in enumerate(read_jsonl(path), 1):
            try:
                _Recorded.model_validate(row)
                yield Chain(Episode.model_validate(row), path, number)
            except ValidationError as error:
                why = first_problem(error, "the row")
                hint = "chains come from `firsthand cott generate`"
                raise UserError(f"{path}: row {number}: {why}; {hint}") from None


def actions(episode: Episode) -> list[Action]:
    """The action of each model turn, in order."""
    dialect, letters = episode.settings["dialect"], "".join(episode.options)
    return [read_action(turn.text, dialect, letters) for turn in episode.trace.turns]


def question(episode: Episode, style: StyleName) -> Question:
    facts = episode.model_dump(include=Question.model_fields.keys() - {"id", "style"})
    try:
        return Question(id=episode.question_id, style=style, **facts)
    except ValidationError as error:
        raise Unusable(first_problem(error, "its question")) from None


def solved(episode: Episode, style: StyleName) -> Solved:
    """The calls that were carried out, and the answer, without the turns that could not be read."""
    if not episode.correct:
        raise Unusable("its answer is wrong, missing or not known")
    steps, thought = [], ""
    for turn, action in zip(episode.trace.turns, actions(episode), strict=True):
        if turn.images:
            raise Unusable("it shows frames, which rows of words cannot hold")
        if isinstance(action, Call):
            observation = turn.observation or ""
            steps.append(
                Step(thought=action.thought, tool=action.name, arguments=action.arguments, observation=observation)
            )
        elif isinstance(action, Answer):
            thought = action.thought
    asked = question(episode, style)
    try:
        return Solved(question=asked, steps=steps, thought=thought)
    except ValidationError as error:
        raise Unusable(first_problem(error, "its chain")) from None
