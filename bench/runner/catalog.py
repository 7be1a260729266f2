"""Catalogs of functions, written as people would write them."""

import shutil

from . import modules

TENANT = "bench"


def deploy(catalog, function, module, tenant=TENANT, more="", **limits):
    """One function with these limits, each a number or a text as in a manifest, and what else it says. Returns its
    path."""
    folder = catalog / tenant
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{function}.wasm"
    shutil.copyfile(module, target)
    _write_manifest(folder, function, target.name, limits, more)
    return f"/{tenant}/{function}"


def _write_manifest(folder, function, module_name, limits, more=""):
    lines = [f'module = "{module_name}"', *more.splitlines()]
    if limits:
        lines.append("[limits]")
    for key, value in limits.items():
        lines.append(f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"')
    (folder / f"{function}.toml").write_text("\n".join(lines) + "\n", encoding="ascii")


def deploy_distinct(catalog, count, size=0):
    """`count` functions of different modules, each of about `size` bytes if that is more than it needs. Returns
    lines of PATH<TAB>answer, as the load generator reads them. What is there already is left as it is."""
    folder = catalog / TENANT
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(count):
        function, answer = f"f{number:05}", f"answer {number:05} of {count}"
        module = folder / f"{function}.wasm"
        if not module.exists():
            module.write_bytes(modules.answering(answer + "\n", size, seed=number))
            _write_manifest(folder, function, module.name, {})
        lines.append(f"/{TENANT}/{function}\t{answer}\n")
    return lines
