"""Fetching through the hubs' own clients, from a stand-in that serves the layout of both hubs over a real socket."""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from firsthand.cli import app
from firsthand.data.build.catalogue import RELEASES, release
from firsthand.data.build.fetch import choose, fetch
from firsthand.errors import UserError

FILES = {
    "train.json": b"[]",
    "frames/EgoPet/v/frames/oc_q1/frame_0.jpg": b"jpeg",
    "Ego-QA-4.4K/manual-2.9K/A1.json": b'[{"ID": "1"}]',
    "Ego-CoTT-25K/train-cott.json": b"[1]",
}
COMMIT = "a" * 40
TREE = [
    {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
    for name, content in FILES.items()
]


class Hubs(http.server.BaseHTTPRequestHandler):
    """The parts of both interfaces that their clients use; repositories named `gated` refuse."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if "gated" in url.path:
            return self._send(b"{}", 403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "ask for access"})
        if url.path.startswith("/api/v1/datasets/"):
            return self._modelscope(url.path, parse_qs(url.query))
        if url.path.startswith("/api/datasets/"):
            if "/tree/" in url.path:
                return self._send(json.dumps(TREE).encode())
            repo = url.path.removeprefix("/api/datasets/").partition("/revision")[0]
            siblings = [{"rfilename": name} for name in FILES]
            return self._send(json.dumps({"id": repo, "sha": COMMIT, "siblings": siblings}).encode())
        name = url.path.partition(f"/resolve/{COMMIT}/")[2]
        if name not in FILES:
            return self._send(b"{}", 404)
        etag = hashlib.sha256(FILES[name]).hexdigest()
        return self._send(FILES[name], 200, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})

    do_HEAD = do_GET

    def _modelscope(self, path: str, query: dict[str, list[str]]) -> None:
        if path.endswith("/repo"):
            return self._send(FILES[query["FilePath"][0]])
        listed = [
            {
                "Name": Path(name).name,
                "Path": name,
                "Type": "blob",
                "Size": len(content),
                "Sha256": hashlib.sha256(content).hexdigest(),
                "Revision": "master",
            }
            for name, content in FILES.items()
        ]
        data = {"Files": listed, "TotalCount": len(listed)}
        return self._send(json.dumps({"Code": 200, "Success": True, "Data": data}).encode())

    def _send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def hubs() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hubs)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def got(out: Path) -> dict[str, bytes]:
    found = (path for path in out.rglob("*") if path.is_file())
    names = {path.relative_to(out).as_posix(): path for path in found}
    return {name: path.read_bytes() for name, path in names.items() if not name.startswith(".")}


def test_a_whole_repository_from_modelscope(hubs: str, tmp_path: Path) -> None:
    pytest.importorskip("modelscope")
    fetch(release("egocross_support"), "modelscope", tmp_path / "out", hubs)
    assert got(tmp_path / "out") == FILES


def test_the_wanted_part_of_a_repository_from_hugging_face(hubs: str, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    fetch(release("ego_qa"), None, tmp_path / "out", hubs)
    assert got(tmp_path / "out") == {name: FILES[name] for name in FILES if name.startswith("Ego-QA-4.4K/")}


def test_licence_and_terms_are_told_and_the_next_step(hubs: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["data", "fetch", "ego_qa", "--out", str(tmp_path / "o"), "--endpoint", hubs])
    assert result.exit_code == 0
    assert result.output.index("licence: ") < result.output.index("firsthand data build ego_qa --src")
    assert RELEASES["ego_qa"].terms in result.output


@pytest.mark.parametrize("name, hub, reason", [
    ("toy_week", None, "cannot be fetched from a hub; it comes from: firsthand toy build"),
    ("egocross_support", "hf", "is kept at modelscope"),
    ("nothing", None, "is not a data set that can be built"),
])  # fmt: skip
def test_what_cannot_be_fetched(name: str, hub: str | None, reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        choose(release(name), hub)


@pytest.mark.parametrize("name", ["egocross_test", "egocross_support"])
def test_a_hub_that_refuses_is_a_message(hubs: str, tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"could not be fetched from (hf|modelscope): .*\nAsk for access"):
        fetch(release(name), None, tmp_path / "out", f"{hubs}/gated")
