"""The waiting requests of one priority: groups take turns, each in order of arrival.

A group is what one client asked for at once, such as the sentences of a page. With a turn for each
group, a short text waits for one sentence of a long one, and not for all.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar


class Grouped(Protocol):
    """Anything that waits."""

    @property
    def group(self) -> str:
        """The name of its group."""
        ...


RequestT = TypeVar("RequestT", bound=Grouped)


class WaitingRequests(Generic[RequestT]):
    """Requests by group; the group whose turn is next comes first."""

    def __init__(self) -> None:
        self._groups: OrderedDict[str, deque[RequestT]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def __bool__(self) -> bool:
        return bool(self._groups)

    def __iter__(self) -> Iterator[RequestT]:
        """Yield all requests, group by group."""
        for group in self._groups.values():
            yield from group

    def heads(self) -> Iterator[RequestT]:
        """Yield the first request of each group, in the order of their turns."""
        return (group[0] for group in self._groups.values())

    def has_others(self, group: str) -> bool:
        """Return whether a request of another group waits."""
        return len(self._groups) > (group in self._groups)

    def append(self, request: RequestT) -> None:
        """Queue a request behind those of its group; a new group's turn comes last."""
        self._groups.setdefault(request.group, deque()).append(request)

    def put_back(self, request: RequestT) -> None:
        """Queue a request before all others."""
        self._groups.setdefault(request.group, deque()).appendleft(request)
        self._groups.move_to_end(request.group, last=False)

    def take(self, request: RequestT) -> None:
        """Remove a group's first request; the group's next turn comes last."""
        self._groups[request.group].popleft()
        self._groups.move_to_end(request.group)
        self._forget_if_empty(request.group)

    def remove(self, request: RequestT) -> None:
        """Remove any request; the turns stay as they are."""
        self._groups[request.group].remove(request)
        self._forget_if_empty(request.group)

    def _forget_if_empty(self, group: str) -> None:
        if not self._groups[group]:
            del self._groups[group]
