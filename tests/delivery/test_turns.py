"""Whose turn it is: bounds are kept whatever comes, and no lane starves."""

from collections import Counter
from collections.abc import Collection
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ferryman.delivery import turns as rules
from ferryman.delivery.turns import Bounds, Turns
from ferryman.domain.limits import APP_WINDOW
from ferryman.store.delivery import Lane
from ferryman.vocab import EventType

STREAK = rules._STREAK
UPLOADED, SETTLED = EventType.UPLOADED, EventType.SETTLED
APPS = [uuid5(UUID(int=0), str(number)) for number in range(6)]
LANES = [Lane(app_id, event) for app_id in APPS for event in (UPLOADED, SETTLED)]
WIDE = Bounds(at_once=1000, places=4, share=2)


def lane(number: int, event: EventType = UPLOADED) -> Lane:
    return Lane(APPS[number], event)


def to_a_remote(_: Lane) -> bool:
    return False


def to_a_function(_: Lane) -> bool:
    return True


def begin(
    turns: Turns, rooms: dict[Lane, int], *, calls: bool, warm: Collection[UUID] = ()
) -> None:
    """All rooms are filled, and all of it is sent."""
    turns.claimed(rooms, rooms)
    for each, room in rooms.items():
        for _ in range(room):
            turns.began(each, calls=calls, warm=each.app_id in warm)


def end(turns: Turns, rooms: dict[Lane, int], *, calls: bool) -> None:
    for each, room in rooms.items():
        for _ in range(room):
            turns.ended(each, calls=calls)


def test_nothing_is_taken_of_what_is_not_due() -> None:
    turns = Turns(WIDE)
    assert turns.take(to_a_remote) == {}
    turns.due(lane(0))
    assert turns.take(to_a_remote) == {lane(0): APP_WINDOW}
    assert turns.take(to_a_remote) == {}, "taken once"


def test_a_lane_that_filled_its_room_is_due_again_and_one_that_did_not_is_not() -> None:
    turns = Turns(WIDE)
    rooms = {lane(0): 5, lane(1): 5, lane(2): 5}
    turns.claimed(rooms, {lane(0): 5, lane(1): 4})
    assert list(turns.take(to_a_remote)) == [lane(0)]


def test_what_falls_due_while_it_is_claimed_is_due_afterwards() -> None:
    turns = Turns(WIDE)
    turns.due(lane(0))
    rooms = turns.take(to_a_remote)
    turns.due(lane(0))  # heard meanwhile
    turns.claimed(rooms, {})
    assert lane(0) in turns.take(to_a_remote)


def test_the_window_is_of_the_app_over_all_its_lanes() -> None:
    turns = Turns(WIDE)
    turns.due(lane(0))
    rooms = turns.take(to_a_remote)
    begin(turns, rooms, calls=False)
    turns.due(lane(0, SETTLED))
    turns.due(lane(1))
    assert turns.take(to_a_remote) == {lane(1): APP_WINDOW}
    turns.ended(lane(0), calls=False)
    assert turns.take(to_a_remote) == {lane(0): 1}
    turns.claimed({lane(0): 1}, {})
    assert turns.take(to_a_remote) == {lane(0, SETTLED): 1}


def test_an_app_that_holds_its_share_leaves_places_to_another() -> None:
    turns = Turns(WIDE)
    for number in range(4):
        turns.due(lane(number))
    assert turns.take(to_a_function) == {lane(0): 2, lane(1): 2}
    turns.due(lane(0))
    turns.due(lane(1))
    begin(turns, {lane(0): 2}, calls=True)
    assert turns.take(to_a_function) == {lane(2): 2}


def test_two_lanes_of_one_app_have_one_share() -> None:
    turns = Turns(WIDE)
    turns.due(lane(0))
    turns.due(lane(0, SETTLED))
    assert turns.take(to_a_function) == {lane(0): 2}


def test_functions_take_no_place_of_what_goes_to_addresses() -> None:
    turns = Turns(Bounds(at_once=10, places=2, share=2))
    for _ in range(2):
        turns.began(lane(0), calls=True, warm=False)
    turns.due(lane(1))
    turns.due(lane(2))
    rooms = turns.take(lambda each: each == lane(1))
    assert rooms == {lane(2): 8}


def test_a_closed_lane_waits_and_a_probed_one_sends_one_at_a_time() -> None:
    turns = Turns(WIDE)
    turns.due(lane(0))
    turns.due(lane(1))
    turns.heed(closed=[lane(0)], probed=[lane(1)])
    rooms = turns.take(to_a_remote)
    assert rooms == {lane(1): 1}
    begin(turns, rooms, calls=False)
    assert turns.take(to_a_remote) == {}
    turns.heed(closed=[], probed=[lane(0)])
    assert turns.take(to_a_remote) == {lane(0): 1, lane(1): APP_WINDOW - 1}, "it is still due"


def test_a_warm_function_goes_on_for_a_streak_and_then_others_take_their_turn() -> None:
    turns = Turns(Bounds(at_once=10, places=1, share=1))
    begin(turns, {lane(0): 1}, calls=True)  # a cold start
    turns.ended(lane(0), calls=True)
    turns.due(lane(1))
    turns.due(lane(0))
    row: list[Lane] = []
    for _ in range(STREAK + 1):
        warm = {(row or [lane(0)])[-1].app_id}
        rooms = turns.take(to_a_function, warm)
        [taken] = rooms
        row.append(taken)
        begin(turns, rooms, calls=True, warm=warm)
        end(turns, rooms, calls=True)
    assert row == [lane(0)] * (STREAK - 1) + [lane(1)] * 2


class TurnsMachine(RuleBasedStateMachine):
    """``waiting`` is what the database holds of each lane, ``sent`` what is in flight."""

    @initialize(
        at_once=st.integers(1, 80),
        places=st.integers(1, 6),
        data=st.data(),
        kinds=st.lists(st.booleans(), min_size=6, max_size=6),
    )
    def begin(self, at_once: int, places: int, data: st.DataObject, kinds: list[bool]) -> None:
        self.bounds = Bounds(at_once, places, data.draw(st.integers(1, places)))
        self.turns = Turns(self.bounds)
        self.kinds = dict(zip(APPS, kinds, strict=True))
        self.waiting: Counter[Lane] = Counter()
        self.sent: list[Lane] = []
        self.due: set[Lane] = set()

    @rule(each=st.sampled_from(LANES), count=st.integers(1, 60))
    def arrive(self, each: Lane, count: int) -> None:
        self.waiting[each] += count
        self.turns.due(each)
        self.due.add(each)

    @rule(data=st.data(), warm=st.sets(st.sampled_from(APPS)))
    def take(self, data: st.DataObject, warm: set[UUID]) -> None:
        rooms = self.turns.take(lambda each: self.kinds[each.app_id], warm)
        assert set(rooms) <= self.due
        assert all(room > 0 for room in rooms.values())
        assert sum(rooms.values()) + len(self.sent) <= self.bounds.at_once
        taken = {}
        for each, room in rooms.items():
            # Another worker may have been faster.
            taken[each] = data.draw(st.integers(0, min(room, self.waiting[each])))
            self.waiting[each] -= taken[each]
            for _ in range(taken[each]):
                self.sent.append(each)
                calls = self.kinds[each.app_id]
                self.turns.began(each, calls=calls, warm=each.app_id in warm)
        self.turns.claimed(rooms, taken)
        self.due -= {each for each, room in rooms.items() if taken[each] < room}

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        for _ in range(data.draw(st.integers(1, len(self.sent)))):
            each = self.sent.pop(data.draw(st.integers(0, len(self.sent) - 1)))
            self.turns.ended(each, calls=self.kinds[each.app_id])

    @invariant()
    def no_bound_is_passed(self) -> None:
        if not hasattr(self, "sent"):
            return
        by_app = Counter(each.app_id for each in self.sent)
        calling = Counter({app: count for app, count in by_app.items() if self.kinds[app]})
        assert len(self.sent) <= self.bounds.at_once
        assert max(by_app.values(), default=0) <= APP_WINDOW
        assert max(calling.values(), default=0) <= self.bounds.share
        assert calling.total() <= self.bounds.places

    def teardown(self) -> None:
        """With room enough, all that was ever said to be due is offered."""
        if not hasattr(self, "sent"):
            return
        for each in self.sent:
            self.turns.ended(each, calls=self.kinds[each.app_id])
        offered: set[Lane] = set()
        for _ in LANES:
            offered |= set(self.turns.take(lambda each: self.kinds[each.app_id]))
        assert offered == self.due


TestBounds = TurnsMachine.TestCase
TestBounds.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


@given(
    lanes=st.permutations(LANES).flatmap(
        lambda row: st.integers(2, len(row)).map(lambda count: row[:count])
    ),
    functions=st.sets(st.sampled_from(APPS)),
    at_once=st.integers(1, 40),
    places=st.integers(1, 3),
)
@settings(max_examples=60, deadline=None)
def test_no_lane_starves(
    lanes: list[Lane], functions: set[UUID], at_once: int, places: int
) -> None:
    """Each has more than can ever be sent; hosts of functions stay warm while there is a place."""
    turns = Turns(Bounds(at_once, places, share=max(1, places // 2)))
    for each in lanes:
        turns.due(each)
    warm: list[UUID] = []
    waited = dict.fromkeys(lanes, 0)
    # Others ahead in the row go once each, and a warm app for a streak after its start.
    longest = len(lanes) * (STREAK + 2)
    for _ in range(3 * longest):
        rooms = turns.take(lambda each: each.app_id in functions, set(warm))
        assert rooms, "nothing is in flight, and all of it is due"
        waited = {each: 0 if each in rooms else waited[each] + 1 for each in lanes}
        assert max(waited.values()) <= longest
        for each, room in rooms.items():
            calls = each.app_id in functions
            for _ in range(room):
                turns.began(each, calls=calls, warm=each.app_id in warm)
            if calls:
                warm = [*(app for app in warm if app != each.app_id), each.app_id][-places:]
        turns.claimed(rooms, rooms)
        for each, room in rooms.items():
            for _ in range(room):
                turns.ended(each, calls=each.app_id in functions)


@pytest.mark.parametrize("lanes", [3, 12])
def test_without_functions_each_lane_has_its_turn_before_any_has_two(lanes: int) -> None:
    turns = Turns(Bounds(at_once=1, places=1, share=1))
    for each in LANES[:lanes]:
        turns.due(each)
    row: list[Lane] = []
    for _ in range(2 * lanes):
        rooms = turns.take(to_a_remote)
        turns.claimed(rooms, rooms)
        row += rooms
    assert row == LANES[:lanes] * 2
