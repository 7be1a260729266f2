"""A pod out of its manifest, as a kubelet makes it, in containers of runc: volumes, arguments and user as the manifest has
them. Only the ports are others, since all pods here share one network."""

import base64
import pathlib
import subprocess

import yaml

from .box import eventually, program, scratch
from .image_containers import ImageContainer, folder_for, free_address, readable_copy


def manifests(command: str, *arguments) -> list:
    """What `wasabi knative` or `wasabi kubernetes` writes."""
    made = subprocess.run([program("wasabi"), command, "--images", "r.example/wasabi", "--memory", "1GiB", "--cpu", "1",
                           *map(str, arguments)], capture_output=True, text=True, check=True)
    return list(yaml.safe_load_all(made.stdout))


def _of_kind(documents: list, *kinds: str) -> list:
    return [one for one in documents if one["kind"] in kinds]


def projected(sources: list, maps: dict) -> pathlib.Path:
    """As a kubelet lays it out: everything under a folder that `..data` leads to, and links to what is at the top."""
    root = folder_for(0)
    data = root / "..2026_01_01"
    for source in sources:
        content = maps[source["configMap"]["name"]]
        for item in source["configMap"]["items"]:
            file = data / item["path"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content[item["key"]])
    (root / "..data").symlink_to(data.name)
    for name in data.iterdir():
        (root / name.name).symlink_to(pathlib.Path("..data") / name.name)
    subprocess.run(["chmod", "-R", "a+rX", str(root)], check=True)
    return root


def maps_of(documents: list) -> dict:
    return {one["metadata"]["name"]: {key: value.encode() for key, value in one.get("data", {}).items()}
            | {key: base64.b64decode(value) for key, value in one.get("binaryData", {}).items()}
            for one in _of_kind(documents, "ConfigMap")}


class Pod:
    """`secrets`: values by the name of the Secret."""

    def __init__(self, documents: list, secrets: dict):
        workload, = [one for one in documents if "template" in one.get("spec", {})]
        self.template = workload["spec"]["template"]
        spec = self.template["spec"]
        self.volumes = {one["name"]: self._volume(one, maps_of(documents), secrets) for one in spec["volumes"]}
        self.address, self.admin = free_address(), free_address()
        self.containers = {one["name"]: self._container(one) for one in spec["containers"]}

    def _volume(self, volume: dict, maps: dict, secrets: dict) -> pathlib.Path:
        if "projected" in volume:
            return projected(volume["projected"]["sources"], maps)
        if "secret" in volume:
            folder = scratch.new("secret")
            for name, value in secrets[volume["secret"]["secretName"]].items():
                (folder / name).write_text(value)
            return readable_copy(folder)
        assert "emptyDir" in volume
        return folder_for(65532)

    def _container(self, container: dict) -> ImageContainer:
        ports = {"--listen=:8080": "--listen=%s:%d" % self.address, "--admin=127.0.0.1:8081": "--admin=%s:%d" % self.admin}
        image = container["image"].rpartition("/")[2].partition(":")[0]
        mounts = [(self.volumes[one["name"]], one["mountPath"], "ro" if one.get("readOnly") else "rw")
                  for one in container["volumeMounts"]]
        made = ImageContainer(image, *[ports.get(one, one) for one in container["args"]], mounts=mounts)
        assert made.user == container["securityContext"]["runAsUser"]
        return made

    def start(self):
        for container in self.containers.values():
            container.start()
        eventually(lambda: '"event":"listening"' in self.containers["box"].log_text(), what=self.log_text())
        return self

    def log_text(self) -> str:
        return "".join(one.log_text() for one in self.containers.values() if one.log.exists())

    def stop(self) -> dict:
        return {name: one.stop() for name, one in self.containers.items()}

    def remove(self):
        for container in self.containers.values():
            container.remove()
