"""Fetches Qwen's released chat templates and vocabulary, with which the tests of token identity also run.

    .venv/bin/python launch/released_templates.py     # a step of launch/setup.sh

They stand in two wheels of the package index. Nothing of them is committed: what the tests need is unpacked into
.cache/released, with the licences, and is known by its checksum. A second run needs no network. Without one the first
run says so and ends well; the tests then say loudly that they did not run.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

CACHE = Path(__file__).resolve().parents[1] / ".cache/released"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries", "1", "--timeout", "8", "download"]
# wheel -> what is taken out of it -> SHA-256
WHEELS = {
    "trl==1.16.0": {
        "trl/chat_templates/qwen2_5.jinja": "cd8e9439f0570856fd70470bf8889ebd8b5d1107207f67a5efb46e342330527f",
        "trl/chat_templates/qwen2_5_vl.jinja": "a0bc6f6fc7a29a80017a433e8f03a1cc1236e838a944a2d034295a60c4f2fddb",
        "trl/chat_templates/qwen3.jinja": "a55ee1b1660128b7098723e0abcd92caa0788061051c62d51cbe87d9cf1974d8",
        "trl/chat_templates/qwen3_vl.jinja": "3636d0f0bd6bef02654cdffdc447b79cb2cef8ab02cc75267345946291a489e4",
        "trl/chat_templates/qwen3_instruct_2507.jinja": (
            "64f85b198065d0fba2a81f37e10ed68161ce2c19a754c7100e67e0ca2ee9c326"
        ),
        "trl/chat_templates/qwen3_5_think.jinja": "a4aee8afcf2e0711942cf848899be66016f8d14a889ff9ede07bca099c28f715",
        "trl/chat_templates/qwen3_5_nothink.jinja": "273d8e0e683b885071fb17e08d71e5f2a5ddfb5309756181681de4f5a1822d80",
        "trl-1.16.0.dist-info/licenses/LICENSE": "1bf614b1fdc40fbd344aa58d00d17d5fd0d252ea333a05be018a38959c8b2998",
    },
    "dashscope==2.0.2": {
        "dashscope/resources/qwen.tiktoken": "b2b1b8dfb5cc5f024bafc373121c6aba3f66f9a5a0269e243470a1de16a33186",
        "dashscope-2.0.2.dist-info/licenses/LICENSE": (
            "c71d239df91726fc519c6eb72d318ec65820627232b2f796219e87dcf35d0ab4"
        ),
    },
}


def place(wheel: str, member: str) -> Path:
    """Templates and vocabulary keep their names; a licence is named after its wheel."""
    name = PurePosixPath(member).name
    return CACHE / (f"{name}.{wheel.partition('==')[0]}" if name == "LICENSE" else name)


def is_there(path: Path, digest: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == digest


def fetch(wheel: str, members: dict[str, str]) -> str:
    """What is wrong, or nothing."""
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        command = [*PIP, "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder, wheel]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            return (done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"])[-1]
        [archive] = Path(folder).glob("*.whl")
        with ZipFile(archive) as opened:
            for member, digest in members.items():
                content = opened.read(member)
                if hashlib.sha256(content).hexdigest() != digest:
                    return f"{member} is not the file that the tests were written for"
                unpacked = Path(folder) / "unpacked"
                unpacked.write_bytes(content)
                unpacked.replace(place(wheel, member))
    return ""


def main() -> None:
    CACHE.mkdir(parents=True, exist_ok=True)
    for wheel, members in WHEELS.items():
        if all(is_there(place(wheel, member), digest) for member, digest in members.items()):
            continue
        if wrong := fetch(wheel, members):
            print(f"[setup] {wheel} could not be fetched: {wrong}")
            print("[setup] so the tests of token identity will not run with what Qwen released; all else works")
            return
        print(f"[setup] {wheel}: unpacked what the tests of token identity need into {CACHE}")


if __name__ == "__main__":
    main()
