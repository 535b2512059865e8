"""What jobs leave on the head, over HTTP: their logs from any position, their results, and which Python runs them.

Ray hands out a driver's log only as a whole, which for a growing log means again and again. Here a reader names the
position up to which it knows a log and gets what is new, for any number of jobs in one request.

- ``GET /version`` → ``{"package": "0.1.0", "ray": …, "raydp": …, "spark": …, "python": "3.11"}``
- ``POST /logs`` with ``{"positions": {job: bytes}, "finished": bool}`` → ``{job: {"text", "position", "size"}}``
- ``POST /marks`` with ``{"set": {name: bytes}, "get": [name, …]}`` → ``{name: bytes}``: how far readers have shown logs
- ``POST /exports``: an order to bring logs to the stage, see :mod:`~airflow_provider_raydp_spcs.node.log_gathering`; only
  where the stage is mounted
- ``GET /logs/<job>`` → the whole log
- ``GET /results/<job>`` → the job's result, 404 where it has none
- ``GET /notebook-token`` → the notebook's token as text, 404 where no notebook runs
- ``GET /spark-targets`` and ``GET /prometheus/…``: see :mod:`~airflow_provider_raydp_spcs.node.spark_targets` and
  :mod:`~airflow_provider_raydp_spcs.node.prometheus_door`
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import stat
import threading
from collections.abc import Callable, Mapping
from email.message import Message
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO, Final

from airflow_provider_raydp_spcs import ports
from airflow_provider_raydp_spcs.node import prometheus_door
from airflow_provider_raydp_spcs.node.log_orders import Orders
from airflow_provider_raydp_spcs.node.marks import Marks
from airflow_provider_raydp_spcs.node.spark_targets import spark_targets
from airflow_provider_raydp_spcs.node.versions import versions

WINDOW_BYTES: Final = 1024 * 1024
ANSWER_BYTES: Final = 8 * WINDOW_BYTES
SMALLEST_WINDOW: Final = 4096
"""The most of one log in one answer, of all logs in one answer, and the least of one; whoever is further behind asks
again."""
MAX_BODY_BYTES: Final = 1024 * 1024
RESULTS: Final = "results"
Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]]
_JOB: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}\Z")


NO_QUESTION: Final = (ValueError, TypeError, KeyError, AttributeError, ArithmeticError, RecursionError)
"""What a body raises that is none of those that may be sent."""


def body_length(headers: Message) -> int:
    """How many bytes a request says that it has; negative where it says no number."""
    text = headers.get("Content-Length") or "0"
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else -1


def open_own(path: Path) -> BinaryIO:
    """Open a file that lies here itself: a job may make links here, which could lead anywhere, and pipes, which end never.

    :raises OSError: there is none.
    """
    source = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
        source.close()
        msg = f"{path} is no regular file"
        raise OSError(msg)
    return source


def serve(
    address: str,
    ray_dir: Path,
    notebook_token: str | None = None,
    prometheus: str | None = None,
    exports: Orders | None = None,
) -> ThreadingHTTPServer:
    """Answer from a thread of its own.

    :param ray_dir: Ray's temporary folder, with its logs and our results below it.
    :param notebook_token: given to whoever asks; only who has passed Snowflake's sign-in can.
    :param prometheus: where Prometheus answers; None where the cluster has none.
    :param exports: does the orders to export logs; None where no stage is mounted.
    """
    files = JobFiles(ray_dir)
    answers: dict[str, Answer] = {"/logs": files.new_texts, "/marks": partial(_marks, Marks())}
    if exports is not None:
        answers["/exports"] = exports.answer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # An answer is sent in two pieces, of which the second would wait 40 ms for the first one's acknowledgement.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            _, kind, name = [*self.path.split("/"), "", ""][:3]
            if self.path == "/version":
                self._json(200, versions())
            elif self.path == "/notebook-token" and notebook_token is not None:
                self._secret(notebook_token)
            elif self.path == "/spark-targets":
                self._json(200, spark_targets(ray_dir))
            elif kind == "prometheus":
                self._prometheus()
            elif kind == "logs":
                self._file(files.log(name), "text/plain; charset=utf-8")
            elif kind == "results":
                self._file(files.result(name), "application/json")
            else:
                self._nothing()

        def do_POST(self) -> None:
            length = body_length(self.headers)
            answer = answers.get(self.path)
            if answer is None or not 0 <= length <= MAX_BODY_BYTES:
                self.close_connection = True
                self._json(404, {"error": "POST /logs, /marks and /exports only, with at most 1 MiB"})
                return
            try:
                self._json(200, answer(json.loads(self.rfile.read(length))))
            except NO_QUESTION:
                self._json(400, {"error": "this is not what may be asked; see node.job_files"})

        def _json(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _prometheus(self) -> None:
            with prometheus_door.ask(prometheus, self.path) as (status, answer):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                # Its length is not known before its end, so the connection's end ends it.
                self.send_header("Connection", "close")
                self.end_headers()
                shutil.copyfileobj(io.BytesIO(answer) if isinstance(answer, bytes) else answer, self.wfile)

        def _secret(self, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def _nothing(self) -> None:
            self._json(404, {"error": f"there is nothing at {self.path[:200]}"})

        def _file(self, path: Path | None, kind: str) -> None:
            try:
                source = None if path is None else open_own(path)
            except OSError:
                source = None
            if source is None:
                self._nothing()
                return
            with source:
                size = source.seek(0, io.SEEK_END)
                source.seek(0)
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(size))
                self.end_headers()
                # A log may grow meanwhile; only what was announced is sent.
                while size and (piece := source.read(min(size, WINDOW_BYTES))):
                    self.wfile.write(piece)
                    size -= len(piece)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' name
            """Readers come every second; they are no news."""

    server = ThreadingHTTPServer((address, ports.JOB_FILES), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True, name="job-files").start()
    return server


class JobFiles:
    """The files, by job; a name that is no job's is nowhere."""

    def __init__(self, ray_dir: Path) -> None:
        self._ray_dir = ray_dir

    def log(self, job: str) -> Path | None:
        """Where Ray writes the driver's output."""
        return self._ray_dir / "session_latest" / "logs" / f"job-driver-{job}.log" if _JOB.match(job) else None

    def result(self, job: str) -> Path | None:
        """Where the job keeps its result."""
        return self._ray_dir / RESULTS / f"{job}.json" if _JOB.match(job) else None

    def new_texts(self, wanted: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The answer to ``POST /logs``.

        :raises ValueError, TypeError, KeyError, AttributeError: no such question.
        """
        positions = {str(job): int(position) for job, position in wanted["positions"].items()}
        window = max(SMALLEST_WINDOW, min(WINDOW_BYTES, ANSWER_BYTES // max(1, len(positions))))
        finished = bool(wanted.get("finished"))
        return {job: self.new_text(job, at, finished, window) for job, at in positions.items()}

    def new_text(self, job: str, position: int, finished: bool, window: int = WINDOW_BYTES) -> dict[str, Any]:
        """What a log holds after a position, in whole lines.

        A line that is not ended yet is left out, unless the log is finished or the line fills the window.

        :returns: ``text``; ``position`` behind it; ``size`` of the whole log, both in bytes.
        """
        path = self.log(job)
        try:
            if path is None:
                raise FileNotFoundError
            with open_own(path) as source:
                size = source.seek(0, io.SEEK_END)
                source.seek(max(0, min(position, size)))
                start = source.tell()
                piece = source.read(window)
        except OSError:
            return {"text": "", "position": position, "size": 0}
        end = len(piece) if finished and start + len(piece) >= size else piece.rfind(b"\n") + 1
        if not end and len(piece) == window:
            end = _whole_characters(piece)
        return {"text": piece[:end].decode(errors="replace"), "position": start + end, "size": size}


def _marks(marks: Marks, wanted: Mapping[str, Any]) -> dict[str, int]:
    """The answer to ``POST /marks``.

    :raises ValueError, TypeError, KeyError, AttributeError: no such question.
    """
    marks.set({str(name): int(position) for name, position in wanted["set"].items()})
    return marks.get(map(str, wanted["get"]))


def _whole_characters(piece: bytes) -> int:
    """Length of a piece without a character that is cut in two."""
    end = len(piece)
    for back in range(1, 4):
        byte = piece[-back]
        if byte >= 0xC0:
            return end - back
        if byte < 0x80:
            break
    return end
