"""Usage of keys for `dragoman keys usage`: read from the store, as rows and as records."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from service.access.clients import Client
from service.access.control import NO_KEYS, AccessControl, Report
from service.access.key_file import read_key_file
from service.access.key_rings import environment_clients
from service.settings import Settings
from service.storage.open import open_store


@dataclass(frozen=True, slots=True)
class ClientUsage:
    """A client, and its usage of this month."""

    client: Client
    report: Report


def clients_in(settings: Settings) -> list[Client]:
    """Return the holders of the keys file's keys, then of the environment's.

    Raises:
        KeyFileError: The file cannot be used.
    """
    file = settings.keys_file
    named = [] if file is None else [each.client for each in read_key_file(file).keys]
    return [*named, *environment_clients(settings).values()]


def usage_of(clients: Sequence[Client], settings: Settings) -> list[ClientUsage]:
    """Return what each client used.

    Raises:
        StoreError: The store cannot be read.
    """
    return asyncio.run(_usage_of(clients, settings))


def row_of(usage: ClientUsage) -> tuple[str, ...]:
    """Return a row: name, id, month, requests, characters."""
    used, most = usage.report.used, usage.report.characters_per_month
    of = "" if most is None else f" of {most}"
    return (
        usage.client.name,
        usage.client.id,
        usage.report.period,
        f"{used.requests} requests",
        f"{used.characters}{of} characters",
    )


def record_of(usage: ClientUsage) -> dict[str, object]:
    """Return a record for `--json`."""
    return {
        "id": usage.client.id,
        "name": usage.client.name,
        "period": usage.report.period,
        "requests": usage.report.used.requests,
        "characters": usage.report.used.characters,
        "characters_per_month": usage.report.characters_per_month,
    }


async def _usage_of(clients: Sequence[Client], settings: Settings) -> list[ClientUsage]:
    store = open_store(settings, has_keys=True)
    try:
        access = AccessControl(NO_KEYS, store)  # nobody is asking: the operator looks
        return [ClientUsage(client, await access.report(client)) for client in clients]
    finally:
        store.close()
