"""A wasi:cli command with http = "cgi": tells about its request."""

import json
import os
import sys

from wit_world import exports


class Run(exports.Run):
    def run(self):
        told = {
            "method": os.environ["REQUEST_METHOD"],
            "path": os.environ["PATH_INFO"],
            "header": os.environ["HTTP_X_TEST"],
            "greeting": os.environ["GREETING"],
            "arguments": sys.argv,
            "body": sys.stdin.read(),
        }
        print("Content-Type: application/json\n")
        print(json.dumps(told))
