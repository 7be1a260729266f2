"""Folders to deploy container functions from: an OCI layout of the test server, and a manifest beside it."""

import importlib.machinery
import importlib.util
import pathlib
import tarfile

from .box import scratch
from .catalog import guests

_path = pathlib.Path(__file__).resolve().parents[3] / "scripts/make-image"
_loader = importlib.machinery.SourceFileLoader("make_image", str(_path))
make_image = importlib.util.module_from_spec(importlib.util.spec_from_loader("make_image", _loader))
_loader.exec_module(make_image)


def folder(manifest: str = "", image: str = "image", files: dict | None = None, **options) -> pathlib.Path:
    """`files`: names and texts that the image has beside the server. `options`: as make_image.make has them."""
    made = scratch.new("image")
    beside = []
    for name, text in (files or {}).items():
        (made / name).write_text(text)
        beside.append(made / name)
    make_image.make(guests() / "container_server", made / "image", beside, **options)
    (made / "wasabi.toml").write_text(f'image = "{image}"\n' + manifest)
    return made


def layer(*files: pathlib.Path) -> bytes:
    """The unpacked layer of such an image, for registries."""
    return make_image.layer(guests() / "container_server", list(files))


def as_archive(deployed_from: pathlib.Path) -> pathlib.Path:
    """The folder's layout in an archive, "image.tar", which its manifest names from then on."""
    with tarfile.open(deployed_from / "image.tar", "w") as tar:
        tar.add(deployed_from / "image", arcname=".")
    manifest = deployed_from / "wasabi.toml"
    manifest.write_text(manifest.read_text().replace('"image"', '"image.tar"', 1))
    return deployed_from
