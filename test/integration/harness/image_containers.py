"""Our own images, built once for all tests and run by runc as a cluster would: read-only root, no capabilities, the
image's user, the host's network."""

import json
import os
import pathlib
import signal
import subprocess
import tarfile
import uuid

from .box import UnusedPort, eventually, program, scratch
from .wire import WAIT_SECONDS

ROOT = pathlib.Path(__file__).resolve().parents[3]
_built = {}


def make_images(*names: str, into: pathlib.Path | None = None) -> pathlib.Path:
    out = into or scratch.new("images")
    subprocess.run([ROOT / "scripts/images", pathlib.Path(program(".")), out, *names], check=True,
                   stdout=subprocess.DEVNULL, timeout=WAIT_SECONDS * 10)
    return out


def layout_of(name: str) -> pathlib.Path:
    if name not in _built:
        _built[name] = make_images(name) / name
    return _built[name]


class Image:
    """An OCI layout, read as a container runtime reads it."""

    def __init__(self, layout: pathlib.Path):
        self.layout = layout
        entry, = json.loads((layout / "index.json").read_text())["manifests"]
        self.digest = entry["digest"]
        self.manifest = self._document(entry)
        self.config = self._document(self.manifest["config"])["config"]

    def blob(self, descriptor: dict) -> pathlib.Path:
        return self.layout / "blobs/sha256" / descriptor["digest"].removeprefix("sha256:")

    def _document(self, descriptor: dict) -> dict:
        return json.loads(self.blob(descriptor).read_text())

    def names(self) -> list:
        layer, = self.manifest["layers"]
        with tarfile.open(self.blob(layer)) as tar:
            return tar.getmembers()

    def unpack(self) -> pathlib.Path:
        root = scratch.new("root")
        root.chmod(0o755)
        layer, = self.manifest["layers"]
        with tarfile.open(self.blob(layer)) as tar:
            tar.extractall(root, filter="fully_trusted") if hasattr(tarfile, "fully_trusted_filter") else tar.extractall(root)
        return root


class ImageContainer:
    """`mounts`: (source, destination, "ro" or "rw"). Sources that are to be written belong to the image's user."""

    def __init__(self, name: str, *arguments: str, mounts=(), environment=()):
        self.image = Image(layout_of(name))
        self.user = int(self.image.config["User"].split(":")[0])
        self.id = f"wasabi-test-{uuid.uuid4().hex[:12]}"
        self.bundle = scratch.new("bundle")
        self.log = self.bundle / "log"
        config = self._config([*self.image.config["Entrypoint"], *arguments], list(mounts), list(environment))
        (self.bundle / "config.json").write_text(json.dumps(config))
        self.process = None

    def _config(self, command: list, mounts: list, environment: list) -> dict:
        nothing = {kind: [] for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")}
        folders = [{"destination": to, "type": "bind", "source": str(source), "options": ["bind", how, "nosuid", "nodev"]}
                   for source, to, how in mounts]
        return {
            "ociVersion": "1.0.2",
            "process": {"args": command, "cwd": "/", "env": [*self.image.config["Env"], *environment],
                        "user": {"uid": self.user, "gid": self.user}, "capabilities": nothing, "noNewPrivileges": True},
            "root": {"path": str(self.image.unpack()), "readonly": True},
            "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                       {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                        "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]}, *folders],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")],
                      "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"]},
        }

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["runc", "run", "--bundle", str(self.bundle), self.id],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        """SIGTERM to the program, and its exit code."""
        if self.process.poll() is None:
            subprocess.run(["runc", "kill", self.id, "TERM"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self.process.wait(WAIT_SECONDS)

    def remove(self):
        """Whatever is left of it."""
        subprocess.run(["runc", "delete", "--force", self.id], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def free_address() -> tuple:
    port = UnusedPort()
    host, _, number = port.authority.partition(":")
    port.close()
    return host, int(number)


def folder_for(user: int) -> pathlib.Path:
    """One that the image's user may write, as an emptyDir is."""
    made = scratch.new("volume")
    os.chown(made, user, user)
    # What leads to it was made for this user alone.
    for parent in [made, *made.parents]:
        if parent == scratch.directory.parent:
            break
        parent.chmod(0o755)
    return made


def readable_copy(source: pathlib.Path) -> pathlib.Path:
    """A folder as everybody may read it, as ConfigMaps are mounted."""
    made = folder_for(0) / "copy"
    subprocess.run(["cp", "-rL", str(source), str(made)], check=True)
    subprocess.run(["chmod", "-R", "a+rX", str(made)], check=True)
    return made


def wait_for_log(container: ImageContainer, text: str):
    eventually(lambda: text in container.log_text(), WAIT_SECONDS, f"{text!r} in the log {container.log}")
