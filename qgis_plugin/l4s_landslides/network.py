"""The environment of the processes that the plugin starts."""

from __future__ import annotations

from urllib.parse import quote

from qgis.core import QgsSettings
from qgis.PyQt.QtCore import QProcessEnvironment

_QGIS_OWN = (
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "GDAL_DATA",
    "GDAL_DRIVER_PATH",
    "PROJ_LIB",
    "PROJ_DATA",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "QT_PLUGIN_PATH",
    "VIRTUAL_ENV",
)
"""Variables that point another interpreter, GDAL or PROJ at QGIS's own files."""


def environment() -> QProcessEnvironment:
    """The system's environment without what belongs to QGIS, with the proxy that QGIS uses."""
    variables = QProcessEnvironment.systemEnvironment()
    for name in _QGIS_OWN:
        variables.remove(name)
    for name, value in proxy().items():
        variables.insert(name, value)
    return variables


def proxy() -> dict[str, str]:
    """QGIS's proxy settings as the variables that pip, GDAL and Python understand."""
    settings = QgsSettings()
    host = str(settings.value("proxy/proxyHost", "") or "")
    if not settings.value("proxy/proxyEnabled", False, type=bool) or not host:
        return {}
    kind = str(settings.value("proxy/proxyType", "") or "")
    scheme = {"Socks5Proxy": "socks5", "HttpProxy": "http", "HttpCachingProxy": "http", "DefaultProxy": ""}
    if not scheme.get(kind, ""):
        return {}  # the system's own proxy: its variables are in the environment already
    user, password = (str(settings.value(f"proxy/proxy{name}", "") or "") for name in ("User", "Password"))
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    port = str(settings.value("proxy/proxyPort", "") or "")
    address = f"{scheme[kind]}://{login}{host}{':' + port if port else ''}"
    variables = {name: address for upper in ("HTTP_PROXY", "HTTPS_PROXY") for name in (upper, upper.lower())}
    excluded = [u for key in ("noProxyUrls", "proxyExcludedUrls") for u in settings.value(f"proxy/{key}", []) or []]
    if excluded:
        hosts = ",".join(str(url).split("://")[-1].rstrip("/") for url in excluded)
        variables |= {"NO_PROXY": hosts, "no_proxy": hosts}
    return variables
