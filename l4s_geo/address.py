"""Addresses on a network: told from paths, shown without what is secret in them, compared without their signature.

An address may hold a user's name and password (``https://user:password@host``), a signature or a token in its query, or
options of GDAL's with headers (``/vsicurl?header.Authorization=…&url=…``). Nothing of that may reach a file, a log or a
terminal, so whatever is said passes `shown`: every error of `l4s_geo.errors`, what a run reports, and its provenance.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

__all__ = ["gdal_name", "is_network", "is_url", "shown", "shown_all", "unsigned", "url_of"]

_NETWORKS = ("curl", "s3", "gs", "az", "adls", "oss", "swift", "hdfs", "webhdfs")
_VSI = re.compile(rf"/vsi(?:{'|'.join(_NETWORKS)})(?:_streaming)?(?=[/?])")
_SCHEMES = {
    **{scheme: f"/vsicurl/{scheme}://" for scheme in ("http", "https", "ftp")},
    **{scheme: f"/vsi{scheme}/" for scheme in ("s3", "gs", "az", "oss")},
}
_CURL = re.compile(r"/vsicurl(?:_streaming)?/(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_CURL_OPTIONS = re.compile(r"/vsicurl(?:_streaming)?\?(\S*)")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(\S*)")
_OBJECT = re.compile(rf"(/vsi(?:{'|'.join(_NETWORKS[1:])})(?:_streaming)?/[^\s?]*)\?\S*")
_QUOTED = re.compile(r'[A-Za-z]\w+:"([^"]*)".*', re.DOTALL)
_PUNCTUATION = "]'\")>;,.:"
_IPV6 = re.compile(r"\[[^]]*\]")
_NO_PORT = re.compile(r":(?!\d*(?:[?#%].*)?[]'\")>;,.:]*$)")
_QUERY = re.compile(r"\?|#(?!\d{1,3}(?!\w))|%3F|;\w+=", re.IGNORECASE)
_SECRET = re.compile(
    r"(?<![/\w])((?:user(?:name)?|password|passwd|pwd|token|sig|signature|\w*api_?key|\w*access_?key\w*|\w*secret\w*|"
    r"\w*_token|authorization)=)(?:'[^']*'|\"[^\"]*\"|(?:Bearer|Basic)\s+\S+|[^\s&;]+)",
    re.IGNORECASE,
)
_SIGNATURE = re.compile(
    r"x-(amz|goog|ms|oss)-.*|awsaccesskeyid|googleaccessid|ossaccesskeyid|expires?|policy|key-pair-id|signature|sig|"
    r"se|st|sp|sr|sv|spr|sip|sdd|skoid|sktid|skt|ske|sks|skv|.*token.*|.*api_?key.*|.*secret.*|auth.*|.*password.*|pwd",
    re.IGNORECASE,
)


def is_url(text: str) -> bool:
    """Tell whether a text is an http or https address."""
    return text.lower().startswith(("http://", "https://"))


def is_network(path: str) -> bool:
    """Tell whether GDAL reads a path over a network, be it inside an archive that lies there.

    In GDAL's own names of rasters in a file, ``HDF5:"scene.h5"://red``, the file tells.
    """
    if match := _QUOTED.fullmatch(path):
        return is_network(match[1])
    return "://" in path or _VSI.search(path) is not None


def gdal_name(path: str) -> str:
    """Return what GDAL calls a path or an address: http(s) is read by /vsicurl/, s3 by /vsis3/.

    Raises:
        ValueError: it is an address that GDAL does not know, or holds blanks or control characters.
    """
    if not is_network(path):
        return path
    if re.search(r"[\s\x00-\x1f]", path):
        raise ValueError("it holds a blank")
    scheme, separator, rest = path.partition("://")
    if not separator or path.startswith("/vsi"):
        return path
    if scheme.lower() not in _SCHEMES:
        raise ValueError(f"{scheme} is no protocol that is read")
    return f"{_SCHEMES[scheme.lower()]}{rest}"


def url_of(path: str) -> str | None:
    """Return the http(s) address that GDAL asks for when it opens a path; None if it asks for none or another kind."""
    url = path
    if match := _CURL_OPTIONS.match(path):
        url = dict(parse_qsl(match[1])).get("url", "")
    return plain if is_url(plain := _CURL.sub("", url, count=1)) else None


def shown(text: str) -> str:
    """Return a text as it may be said: without user names, passwords, queries and tokens of the addresses in it.

    Args:
        text: an address, a path, or a sentence that holds some.

    Returns:
        The same with every address bare, ``https://host/path``; texts without one are not changed. The number of a
        band, ``https://host/path#1``, stays.
    """
    if "=" not in text and "://" not in text and "/vsi" not in text:
        return text
    text = _CURL_OPTIONS.sub(lambda match: _optional(match[1]), text)
    text = _URL.sub(lambda match: _bare(match[1], match[2]), _CURL.sub("", text))
    return _SECRET.sub(r"\1…", _OBJECT.sub(r"\1", text))


def shown_all(value: Any) -> Any:
    """Return JSON-serialisable facts with every text in them as `shown` gives it."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, dict):
        return {key: shown_all(part) for key, part in value.items()}
    return [shown_all(part) for part in value] if isinstance(value, list | tuple) else value


def unsigned(path: str) -> str:
    """Return an address without what changes when it is signed anew: for telling whether two name the same file.

    It may still hold a secret that goes by no usual name, so it is never said or stored, only hashed.
    """
    url = url_of(path)
    if url is None:
        return path
    parts = urlsplit(url)
    kept = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _SIGNATURE.fullmatch(pair[0])]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, urlencode(kept), ""))


def _optional(options: str) -> str:
    """Return the address among GDAL's options of /vsicurl?…, all others left out."""
    found = re.search(r"(?:^|&)url=([^&\s]*)", options)
    return unquote(found[1]) if found else "/vsicurl?…"


def _bare(scheme: str, rest: str) -> str:
    """Return an address without user, query and fragment; punctuation of the sentence around it stays."""
    place = rest.partition("/")[0]
    if "@" in place:
        rest = rest[place.rindex("@") + 1 :]
    elif _NO_PORT.search(_IPV6.sub("", place)):
        # A password with a slash in it: the host comes after the last @, if there is one.
        rest = rest.rpartition("@")[2] if "@" in rest else "…"
    if cut := _QUERY.search(rest):
        rest = rest[: cut.start()] + rest[len(rest.rstrip(_PUNCTUATION)) :]
    return f"{scheme}://{rest}"
