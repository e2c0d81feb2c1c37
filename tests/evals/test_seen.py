"""Hashes of what a run could see: other content, another hash; the same content elsewhere, the same hash."""

from pathlib import Path

from firsthand.evals import seen
from firsthand.files import write_text


def test_of_media(tmp_path: Path) -> None:
    rows = [{"images": ["a", "b"]}, {"video": ["b"], "video_file": "c"}, {"id": "x"}]
    for root in ("here", "there"):
        (tmp_path / root).mkdir()
        for name in "abc":
            (tmp_path / root / name).write_text(name * 200_000)
    one, same = (seen.of_media(rows, tmp_path / root) for root in ("here", "there"))
    assert one == same and one["media"].endswith(", 3 files")
    (tmp_path / "there/c").write_text("c" * 199_999 + "d")
    assert seen.of_media(rows, tmp_path / "there") != one
    (tmp_path / "there/c").unlink()
    assert seen.of_media(rows, tmp_path / "there")["media"].endswith(", 2 files, 1 missing")
    assert seen.of_media([{"id": "x"}], tmp_path) == {}


def test_of_the_memory_of_an_agent(tmp_path: Path) -> None:
    tools = tmp_path / "tools.yaml"
    write_text(tools, f"memory:\n  store: {tmp_path}/memory.sqlite\ntools:\n  rag:\n")
    hashes = []
    for text in ("she puts a cup down", "she puts a pan down"):
        write_text(tmp_path / "memory.sqlite", text)
        hashes.append(seen.of_tools(tools)["memory"])
    assert len(set(hashes)) == 2 and all(len(digest) == 16 for digest in hashes)
