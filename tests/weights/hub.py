"""An HTTP server that answers as the Hugging Face hub does: it states a file's sum and sends one elsewhere for it."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class Hub:
    """Serves ``files`` under ``url`` until the ``with`` block ends.

    Attributes:
        files: what there is, by path.
        renamed: paths that are called otherwise now.
        stated: the sums that are stated instead of the right ones; None for no statement.
        requests: method and path of what was asked for so far.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.renamed: dict[str, str] = {}
        self.stated: dict[str, str | None] = {}
        self.requests: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._store = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._threads = [
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            for server in (self._server, self._store)
        ]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self) -> "Hub":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server, thread in zip((self._server, self._store), self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()

    def answer(self, path: str, *, stored: bool) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a request to the hub, or to where it stores its files."""
        if path in self.renamed:
            return 307, {"Location": f"/{self.renamed[path]}"}, b""
        body = self.files.get(path)
        if body is None:
            return 404, {}, b"no such file"
        if stored:
            return 200, {}, body
        sum_ = self.stated.get(path, hashlib.sha256(body).hexdigest())
        headers = {} if sum_ is None else {"X-Linked-ETag": f'"{sum_}"'}
        return 302, {"Location": f"http://127.0.0.1:{self._store.server_port}/{path}", **headers}, b""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(with_body=True)

            def do_HEAD(self) -> None:
                self._answer(with_body=False)

            def _answer(self, *, with_body: bool) -> None:
                path = self.path.removeprefix("/")
                hub.requests.append((self.command, path))
                status, headers, body = hub.answer(path, stored=self.server is hub._store)
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if with_body:
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
                del format, args

        return Handler
