"""A catalog directory that a test writes, as a user would."""

import os
import pathlib
import shutil


def guests() -> pathlib.Path:
    return pathlib.Path(os.environ["WASABI_GUESTS"])


def _value(value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def manifest_text(settings: dict) -> str:
    """TOML of one manifest: plain keys first, then tables, then arrays of tables."""
    lines = []
    tables = {}
    arrays = {}
    for key, value in settings.items():
        if isinstance(value, dict):
            tables[key] = value
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            arrays[key] = value
        else:
            lines.append(f"{key} = {_value(value)}")
    for key, table in tables.items():
        lines.append(f"[{key}]")
        lines += [f"{name} = {_value(value)}" for name, value in table.items()]
    for key, entries in arrays.items():
        for entry in entries:
            lines.append(f"[[{key}]]")
            lines += [f"{name} = {_value(value)}" for name, value in entry.items()]
    return "\n".join(lines) + "\n"


def write_atomically(path: pathlib.Path, data: bytes):
    """Nobody who follows the folder ever sees half a file."""
    temporary = path.with_name("." + path.name + ".new")
    temporary.write_bytes(data)
    os.replace(temporary, path)


class Catalog:
    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def manifest(self, name: str) -> pathlib.Path:
        return self.directory / (name + ".toml")

    def put(self, name: str, guest: str | bytes, **settings):
        """Deploys "tenant/function": `guest` is the name of a test guest, or the module itself."""
        manifest = self.manifest(name)
        manifest.parent.mkdir(parents=True, exist_ok=True)
        module = manifest.with_suffix(".wasm")
        data = guest if isinstance(guest, bytes) else (guests() / (guest + ".wasm")).read_bytes()
        if not module.exists() or module.read_bytes() != data:
            write_atomically(module, data)
        write_atomically(manifest, manifest_text({"module": module.name, **settings}).encode())

    def put_files(self, name: str, files: pathlib.Path) -> str:
        """Copies a folder beside the manifest of `name`; returns what to write for `files`."""
        target = self.manifest(name).with_suffix(".files")
        shutil.copytree(files, target, symlinks=True)
        return target.name

    def remove(self, name: str):
        self.manifest(name).unlink()
