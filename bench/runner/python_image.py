"""A container image with this machine's Python and a server of a few lines: what people mean by a small function."""

import importlib.machinery
import importlib.util
import io
import os
import pathlib
import re
import subprocess
import tarfile

_ROOT = pathlib.Path(__file__).resolve().parents[2]
_PYTHON = "/usr/bin/python3"
_NOT_NEEDED = re.compile(r"/(test|tests|idlelib|tkinter|turtledemo|ensurepip|lib2to3|pydoc_data|dist-packages|__pycache__)(/|$)")
_SERVER = b"""
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"hello\\n")

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("", int(os.environ["PORT"])), Hello).serve_forever()
"""


def _libraries(program):
    """The shared libraries and the loader of a program."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+)", told)


def _layer():
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
        def add(path):
            tar.add(path, arcname=path.lstrip("/"), filter=lambda entry: None if _NOT_NEEDED.search(entry.name) else entry)

        modules = subprocess.run([_PYTHON, "-c", "import sysconfig; print(sysconfig.get_path('stdlib'))"],
                                 capture_output=True, text=True, check=True).stdout.strip()
        for path in [_PYTHON, modules, *_libraries(os.path.realpath(_PYTHON))]:
            add(path)
        entry = tarfile.TarInfo("server.py")
        entry.size, entry.mode = len(_SERVER), 0o644
        tar.addfile(entry, io.BytesIO(_SERVER))
    return archive.getvalue()


def can_make():
    """Why it cannot be made here; empty where it can."""
    return "" if pathlib.Path(_PYTHON).exists() else f"{_PYTHON} is not installed"


def make(directory):
    loader = importlib.machinery.SourceFileLoader("make_image", str(_ROOT / "scripts/make-image"))
    make_image = importlib.util.module_from_spec(importlib.util.spec_from_loader("make_image", loader))
    loader.exec_module(make_image)
    make_image.make_of(_layer(), directory, [_PYTHON, "/server.py"])
