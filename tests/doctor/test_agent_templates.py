"""Chat templates that do not suit an agent: by the model's name, and by what the template of a folder really does."""

import json
from pathlib import Path

import pytest

from firsthand.doctor import agent_templates
from firsthand.recipe.chat_templates import Template

KEEPS = (
    "{% for tool in tools or [] %}{{ tool | tojson }}{% endfor %}"
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
)
DROPS = KEEPS.replace("message.content", "message.content.split('</think>')[-1]")
NO_TOOLS = KEEPS.replace("tool | tojson", "''")


def faults(model: str, own: str | None = None) -> tuple[bool, bool, bool]:
    """No tools in the native dialect, and thoughts lost in each dialect."""
    template = Template(model, own)
    tools = bool(list(agent_templates.without_tools(template, "native")))
    assert not list(agent_templates.without_tools(template, "ego_r1"))
    first, second = (bool(list(agent_templates.without_thoughts(template, one))) for one in ("ego_r1", "native"))
    return tools, first, second


@pytest.mark.parametrize(("model", "found"), [
    ("Qwen/Qwen2.5-3B-Instruct", (False, False, False)),
    ("Qwen/Qwen3-VL-4B-Instruct", (False, False, False)),
    ("Qwen/Qwen3-4B-Instruct-2507", (False, False, False)),
    ("Qwen/Qwen2.5-VL-7B-Instruct", (True, False, False)),
    ("Qwen/Qwen2-VL-7B-Instruct", (True, False, False)),
    ("Qwen/Qwen3-4B", (False, True, True)),
    ("Qwen/Qwen3-30B-A3B-FP8", (False, True, True)),
    ("Qwen/Qwen3.5-4B", (False, True, True)),
    ("someone/else", (False, False, False)),
])  # fmt: skip
def test_released_models_are_known_by_name(model: str, found: tuple) -> None:
    assert faults(model) == found


@pytest.mark.parametrize(("text", "found"), [
    (KEEPS, (False, False, False)), (DROPS, (False, True, True)), (NO_TOOLS, (True, False, False)),
    ("{% if %}", (False, False, False)), ("{{ raise_exception('no') }}", (False, False, False)),
], ids=["keeps", "drops", "no tools", "broken", "refuses"])  # fmt: skip
@pytest.mark.parametrize("file", ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"])
def test_the_template_of_a_folder_is_tried_out(tmp_path: Path, text: str, found: tuple, file: str) -> None:
    """Its name says nothing then: a copy of a hybrid model may have a better template."""
    folder = tmp_path / "qwen3-4b"
    folder.mkdir()
    (folder / file).write_text(text if file.endswith(".jinja") else json.dumps({"chat_template": text}))
    assert faults(str(folder)) == found
    assert faults("Qwen/Qwen3-4B", text) == found


RELEASED = Path(__file__).parents[2] / ".cache/released"


@pytest.mark.skipif(not RELEASED.is_dir(), reason="no released templates in .cache/released")
@pytest.mark.parametrize(("file", "model"), [
    ("qwen2_5", "Qwen2.5-3B-Instruct"), ("qwen2_5_vl", "Qwen2.5-VL-7B-Instruct"), ("qwen3", "Qwen3-4B"),
    ("qwen3_instruct_2507", "Qwen3-4B-Instruct-2507"), ("qwen3_vl", "Qwen3-VL-4B-Instruct"),
    ("qwen3_5_think", "Qwen3.5-4B"), ("qwen3_5_nothink", "Qwen3.5-2B"),
])  # fmt: skip
def test_names_and_released_templates_say_the_same(file: str, model: str) -> None:
    text = (RELEASED / f"{file}.jinja").read_text()
    assert faults(model) == faults("any", text)
    assert Template(model).begins_no_reply() == Template("any", text).begins_no_reply() == ("qwen3_5" not in file)


CALL = "<think>I look.</think> <tool>{}</tool>"
TURNS = [
    {"role": "user", "content": "Where?"}, {"role": "assistant", "content": CALL},
    {"role": "user", "content": "Here."}, {"role": "assistant", "content": "<think>So.</think> <answer>A</answer>"},
]  # fmt: skip


@pytest.mark.parametrize(("turns", "model", "rules"), [
    (TURNS, "Qwen/Qwen3-4B", {"LF039"}),
    (TURNS[2:], "Qwen/Qwen3-4B", set()),  # one turn of the model
    (TURNS, "Qwen/Qwen3-4B-Instruct-2507", set()),
])  # fmt: skip
def test_rows_of_fine_tuning(lint, workshop: Path, turns: list, model: str, rules: set) -> None:
    (workshop / "rows.json").write_text(json.dumps([{"messages": turns, "images": [], "videos": []}]))
    found = {f.rule: f for f in lint("lf", "Qwen/Qwen3-VL-4B-Instruct", model) if f.rule == "LF039"}
    assert found.keys() == rules
    assert all(f.level == "error" and "Qwen3-4B-Instruct-2507" in f.fix and f.line == 1 for f in found.values())


def test_rows_with_tools_of_fine_tuning(lint, workshop: Path) -> None:
    rows = [{"messages": TURNS, "images": [], "videos": [], "tools": json.dumps(agent_templates.TOOLS)}]
    (workshop / "rows.json").write_text(json.dumps(rows))
    info = json.loads((workshop / "dataset_info.json").read_text())
    info["choice"]["columns"]["tools"] = "tools"
    (workshop / "dataset_info.json").write_text(json.dumps(info))
    found = lint("lf", "Qwen/Qwen3-VL-4B-Instruct", "Qwen/Qwen2.5-VL-7B-Instruct")
    [fault] = [f for f in found if f.rule == "LF039"]
    assert "describes no tools" in fault.message and "ego_r1" in fault.fix
