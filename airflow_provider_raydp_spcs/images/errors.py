"""What can go wrong with images; each message says what to do next."""

from __future__ import annotations


class ImagesError(Exception):
    """Root of everything this room raises on purpose."""


class UnknownImageError(ImagesError):
    """The package has no image of this name."""


class WheelMissingError(ImagesError):
    """The package's own wheel, which every image holds, is not there and cannot be made here."""


class ImageNotBuiltError(ImagesError):
    """The engine holds no such image."""


class WrongArchitectureError(ImagesError):
    """Snowflake's nodes cannot run the image."""


class RegistryNotSetError(ImagesError):
    """Nothing says where images are pushed to, or it is no address of a repository."""


class RegistryUnreachableError(ImagesError):
    """The image registry does not answer."""


class NotSignedInError(ImagesError):
    """The image registry does not know us, or does not let us in."""


class PushFailedError(ImagesError):
    """The image registry did not take an image, for a reason that has no class of its own here."""
