"""Serves commands that come as lines of JSON on standard input."""

import json
import sys
import traceback


def serve(commands):
    """Answers each line {"command": name, ...} with {"result": ...} or {"error": traceback}."""
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        parameters = json.loads(line)
        try:
            reply = {"result": commands[parameters.pop("command")](**parameters)}
        except Exception:
            reply = {"error": traceback.format_exc()}
        answers.write(json.dumps(reply) + "\n")
        answers.flush()
