"""A language model reorders the best candidates: optional, at temperature 0, and every reply is kept."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from firsthand import clock
from firsthand.llm.reply_cache import ReplyCache, key_of
from firsthand.memory.records import Record

PROMPT = Path(__file__).with_name("rerank.txt")


class Reranker:
    """A server that fails raises openai's own error, because the old order is not an answer."""

    def __init__(self, server: str, model: str, cache: Path | str, depth: int = 10) -> None:
        self.model, self.depth = model, depth
        self.unread = 0  # replies that were not a list of numbers; the order stayed as it was
        # a second of import, which no lexical search needs
        from firsthand.llm.client import connect_blocking

        self._client = connect_blocking(server, timeout=300.0, key_env="OPENAI_API_KEY")
        self._cache = ReplyCache(cache)

    def order(self, keywords: Sequence[str], records: Sequence[Record]) -> list[int]:
        """Places of `records`, best first, each once."""
        pieces = [f"[{i}] {clock.format_range(one.start, one.end)}\n{one.text}" for i, one in enumerate(records)]
        question = "Keywords: " + ", ".join(keywords) + "\n\n" + "\n\n".join(pieces)
        messages = [{"role": "system", "content": PROMPT.read_text()}, {"role": "user", "content": question}]
        body = {"model": self.model, "messages": messages, "temperature": 0.0, "max_tokens": 200}
        key = key_of(body)
        if (reply := self._cache.get(key)) is None:
            answer = self._client.chat.completions.create(**body)  # type: ignore[call-overload]
            reply = {"text": answer.choices[0].message.content or ""}
            self._cache.put(key, reply)
        return self._read(reply["text"], len(records))

    def _read(self, text: str, count: int) -> list[int]:
        found = re.search(r"\[[\d,\s]*\]", text)
        try:
            named = [place for place in json.loads(found[0]) if place < count] if found else []
        except json.JSONDecodeError:
            named = []
        self.unread += not named
        return list(dict.fromkeys([*named, *range(count)]))
