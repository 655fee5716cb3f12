"""Refuse to serve where others could reach the service and the settings do not say they may."""

import ipaddress

from service.settings import Settings


def exposure_problem(settings: Settings, *, host: str | None) -> str | None:
    """Return why the service must not listen on an address, in one sentence; None if it may.

    Without keys it may listen on loopback, and elsewhere only if that is said. `host` is None where
    the address is not known.
    """
    if settings.has_keys or settings.insecure or (host is not None and is_loopback(host)):
        return None
    where = "an address that others may reach" if host is None else host or "every interface"
    return (
        f"without API keys anybody who reaches {where} could use the service: set "
        "DRAGOMAN_KEYS_FILE to a file from `dragoman keys create`, or DRAGOMAN_API_KEYS, or, if "
        "anybody may, DRAGOMAN_INSECURE=1"
    )


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches the address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
