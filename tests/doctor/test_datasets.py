"""The data set behind a LLaMA-Factory recipe: its entry in dataset_info.json and its first rows."""

import json
from pathlib import Path

import pytest

ENTRY = {
    "file_name": "rows.json",
    "formatting": "sharegpt",
    "columns": {"messages": "messages", "images": "images", "videos": "videos"},
    "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"},
}
TURNS = [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "A"}]


def row(messages=TURNS, images=(), videos=(), **more) -> dict:
    return {"messages": list(messages), "images": list(images), "videos": list(videos), **more}


@pytest.fixture
def broken(lint, workshop):
    """What is found when the entry or the rows of `choice` are these: (rule, file, the text of the line, fix)."""

    def run(entry: dict = ENTRY, rows: object = None, extra: str = "") -> list:
        if rows is not None:
            (workshop / "rows.json").write_text(rows if isinstance(rows, str) else json.dumps(rows))
        (workshop / "dataset_info.json").write_text(json.dumps({"other": {}, "choice": entry}, indent=2))
        findings = lint("lf", new=extra)
        texts = {name: Path(name).read_text().splitlines() for name in ("dataset_info.json", "recipe.yaml")}
        return [(f.rule, f.file, texts[f.file][f.line - 1].strip(), f.fix) for f in findings]

    return run


def without(key: str, **changes) -> dict:
    return {name: value for name, value in ENTRY.items() if name != key} | changes


def test_format_is_not_formatting(broken):
    rule, file, line, fix = broken(without("formatting", format="sharegpt"), [])[0]
    assert (rule, file, line, fix) == ("LF022", "dataset_info.json", '"format": "sharegpt"', "write `formatting`")


@pytest.mark.parametrize(
    ("entry", "line", "fix"),
    [
        (without("columns", columns={"mesages": "messages"}), '"mesages": "messages"', "`messages`"),
        (without("tags", tags={"role_tags": "role"}), '"role_tags": "role"', "`role_tag`"),
        (without("formatting", formatting="chatml"), '"formatting": "chatml"', "sharegpt"),
        (without("file_name"), '"choice": {', "file_name"),
    ],
)
def test_an_entry_with_an_unknown_key(broken, entry, line, fix):
    found = [finding for finding in broken(entry, []) if finding[0] == "LF022"]
    assert [(finding[1], finding[2]) for finding in found] == [("dataset_info.json", line)]
    assert fix in found[0][3]


def test_role_and_content_without_tags(broken):
    found = broken(without("tags"), [row()])
    assert [(rule, line) for rule, _, line, _ in found] == [("LF023", '"columns": {')]
    assert '"role_tag": "role"' in found[0][3]


def test_missing_tags_are_suspected_before_the_data_are_there(broken, workshop):
    (workshop / "rows.json").unlink()
    assert {finding[0] for finding in broken(without("tags"))} == {"LF023", "RC007"}


def test_a_role_without_a_tag(broken):
    found = broken(ENTRY, [row([*TURNS, {"role": "tool", "content": "x"}, TURNS[1]])])
    assert [(rule, line) for rule, _, line, _ in found] == [("LF023", '"tags": {')]
    assert "`tool`" in found[0][3]


def test_turns_that_do_not_alternate(broken):
    assert [finding[0] for finding in broken(ENTRY, [row(), row([TURNS[0], TURNS[0], TURNS[1]])])] == ["LF029"]


def test_a_column_that_the_rows_lack(broken):
    found = broken(without("columns", columns={"messages": "turns"}), [row()])
    assert [(rule, line) for rule, _, line, _ in found] == [("LF024", '"messages": "turns"')]


def test_a_column_that_is_dropped(broken):
    found = broken(ENTRY, [row(system="You watch a week.")])
    assert [(rule, line) for rule, _, line, _ in found] == [("LF025", '"columns": {')]
    assert '"system": "system"' in found[0][3]


@pytest.mark.parametrize("images", [[], ["a.png", "a.png"]])
def test_placeholders_and_media_differ(broken, images):
    turns = [{"role": "user", "content": "<image> Where?"}, TURNS[1]]
    assert [finding[0] for finding in broken(ENTRY, [row(turns, images)])] == ["LF027"]


@pytest.mark.parametrize(
    ("user", "images", "rule", "fix"),
    [
        ("<image>Where<|im_end|>", ["a.png"], "LF038", "would end the turn"),
        ("<image>Where?", ["/etc/hostname"], "LF026", "`media_dir:`"),
    ],
)
def test_other_rules_of_data_check(broken, user, images, rule, fix):
    found = broken(ENTRY, [row(), row([{"role": "user", "content": user}, TURNS[1]], images)])
    assert [finding[0] for finding in found] == [rule] and fix in found[0][3]


def test_rows_of_another_shape_are_said_to_be_unseen(broken):
    assert [finding[0] for finding in broken(ENTRY, [row(), {**row(), "images": "a.png"}])] == ["LF028"]


def test_mask_history_hides_the_tool_calls(broken):
    found = broken(ENTRY, [row([*TURNS, *TURNS])], "mask_history: true\n")
    assert [(rule, line) for rule, _, line, _ in found] == [("LF033", "mask_history: true")]


@pytest.mark.parametrize("rows", ["[", "[1]", '"text"', "\x00"])
def test_rows_that_cannot_be_read_are_said_to_be_unseen(broken, rows):
    assert [finding[0] for finding in broken(ENTRY, rows)] == ["LF028"]


@pytest.mark.parametrize("text", ["{", "[]", "\x00", "3"])
def test_a_registry_that_cannot_be_read(lint, workshop, text):
    (workshop / "dataset_info.json").write_text(text)
    assert [finding.rule for finding in lint("lf")] == ["LF020"]


@pytest.mark.parametrize(
    "entry",
    [
        3,
        {},
        {"file_name": 3},
        {"columns": []},
        {**ENTRY, "columns": {"messages": ["x"]}},
        {**ENTRY, "tags": {"role_tag": 3}},
    ],
)
@pytest.mark.parametrize("rows", [[], [{}], [row([3, {"role": []}])], [row([{"role": {}}])], [row(images=[3, None])]])
def test_no_entry_and_no_row_breaks_the_doctor(broken, entry, rows):
    assert "RC099" not in [finding[0] for finding in broken(entry, rows)]
