"""Addresses that a host lets nobody read without a signature, signed at the moment at which they are read.

The images of the Planetary Computer lie in blob stores that are read with a token, which anybody is given and which is
good for about an hour. Its own package, planetary-computer, asks for tokens and renews them. What is signed goes to
GDAL and nowhere else: scenes, event files, provenance and messages hold the address without the token.
"""

from __future__ import annotations

import re

from l4s_geo.address import url_of
from l4s_geo.errors import L4SError, SceneError

__all__ = ["signed"]

_PLANETARY_COMPUTER = re.compile(r"https://(?:sentinel2l2a01|elevationeuwest)\.blob\.core\.windows\.net/[^?]+")
"""Its stores of Sentinel-2 Level-2A and of the Copernicus DEM."""


def signed(path: str, error: type[L4SError] = SceneError) -> str:
    """Return what GDAL opens in place of a path: itself, or its address with a token if its host asks for one.

    Args:
        path: a path or an address.
        error: class to raise.

    Raises:
        L4SError: it has to be signed, and the package that does it is not installed or gets no token.
    """
    url = url_of(path)
    if url is None or not _PLANETARY_COMPUTER.fullmatch(url):
        return path
    try:
        import planetary_computer
    except ImportError:
        raise error(
            f"The image {url} of the Planetary Computer needs the extra planetary (pip install 'l4s-geo[planetary]'), "
            "which signs its addresses; install it, or search another API (--api)."
        ) from None
    try:
        return f"/vsicurl/{planetary_computer.sign_url(url)}"
    except Exception as cause:
        raise error(
            f"The image {url} of the Planetary Computer could not be signed ({type(cause).__name__}); check the "
            "connection, and PC_SDK_SUBSCRIPTION_KEY if it is set, and try again."
        ) from None
