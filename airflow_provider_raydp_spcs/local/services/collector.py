"""The collector to which programs in containers hand their measurements and traces: OTLP over gRPC, as the real one's clients speak it.

It takes them from services only: the runtime says which container a connection comes from, so no program has to tell, and
none can tell anything else. It starts with the first container.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_raydp_spcs.local.services.telemetry import Record, Telemetry

if TYPE_CHECKING:
    from airflow_provider_raydp_spcs.local.runtimes.base import Sender

logger = logging.getLogger(__name__)
_WORKERS: Final = 4
_PAUSE_SECONDS: Final = 0.2


class Collector:
    """Takes what services hand over; safe for threads.

    :param address: where it listens.
    :param name: the host by which containers reach it.
    :param whose: address and port that a connection comes from → the container, or None.
    :param telemetry: where it goes.
    """

    def __init__(
        self,
        address: Callable[[], str],
        name: str,
        whose: Callable[[str, int], Sender | None],
        telemetry: Telemetry,
    ) -> None:
        self._address, self._name, self._whose, self._telemetry = address, name, whose, telemetry
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._port: int | None = None
        self._thread: threading.Thread | None = None

    def env(self) -> dict[str, str]:
        """The variables by which OpenTelemetry's clients find it (SPCS reference 3.5)."""
        with self._lock:
            if self._port is None:
                self._port = _free_port(self._address())
                self._thread = threading.Thread(target=self._serve, name="collector", daemon=True)
                self._thread.start()
        endpoint = f"http://{self._name}:{self._port}"
        return {f"OTEL_EXPORTER_OTLP_{kind}_ENDPOINT": endpoint for kind in ("METRICS", "TRACES")}

    def close(self) -> None:
        """Take no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        import grpc

        server = grpc.server(ThreadPoolExecutor(_WORKERS, "collector"), options=[("grpc.so_reuseport", 0)])
        self._add_services(server)
        # An engine gives the machine its address in the containers' network with the first container only.
        while not self._stop.is_set():
            try:
                server.add_insecure_port(f"{self._address()}:{self._port}")
                break
            except RuntimeError:
                time.sleep(_PAUSE_SECONDS)
        server.start()
        self._stop.wait()
        server.stop(grace=0).wait()

    def _add_services(self, server: Any) -> None:
        import grpc
        from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as of_metrics
        from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as of_traces

        from airflow_provider_raydp_spcs.local.services import otlp

        def add(name: str, asked: Any, answer: Any, records: Callable[[Any], Iterable[Record]]) -> None:
            def export(request: Any, context: Any) -> Any:
                self._take(context, records(request))
                return answer()

            method = grpc.unary_unary_rpc_method_handler(
                export, request_deserializer=asked.FromString, response_serializer=answer.SerializeToString
            )
            path = f"opentelemetry.proto.collector.{name}"
            server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(path, {"Export": method})])

        asked, answer = of_metrics.ExportMetricsServiceRequest, of_metrics.ExportMetricsServiceResponse
        add("metrics.v1.MetricsService", asked, answer, otlp.metrics)
        add(
            "trace.v1.TraceService",
            of_traces.ExportTraceServiceRequest,
            of_traces.ExportTraceServiceResponse,
            otlp.spans,
        )

    def _take(self, context: Any, records: Iterable[Record]) -> None:
        import grpc

        _, _, peer = context.peer().partition(":")  # "ipv4:10.64.0.9:40000"
        address, _, port = peer.rpartition(":")
        sender = self._whose(address, int(port)) if port.isdecimal() else None
        if sender is None:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "only containers of services hand over telemetry here")
            return
        self._telemetry.keep(sender, records)


def _free_port(address: str) -> int:
    """A port that is free at an address; Linux lets a program ask before the machine has the address (IP_FREEBIND)."""
    with socket.socket() as probe:
        probe.setsockopt(socket.IPPROTO_IP, 15, 1)
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
