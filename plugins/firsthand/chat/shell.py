"""The lines that a user types: questions go to the session, `/words` are for the shell itself."""

import asyncio
from pathlib import Path

from openai import APIError

from firsthand import files
from firsthand.chat.screen import Screen
from firsthand.chat.session import Session
from firsthand.errors import UserError
from firsthand.files import storable
from firsthand.llm.keys import redact
from firsthand.rollout.trace import Trace
from firsthand.tools.scope import Scope
from firsthand.tools.text import every_string

HELP = Path(__file__).with_name("help.txt").read_text().strip()
ENDS = {
    "no_answer": "all turns are used up", "invalid": "too many turns in a row could not be read",
    "length": "a turn was cut at the limit of tokens",
}  # fmt: skip


class Shell:
    def __init__(self, session: Session, screen: Screen):
        self.session, self.screen = session, screen
        self.words = {
            "/help": self.help, "/source": self.source, "/time": self.time, "/tools": self.tools,
            "/history": self.history, "/new": self.new, "/save": self.save,
        }  # fmt: skip

    def run(self, runner: asyncio.Runner) -> None:
        """Until the end of the input; one event loop serves all questions, so that connections stay open."""
        while True:
            try:
                line = storable(input(self._prompt())).strip()
            except EOFError:
                return
            except KeyboardInterrupt:
                self.screen.say("\nCtrl-D or /quit leaves", "yellow")
                continue
            if line == "/quit":
                return
            try:
                self._do(line, runner)
            except UserError as error:
                self.screen.say(str(error), "red")
            except APIError as error:
                self.screen.say(f"the server failed: {error.message}; ask again, or /new if it is too long", "red")
            except KeyboardInterrupt:
                self.screen.say("\nstopped; the question is forgotten", "yellow")
            except Exception as error:  # whatever a server, a file or a terminal does, the conversation is kept
                self.screen.say(f"that failed: {type(error).__name__}: {error}; the conversation goes on", "red")

    def _prompt(self) -> str:
        row = self.session.row
        return f"{row.source or '?'}@{self.session.query_time or ('end' if row.query_time else '?')}> "

    def _do(self, line: str, runner: asyncio.Runner) -> None:
        if line.startswith("/"):
            word, _, rest = line.partition(" ")
            if word not in self.words:
                raise UserError(f"{word} is not known here; see /help")
            self.words[word](rest.strip())
        elif line:
            exchange = runner.run(self.session.ask(line))
            self._result(exchange.answer, exchange.trace)

    def _result(self, answer: str | None, trace: Trace) -> None:
        tokens = sum(turn.tokens for turn in trace.turns)
        spent = f"{len(trace.turns)} turns, {len(trace.calls)} calls, {tokens} tokens, {trace.seconds:.1f} s"
        if answer is None:
            self.screen.say(f"no answer: {ENDS[trace.stop]} ({spent})", "yellow")
        else:
            self.screen.say(answer, "bold", end="  ")
            self.screen.say(f"({spent})", "dim")

    def help(self, _: str) -> None:
        self.screen.say(HELP)

    def source(self, name: str) -> None:
        if not name:
            raise UserError("write /source A1_JAKE, or /source with the id of a video")
        self.session.place(Scope.of(name))

    def time(self, stamp: str) -> None:
        if not stamp:
            raise UserError("write /time DAY3_12000000, or /time end")
        self.session.place(Scope.of(query_time=stamp))

    def tools(self, _: str) -> None:
        for tool in self.session.toolbox.tools.values():
            self.screen.say(f"{tool.name}: {tool.description}")

    def history(self, _: str) -> None:
        for exchange in self.session.exchanges:
            self.screen.say(f"{exchange.question.question} → {exchange.answer or 'no answer'}")

    def new(self, _: str) -> None:
        self.session.messages = []

    def save(self, path: str) -> None:
        if not path:
            raise UserError("write /save chat.json")
        exchanges = [exchange.as_dict() for exchange in self.session.exchanges]
        said = {"model": self.session.agent.model, "style": self.session.style, "exchanges": exchanges}
        files.write_json(path, every_string(said, redact))
        self.screen.say(f"{len(exchanges)} questions -> {path}")
