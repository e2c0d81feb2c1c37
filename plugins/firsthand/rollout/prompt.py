"""The one prompt renderer: SFT rows, GRPO prompts, evaluation and serving all come from `messages()`.

What a framework needs changes the container, never the words: LLaMA-Factory and veRL get `<image>` / `<video>`
placeholders, an OpenAI-compatible server gets content parts. A test proves that the token ids are equal in all of them.

How a question is asked and answered is its style: one entry of `STYLES`, with its words in prompts/*.txt.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from firsthand.question import Question, Solved, StyleName
from firsthand.rollout.dialects import Message, as_json, call, observation
from firsthand.rollout.turn_text import Dialect

Tool = dict[str, Any]  # name, description and parameters (a JSON schema)

TYPED_ASKS = {
    "multiple choice": "ask_letter.txt",
    "numerical": "ask_number.txt",
    "regression": "ask_number.txt",
    "OCR": "ask_transcription.txt",
    "free-form": "ask_text.txt",
    "math": "ask_formula.txt",
    "temporal grounding": "ask_span.txt",
    "spatial grounding": "ask_box.txt",
    "pointing": "ask_point.txt",
}


@dataclass(frozen=True)
class Style:
    system: str  # file of the system prompt; {tools} in it becomes the tools' schemas
    reply: str  # the assistant's final turn in fine-tuning
    asks: dict[str, str] = field(default_factory=dict)  # problem type -> file of the last line of the question
    stamped: bool = False  # the question carries its query time
    numbered: bool = False  # images are frames of one video: without times they have numbers
    agent: str = "single_turn_agent"  # veRL's agent loop
    dialect: Dialect = "ego_r1"  # of calls and observations


IN_WORDS = {"free-form": "ask_text.txt"}
TURN = "<think>{thought}</think> <answer>{answer}</answer>"
LINES = "<think>{thought}</think>\n<answer>{answer}</answer>"
WITH_OBJECTS = LINES + "\n<object>{objects}</object>"  # what the answer rests on, named
STYLES: dict[StyleName, Style] = {
    "choice": Style("choice.txt", LINES),
    "direct": Style("direct.txt", "<answer>{answer}</answer>", asks=TYPED_ASKS),  # what thinking is compared with
    "ego3s": Style("ego3s.txt", WITH_OBJECTS, asks=TYPED_ASKS),
    "ego3s_brief": Style("ego3s_brief.txt", WITH_OBJECTS),  # for models with little room
    "egocross": Style("egocross.txt", "{answer}", numbered=True),
    "ego_r1": Style("ego_r1.txt", TURN, IN_WORDS, stamped=True, agent="ego_r1"),
    # for models with little room
    "ego_r1_brief": Style("ego_r1_brief.txt", TURN, IN_WORDS, stamped=True, agent="ego_r1"),
    "ego_r1_native": Style(  # tools in the chat template
        "ego_r1_native.txt", LINES, IN_WORDS, stamped=True, agent="ego_r1_native", dialect="native"
    ),
    "video_r1": Style("video_r1.txt", LINES, asks=TYPED_ASKS),
}

AGENT_STYLES = tuple(name for name, style in STYLES.items() if style.stamped)


def style_of(dialect: Dialect) -> StyleName:
    """The style in which an agent of a dialect is asked, where nothing else chooses one."""
    return "ego_r1" if dialect == "ego_r1" else "ego_r1_native"


def dialect_of(style: StyleName) -> Dialect | None:
    """How an agent of a style writes its calls; None for styles without tools."""
    return STYLES[style].dialect if style in AGENT_STYLES else None


def in_dialect(question: Question, dialect: Dialect) -> Question:
    """As an agent of a dialect is asked; a question that is written for one keeps its style."""
    if dialect_of(question.style) == dialect:
        return question
    return question.model_copy(update={"style": style_of(dialect)})


def in_style(question: Question, style: StyleName) -> Question:
    """The same question, asked in another style; a system prompt of its own goes with the old one."""
    return question.model_copy(update={"style": style, "system": None})


def system(style: StyleName) -> str:
    return _prompt(STYLES[style].system).replace("{tools}", _ego_r1_tools())


@cache
def _ego_r1_tools() -> str:
    return "\n".join(map(json.dumps, json.loads(_prompt("ego_r1_tools.json"))))


@cache
def _prompt(name: str) -> str:
    return (Path(__file__).parent / "prompts" / name).read_text().strip()


def messages(row: Question) -> list[Message]:
    """System and user message; media first, as content parts `{"type": "image"|"video", ...}`. Without media the
    content is plain text: the templates of text models (Qwen2.5) take no list."""
    content: list[Message] = []
    for number, path in enumerate(row.images):
        if row.times:
            content.append({"type": "text", "text": f"<{row.times[number]:.1f} seconds>"})
        elif STYLES[row.style].numbered:
            content.append({"type": "text", "text": f"<frame {number + 1} of {len(row.images)}>"})
        content.append({"type": "image", "image": path})
    if row.video:
        content.append({"type": "video", "video": row.video, "fps": row.fps})
    if row.video_file:
        content.append({"type": "video", "video": row.video_file, **({"span": row.span} if row.span else {})})
    asked = question_text(row)
    user = [*content, {"type": "text", "text": asked}] if content else asked
    instructions = row.system or system(row.style)
    return [{"role": "system", "content": instructions}, {"role": "user", "content": user}]


def question_text(row: Question) -> str:
    style = STYLES[row.style]
    stamp = f" <timestamp>{row.query_time}</timestamp>" if style.stamped and row.query_time else ""
    options = [f"{letter}. {text}" for letter, text in row.options.items()]
    ask = style.asks.get(row.labels.get("problem_type") or "")
    return "\n".join([f"{row.question}{stamp}", *options, *([_prompt(ask)] if ask else [])])


def response(thought: str, answer: str, style: StyleName = "choice", objects: str = "") -> str:
    """The assistant's final turn in fine-tuning; `objects` by comma, for styles that ask for them."""
    return STYLES[style].reply.format(thought=thought, answer=answer, objects=objects)


def solution(row: Solved) -> list[Message]:
    """The turns after the question: calls, what came back, the answer."""
    turns: list[Message] = []
    dialect = STYLES[row.question.style].dialect
    for step in row.steps:
        turns.append({"role": "assistant", "content": call(step.thought, step.tool, step.arguments, dialect)})
        turns.append(observation(step.observation, dialect))
    answer = response(row.thought, row.question.answer or "", row.question.style)
    return [*turns, {"role": "assistant", "content": answer}]


def with_placeholders(turns: list[Message]) -> list[Message]:
    """The same messages with each medium as a `<image>` or `<video>` placeholder in plain text."""
    return [{"role": turn["role"], "content": _plain(turn["content"])} for turn in turns]


def _plain(content: str | list[Message]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] if part["type"] == "text" else f"<{part['type']}>" for part in content)


def sharegpt_row(row: Question, reply: str | list[Message], tools: list[Tool] | None = None) -> Message:
    """A LLaMA-Factory row (role/content tags); videos are frame lists or files. `reply` is one answer or all turns.

    A row of the native dialect needs the schemas of its tools (`Toolbox.schemas`). Its entry of dataset_info.json needs
    the column `tools` and `observation_tag: tool`, which `firsthand data register` writes. Calls stay in the text of
    the assistant, as an agent writes them."""
    if (STYLES[row.style].dialect == "native") != bool(tools):
        raise ValueError(f"style {row.style}: the native dialect, and no other, takes the schemas of tools")
    _whole_video(row)
    turns = [{"role": "assistant", "content": reply}] if isinstance(reply, str) else reply
    described = {"tools": as_json(tools)} if tools else {}
    return {
        "messages": [*with_placeholders(messages(row)), *turns],
        "images": row.images,
        "videos": [video] if (video := row.video or row.video_file) else [],
        **described,
    }


def verl_row(row: Question, index: int) -> Message:
    """A veRL parquet row: paths, never bytes; `index` is unique over the whole file."""
    _whole_video(row)
    videos: list[Message] = []
    if row.video:
        videos = [{"video": row.video, "sample_fps": row.fps, "raw_fps": row.fps}]
    elif row.video_file:
        videos = [{"video": row.video_file}]
    return {
        "data_source": row.data_source,
        "prompt": with_placeholders(messages(row)),
        "images": row.images,
        "videos": videos,
        "ability": "video-reasoning",
        "reward_model": {"style": "rule", "ground_truth": row.answer},
        "extra_info": {
            "index": index,
            "id": row.id,
            "question": row.question,  # for readers of traces; the model reads the prompt
            "split": row.split,
            "identity": row.identity,
            "query_time": row.query_time,
            "label": row.label,
            "letters": "".join(row.options),
            "choices": list(row.options.values()),
            **row.labels,
        },
        "agent_name": STYLES[row.style].agent,
    }


def _whole_video(row: Question) -> None:
    """Neither framework can be told to look at a part of a file: it would see what comes after the question."""
    if row.span:
        raise ValueError(f"{row.id}: only a part of {row.video_file} may be seen, and training shows whole files")


def media_of(row: Mapping[str, Any]) -> list[str]:
    """The files that a row of `eval_row` names."""
    return [*(row.get("images") or []), *(row.get("video") or []), *filter(None, [row.get("video_file")])]


def eval_row(row: Question) -> Message:
    """A row for `firsthand eval ask`: the question, what scores are grouped by, and the rendered messages."""
    fields = row.model_dump(exclude={"labels"}, exclude_defaults=True)
    return {**row.labels, **fields, "letters": "".join(row.options), "messages": messages(row)}
