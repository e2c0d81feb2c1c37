"""The one prompt renderer: SFT rows, GRPO prompts, evaluation and serving all come from `messages()`.

Whatever a framework needs is a change of container, never of words: LLaMA-Factory and veRL get `<image>` / `<video>`
placeholders, an OpenAI-compatible server gets content parts. A test proves that the token ids are equal in all of them.
"""

from functools import cache
from pathlib import Path
from typing import Any

from firsthand.data.rows import Question

Message = dict[str, Any]


@cache
def choice_system() -> str:
    return Path(__file__).with_name("choice_system.txt").read_text().strip()


def messages(row: Question) -> list[Message]:
    """System and user message; media first, as content parts `{"type": "image"|"video", ...}`."""
    content: list[Message] = [{"type": "image", "image": path} for path in row.images]
    if row.video:
        content.append({"type": "video", "video": row.video, "fps": row.fps})
    options = "\n".join(f"{letter}. {text}" for letter, text in row.options.items())
    content.append({"type": "text", "text": f"{row.question}\n{options}"})
    return [{"role": "system", "content": choice_system()}, {"role": "user", "content": content}]


def response(thought: str, letter: str) -> str:
    """What the assistant is taught to write."""
    return f"<think>{thought}</think>\n<answer>{letter}</answer>"


def with_placeholders(turns: list[Message]) -> list[Message]:
    """The same messages with each medium as a `<image>` or `<video>` placeholder in plain text."""
    return [{"role": turn["role"], "content": _plain(turn["content"])} for turn in turns]


def _plain(content: str | list[Message]) -> str:
    if isinstance(content, str):
        return content
    return "".join(part["text"] if part["type"] == "text" else f"<{part['type']}>" for part in content)


def sharegpt_row(row: Question, answer: str) -> Message:
    """A LLaMA-Factory row (role/content tags); videos are frame lists."""
    turns = [*with_placeholders(messages(row)), {"role": "assistant", "content": answer}]
    return {"messages": turns, "images": row.images, "videos": [row.video] if row.video else []}


def verl_row(row: Question, index: int) -> Message:
    """A veRL parquet row: paths, never bytes; `index` is unique over the whole file."""
    return {
        "data_source": row.data_source,
        "prompt": with_placeholders(messages(row)),
        "images": row.images,
        "videos": [{"video": row.video, "sample_fps": row.fps, "raw_fps": row.fps}] if row.video else [],
        "ability": "video-reasoning",
        "reward_model": {"style": "rule", "ground_truth": row.answer},
        "extra_info": {
            "index": index,
            "id": row.id,
            "split": row.split,
            "identity": row.identity,
            "query_time": row.query_time,
            "label": row.label,
            "letters": "".join(row.options),
        },
    }


def eval_row(row: Question) -> Message:
    """A row for `firsthand eval ask`."""
    keep = ("id", "answer", "label", "identity", "query_time", "options", "question")
    return {
        **row.model_dump(include=set(keep)),
        "letters": "".join(row.options),
        "messages": messages(row),
    }
