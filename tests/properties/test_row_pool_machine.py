"""Any order of taking, giving back and compacting keeps every row in exactly one hand."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from model.engine.row_pool import RowPool


class RowPoolMachine(RuleBasedStateMachine):
    """A pool beside what its users hold."""

    pool: RowPool
    held: list[int]

    @initialize(capacity=st.integers(1, 12))
    def start(self, capacity: int) -> None:
        self.pool, self.held = RowPool(capacity), []

    @rule(num_rows=st.integers(0, 5))
    def allocate(self, num_rows: int) -> None:
        rows = self.pool.allocate(num_rows)
        assert (rows is None) == (num_rows > self.pool.capacity - len(self.held))
        if rows is not None:
            assert len(rows) == num_rows
            assert not set(rows) & set(self.held)
            self.held += rows

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        row = data.draw(st.sampled_from(self.held))
        self.held.remove(row)
        self.pool.free(row)

    @rule()
    def compact(self) -> None:
        moves = self.pool.compact()
        assert set(moves) <= set(self.held)
        assert not set(moves.values()) & set(self.held)
        assert not set(moves.values()) & set(moves)
        self.held = [moves.get(row, row) for row in self.held]
        assert sorted(self.held) == list(range(len(self.held)))

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "pool"):
            self.pool.check_invariants()
            assert self.pool.num_taken == len(self.held)
            assert self.pool.num_free == self.pool.capacity - len(self.held)


TestRowPool = RowPoolMachine.TestCase
