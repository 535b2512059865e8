"""Runs Snowflake CLI's own program again and again in forks of one process, for its start takes seconds of CPU.

Run by the interpreter that Snowflake CLI is installed for. Each line of standard input is a request in JSON; the answer is a
line with the exit code.
"""

from __future__ import annotations

import json
import os
import signal
import sys

SECONDS = 120
"""How long a command may take."""


def run(request: dict[str, str], arguments: list[str]) -> int:
    """One command in this process, which is a fork and ends afterwards; answers its exit code."""
    from snowflake.cli._app.__main__ import main

    signal.alarm(SECONDS)
    os.chdir(request["folder"])
    for name, number, flags in (("input", 0, os.O_RDONLY), ("output", 1, os.O_WRONLY), ("errors", 2, os.O_WRONLY)):
        opened = os.open(request[name], flags)
        os.dup2(opened, number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - the command's, to its end
    sys.argv = ["snow", *arguments]
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def serve() -> None:
    """Answer requests until there are no more."""
    import snowflake.cli._app.__main__  # noqa: F401 - what takes so long

    for line in sys.stdin:
        request = json.loads(line)
        arguments = request.pop("arguments")
        child = os.fork()
        if not child:
            code = 1
            try:
                code = run(request, arguments)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve()
