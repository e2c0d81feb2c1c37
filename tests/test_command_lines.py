"""Every command line that a reader may type runs as printed after `make demo` in a fresh clone, or the page says before
it what it needs.

The commands of a page are walked in order: each may read what the clone holds, what `make demo` leaves, and what
commands before it or "Needs:" lines have made. Programs and options are read by their own parsers.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from firsthand.cli import app
from firsthand.egoagent.training.settings import read_recipe
from firsthand.files import read_json, read_yaml
from firsthand.recipe import hydra_search, llamafactory_facts
from firsthand.recipe.kind import detect

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "docs/recipes.md",
    ROOT / "docs/video_rl.md",
    *sorted((ROOT / "recipes").rglob("*.md")),
]
HEADERS = sorted((ROOT / "recipes").rglob("*.yaml"))
PROGRAMS = ("firsthand ", "llamafactory-cli ", "python -m verl.", "launch/", "make ", "sbatch ")
OUTPUTS = {"out", "sft", "html"}  # parameters of firsthand that are written, not read
CHOICE_ROWS = ("sft.json", "grpo_train.parquet", "grpo_dev.parquet", "test.jsonl")
EGO3S_ROWS = (
    "sft.json", "grpo_train.parquet", "grpo_dev.parquet", "grpo_test.parquet", "test.jsonl", "regions.jsonl",
)  # fmt: skip
AGENT_ROWS = ("train.jsonl", "dev.jsonl", "test.jsonl", "grpo_train.parquet", "grpo_dev.parquet")
LOCAL = re.compile(r"(datasets|runs|outputs|models|recipes|launch|docs)/[\w./-]*\w")

Paths = set[str]


@pytest.fixture(autouse=True)
def in_the_clone(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)


# -- what is there -----------------------------------------------------------------------------------------------------


@cache
def clone() -> frozenset[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return frozenset(listed) | {str(parent) for path in listed for parent in Path(path).parents}


@cache
def demo(name: str) -> frozenset[str]:
    """What a demo leaves: its stages are commands too."""
    from firsthand.demo import agent, choice

    made: Paths = set()
    for stage in {"agent": agent, "choice": choice}[name].stages(Path(f"runs/demo_{name}_seed0"), 0):
        if callable(stage.command):
            continue
        program = Path(stage.command[0]).name.rstrip("0123456789.")
        made |= command_files([program, *stage.command[1:]])[1] | {str(path) for path in stage.makes}
    return frozenset(made)


def is_there(path: str, made: Paths) -> bool:
    return path in clone() or any(path == other or path.startswith(f"{other}/") for other in made)


# -- what a recipe reads and makes -------------------------------------------------------------------------------------


def recipe_files(path: Path, overrides: list[str], verb: str = "") -> tuple[Paths, Paths]:
    data, kind = read_yaml(path), detect(read_yaml(path))
    if kind.startswith("llamafactory"):
        changed = dict(word.split("=", 1) for word in overrides)
        return llamafactory_files(data | changed, path)
    if kind == "verl":
        return verl_files(path, overrides, verb)
    if kind == "verl agent loops":
        return set().union(*(recipe_files(Path(loop["toolbox"]), [])[0] for loop in data)), set()
    if kind == "egoagent":
        given = read_recipe(path, overrides)
        return local(given.data.images, given.data.clips, given.start), {given.output_dir}
    if kind == "tools":
        roots = [backend.get("root") for backend in data.get("backends", {}).values()]
        return local(data["memory"]["store"], data.get("video"), *roots), set()
    if kind == "chains of tool calls":
        return local(data["questions"]) | recipe_files(Path(data["tools"]), [])[0], {data["out"]}
    if kind == "selection":
        return local(data["pool"], data["media_root"], data.get("regions"), data["reward"]["recipe"]), {data["out"]}
    if kind == "curriculum":
        return local(data["train"], data["select"], data["start"]), {data["out"]}
    raise AssertionError(f"{path}: {kind}")


def llamafactory_files(data: dict[str, Any], path: Path) -> tuple[Paths, Paths]:
    fields = llamafactory_facts.fields(llamafactory_facts.INFER if "export_dir" in data else llamafactory_facts.TRAIN)
    assert data.keys() <= set(fields), f"{path}: {data.keys() - set(fields)}"
    read = [data.get(key) for key in ("model_name_or_path", "adapter_name_or_path", "deepspeed", "media_dir")]
    if "dataset" in data:
        read.append(read_json(Path("dataset_info.json"))[data["dataset"]]["file_name"])
    return local(*read), local(data.get("output_dir"), data.get("export_dir"))


def verl_files(path: Path, overrides: list[str], verb: str) -> tuple[Paths, Paths]:
    config = hydra_search.compose(path, overrides)  # an unknown key is refused
    run = str(config.trainer.default_local_dir)
    if verb == "export":
        return {run}, {run}
    loop = config.actor_rollout_ref.rollout.agent.get("agent_loop_config_path")
    media = config.data.get("media") or {}
    read = local(
        config.data.train_files, config.data.val_files, config.actor_rollout_ref.model.path, loop, media.get("root"),
        config.reward.custom_reward_function.path,
    )  # fmt: skip
    loops = [entry for entry in read_yaml(Path(loop)) if "toolbox" in entry] if loop else []
    if loops:  # the rows name one of its loops
        style = "ego_r1_native" if "native" in config.data.train_files else "ego_r1"
        [toolbox] = [entry["toolbox"] for entry in loops if entry["name"] == style]
        read |= recipe_files(Path(toolbox), [])[0]
    return read, {run}


def local(*values: str | None) -> Paths:
    return {value for value in values if value and LOCAL.match(value)}


# -- what a command reads and makes ------------------------------------------------------------------------------------


def command_files(words: list[str]) -> tuple[Paths, Paths]:
    read, made = _command_files(tuple(words))
    return set(read), set(made)


@cache
def _command_files(command: tuple[str, ...]) -> tuple[Paths, Paths]:
    words = list(command)
    while words and re.fullmatch(r"[A-Z_]+=\S*", words[0]):  # TOOLS=recipes/... launch/...
        words = words[1:]
    program, *rest = words
    if program == "sbatch":
        rest = [word for word in rest if not word.startswith("--")]
        assert (ROOT / rest[0]).is_file(), rest[0]
        return recipe_files(Path(rest[1]), rest[2:])
    if program == "make":
        return made_by_make(rest)
    if program == "llamafactory-cli":
        return recipe_files(Path(rest[1]), rest[2:])
    if program == "python":
        assert rest[:3] == ["-m", "verl.trainer.main_ppo", "--config-dir"] and rest[4] == "--config-name", rest
        return recipe_files(Path(rest[3], f"{rest[5]}.yaml"), rest[6:])
    if program.startswith("launch/"):
        return launched(words)
    if program in ("vllm", "env") or "=" in program:
        return {word for word in rest if LOCAL.fullmatch(word) and word.startswith("runs/")}, set()
    assert program == "firsthand", program
    return firsthand_files(rest)


def made_by_make(words: list[str]) -> tuple[Paths, Paths]:
    targets = [word for word in words if "=" not in word]
    known = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert targets and set(targets) <= set(known), targets
    return set(), set(demo("choice")) if "DEMO=choice" in words else set(demo("agent")) if "demo" in words else set()


def launched(words: list[str]) -> tuple[Paths, Paths]:
    """The launcher itself says what it runs."""
    if words[0].endswith((".sbatch", "setup.sh")):
        assert (ROOT / words[0]).is_file(), words[0]
        return set(), set()
    done = subprocess.run([words[0], "--dry-run", *words[1:]], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [command_files(shlex.split(line)) for line in done.stdout.splitlines()]
    return set().union(*(read for read, _ in found)), set().union(*(made for _, made in found))


def firsthand_files(words: list[str]) -> tuple[Paths, Paths]:
    command, context, words = resolved(words)
    context = command.make_context(command.name, list(words), parent=context)  # its own parser: unknown options end it
    read, made, values = set(), set(), context.params
    overrides = [word for word in values.get("overrides") or [] if "=" in word]
    for key, value in values.items():
        for path in value if isinstance(value, list | tuple) else [value]:
            if not isinstance(path, Path):
                continue
            if key in OUTPUTS:
                made |= set() if command.name == "build" and "toy" in context.command_path else {str(path)}
                continue
            read.add(str(path))
            if path.suffix == ".yaml" and command.name not in ("doctor", "check", "show", "list"):
                more_read, more_made = recipe_files(path, overrides, command.name or "")
                read, made = read | more_read, made | more_made
    return read, made | makes(context.command_path.split(" ", 1)[1], values)


def resolved(words: list[str]) -> tuple[Any, Any, list[str]]:
    """The command of these words, the context of its noun, and its own words."""
    command: Any = get_command(app)
    context = command.context_class(command, info_name="firsthand")
    while hasattr(command, "resolve_command") and not words[0].startswith("-"):
        name, command, words = command.resolve_command(context, words)
        context = command.context_class(command, info_name=name, parent=context)
    return command, context.parent, words


def makes(command: str, values: dict[str, Any]) -> Paths:
    """What commands write at places that no option names."""
    name = values.get("name")
    if command == "toy build":
        return {f"{values['out']}/{part}" for part in ("memory", "qa", "truth", "splits.json")}
    if command == "toy rows":
        return {f"{values['week']}/choice_{part}" for part in CHOICE_ROWS}
    if command == "toy agent-rows":
        return {f"{values['week']}/agent_{part}" for part in AGENT_ROWS}
    if command == "toy ego3s-rows":
        return {f"{values['week']}/ego3s_{part}" for part in EGO3S_ROWS}
    if command == "toy model":
        return {"runs/tiny_base", "datasets/toy_base"}
    if command == "data fetch" and not values["out"]:
        return {f"datasets/{name}/release"}
    if command == "data build" and not values["out"]:
        return {f"datasets/{name}"}
    return set()


# -- what a page says --------------------------------------------------------------------------------------------------


def lines_of(page: Path) -> Iterator[tuple[str, str]]:
    """("needs", text) and ("command", line), in order: fenced blocks of a page, comments above a recipe's first key."""
    text = page.read_text()
    if page.suffix == ".md":
        text = "\n".join(re.findall(r"^```\n(.*?)^```$", text, re.M | re.S))
    else:
        comments = re.match(r"(#.*\n)*", text)
        text = re.sub(r"^#( {3})?", lambda mark: "" if mark[1] else "#", comments[0] if comments else "", flags=re.M)
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        if needs := re.match(r"#\s*Needs[^:]*:\s*(.*)", line):
            yield "needs", needs[1]
        elif line.startswith(PROGRAMS) or re.match(r"[A-Z_]+=\S+ launch/", line):
            yield "command", re.split(r"\s#\s", line)[0].rstrip().removesuffix("&")


def provided(needs: str, made: Paths) -> Paths:
    """What a "Needs:" line provides: its commands are walked too; a recipe stands for what its own header needs."""
    provides = set(re.findall(LOCAL, needs) and [match[0] for match in LOCAL.finditer(needs)]) - set(clone())
    text = re.sub(r"\(.*?\)", "", needs)
    for part in text.split("&&"):
        if recipes := re.findall(r"recipes/[\w/]+\.yaml", part):
            for recipe in recipes:
                provides |= walk(Path(recipe), made | provides)
        if part.strip().startswith(PROGRAMS):
            read, more = command_files(shlex.split(part))
            assert all(is_there(path, made | provides) for path in read), f"{needs}: {sorted(read)}"
            provides |= more
    return provides


def walk(page: Path, made: Paths) -> Paths:
    made, serving = set(made), False
    for kind, text in lines_of(page):
        serving = serving or "launch/serve" in text
        if kind == "needs":
            made |= provided(text, made)
            continue
        read, more = command_files(shlex.split(text))
        missing = sorted(path for path in read if not is_there(path, made))
        assert not missing, f"{page}: `{text}` needs {', '.join(missing)}; say on a line before what makes it"
        assert "--server http" not in text or serving, f"{page}: `{text}` needs a server"
        made |= more
    return made


def failures(pages: list[Path]) -> list[str]:
    found = []
    for page in pages:
        try:
            walk(page, set(demo("agent")))
        except Exception as error:
            found.append(f"{page}: {type(error).__name__}: {error}")
    return found


def test_every_recipe_and_launcher_that_a_text_names_exists() -> None:
    named = re.compile(r"(?<![\w/.~-])(?:recipes|launch)/[\w./*-]+\.(?:yaml|json|sh|sbatch|md)\b")
    texts = [path for path in map(Path, sorted(clone())) if path.suffix in (".py", ".md", ".yaml", ".sh", ".sbatch")]
    wrong = [
        f"{path}: {name}"
        for path in texts
        if path.is_file() and path.parts[0] != "tests"
        for name in named.findall(path.read_text())
        if not list(ROOT.glob(name))
    ]
    assert len(texts) > 300
    assert wrong == []


def test_the_command_lines_of_the_pages_run_after_the_demo() -> None:
    assert failures(PAGES) == []


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("llamafactory-cli train recipes/tiny_sft_qwen3vl_lora.yaml", "needs datasets/toy/choice_sft.json"),
        (
            "# Needs: firsthand toy build datasets/toy\nlaunch/sft.sh recipes/sft_qwen3vl.yaml",
            "datasets/toy/choice_sft",
        ),
        ("# Needs: make demo DEMO=choice\nlaunch/sft.sh recipes/sft_qwen4.yaml", "sft_qwen4.yaml: no such recipe"),
        ("launch/nothing.sh recipes/sft_qwen3vl.yaml", "launch/nothing.sh"),
        ("make demo DEMO=choice\nllamafactory-cli train recipes/sft_qwen3vl.yaml learnin_rate=1", "learnin_rate"),
        ("firsthand toy build datasets/toy --peple 3", "--peple"),
        ("firsthand toys build datasets/toy", "toys"),
        ("make dmo", "dmo"),
        ("firsthand export recipes/tiny_grpo_qwen3vl_choice.yaml", "needs runs/tiny_grpo_qwen3vl_choice"),
        ("make demo\nlaunch/grpo.sh recipes/ego_r1/tiny_grpo.yaml", "needs runs/tiny_sft_ego_cott_lora_merged"),
        ("make demo DEMO=choice\nlaunch/grpo.sh recipes/grpo_qwen3vl_choice.yaml trainer.epochs=3", "trainer.epochs"),
        ("firsthand eval run toy_memory --agent a --server http://x --out runs/a", "needs a server"),
    ],
)
def test_what_would_not_run_is_named(lines: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(f"```\n{lines}\n```\n")
    [found] = failures([tmp_path / "page.md"])
    assert complaint in re.sub(r"\s+", " ", found)


def test_the_command_lines_of_the_recipes_run_after_the_demo() -> None:
    assert failures(HEADERS) == []
