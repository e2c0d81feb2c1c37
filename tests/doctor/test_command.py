"""`firsthand doctor` from the command line: exit codes, JSON, the rule table and the page about it."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.findings import LEVELS, ROW_RULES, RULES

ROOT = Path(__file__).parents[2]


@pytest.fixture
def doctor(workshop, monkeypatch):
    def run(*arguments: str):
        monkeypatch.setattr("sys.argv", ["firsthand", "doctor", *arguments])  # the top-level help looks at it
        return CliRunner().invoke(app, ["doctor", *arguments])

    return run


@pytest.fixture
def recipe(lint):
    """Write a recipe with an error, a warning or neither."""

    def write(level: str) -> str:
        lint(
            "lf",
            **{"good": {}, "warning": {"old": "runs/sft", "new": "/home/me/sft"}, "error": {"new": "surprise: 1\n"}}[
                level
            ],
        )
        return "recipe.yaml"

    return write


@pytest.mark.parametrize(
    ("level", "options", "code"), [("good", (), 0), ("error", (), 1), ("warning", (), 0), ("warning", ("--strict",), 1)]
)
def test_the_exit_code(doctor, recipe, level, options, code):
    assert doctor("--no-environment", "--recipe", recipe(level), *options).exit_code == code


def test_a_rule_can_be_ignored(doctor, recipe):
    assert doctor("--no-environment", "--recipe", recipe("error"), "--ignore", "LF001").exit_code == 0
    unknown = doctor("--no-environment", "--ignore", "XX999")
    assert unknown.exit_code == 1 and "XX999" in unknown.output and unknown.exception.__class__ is SystemExit


def test_json_is_all_there_is_on_stdout(doctor, recipe):
    result = doctor("--recipe", recipe("error"), "--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["schema"], report["ok"], report["strict"]) == (1, 1, False, False)
    assert set(report) == {"schema", "ok", "strict", "counts", "machine", "recipes", "fits", "findings"}
    assert set(report["counts"]) == set(LEVELS)
    assert report["machine"]["cpu_cores"] >= 1
    assert report["recipes"] == [{"file": "recipe.yaml", "kind": "llamafactory train"}]
    [finding] = [finding for finding in report["findings"] if finding["rule"] == "LF001"]
    line = Path("recipe.yaml").read_text().splitlines().index("surprise: 1") + 1
    assert finding == {
        "rule": "LF001",
        "level": "error",
        "file": "recipe.yaml",
        "line": line,
        "key": "surprise",
        "message": "`surprise` is not a LLaMA-Factory argument",
        "fix": "remove it",
    }


def test_the_text_names_rule_line_and_fix(doctor, recipe):
    output = doctor("--no-environment", "--recipe", recipe("error")).stdout
    assert "LF001 line 16: `surprise` is not" in output and "fix: remove it" in output and "error 1," in output


def test_markup_in_a_recipe_is_printed_as_it_stands(doctor, lint):
    lint("lf", new="'[/red]': 1\n")
    result = doctor("--no-environment", "--recipe", "recipe.yaml")
    assert result.exit_code == 1 and "`[/red]`" in result.stdout


@pytest.mark.parametrize("value", [r"\ud800", r"\e[31mred", r"a\nb", "\u4e2d", "x" * 900])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_no_value_reaches_the_terminal_raw(doctor, lint, value, options):
    lint("lf", new=f'"{value}": 1\n')
    result = doctor("--no-environment", "--recipe", "recipe.yaml", *options)
    assert result.exit_code == 1 and result.exception.__class__ is SystemExit
    assert "\x1b[31m" not in result.stdout and "LF001" in result.stdout and len(result.stdout) < 4000


def test_a_base_file_of_two_recipes_is_reported_once(doctor, lint, workshop):
    lint("verl", "    n: 4", "    n: 1")
    for name in ("one", "two"):
        (workshop / f"{name}.yaml").write_text("defaults: [recipe, _self_]\n")
    report = json.loads(doctor("--no-environment", "--recipe", ".", "--json").stdout)
    assert [(finding["rule"], finding["file"]) for finding in report["findings"]] == [("VR013", "recipe.yaml")]
    assert len(report["recipes"]) == 3


def test_every_rule_is_listed_and_used_once(doctor):
    table = doctor("--rules").stdout.strip()
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == sorted(RULES)
    assert all(rule.title and (rule.why or rule.fix) for rule in [*RULES.values(), *ROW_RULES.values()])
    sources = "".join(path.read_text() for path in (ROOT / "plugins/firsthand").rglob("*.py"))
    used = re.findall(r'^\w+ = (?:ROW_)?RULES\["(.+)"\]$', sources, re.MULTILINE)
    assert sorted(used) == sorted([*RULES, *ROW_RULES])


def test_the_base_install_says_what_it_could_not_check(lint, monkeypatch):
    from firsthand.doctor.verl import files
    from firsthand.recipe import hydra_search, llamafactory_facts, python_source, verl_facts

    caches = (
        llamafactory_facts.fields,
        llamafactory_facts.templates,
        llamafactory_facts.model_templates,
        verl_facts.defaults,
        verl_facts.leaves,
        files.builtin_loops,
    )
    for module in (llamafactory_facts, hydra_search, verl_facts, files, python_source):
        monkeypatch.setattr(module, "package_folder", lambda name: None)
    for cached in caches:
        cached.cache_clear()
    try:
        for kind, rule in (("lf", "LF003"), ("verl", "VR003")):
            assert [finding.rule for finding in lint(kind)] == [rule]
    finally:
        for cached in caches:
            cached.cache_clear()


def test_the_recipes_of_this_repository_are_clean(monkeypatch):
    """But for what is built or downloaded first."""
    from firsthand.doctor import recipes

    monkeypatch.chdir(ROOT)
    built = ("`datasets/", "`runs/", "`models/")
    checked = [recipes.check(path) for path, _ in recipes.expand(["recipes"])]
    found = [finding for recipe in checked for finding in recipe.findings if finding.level != "info"]
    assert [f for f in found if not (f.rule == "RC007" and f.message.startswith(built))] == []
    assert len(checked) > 40 and {"verl", "llamafactory train", "tools"} <= {recipe.kind for recipe in checked}
