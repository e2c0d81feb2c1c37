"""Replies of models, kept under the hash of what was asked: nothing is asked, or paid for, twice.

An SQLite file, since several processes may share it. Each reply is committed as it arrives, so kill -9 loses only the
questions that were on their way.
"""

import hashlib
import json
import sqlite3
import threading
from pathlib import Path
from typing import Any

from firsthand.errors import UserError

Reply = dict[str, Any]


def key_of(request: Any) -> str:
    """The name of a request: equal requests have equal names, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()


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
