"""A connection that has to say something: idle ones must not shut everybody else out.

The web server has a time limit for the pause between two requests only. Here the head of a request has one too, from
the first byte that could have come, and a limit of length; both count before a token can be looked at.
"""

import asyncio

from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEAD_SECONDS, HEAD_BYTES = 10.0, 1 << 16
_TOO_LONG = b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Connection(AutoHTTPProtocol):  # type: ignore[valid-type,misc]  # either of two, as installed
    _timer: asyncio.TimerHandle | None = None
    _head = 0  # bytes of a head that is not complete

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._begin_timer()

    def data_received(self, data: bytes) -> None:
        known = self.cycle
        in_body = known is not None and known.more_body
        super().data_received(data)
        if self.cycle is not known:  # a head is complete; from here on the body has its own limits
            self._head = 0
            self._end_timer()
        elif not in_body:
            self._head += len(data)
            if self._head > HEAD_BYTES:
                self.transport.write(_TOO_LONG)
                self.transport.close()
            elif self._timer is None and (known is None or known.response_complete):
                self._begin_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_timer()
        super().connection_lost(exc)

    def _begin_timer(self) -> None:
        self._timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
