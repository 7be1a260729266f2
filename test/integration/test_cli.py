"""The commands as such: their help against docs/cli.md, shells, exit codes, what is kept where."""

import json
import os
import pathlib
import re
import subprocess
import unittest

from harness.box import eventually, program, scratch
from harness.catalog import guests
from harness.serve import Serve
from harness.wire import WAIT_SECONDS

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/cli.md"
OF_ALL = {"--help", "--server", "--token", "--ca", "--json"}


def wasabi(*arguments: str, **options) -> subprocess.CompletedProcess:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("WASABI_")}
    environment["XDG_CONFIG_HOME"] = str(scratch.new("config"))
    return subprocess.run([program("wasabi"), *arguments], env=environment | options.pop("environment", {}),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_SECONDS, **options)


def commands_of(*path: str) -> list[str]:
    listed = wasabi(*path, "--help").stdout.partition("Subcommands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  ([a-z]+)\s", listed, re.MULTILINE)


def options_of(*path: str) -> set[str]:
    return set(re.findall(r"^\s+(?:-\w,)?(--[a-z-]+)", wasabi(*path, "--help").stdout, re.MULTILINE))


class Reference(unittest.TestCase):
    def setUp(self):
        # What stands under each heading of a command; `serve` has a document of its own.
        self.sections = {}
        for section in DOCUMENT.read_text().split("\n### ")[1:]:
            section = section.partition("\n## ")[0]
            for name in re.findall(r"`wasabi ([a-z]+)", section.partition("\n")[0]):
                self.sections[name] = section

    def test_every_command_has_its_place_and_no_other_is_told(self):
        self.assertEqual(sorted(commands_of()), sorted(self.sections))
        for group in ("tenant", "token", "secret"):
            told = re.findall(r"`([a-z]+)(?: [A-Z ]+)?`", self.sections[group])
            self.assertEqual(sorted(set(told)), sorted(commands_of(group)), group)

    def test_every_option_is_told_and_no_other(self):
        for command in set(self.sections) - {"serve"}:
            options = options_of(command).union(*(options_of(command, one) for one in commands_of(command)))
            told = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", self.sections[command]))
            if command in ("list", "describe", "versions"):
                told -= {"--tenant"} - options
            self.assertEqual(options - told - OF_ALL, set(), f"{command}: not in the document")
            self.assertEqual(told - options, set(), f"{command}: not in the program")

    def test_every_command_of_users_has_examples(self):
        for command in set(self.sections) - {"serve", "version"}:
            self.assertIn(f"wasabi {command} ", wasabi(command, "--help").stdout.partition("Examples:")[2], command)


class Shells(unittest.TestCase):
    def complete(self, *words: str) -> list[str]:
        script = scratch.new("completion") / "bash"
        script.write_text(wasabi("completion", "bash").stdout)
        quoted = " ".join(f"'{word}'" for word in words)
        done = subprocess.run(["bash", "-c", f". {script}; COMP_WORDS=(wasabi {quoted}); COMP_CWORD={len(words)}; "
                                             "_wasabi; printf '%s\\n' \"${COMPREPLY[@]}\""],
                              capture_output=True, text=True, timeout=WAIT_SECONDS, check=True)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash_completes_what_the_program_has(self):
        self.assertEqual(self.complete(""), commands_of())
        self.assertEqual(self.complete("tok"), ["token"])
        self.assertEqual(self.complete("secret", ""), commands_of("secret"))
        self.assertEqual(set(self.complete("deploy", "--")), options_of("deploy"))
        self.assertEqual(self.complete("logs", "acme/app", "--fol"), ["--follow"])
        self.assertEqual(self.complete("deploy", "--manifest", ""), [])

    def test_the_other_shells_have_scripts(self):
        for shell in ("zsh", "fish"):
            self.assertIn("rollback", wasabi("completion", shell).stdout)
        refused = wasabi("completion", "tcsh")
        self.assertEqual(refused.returncode, 2)
        self.assertIn("bash, zsh, fish", refused.stderr)


class Ends(unittest.TestCase):
    def refused(self, code: int, *arguments: str, **options) -> str:
        done = wasabi(*arguments, **options)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_without_a_server_the_next_step_is_told(self):
        self.assertIn("wasabi serve", self.refused(3, "list"))
        self.assertIn("wasabi serve", self.refused(5, "list", "--server", "http://127.0.0.1:1"))
        self.assertIn("http://host:port", self.refused(2, "list", "--server", "localhost"))
        self.refused(2, "no-such-command")
        self.refused(2, "deploy", "--no-such-option")

    def test_codes_say_what_was_in_the_way(self):
        with Serve() as serve:
            serve.run("tenant", "create", "acme")
            server = f"http://{serve.address[0]}:{serve.address[1]}"
            self.assertIn("nothing", self.refused(3, "describe", "acme/nothing", "--server", server,
                                                  "--token", serve.token))
            self.refused(4, "list", "--server", server, "--token", "wsb_wrong")
            self.refused(2, "describe", "nothing", "--server", server, "--token", serve.token)
            listed = wasabi("tenant", "list", "--json", environment={"WASABI_SERVER": server,
                                                                    "WASABI_TOKEN": serve.token})
            self.assertEqual([one["name"] for one in json.loads(listed.stdout)["tenants"]], ["acme"])


class Deploying(unittest.TestCase):
    def test_environment_from_the_command_line(self):
        with Serve() as serve:
            serve.run("tenant", "create", "acme")
            serve.deploy("env", "acme/env", '[env]\nFIRST = "1"\n', "--env", "SECOND=two words")
            text = serve.call("/acme/env").text
            self.assertIn("FIRST=1", text)
            self.assertIn("SECOND=two words", text)

    def test_a_push_says_what_is_in_the_way(self):
        module = str(guests() / "hello.wasm")
        refused = wasabi("push", module, "oci://127.0.0.1:1/team/app@sha256:" + "ab" * 32)
        self.assertEqual(refused.returncode, 2)
        self.assertEqual(wasabi("push", "/nowhere.wasm", "oci://127.0.0.1:1/team/app:1").returncode, 3)


class Logs(unittest.TestCase):
    def test_lines_outlive_a_restart_and_go_with_their_function(self):
        serve = Serve().start()
        self.addCleanup(serve.close)
        serve.run("tenant", "create", "acme")
        serve.deploy("http_log", "acme/chatty")
        trace = "ab" * 16
        serve.call("/acme/chatty", headers=[("traceparent", f"00-{trace}-00f067aa0ba902b7-01")])
        before = eventually(lambda: self.lines(serve, trace), what="lines of the request")
        self.assertEqual(serve.terminate(), 0)
        kept = serve.data / "logs/acme/chatty.log"
        self.assertEqual(kept.stat().st_mode & 0o777, 0o600)
        serve.start()
        # More of them may have come before the end.
        self.assertEqual(self.lines(serve, trace)[:len(before)], before)
        self.assertEqual(self.lines(serve, trace, "--version", "2"), [])
        serve.run("delete", "acme/chatty")
        eventually(lambda: not kept.exists(), what="the end of the log")
        serve.deploy("http_log", "acme/chatty")
        self.assertEqual(self.lines(serve, trace), [])

    def test_a_follower_goes_on_over_a_restart(self):
        serve = Serve().start()
        self.addCleanup(serve.close)
        serve.run("tenant", "create", "acme")
        serve.deploy("http_log", "acme/chatty")
        follower = subprocess.Popen([program("wasabi"), "logs", "-f", "acme/chatty", "--json"],
                                    env=serve.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            seen = [json.loads(follower.stdout.readline())]
            self.assertEqual(serve.terminate(), 0)
            serve.start()
            trace = "cd" * 16
            serve.call("/acme/chatty", headers=[("traceparent", f"00-{trace}-00f067aa0ba902b7-01")])
            while seen[-1]["request"] != trace:
                seen.append(json.loads(follower.stdout.readline()))
        finally:
            follower.kill()
            follower.communicate()
        ids = [line["id"] for line in seen]
        self.assertEqual(ids, sorted(set(ids)))

    def lines(self, serve: Serve, trace: str, *options: str) -> list:
        told = serve.run("logs", "acme/chatty", "--json", "--request", trace, *options)
        return [json.loads(line) for line in told.splitlines()]
