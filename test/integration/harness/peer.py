"""A server that guests call."""

import http.server
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    """Notes each call, and answers it with nothing."""

    def do_GET(self):
        self.server.seen.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Peer(http.server.ThreadingHTTPServer):
    """Serves from its making to end(). `seen` is what its handler noted."""

    daemon_threads = True

    def __init__(self, handler=Handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def end(self):
        self.shutdown()
        self.server_close()

    @property
    def authority(self) -> str:
        return "127.0.0.1:%d" % self.server_address[1]
