"""Following a growing log: each line once, the last one too."""

from __future__ import annotations


class LogCursor:
    """Hands out the lines that are new since the last look.

    A line that is not ended yet is kept back until its end comes, or until the log is finished.
    """

    def __init__(self, position: int = 0) -> None:
        self.position = position

    def new_lines(self, text: str, *, finished: bool = False) -> list[str]:
        """The new lines of the whole text.

        :param finished: nothing more will come.
        """
        fresh = text[self.position :]
        end = len(fresh) if finished else fresh.rfind("\n") + 1
        self.position += end
        return fresh[:end].splitlines()
