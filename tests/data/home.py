"""An HTTP server that behaves as well, or as badly, as a test wants it to."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Literal

Ranges = Literal["honoured", "ignored", "shifted"]


class Home:
    """Serves ``files`` under ``url`` until the ``with`` block ends.

    Attributes:
        files: what there is, by name.
        ranges: what becomes of a request for the rest of a file; "shifted" answers with another part than asked for.
        cuts: how many bytes to send before the connection is closed, for the next answers; then they are whole.
        requests: (name, Range header) of what was asked for so far.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges: Ranges = "honoured"
        self.cuts: list[int] = []
        self.requests: list[tuple[str, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> "Home":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, name: str, wanted: str | None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a request."""
        self.requests.append((name, wanted))
        body = self.files.get(name)
        if body is None:
            return 404, {}, b"no such file"
        if wanted is None or self.ranges == "ignored":
            return 200, {}, body
        begin = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if begin >= len(body):
            return 416, {"Content-Range": f"bytes */{len(body)}"}, b""
        begin += self.ranges == "shifted"
        return 206, {"Content-Range": f"bytes {begin}-{len(body) - 1}/{len(body)}"}, body[begin:]

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        home = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = home.answer(self.path.removeprefix("/"), self.headers.get("Range"))
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: home.cuts.pop(0)] if home.cuts else body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
                del format, args

        return Handler
