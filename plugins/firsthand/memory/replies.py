"""Replies of models, kept under the hash of what was asked: nothing is asked, or paid for, twice.

A sqlite file, since several processes may share it. Each reply is committed as it arrives, so kill -9 loses only the
questions that were on their way.
"""

import hashlib
import json
import os
import sqlite3
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from firsthand.errors import UserError
from firsthand.llm.endpoint import base_url

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

Reply = dict[str, Any]


def connect(server: str, retries: int = 6, timeout: float = 300.0) -> "OpenAI":
    from openai import OpenAI  # a second of import, which no lexical search needs

    return OpenAI(**_address(server), max_retries=retries, timeout=timeout)


def connect_async(server: str, retries: int = 6, timeout: float = 300.0) -> "AsyncOpenAI":
    from openai import AsyncOpenAI

    return AsyncOpenAI(**_address(server), max_retries=retries, timeout=timeout)


def _address(server: str) -> dict[str, Any]:
    return {"base_url": base_url(server), "api_key": os.environ.get("OPENAI_API_KEY") or "none"}


def key_of(body: Any) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


class ReplyCache:
    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=60, check_same_thread=False, isolation_level=None)
            self._db.execute("CREATE TABLE IF NOT EXISTS replies(key TEXT PRIMARY KEY, reply TEXT)")
        except (OSError, sqlite3.Error) as error:
            raise UserError(f"{self.path}: cannot keep replies there ({error})") from None
        self._lock = threading.Lock()

    def get(self, key: str) -> Reply | None:
        with self._lock:
            found = self._db.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        return json.loads(found[0]) if found else None

    def put(self, key: str, reply: Reply) -> None:
        with self._lock:
            self._db.execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", (key, json.dumps(reply)))

    def close(self) -> None:
        self._db.close()
