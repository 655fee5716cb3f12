"""Any order of taking, giving back and compacting keeps every row in exactly one hand."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from model.engine.slot_pool import SlotPool


class SlotPoolMachine(RuleBasedStateMachine):
    """A pool beside what its users hold."""

    pool: SlotPool
    held: list[int]

    @initialize(capacity=st.integers(1, 12))
    def start(self, capacity: int) -> None:
        self.pool, self.held = SlotPool(capacity), []

    @rule(num_slots=st.integers(0, 5))
    def allocate(self, num_slots: int) -> None:
        slots = self.pool.allocate(num_slots)
        assert (slots is None) == (num_slots > self.pool.capacity - len(self.held))
        if slots is not None:
            assert len(slots) == num_slots
            assert not set(slots) & set(self.held)
            self.held += slots

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        slot = data.draw(st.sampled_from(self.held))
        self.held.remove(slot)
        self.pool.free(slot)

    @rule()
    def compact(self) -> None:
        moves = self.pool.compact()
        assert set(moves) <= set(self.held)
        assert not set(moves.values()) & set(self.held)
        assert not set(moves.values()) & set(moves)
        self.held = [moves.get(slot, slot) for slot in self.held]
        assert sorted(self.held) == list(range(len(self.held)))

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "pool"):
            self.pool.check_invariants()
            assert self.pool.num_taken == len(self.held)
            assert self.pool.num_free == self.pool.capacity - len(self.held)


TestSlotPool = SlotPoolMachine.TestCase
