"""An OCI image layout (https://github.com/opencontainers/image-spec) with one image of one layer, and archives of it."""

import gzip
import hashlib
import io
import json
import pathlib
import platform
import tarfile

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
KIND = "application/vnd.oci.image."


def sha256_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Layout:
    def __init__(self, directory: pathlib.Path):
        self.directory = directory
        (directory / "blobs/sha256").mkdir(parents=True, exist_ok=True)
        (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')

    def put(self, content: bytes, media_type: str) -> dict:
        digest = sha256_of(content)
        (self.directory / "blobs/sha256" / digest).write_bytes(content)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(content)}

    def put_json(self, content: dict, media_type: str) -> dict:
        return self.put(json.dumps(content, sort_keys=True).encode(), media_type)

    def put_image(self, unpacked: bytes, config: dict, architecture: str = "", annotations: dict | None = None,
                  name: str = "") -> dict:
        """Of a layer that is a tar archive. `config`: how the image is run. `name`: by which the index knows it."""
        blob = self.put(gzip.compress(unpacked, 6, mtime=0), KIND + "layer.v1.tar+gzip")
        described = self.put_json({
            "os": "linux",
            "architecture": architecture or ARCHITECTURES[platform.machine()],
            "config": config,
            "rootfs": {"type": "layers", "diff_ids": ["sha256:" + sha256_of(unpacked)]},
        }, KIND + "config.v1+json")
        manifest = {"schemaVersion": 2, "mediaType": KIND + "manifest.v1+json", "config": described, "layers": [blob]}
        if annotations:
            manifest["annotations"] = annotations
        entry = self.put_json(manifest, KIND + "manifest.v1+json")
        if name:
            entry = entry | {"annotations": {"org.opencontainers.image.ref.name": name.rpartition(":")[2],
                                             "io.containerd.image.name": name}}
        index = {"schemaVersion": 2, "mediaType": KIND + "index.v1+json", "manifests": [entry]}
        (self.directory / "index.json").write_text(json.dumps(index))
        return manifest | {"digest": entry["digest"]}

    def archive(self, image: dict, name: str, path: pathlib.Path):
        """An archive that `docker load`, `podman load` and `ctr images import` take, and who reads OCI layouts: the layout,
        and beside it the list of older Dockers."""
        place = lambda blob: "blobs/sha256/" + blob["digest"].removeprefix("sha256:")
        listed = [{"Config": place(image["config"]), "RepoTags": [name], "Layers": [place(one) for one in image["layers"]]}]
        names = ["oci-layout", "index.json"] + sorted(
            str(file.relative_to(self.directory)) for file in (self.directory / "blobs/sha256").iterdir())
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
            for file in names:
                add_file(tar, file, (self.directory / file).read_bytes())
            add_file(tar, "manifest.json", json.dumps(listed).encode())


def add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644, uid: int = 0):
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode, entry.mtime, entry.uid, entry.gid = len(content), mode, 0, uid, uid
    tar.addfile(entry, io.BytesIO(content))


def add_directory(tar: tarfile.TarFile, name: str, mode: int = 0o755, uid: int = 0):
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.mtime, entry.uid, entry.gid = tarfile.DIRTYPE, mode, 0, uid, uid
    tar.addfile(entry)


def add_link(tar: tarfile.TarFile, name: str, target: str):
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mtime = tarfile.SYMTYPE, target, 0
    tar.addfile(entry)
