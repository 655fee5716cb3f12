"""Any order of growing, shrinking and ending leaves every block in one hand, and none over."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from model.engine.block_pool import BlockPool, held_by, num_blocks
from model.engine.request import Request
from model.engine.search.search import IndependentSearch
from tests.support.engine.factories import make_request, make_search_config


class BlockPoolMachine(RuleBasedStateMachine):
    """A pool beside the tokens that requests have room for."""

    pool: BlockPool
    rooms: dict[Request, int]  # target tokens of each row

    @initialize(capacity=st.integers(1, 40))
    def start(self, capacity: int) -> None:
        self.pool, self.rooms = BlockPool(capacity), {}

    @rule(source=st.integers(1, 40), width=st.integers(1, 4), samples=st.booleans())
    def begin(self, source: int, width: int, *, samples: bool) -> None:
        params: dict[str, Any] = {"num_beams": width}
        if samples:
            params = {"num_return": width, "seed": 0}
        request = make_request(length=source, **params)
        request.search = IndependentSearch(make_search_config(), num_hypotheses=width)
        if self.pool.grow(request, 1):
            self.rooms[request] = 1

    @precondition(lambda self: self.rooms)
    @rule(data=st.data(), num_tokens=st.integers(1, 60))
    def grow(self, data: st.DataObject, num_tokens: int) -> None:
        request = data.draw(st.sampled_from(list(self.rooms)))
        missing = self.pool.missing(request, num_tokens)
        before = held_by(request)
        has_room = missing <= self.pool.num_free
        assert self.pool.grow(request, num_tokens) == has_room
        gained = set(held_by(request)) - set(before)
        assert len(gained) == (missing if has_room else 0)
        if has_room:
            self.rooms[request] = max(self.rooms[request], num_tokens)

    @precondition(lambda self: self.rooms)
    @rule(data=st.data())
    def drop_hypotheses(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(list(self.rooms)))
        indices = list(range(request.num_live))
        keep = sorted(data.draw(st.sets(st.sampled_from(indices), min_size=1)))
        kept = [[blocks[index] for index in keep] for blocks in request.blocks]
        before = held_by(request)
        request.search = IndependentSearch(make_search_config(), num_hypotheses=len(keep))
        self.pool.shrink(request, keep=keep)
        if request.do_sample:
            assert request.blocks == kept
        else:
            assert held_by(request) == before

    @precondition(lambda self: self.rooms)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        request = data.draw(st.sampled_from(list(self.rooms)))
        del self.rooms[request]
        self.pool.take_back(request)
        assert not held_by(request)

    @invariant()
    def every_block_is_free_or_held_once(self) -> None:
        if hasattr(self, "pool"):
            self.pool.check_holders(list(self.rooms))

    @invariant()
    def every_row_has_the_blocks_of_its_tokens(self) -> None:
        for request, num_tokens in getattr(self, "rooms", {}).items():
            assert len(request.source_blocks) == num_blocks(request.num_source_tokens)
            assert len(request.blocks) == num_blocks(num_tokens)
            assert all(len(blocks) >= request.num_live for blocks in request.blocks)


TestBlockPool = BlockPoolMachine.TestCase
