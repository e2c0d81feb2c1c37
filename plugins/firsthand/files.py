"""Atomic writes, reads that name the line, and one process per folder. A killed process leaves the old file or the new
one, never half of one, and no lock."""

import fcntl
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from firsthand.errors import UserError


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A file to write beside `path`. It replaces `path` when the block ends well; otherwise it is removed."""
    path = Path(path)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(fd)
    tmp = Path(name)
    try:
        with writing(path, others=False):
            yield tmp
        tmp.chmod(0o644)  # mkstemp makes 0600, which other users of a shared folder could not read
        with writing(path):
            tmp.replace(path)
    except BaseException:
        tmp.unlink(missing_ok=True)
        raise


@contextmanager
def alone(folder: Path, work: str) -> Iterator[None]:
    """At most one process does this work in a folder. The lock ends with its process, however that ends."""
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / ".lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{folder}: another {work} is running there; wait for it or give another folder") from None
        yield


@contextmanager
def writing(path: Path | str, others: bool = True) -> Iterator[None]:
    """Whatever the file system refuses inside becomes one message that names the path. Without `others`, an error that
    names a file itself stays as it is: it may be about a file that was read."""
    try:
        yield
    except OSError as error:
        if error.filename and not others:
            raise
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from None


def spare(read: Iterable[Path], *written: Path | None) -> None:
    """Refuses to write over what is read: nobody means it, and the input may have been paid for."""
    inputs = {path.resolve() for path in read}
    for path in written:
        if path and path.resolve() in inputs:
            raise UserError(f"{path} is one of the files that are read; write to another one")


def write_bytes(path: Path | str, content: bytes) -> None:
    with replacing(path) as tmp:
        tmp.write_bytes(content)


def write_text(path: Path | str, content: str) -> None:
    write_bytes(path, content.encode())


def write_json(path: Path | str, content: Any, indent: int | None = 1) -> None:
    write_text(path, json.dumps(content, ensure_ascii=False, indent=indent) + "\n")


def write_jsonl(path: Path | str, rows: Iterable[Any]) -> None:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def storable(text: str) -> str:
    """JSON can spell half a surrogate pair, which UTF-8, and so no file, can hold; a `?` takes its place."""
    return text.encode(errors="replace").decode()


def loads(content: str | bytes) -> Any:
    """JSON as the library reads it, where every fault is a ValueError."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def check_regular(path: Path | str) -> None:
    """A pipe would never end, a device has no end, and a folder holds no rows."""
    if not Path(path).exists():
        raise UserError(f"{path}: no such file")
    if not Path(path).is_file():
        raise UserError(f"{path}: not a regular file")


def read_text(path: Path | str) -> str:
    check_regular(path)
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read as text ({error})") from None


def read_json(path: Path | str) -> Any:
    text = read_text(path)
    try:
        return loads(text)
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None


def read_yaml(path: Path | str) -> Any:
    import yaml

    text = read_text(path)
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: not valid YAML ({error})") from None


def read_jsonl(path: Path | str) -> Iterator[Any]:
    """Rows of a JSONL file; a broken line is an error that names its number."""
    check_regular(path)
    try:
        with Path(path).open("rb") as handle:
            yield from _rows(handle, f"{path}")
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None


def _rows(lines: Iterable[bytes], name: str) -> Iterator[Any]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield loads(line.decode())
            except ValueError as error:
                raise UserError(f"{name}:{number}: not valid JSON ({error})") from None
