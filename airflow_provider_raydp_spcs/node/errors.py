"""Why a node cannot start; the message is the last line of the container's log."""

from __future__ import annotations


class NodeError(Exception):
    """A node of the cluster cannot start or go on."""


class SettingError(NodeError):
    """An environment variable is missing or holds a value that makes no sense."""


class JavaNotFoundError(NodeError):
    """No Java 17 or newer is to be had."""


class JobsUnknownError(NodeError):
    """Ray does not tell which jobs there are."""


class NodesUnknownError(NodeError):
    """Ray does not tell which nodes there are."""


class HeadUnreachableError(NodeError):
    """The head of the cluster does not answer."""
