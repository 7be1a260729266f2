"""wasabi serve when things die: superpods under load, the server itself."""

import json
import os
import pathlib
import signal
import time
import unittest

from harness import wire
from harness.box import eventually
from harness.serve import Load, Serve


def alive(pid: int) -> bool:
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Superpods(unittest.TestCase):
    def setUp(self):
        self.serve = Serve().start()
        self.addCleanup(self.serve.close)
        self.serve.run("tenant", "create", "acme")

    def test_no_accepted_request_is_lost_when_superpods_are_killed_under_load(self):
        self.serve.deploy("hello", "acme/hello")
        with Load(self.serve, "/acme/hello", expect="hello, world") as load:
            load.kill_meanwhile(self.serve.hosts, times=10)
        self.assertEqual(load.failures(), {})
        self.assertGreater(load.counts[200], 1000)

    def test_a_request_that_may_not_run_twice_is_told_that_its_superpod_died(self):
        self.serve.deploy("sleep", "acme/sleep")
        with wire.Connection(self.serve.address) as connection:
            connection.send(wire.request_bytes("POST", "/acme/sleep?ms=60000", body=b"x"))
            host = self._host_of(connection)
            os.kill(host["pid"], signal.SIGKILL)
            reply = connection.reply("POST")
        self.assertEqual(reply.status, 502)
        self.assertIn("target.died", reply.header("proxy-status"))

    def _host_of(self, connection: wire.Connection) -> dict:
        """The superpod that runs the only request there is, which came in there."""
        try:
            return eventually(lambda: next((one for one in self.serve.hosts() if one["invocations"] > 0), None), 20)
        except AssertionError:
            reply = connection.reply("POST")
            raise AssertionError(f"nothing runs: {reply.status} {reply.text}\n{self.serve.log_text()}") from None

    def test_one_that_kills_superpods_is_kept_to_one_of_its_own(self):
        self.serve.deploy("hello", "acme/hello")
        self.serve.deploy("sleep", "acme/sleep")
        for _ in range(2):
            with wire.Connection(self.serve.address) as connection:
                connection.send(wire.request_bytes("POST", "/acme/sleep?ms=60000", body=b"x"))
                host = self._host_of(connection)
                os.kill(host["pid"], signal.SIGKILL)
                self.assertEqual(connection.reply("POST").status, 502)
            # What is sent to one that is just dying may have run, and ends with 502 too.
            eventually(lambda: host["name"] not in [one["name"] for one in self.serve.superpods()], what="its end")
        self.assertEqual(self.serve.call("/acme/sleep?ms=1").status, 200)
        self.assertEqual(self.serve.call("/acme/hello").status, 200)
        eventually(lambda: self.serve.call("/acme/sleep?ms=1").status == 200 and
                   {one["made_for"]: one["versions"] for one in self.serve.hosts()} == {"quarantine": 1, "shared": 1},
                   what="a superpod of its own")

    def test_a_spare_stands_by(self):
        eventually(lambda: [one["made_for"] for one in self.serve.superpods() if one["state"] == "ready"] == ["spare"],
                   what="the spare")
        self.serve.deploy("hello", "acme/hello")
        self.assertEqual(self.serve.call("/acme/hello").status, 200)
        eventually(lambda: sorted(one["made_for"] for one in self.serve.superpods()) == ["shared", "spare"],
                   what="another spare")


class TheServer(unittest.TestCase):
    def test_killed_it_leaves_nothing_running_and_starts_again_with_all_that_was_deployed(self):
        serve = Serve().start()
        self.addCleanup(serve.kill)
        serve.run("tenant", "create", "acme")
        serve.deploy("env", "acme/kept", '[env]\nWHICH = "one"\n')
        serve.deploy("env", "acme/kept", '[env]\nWHICH = "two"\n')
        serve.run("traffic", "acme/kept", "v1=100")
        self.assertIn("WHICH=one", serve.call("/acme/kept").text)
        pids = [one["pid"] for one in serve.superpods()]
        self.assertTrue(pids)
        serve.kill()
        eventually(lambda: not any(alive(pid) for pid in pids), what="the end of all superpods")
        serve.start()
        self.assertIn("WHICH=one", serve.call("/acme/kept").text)
        self.assertEqual(len(serve.json("versions", "acme/kept")["versions"]), 2)
        folders = sorted(path.name for path in (serve.data / "superpods").iterdir())
        self.assertTrue(set(folders) <= {one["name"] for one in serve.superpods()}, folders)
        serve.close()
        self.assertEqual(list((serve.data / "superpods").iterdir()), [])

    def test_it_lets_requests_finish(self):
        serve = Serve().start()
        self.addCleanup(serve.kill)
        serve.run("tenant", "create", "acme")
        serve.deploy("sleep", "acme/sleep")
        with wire.Connection(serve.address) as connection:
            connection.send(wire.request_bytes("GET", "/acme/sleep?ms=1500"))
            eventually(lambda: any(one["invocations"] for one in serve.superpods()))
            serve.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            with self.assertRaises(OSError):
                wire.Connection(serve.address)
            self.assertEqual(connection.reply("GET").status, 200)
        self.assertEqual(serve.process.wait(60), 0)
        serve.close()

    def test_it_ends_well_while_superpods_are_starting(self):
        for milliseconds in range(0, 80, 4):
            serve = Serve("--spares", "2")
            self.addCleanup(serve.kill)
            serve.start(wait=False)
            eventually(lambda one=serve: "listens at" in one.screen, what="the first screen")
            time.sleep(milliseconds / 1000)
            self.assertEqual(serve.terminate(), 0, serve.log_text())

    def test_what_was_being_built_goes_on_after_a_restart(self):
        serve = Serve().start()
        self.addCleanup(serve.kill)
        serve.run("tenant", "create", "acme")
        serve.deploy("hello", "acme/hello")
        serve.close()
        # As it is on disk between the record and the end of the build.
        record = serve.data / "functions/acme/hello/record.json"
        told = json.loads(record.read_text())
        told["versions"][0] = {"number": 1, "state": "building", "promote": True}
        told["traffic"] = []
        record.write_text(json.dumps(told))
        serve.start()
        eventually(lambda: serve.json("versions", "acme/hello")["versions"][0]["state"] == "ready")
        self.assertEqual(serve.call("/acme/hello").status, 200)
        serve.close()
