"""wasabi serve with superpods that are containers of an OCI runtime. Needs root, and runc or crun."""

import os
import pathlib
import shutil
import unittest

from harness.box import eventually
from harness.serve import Load, Serve

GROUPS = pathlib.Path("/sys/fs/cgroup")


def control_groups(data: pathlib.Path) -> list:
    """The control groups of the superpods of that server: their processes' mounts name its data directory."""
    found = []
    for group in GROUPS.rglob("wasabi-*-superpod-*"):
        names = [process for process in processes_of(group) if str(data) in mounts_of(process)]
        if names:
            found.append(group)
    return found


def processes_of(group: pathlib.Path) -> list:
    try:
        return (group / "cgroup.procs").read_text().split()
    except OSError:
        return []


def mounts_of(process: str) -> str:
    try:
        return pathlib.Path(f"/proc/{process}/mountinfo").read_text()
    except OSError:
        return ""


class Containers:
    runtime = ""

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root can start containers")
        if not shutil.which(self.runtime):
            self.skipTest(f"{self.runtime} is not installed")
        self.serve = Serve("--backend", self.runtime).start()
        self.addCleanup(self.serve.close)
        self.serve.run("tenant", "create", "acme")

    def left_behind(self) -> list:
        return sorted(one.name for folder in ("state", "bundles")
                      for one in (self.serve.data / "sandbox" / folder).iterdir())

    def test_a_function_is_served_from_a_container(self):
        self.serve.deploy("hello", "acme/hello")
        self.assertIn(f"as {self.runtime}", self.serve.screen)
        self.assertIn("hello, world", self.serve.call("/acme/hello").body.decode())
        self.assertTrue(control_groups(self.serve.data))
        self.assertEqual(self.serve.terminate(), 0)
        self.assertEqual(control_groups(self.serve.data), [])
        self.assertEqual(self.left_behind(), [])

    def test_a_superpod_has_a_network_of_its_own_without_anybody_in_it(self):
        self.serve.deploy("hello", "acme/hello")
        ours = os.readlink("/proc/self/ns/net")
        boxes = [process for group in control_groups(self.serve.data) for process in processes_of(group)]
        self.assertTrue(boxes)
        for process in boxes:
            self.assertNotEqual(os.readlink(f"/proc/{process}/ns/net"), ours)
            devices = pathlib.Path(f"/proc/{process}/net/dev").read_text().splitlines()[2:]
            self.assertEqual([line.split(":")[0].strip() for line in devices], ["lo"])

    def test_no_accepted_request_is_lost_when_containers_are_killed_under_load(self):
        self.serve.deploy("hello", "acme/hello")
        with Load(self.serve, "/acme/hello", expect="hello, world") as load:
            load.kill_meanwhile(self.serve.hosts, times=3)
        self.assertEqual(load.failures(), {})

    def test_containers_die_with_the_server_and_the_next_one_sweeps(self):
        self.serve.deploy("hello", "acme/hello")
        groups = control_groups(self.serve.data)
        self.assertTrue(groups)
        self.serve.kill()
        eventually(lambda: not any(processes_of(group) for group in groups), what="the containers' end")
        self.assertTrue(self.left_behind())
        self.serve.start()
        eventually(lambda: self.serve.call("/acme/hello").status == 200, what="an answer of the next server")
        self.assertEqual(self.serve.terminate(), 0)
        self.assertEqual([group for group in groups if group.exists()], [])
        self.assertEqual(self.left_behind(), [])


class Runc(Containers, unittest.TestCase):
    runtime = "runc"


class Crun(Containers, unittest.TestCase):
    runtime = "crun"
