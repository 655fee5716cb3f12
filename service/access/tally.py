"""Usage that is added up in memory before it is written to the store."""

import threading

from service.errors import StoreError
from service.storage.store import StateStore, Used


class Tally:
    """Adds up usage that no limit asks for, so that a request need not wait for the store.

    Its methods may be called from any thread; `save` blocks on the store.
    """

    def __init__(self, store: StateStore) -> None:
        self._store = store
        self._lock = threading.Lock()  # of the dictionary
        self._unsaved: dict[tuple[str, str], Used] = {}

    @property
    def is_empty(self) -> bool:
        return not self._unsaved

    def add(self, client: str, period: str, amount: Used) -> None:
        """Add to what a client used in a period; amounts may be negative."""
        with self._lock:
            self._unsaved[client, period] = self._unsaved.get((client, period), Used()) + amount

    def save(self) -> None:
        """Write all to the store; what cannot be written is kept.

        Raises:
            StoreError: The store did not take all.
        """
        with self._lock:
            unsaved, self._unsaved = self._unsaved, {}
        while unsaved:
            (client, period), amount = unsaved.popitem()
            try:
                self._store.add_usage(client, period, amount, most_characters=None)
            except StoreError:
                self.add(client, period, amount)
                for (other, its_period), its_amount in unsaved.items():
                    self.add(other, its_period, its_amount)
                raise
