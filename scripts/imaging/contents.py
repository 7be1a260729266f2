"""What an image of ours holds: programs without symbols, the libraries that they load and nothing besides, certificates."""

import dataclasses
import io
import pathlib
import re
import subprocess
import tarfile

from .layout import add_directory, add_file, add_link

# Nobody's number on usual machines; Kubernetes' runAsNonRoot wants it as a number.
USER = 65532
CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
TEXTS = {
    "etc/passwd": f"root:x:0:0:root:/:/sbin/nologin\nwasabi:x:{USER}:{USER}:wasabi:/:/sbin/nologin\n",
    "etc/group": f"root:x:0:\nwasabi:x:{USER}:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}
# Where OpenSSL of Debian looks by itself.
LINKS = {"usr/lib/ssl/cert.pem": "/etc/ssl/certs/ca-certificates.crt"}


@dataclasses.dataclass(frozen=True)
class Contents:
    files: dict       # name in the image -> (content, mode)
    libraries: list   # paths on this machine, as packages know them
    has_certificates: bool

    def unpacked_bytes(self) -> int:
        return sum(len(content) for content, _ in self.files.values())


def stripped(program: pathlib.Path, scratch: pathlib.Path) -> bytes:
    target = scratch / program.name
    subprocess.run(["strip", "--strip-all", "-o", str(target), str(program)], check=True)
    return target.read_bytes()


def libraries_of(program: pathlib.Path) -> list:
    """What the dynamic linker would load for it, the linker itself included: paths as programs name them."""
    told = subprocess.run(["ldd", str(program)], capture_output=True, text=True)
    if "not a dynamic executable" in told.stdout + told.stderr or "statically linked" in told.stdout:
        return []
    if told.returncode != 0 or "not found" in told.stdout:
        raise SystemExit(f"images: the libraries of {program} are not all there:\n{told.stdout}{told.stderr}")
    return [pathlib.Path(path) for path in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", told.stdout, re.M)]


def gather(programs: list, needs_certificates: bool, scratch: pathlib.Path) -> Contents:
    files, libraries = {}, set()
    for program in programs:
        files[f"usr/bin/{program.name}"] = (stripped(program, scratch), 0o755)
        libraries.update(libraries_of(program))
    for library in libraries:
        files[str(library).lstrip("/")] = (library.read_bytes(), 0o755)
    for name, text in TEXTS.items():
        files[name] = (text.encode(), 0o644)
    if needs_certificates:
        files[str(CERTIFICATES).lstrip("/")] = (CERTIFICATES.read_bytes(), 0o644)
    return Contents(files, sorted(libraries), needs_certificates)


def layer_of(contents: Contents) -> bytes:
    """A tar archive, sorted by name, all times 0."""
    links = LINKS if contents.has_certificates else {}
    folders = {str(parent) for name in [*contents.files, *links] for parent in pathlib.PurePosixPath(name).parents}
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in sorted(folders - {"."}):
            add_directory(tar, name)
        add_directory(tar, "tmp", 0o1777)
        # The place for volumes; where there is none and the root may be written, a box alone can use it as it is.
        add_directory(tar, "wasabi", 0o755, USER)
        for name, (content, mode) in sorted(contents.files.items()):
            add_file(tar, name, content, mode)
        for name, target in sorted(links.items()):
            add_link(tar, name, target)
    return archive.getvalue()
