"""A local server of built pages: python -m bookbuild.site.serve FOLDER [PORT].

Browsers are told to keep nothing, so that a page that was built again is what they show.
"""

import functools
import http.server
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder, without a log and without caching."""

    def log_message(self, *args) -> None:
        pass

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


@contextmanager
def serving(folder: Path, port: int = 0) -> Iterator[str]:
    """Serve a folder on this machine alone while the block runs; its address, with a slash at the end.

    Args:
        port: 0 for one that is free.
    """
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def serve(folder: Path, port: int, page: str = "") -> None:
    """Serve until Ctrl-C.

    Args:
        page: the way to the page that is told.
    """
    with serving(folder, port) as address:
        print(f"{address}{page}    (Ctrl-C ends)", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
