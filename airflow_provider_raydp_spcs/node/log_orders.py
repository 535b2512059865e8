"""Long work that others order over HTTP and ask after until it is done: a connection through the ingress may be idle for
90 s only (SPCS reference 4.1), and an order that is sent again is the same order.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

MAX_KEPT: Final = 16
"""So many orders wait or are answered again; one more is refused where all of them wait."""
Answer = Mapping[str, Any]


class Orders:
    """Does orders one after another, each in a thread.

    :param work: does one: what was ordered → what is answered in the end.
    """

    def __init__(self, work: Callable[[Mapping[str, Any]], Answer]) -> None:
        self._work = work
        self._answers: OrderedDict[str, Answer | None] = OrderedDict()
        self._lock, self._one_at_a_time = threading.Lock(), threading.Lock()

    def answer(self, order: Mapping[str, Any]) -> Answer:
        """How far an order is: ``{"done": False}``, or ``{"done": True, …}`` with its answer.

        An order is known by its ``token``, which whoever orders makes up.

        :raises KeyError: it has none.
        """
        token = str(order["token"])
        with self._lock:
            if token not in self._answers:
                if len(self._answers) >= MAX_KEPT and not self._forget_one():
                    return {
                        "done": True,
                        "error": f"{MAX_KEPT} orders are waiting already; ask again when some are done",
                    }
                self._answers[token] = None
                threading.Thread(target=self._do, args=(token, dict(order)), daemon=True, name="log-order").start()
            found = self._answers[token]
        return {"done": False} if found is None else {"done": True, **found}

    def _forget_one(self) -> bool:
        """Forget the oldest order that is done; one that is not would be done twice."""
        oldest = next((token for token, answer in self._answers.items() if answer is not None), None)
        if oldest is not None:
            del self._answers[oldest]
        return oldest is not None

    def _do(self, token: str, order: Mapping[str, Any]) -> None:
        with self._one_at_a_time:
            try:
                answer = self._work(order)
            except Exception as error:  # whoever ordered has to learn of it, whatever it is
                answer = {"error": f"{type(error).__name__}: {error}"}
        with self._lock:
            self._answers[token] = answer
