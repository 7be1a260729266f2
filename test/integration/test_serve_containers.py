"""Container functions in wasabi serve. Needs root, and runc."""

import json
import os
import pathlib
import shutil
import signal
import threading
import time
import unittest

from harness import images, peer, wire
from harness.box import eventually
from harness.registry_case import Artifact, DockerRegistry
from harness.serve import Load, Serve

GROUPS = pathlib.Path("/sys/fs/cgroup")


def groups_of_containers() -> set:
    return {group for group in GROUPS.rglob("wasabi-*-container-*") if group.is_dir()}


def is_alive(pid: int) -> bool:
    return pathlib.Path(f"/proc/{pid}").exists()


class Containers(unittest.TestCase):
    options = ()

    def setUp(self):
        if os.geteuid() != 0:
            self.skipTest("only root can start containers")
        if not shutil.which("runc"):
            self.skipTest("runc is not installed")
        self.serve = Serve("--containers", "runc", *self.options).start()
        self.addCleanup(self.serve.close)
        self.serve.run("tenant", "create", "acme")

    def deploy(self, manifest: str = "", name: str = "acme/shop", code: int = 0, **options) -> str | dict:
        folder = images.folder(manifest, **options)
        if code:
            return self.serve.run("deploy", str(folder), "--name", name, code=code)
        return self.serve.json("deploy", str(folder), "--name", name)

    def containers(self, version: str = "acme/shop@1") -> list:
        told = self.serve.json("top")["containers"]
        return [one for version_ in told if version_["version"] == version for one in version_["replicas"]]

    def ready(self, version: str = "acme/shop@1") -> list:
        return [one for one in self.containers(version) if one["state"] == "ready"]

    def get(self, path: str, name: str = "acme/shop") -> str:
        reply = self.serve.call(f"/{name}{path}")
        self.assertEqual(reply.status, 200, reply.text)
        return reply.text


class CallsOut(Containers):
    options = ("--allow-private-networks",)

    def test_only_whom_the_manifest_lists_by_the_proxy_in_its_network(self):
        called = peer.Peer()
        self.addCleanup(called.end)
        self.serve.deploy("hello", "acme/hello", 'visibility = "tenant"\n')
        self.deploy(f"outbound = ['{called.authority}', '*.acme.internal']\n")
        self.assertIn("HTTP/1.1 200 OK", self.get(f"/call?http://{called.authority}/by-proxy"))
        self.assertIn("HTTP/1.1 200 OK", self.get(f"/connect?{called.authority}"))
        self.assertEqual(called.seen, ["/by-proxy", "/"])
        self.assertIn("hello, world", self.get("/call?http://hello.acme.internal/"))
        refused = self.get("/call?http://example.com/")
        self.assertIn("HTTP/1.1 403", refused)
        self.assertIn("outbound.denied", refused)
        self.assertIn("HTTP/1.1 403", self.get("/connect?example.com:443"))
        self.deploy(name="acme/alone")
        self.assertEqual(self.get("/call?http://hello.acme.internal/", "acme/alone"), "no proxy\n")


class Served(Containers):
    def test_an_image_is_deployed_and_answers(self):
        told = self.deploy("args = ['--x']\n[env]\nGREETING = 'hello'\n", files={"note": "in the image"})
        self.assertEqual(told["state"], "ready")
        self.assertTrue(told["image"].startswith("sha256:"))
        self.assertIn("unpack_ms", told["stages"])
        self.assertIn("hello from a container", self.get("/"))
        self.assertEqual(self.get("/env?GREETING"), "hello\n")
        self.assertEqual(self.get("/env?PORT"), "8080\n")
        reply = self.serve.call("/acme/shop/echo", method="POST", body=b"x" * 300_000)
        self.assertEqual(reply.body, b"x" * 300_000)

    def test_the_same_again_is_no_new_version(self):
        folder = images.folder()
        first = self.serve.json("deploy", str(folder), "--name", "acme/shop")
        again = self.serve.json("deploy", str(folder), "--name", "acme/shop")
        self.assertEqual((again["is_new"], again["number"]), (False, first["number"]))
        packed = self.serve.json("deploy", str(images.as_archive(folder)), "--name", "acme/shop")
        self.assertEqual((packed["is_new"], packed["image"]), (False, first["image"]))

    def test_what_is_shown(self):
        self.deploy()
        self.get("/log?seen")
        self.assertRegex(self.serve.run("describe", "acme/shop"), r"acme/shop@1 +serving +1 +1 ")
        self.assertIn("image of v1  sha256:", self.serve.run("describe", "acme/shop"))
        self.assertIn("a container of acme/shop@1 would take it now", self.serve.run("why", "acme/shop"))
        self.assertRegex(self.serve.run("top", "--once"), r"acme/shop@1 +serving")
        eventually(lambda: {"out: seen", "err: seen"} <= {json.loads(line)["line"] for line in
                   self.serve.run("logs", "acme/shop", "--json").splitlines()}, what="what it said in its log")

    def test_secrets_and_their_change(self):
        self.serve.run("secret", "set", "acme", "KEY", stdin="one")
        self.deploy("secrets = ['KEY']\n")
        self.assertEqual(self.get("/env?KEY"), "one\n")
        self.serve.run("secret", "set", "acme", "KEY", stdin="two")
        eventually(lambda: self.get("/env?KEY") == "two\n", what="the new secret")

    def test_streams_and_tunnels(self):
        self.deploy()
        with wire.Connection(self.serve.address) as connection:
            connection.send(wire.request_bytes("GET", "/acme/shop/stream"))
            begin = time.monotonic()
            head = connection.head()
            self.assertEqual(head.status, 200)
            connection.read_some()
            self.assertLess(time.monotonic() - begin, 0.25, "the first chunk waits for no other")
            self.assertIn(b"chunk3", connection.read_until_end_of_chunks())
        with wire.Connection(self.serve.address) as connection:
            connection.send(wire.request_bytes("GET", "/acme/shop/", {"connection": "upgrade", "upgrade": "websocket"}))
            self.assertEqual(connection.head().status, 101)
            for message in (b"ping", b"x" * 100_000):
                connection.send(message)
                got = b""
                while len(got) < len(message):
                    got += connection.read_some()
                self.assertEqual(got, message)

    def test_both_kinds_behind_one_address(self):
        self.serve.deploy("hello", "acme/shop")
        self.deploy()
        self.assertIn("from a container", self.get("/"))
        self.serve.run("traffic", "acme/shop", "v1=50", "v2=50")
        answers = [self.get("/") for _ in range(60)]
        self.assertTrue(any("from a container" in answer for answer in answers))
        self.assertTrue(any("hello, world" in answer for answer in answers))
        self.serve.run("rollback", "acme/shop")
        self.assertIn("from a container", self.get("/"))
        self.serve.run("traffic", "acme/shop", "v1=100")
        self.assertIn("hello, world", self.get("/"))

    def test_each_takes_so_many_at_once_and_more_are_started(self):
        self.deploy("scale = { max = 3 }\n[limits]\nconcurrency = 2\nmemory = '32MiB'\n")
        replies = []
        clients = [threading.Thread(target=lambda: replies.append(self.serve.call("/acme/shop/sleep?4000").status))
                   for _ in range(6)]
        for client in clients:
            client.start()
        eventually(lambda: len(self.ready()) == 3, what="three containers")
        for client in clients:
            client.join()
        self.assertEqual(replies, [200] * 6)

    def test_what_they_use_is_their_tenants_and_asks_for_more_of_them(self):
        self.deploy("scale = { max = 2 }\n[limits]\ncpu = '200m'\nmemory = '32MiB'\n")

        def used() -> dict:
            told = json.loads(self.serve.api("GET", "/usage").text)["usage"]
            return next((one for one in told if one["tenant"] == "acme"), {"cpu_seconds": 0, "gb_seconds": 0})

        before, replies = used(), []
        client = threading.Thread(target=lambda: replies.append(self.serve.call("/acme/shop/spin?20000").status))
        client.start()
        # One request alone would be content with one.
        eventually(lambda: len(self.ready()) == 2, what="a second container")
        shown = self.serve.json("top")["containers"][0]
        self.assertEqual(shown["scaled_by"], "cpu")
        self.assertGreater(sum(one["memory_bytes"] for one in shown["replicas"]), 0)
        self.assertIn("by cpu", self.serve.run("describe", "acme/shop"))
        self.assertIn("cores (0.20 each by limits.cpu)", self.serve.run("why", "acme/shop"))
        eventually(lambda: used()["cpu_seconds"] >= before["cpu_seconds"] + 0.5, what="its use of CPU")
        self.assertGreater(used()["gb_seconds"], before["gb_seconds"])
        self.assertRegex(self.serve.api("GET", "/metrics").text, r"wasabi_containers_cpu_seconds_total 0\.\d|"
                         r"wasabi_containers_cpu_seconds_total [1-9]")
        client.join()
        self.assertEqual(replies, [200])


class FromRegistry(Containers):
    options = ("--private-registries",)

    def test_an_image_of_a_registry_is_pulled_once_for_its_layers(self):
        registry = DockerRegistry()
        self.addCleanup(registry.close)
        image = Artifact.of_image(images.layer())
        registry.put("team/shop", "1", image)
        folder = images.folder(image=f"oci://{registry.host}/team/shop:1")
        told = self.serve.json("deploy", str(folder), "--name", "acme/shop")
        self.assertEqual((told["image"], told["source"]),
                         (image.digest, f"oci://{registry.host}/team/shop:1@{image.digest}"))
        self.assertGreater(told["stages"]["pull_ms"], 0)
        self.assertIn("from a container", self.get("/"))
        self.assertFalse(self.serve.json("deploy", str(folder), "--name", "acme/shop")["is_new"])
        roots = list((self.serve.data / "roots").iterdir())
        # Another image with the same files has the same root.
        self.assertEqual(self.deploy(name="acme/other")["state"], "ready")
        self.assertEqual(list((self.serve.data / "roots").iterdir()), roots)

    def test_what_is_not_there_makes_no_version(self):
        registry = DockerRegistry()
        self.addCleanup(registry.close)
        folder = images.folder(image=f"oci://{registry.host}/team/none:1")
        self.assertIn("none", self.serve.run("deploy", str(folder), "--name", "acme/shop", code=3))
        self.assertEqual(self.serve.json("list")["functions"], [])


class Refused(Containers):
    def test_what_cannot_be_run_says_why(self):
        self.assertIn("z80", self.deploy(architecture="z80", code=2))
        self.assertIn("command = [", self.deploy(command=(), code=2))
        self.assertIn("no such program", self.deploy("command = ['/no such program']\n", code=2).lower())
        self.assertIn("no such database", self.deploy("[env]\nCRASH = 'no such database'\n", code=2))
        self.assertIn("not ready within 1s", self.deploy("start_timeout = '1s'\n[env]\nDEAF = '1'\n", code=2))
        self.assertIn("answered 200 in place of 201", self.deploy("[check]\nstatus = 201\n", code=2))
        self.assertEqual([one for one in self.serve.json("top")["containers"] if one["state"] == "serving"
                          and one["version"] != "acme/shop@4"], [])

    def test_a_server_without_containers_says_so(self):
        with Serve("--containers", "none") as other:
            other.run("tenant", "create", "acme")
            said = other.run("deploy", str(images.folder()), "--name", "acme/shop", code=2)
            self.assertIn("this server runs no containers", said)


class Lives(Containers):
    options = ("--container-idle", "6s")

    def test_without_requests_none_is_left_and_the_next_one_starts_it(self):
        self.deploy()
        eventually(lambda: self.containers() == [], 40, "scale to zero")
        self.assertIn("no container of acme/shop@1 runs", self.serve.run("why", "acme/shop"))
        begin = time.monotonic()
        self.assertIn("request 1", self.get("/"))
        self.assertLess(time.monotonic() - begin, 5)

    def test_no_idempotent_request_is_lost_when_containers_are_killed_under_load(self):
        self.deploy("scale = { min = 2 }\n[limits]\nmemory = '32MiB'\n")
        eventually(lambda: len(self.ready()) == 2, what="two containers")
        with Load(self.serve, "/acme/shop/", expect="from a container") as load:
            # A third one in a row would be a loop of crashes, in which nobody is made to wait.
            load.kill_meanwhile(self.ready, times=2)
        self.assertEqual(load.failures(), {})

    def test_the_only_container_is_killed_under_load(self):
        self.deploy("[limits]\nmemory = '32MiB'\n")
        with Load(self.serve, "/acme/shop/", expect="from a container") as load:
            eventually(lambda: load.counts.get(200, 0) > 100, what="answers")
            os.kill(self.ready()[0]["pid"], signal.SIGKILL)
            answered = load.counts.get(200, 0)
            eventually(lambda: load.counts.get(200, 0) > answered + 100, what="answers after the death")
        self.assertEqual(load.failures(), {})
        self.assertEqual(self.serve.json("top")["containers"][0]["died"], 1)

    def test_one_that_keeps_dying_is_told(self):
        self.deploy()
        for _ in range(4):
            self.serve.call("/acme/shop/die", method="POST")
        reply = self.serve.call("/acme/shop/die", method="POST")
        self.assertIn(reply.status, (502, 503))
        eventually(lambda: "in a row" in self.serve.run("why", "acme/shop"), what="the loop in why")

    def test_what_starts_too_slowly_is_504_for_those_who_wait(self):
        self.serve.run("secret", "set", "acme", "DELAY", stdin="0")
        self.deploy("start_timeout = '1s'\nsecrets = ['DELAY']\n")
        self.serve.run("secret", "set", "acme", "DELAY", stdin="60000")
        pid = self.ready()[0]["pid"]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not is_alive(pid), what="the container's end")
        reply = self.serve.call("/acme/shop/")
        self.assertEqual(reply.status, 504, reply.text)
        self.assertIn("not ready within 1s", reply.text)
        self.assertIn("timeout.start", reply.header("proxy-status"))

    def test_a_restart_leaves_nothing_behind_and_serves_again(self):
        before = groups_of_containers()
        self.deploy()
        pids = [one["pid"] for one in self.ready()]
        self.assertTrue(groups_of_containers() - before)
        self.serve.kill()
        eventually(lambda: not any(is_alive(pid) for pid in pids), what="the containers' end")
        self.serve.start()
        self.assertIn("from a container", self.get("/"))
        pids = [one["pid"] for one in self.ready()]
        self.assertEqual(self.serve.terminate(), 0)
        self.assertFalse(any(is_alive(pid) for pid in pids))
        self.assertEqual(groups_of_containers() - before, set())

    def test_a_function_that_is_deleted_leaves_no_container(self):
        self.deploy()
        pids = [one["pid"] for one in self.ready()]
        self.serve.run("delete", "acme/shop")
        eventually(lambda: not any(is_alive(pid) for pid in pids), what="the container's end")
        self.assertEqual(self.serve.call("/acme/shop/").status, 404)
