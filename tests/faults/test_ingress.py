"""Faults of the ingress between a client and Ray, met by the client of workers and by that of triggerers."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_websocket

from airflow_provider_raydp_spcs.jobs import aio, client
from airflow_provider_raydp_spcs.jobs.errors import NotAllowedError, NotSignedInError
from airflow_provider_raydp_spcs.local import daemon
from tests.faults.belongings import threads_and_connections
from tests.faults.door import Rule, bearer
from tests.faults.door_actions import Action, Answer, Cut, Reset, Rewritten, Trickled, Truncated
from tests.faults.door_wire import Asked
from tests.faults.light import Light
from tests.faults.suite import Fault
from tests.integration.containers import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
CLUSTER: Final = "INGRESS"
IN_WORKER, IN_TRIGGERER = 8, 6
"""So many requests of a job's life pass the ingress at least: from the versions to the result, and of a triggerer's looks."""
SIGN_IN: Final = {"Location": "https://sign-in.invalid/oauth/authorize"}
ECHO_SPEC: Final = """
spec:
  containers:
  - name: main
    image: /raydp_sis_db/raydp_sis_core_schema/raydp_sis_image_repo/echo:1
    readinessProbe: {port: 8000, path: /ready}
  endpoints: [{name: echo, port: 8000, public: true}]
"""


@pytest.fixture(scope="module", autouse=True)
def _cluster(light_system: Light) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in light_system.suite.environment.items():
            patch.setenv(name, value)
        run = light_system.run(CLUSTER)
        run.create()
        yield
        run.delete()


class Breach:
    """One rule for the client of the worker and one for that of the triggerer, each at a random request."""

    def __init__(self, light: Light, fault: Fault, make: Callable[[int], Rule]) -> None:
        self._light, self._fault = light, fault
        self.worker, self.triggerer = (make(fault.chance.randrange(many)) for many in (IN_WORKER, IN_TRIGGERER))
        self.run = light.run(CLUSTER)
        fault.expects(self.run.name, 2)

    def in_worker(self) -> Any:
        """A job that is waited for in a worker."""
        with self._light.door.breaking(self.worker):
            return self.run.submit("worker", 0.8, deferrable=False)

    def in_triggerer(self) -> Any:
        """A job that is waited for in a triggerer."""
        self.run.while_deferred = lambda: self._light.door.breaking(self.triggerer)
        try:
            return self.run.submit("triggerer", 1.6, deferrable=True)
        finally:
            self.run.while_deferred = contextlib.nullcontext

    def check(self) -> None:
        """Both clients were really struck."""
        assert self.worker.strikes, "the worker's client was not struck"
        assert self.triggerer.strikes, "the triggerer's client was not struck"
        self._fault.struck(self.worker.strikes + self.triggerer.strikes)


def to_ingress(light: Light) -> Callable[[Asked], bool]:
    """Whether a request goes to a service's endpoint, not to Snowflake itself."""
    return lambda asked: asked.port != light.port


@pytest.mark.parametrize(
    ("what", "action", "times"),
    [
        ("HTTP 302 to the sign-in page, once", Answer(302, SIGN_IN), 1),
        ("HTTP 401, once", Answer(401), 1),
        ("HTTP 404 of the ingress", Answer(404, body=b"Endpoint does not exist"), 2),
        ("HTTP 429", Answer(429, {"Retry-After": "1"}), 2),
        ("HTTP 500", Answer(500, body=b"Internal Server Error"), 2),
        ("HTTP 503", Answer(503, body=b'{"responseType":"ERROR","detail":"no service hosts found."}'), 2),
        ("HTTP 504", Answer(504), 2),
        ("a page instead of the answer", Answer(200, {"Content-Type": "text/html"}, b"<html>one moment</html>"), 2),
        ("slow headers: a byte at a time", Trickled(0.002), 2),
        ("truncated body: shorter than announced", Truncated(0.5), 2),
        ("truncated body: the end is lacking, no length was announced", Truncated(0.5, is_announced=False), 2),
        ("connection reset before a request arrives", Reset(is_carried_out=False), 2),
        ("connection reset when a request was carried out: its answer is lost", Reset(is_carried_out=True), 2),
    ],
)
def test_what_passes_is_borne(light: Light, what: str, action: Action, times: int) -> None:
    with light.fault("Ingress", what, "the client asks again; the job runs once") as fault:
        breach = Breach(light, fault, lambda skip: Rule(action, when=to_ingress(light), skip=skip, times=times))
        assert breach.in_worker() == breach.run.name
        assert breach.in_triggerer() == breach.run.name
        breach.check()
        assert not breach.run.errors, "no try of a task was to fail"
        fault.seen("both jobs ran once, and no task failed")


def test_headers_that_stop_are_borne(light: Light, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (client, aio):
        monkeypatch.setattr(module, "TIMEOUT_SECONDS", 1.5)
    with light.fault(
        "Ingress", "slow headers: they stop", "given up after 30 s and asked again; the job runs once"
    ) as fault:
        breach = Breach(light, fault, lambda skip: Rule(Trickled(3.0), when=to_ingress(light), skip=skip))
        assert breach.in_worker() == breach.run.name
        assert breach.in_triggerer() == breach.run.name
        breach.check()
        assert not breach.run.errors
        fault.seen("both jobs ran once, and no task failed")


@pytest.mark.parametrize(
    ("what", "action", "error", "words"),
    [
        ("HTTP 403 from now on", Answer(403), NotAllowedError, "GRANT SERVICE ROLE"),
        ("HTTP 401 from now on", Answer(401), NotAllowedError, "GRANT SERVICE ROLE"),
        ("HTTP 302 from now on", Answer(302, SIGN_IN), NotSignedInError, "check the connection's credentials"),
    ],
)
def test_what_does_not_pass_is_said_with_the_next_step(
    light: Light, what: str, action: Action, error: type[Exception], words: str
) -> None:
    expected = "the task fails at once and says what to do; then it goes on with its job"
    with light.fault("Ingress", what, expected) as fault:
        breach = Breach(light, fault, lambda skip: Rule(action, when=to_ingress(light), skip=skip, times=None))
        for submit in (breach.in_worker, breach.in_triggerer):
            before = len(breach.run.errors)
            with pytest.raises(error, match=words):
                submit()
            assert len(breach.run.errors) == before + 1, "no other try was to be made"
        breach.check()
        assert breach.run.submit("worker", 0.8) == breach.run.name
        assert breach.run.submit("triggerer", 1.6) == breach.run.name
        fault.seen(f"{error.__name__} says: {words}; afterwards each job was found and had run once")


def test_idle_connections_that_are_ended_are_opened_again(light: Light) -> None:
    with light.fault(
        "Ingress", "idle limit (90 s): idle connections are ended", "a new one is opened; the job runs once"
    ) as fault:
        run, before = light.run(CLUSTER), light.door.idle_ended
        light.door.idle_seconds = fault.moment(0.03, 0.08)  # less than the shortest pause between looks
        try:
            for task, deferrable in (("worker", False), ("triggerer", True)):
                ended = light.door.idle_ended
                assert run.submit(task, 2.0, poll_interval=0.7, deferrable=deferrable) == run.name
                assert light.door.idle_ended > ended
        finally:
            light.door.idle_seconds = None
        fault.expects(run.name, 2)
        fault.struck(light.door.idle_ended - before)
        assert not run.errors
        fault.seen("both jobs ran once, and no task failed")


def test_a_name_that_does_not_resolve_for_a_while_is_borne(light: Light, monkeypatch: pytest.MonkeyPatch) -> None:
    """The resolver of this very process fails; clients go past the door, for a proxy would resolve names in their place."""
    real, left, failed = socket.getaddrinfo, [0], [0]

    def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host in ("localhost", b"localhost") and left[0]:
            left[0] -= 1
            failed[0] += 1
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(host, *args, **kwargs)

    rename = Rule(Rewritten(lambda body: body.replace(b"127.0.0.1:", b"localhost:")), sql="^SHOW ENDPOINTS", times=None)
    with (
        light.fault("Ingress", "DNS: the endpoint's name does not resolve", "asked again; the job runs once") as fault,
        light.door.breaking(rename),
    ):
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.setenv(name, "localhost")
        run, times = light.run(CLUSTER), fault.chance.randint(2, 4)
        fault.expects(run.name, 2)
        left[0] = times
        assert run.submit("worker") == run.name
        assert failed[0] == times

        @contextlib.contextmanager
        def failing() -> Iterator[None]:
            left[0] = times
            yield

        run.while_deferred = failing
        assert run.submit("triggerer", 1.6, deferrable=True) == run.name
        assert failed[0] == 2 * times
        fault.struck(failed[0])
        assert not run.errors
        fault.seen("both jobs ran once, and no task failed")


class Expiry:
    """Tokens are good for a while from when they are first shown, and then the ingress asks to sign in.

    :param seconds: for how long.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._since = seconds, dict[str, float]()

    def has_passed(self, asked: Asked) -> bool:
        """Whether the token that a request shows is good no more."""
        now = time.monotonic()
        return now - self._since.setdefault(bearer(asked), now) > self._seconds


def test_a_token_that_expires_while_a_job_runs_is_renewed(light: Light) -> None:
    expected = "a new token is asked for; the job runs once"
    with light.fault("Ingress", "the token expires while a job runs, again and again", expected) as fault:
        expiry = Expiry(fault.moment(0.3, 0.7))
        ingress = to_ingress(light)
        rule = Rule(Answer(302, SIGN_IN), when=lambda asked: ingress(asked) and expiry.has_passed(asked), times=None)
        run = light.run(CLUSTER)
        fault.expects(run.name, 2)
        with light.door.breaking(rule):
            assert run.submit("worker", 3.0, deferrable=False) == run.name
            struck = rule.strikes
            assert struck
            assert run.submit("triggerer", 3.0, deferrable=True) == run.name
            assert rule.strikes > struck
        fault.struck(rule.strikes)
        assert not run.errors
        fault.seen("both jobs ran once, and no task failed")


def test_a_websocket_that_is_cut_is_opened_again(light: Light) -> None:
    expected = "the client learns that it is cut, and is let in again"
    with (
        light.fault("Ingress", "WebSocket cut (dashboard, notebook)", expected) as fault,
        light.client() as (clusters, headers),
    ):
        light.run("NONE")
        services, pools = clusters.client.services, clusters.client.compute_pools
        light.suite.sql("CREATE COMPUTE POOL ECHO_POOL MIN_NODES=1 MAX_NODES=1 INSTANCE_FAMILY=CPU_X64_XS")
        light.suite.sql(f"CREATE SERVICE ECHO IN COMPUTE POOL ECHO_POOL FROM SPECIFICATION $${ECHO_SPEC}$$")
        try:
            (endpoint,) = until(lambda: [each for each in services.endpoints("ECHO") if each.ingress_host])
            trusted = ssl.create_default_context(cafile=light.suite.environment["SSL_CERT_FILE"])

            def opened() -> ClientConnection:
                return connect_websocket(
                    f"wss://{endpoint.ingress_host}/", ssl=trusted, additional_headers=headers, proxy=light.door.address
                )

            def echoes() -> bool:
                with contextlib.suppress(Exception), opened() as link:
                    link.send("ready?")
                    return link.recv(10) == "ready?"
                return False

            until(echoes)
            server = daemon.status(light.suite.home).pid
            before = threads_and_connections(server)["connections"]
            for _ in range(5):
                pieces = fault.chance.randint(1, 10)
                with light.door.breaking(Rule(Cut(pieces), when=to_ingress(light))), opened() as link:
                    received = 0
                    with pytest.raises(ConnectionClosedError):  # noqa: PT012 - which of the messages is the last one is drawn
                        for number in range(pieces + 50):
                            link.send(str(number))
                            link.recv(10)
                            received += 1
                    assert received <= pieces
                fault.struck()
                assert echoes()
            until(lambda: threads_and_connections(server)["connections"] <= before)
            fault.seen("each time the next WebSocket worked, and no connection was left in between")
        finally:
            services.drop("ECHO", force=True)
            until(lambda: not services.show("ECHO"))
            pools.drop("ECHO_POOL")
