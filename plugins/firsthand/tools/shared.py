"""What the tools of one toolbox share. Each part is opened when the first tool asks for it: what no tool needs may be
missing from the file and from the machine."""

from functools import cached_property
from typing import TYPE_CHECKING

from firsthand.errors import UserError
from firsthand.llm import keys
from firsthand.tools.backends.base import Backend, Recorded
from firsthand.tools.cassettes import Cassettes
from firsthand.tools.limits import KeyPool, RateLimit
from firsthand.tools.settings import Config, Gemini, OpenAI, Oracle, service

if TYPE_CHECKING:
    from firsthand.memory.search import Searcher
    from firsthand.tools.environment import Environment


class Shared:
    def __init__(self, config: Config):
        self._config, self._backends = config, dict[str, Backend]()
        self._cassettes = Cassettes(config.cassettes.folder, config.cassettes.mode)

    @cached_property
    def environment(self) -> "Environment":
        from firsthand.tools.environment import Environment

        video = self._config.video
        if video is None or not video.is_dir():
            what = "not set" if video is None else f"{video} is not a folder"
            raise UserError(
                f"video: {what}, but tools that see need a frame store; `firsthand media extract` makes one"
            )
        return Environment(video)

    @cached_property
    def searcher(self) -> "Searcher":
        from firsthand.memory.dense import open_embedder
        from firsthand.memory.rerank import Reranker
        from firsthand.memory.search import Searcher
        from firsthand.memory.store import Store

        memory = self._config.memory
        if memory is None:
            raise UserError("memory: not set, but the tool rag needs one; `firsthand memory import` makes it")
        embedder = open_embedder(**memory.embedding.model_dump()) if memory.embedding else None
        reranker = Reranker(**memory.rerank.model_dump()) if memory.rerank else None
        store = Store(memory.store)
        return Searcher(store, memory.ranking, synonyms=memory.synonyms, embedder=embedder, reranker=reranker)

    def backend(self, name: str) -> Backend:
        if name not in self._backends:
            self._backends[name] = self._opened(name)
        return self._backends[name]

    def _opened(self, name: str) -> Backend:
        backends = self._config.backends
        if name not in backends:
            raise UserError(f"there is no backend {name!r}; backends: {', '.join(backends) or 'none'}")
        settings = backends[name]
        if isinstance(settings, Oracle):
            from firsthand.tools.backends.oracle import OracleBackend

            return OracleBackend(settings.root)
        return Recorded(_remote(settings, self._config), self._cassettes)


def _remote(settings: OpenAI | Gemini, config: Config) -> Backend:
    """Only where calls can be made are keys and clients needed."""
    replay = config.cassettes.mode == "replay"
    found = ("none",) if replay or not settings.key_env else keys.read(settings.key_env)
    keys.remember_address(settings.base_url or "")
    limit = RateLimit(config.counts, settings.per_minute, settings.burst)
    pool = KeyPool(service(settings), found, limit)
    made = settings.model_dump(include={"model", "max_tokens", "base_url"}) | {"price": settings.price}
    if isinstance(settings, OpenAI):
        from firsthand.tools.backends.openai import OpenAIBackend

        return OpenAIBackend(keys=pool, **made)
    from firsthand.tools.backends.gemini import GeminiBackend, require_client

    if not replay:
        require_client()
    return GeminiBackend(keys=pool, **made)
