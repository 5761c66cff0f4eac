"""Whose turn it is: bounds are kept whatever comes, and no lane starves."""

from collections import Counter
from collections.abc import Collection, Iterable
from uuid import UUID, uuid5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ferryman.delivery import scheduler as rules
from ferryman.delivery.bulkhead import ANSWERS_IN_TIME, DeliveryCall, LaneHealth
from ferryman.delivery.scheduler import FairScheduler, Quotas, own_order
from ferryman.domain.limits import APP_WINDOW
from ferryman.store.delivery import Lane
from ferryman.vocab import EventType

STREAK = rules._STREAK
UPLOADED, SETTLED = EventType.UPLOADED, EventType.SETTLED
APPS = [uuid5(UUID(int=0), str(number)) for number in range(6)]
LANES = [Lane(app_id, event) for app_id in APPS for event in (UPLOADED, SETTLED)]
WIDE = Quotas(at_once=1000, places=4, share=2, starts=9, hosts=64)
FEW = Quotas(at_once=1000, places=4, share=2, starts=2, hosts=64)


def lane(number: int, event: EventType = UPLOADED) -> Lane:
    return Lane(APPS[number], event)


def to_a_remote(_: Lane) -> bool:
    return False


def to_a_function(_: Lane) -> bool:
    return True


def begin(
    turns: FairScheduler[Lane], offers: dict[Lane, int], *, calls: bool, idle: Collection[UUID] = ()
) -> list[DeliveryCall]:
    """Fill all offers, and all of it is sent; functions are called at once."""
    turns.claimed(offers, offers)
    begun = []
    for each, size in offers.items():
        for _ in range(size):
            call = turns.started(each, calls=calls, warm=each.app_id in idle)
            turns.begun(call)
            begun.append(call)
    return begun


def end(
    turns: FairScheduler[Lane], calls: Iterable[DeliveryCall], *, hung: bool | None = False
) -> None:
    for call in calls:
        turns.finished(call, hung=hung)


def answered(quotas: Quotas, *lanes: Lane, calls: bool) -> FairScheduler[Lane]:
    """A scheduler whose lanes have each answered once."""
    turns = FairScheduler[Lane](quotas)
    for each in lanes or LANES:
        end(turns, [turns.started(each, calls=calls, warm=False)])
    return turns


def fill(turns: FairScheduler[Lane], *, calls: bool) -> list[DeliveryCall]:
    """What can be sent until nothing more may, by as many turns as it takes."""
    sent: list[DeliveryCall] = []
    while offers := turns.take(lambda _: calls):
        sent += begin(turns, offers, calls=calls)
    return sent


def test_nothing_is_taken_of_what_is_not_due() -> None:
    turns = answered(WIDE, calls=False)
    assert turns.take(to_a_remote) == {}
    turns.add(lane(0))
    assert turns.take(to_a_remote) == {lane(0): APP_WINDOW}
    assert turns.take(to_a_remote) == {}, "taken once"


def test_a_lane_of_which_nothing_is_known_yet_waits() -> None:
    turns = FairScheduler[Lane](WIDE)
    turns.add(lane(0))
    assert turns.take(lambda _: None) == {}
    assert turns.take(to_a_function) == {lane(0): 1}, "it is still due"


def test_a_lane_that_filled_its_room_is_due_again_and_one_that_did_not_is_not() -> None:
    turns = FairScheduler[Lane](WIDE)
    offers = {lane(0): 5, lane(1): 5, lane(2): 5}
    turns.claimed(offers, {lane(0): 5, lane(1): 4})
    assert list(turns.take(to_a_remote)) == [lane(0)]


def test_what_falls_due_while_it_is_claimed_is_due_afterwards() -> None:
    turns = FairScheduler[Lane](WIDE)
    turns.add(lane(0))
    offers = turns.take(to_a_remote)
    turns.add(lane(0))  # heard meanwhile
    turns.claimed(offers, {})
    assert lane(0) in turns.take(to_a_remote)


def test_the_window_is_of_the_app_over_all_its_lanes() -> None:
    turns = answered(WIDE, calls=False)
    turns.add(lane(0))
    first, *_ = begin(turns, turns.take(to_a_remote), calls=False)
    turns.add(lane(0, SETTLED))
    turns.add(lane(1))
    assert turns.take(to_a_remote) == {lane(1): APP_WINDOW}
    turns.finished(first, hung=False)
    assert turns.take(to_a_remote) == {lane(0): 1}
    turns.claimed({lane(0): 1}, {})
    assert turns.take(to_a_remote) == {lane(0, SETTLED): 1}


def test_an_app_that_holds_its_share_leaves_places_to_another() -> None:
    turns = answered(WIDE, calls=True)
    for number in range(4):
        turns.add(lane(number))
    sent = Counter(call.lane for call in fill(turns, calls=True))
    assert sent.total() == WIDE.places
    assert max(sent.values()) <= WIDE.share


def test_two_lanes_of_one_app_have_one_share() -> None:
    turns = answered(WIDE, calls=True)
    turns.add(lane(0))
    turns.add(lane(0, SETTLED))
    assert len(fill(turns, calls=True)) == WIDE.share


def test_as_many_hosts_start_at_once_as_may() -> None:
    turns = answered(FEW, calls=True)
    for number in range(4):
        turns.add(lane(number))
    offers = turns.take(to_a_function)
    assert list(offers.values()) == [1, 1]
    turns.claimed(offers, offers)
    starting = [turns.started(each, calls=True, warm=False) for each in offers]
    assert turns.take(to_a_function) == {}
    assert list(turns.take(to_a_function, {lane(3).app_id: 1})) == [lane(3)], "it has one"
    turns.begun(starting[0])
    assert list(turns.take(to_a_function)) == [lane(2)]


def test_no_host_starts_for_an_app_that_rests() -> None:
    """What its idle host can take goes on; the rest stays due."""
    turns = answered(WIDE, calls=True)
    turns.add(lane(0))
    turns.add(lane(1))
    rests = {str(APPS[0])}
    assert list(turns.take(to_a_function, {}, rests)) == [lane(1)]
    assert turns.take(to_a_function, {APPS[0]: 1}, rests) == {lane(0): 1}
    turns.add(lane(0))
    assert lane(0) in turns.take(to_a_remote, {}, rests)


def test_a_lane_waits_whose_function_has_no_idle_host_while_its_app_rests() -> None:
    """Another function of the app has one, and its lane is served."""
    turns, rests, idle = answered(WIDE, calls=True), {str(APPS[0])}, {APPS[0]: 9}
    turns.unfit(lane(0))
    for each in (lane(0), lane(0, SETTLED)):
        turns.add(each)
    assert list(turns.take(to_a_function, idle, rests)) == [lane(0, SETTLED)]
    assert turns.take(to_a_function, idle, rests) == {}
    assert list(turns.take(to_a_function, idle)) == [lane(0)]
    turns.add(lane(0))
    assert lane(0) in turns.take(to_a_function, idle, rests), "it was another rest"


def test_workers_that_find_the_same_backlog_begin_with_different_apps() -> None:
    workers = [UUID(int=number) for number in range(20)]
    orders = [own_order(worker, LANES) for worker in workers]
    assert all(set(order) == set(LANES) and len(order) == len(LANES) for order in orders)
    again = [own_order(worker, reversed(LANES)) for worker in workers]
    for order, other in zip(orders, again, strict=True):
        assert [each.app_id for each in order] == [each.app_id for each in other]
    assert {order[0].app_id for order in orders} == set(APPS), "each app is some worker's first"


def test_calls_wait_for_a_place_only_where_a_host_is_idle() -> None:
    ahead = Quotas(at_once=1000, places=2, share=2, starts=9, hosts=64, ahead=3)
    for idle, most in ((dict.fromkeys(APPS, 1), 5), (dict.fromkeys(APPS[:1], 1), 2), ({}, 2)):
        turns = answered(ahead, *map(lane, range(6)), calls=True)
        for number in range(6):
            turns.add(lane(number))
        assert sum(turns.take(to_a_function, idle).values()) == most, idle


def test_an_app_has_its_first_host_before_another_has_its_second() -> None:
    turns = answered(Quotas(at_once=9, places=4, share=4, starts=1, hosts=9), calls=True)
    for number in range(4):
        turns.add(lane(number))
    row = [call.lane for call in fill(turns, calls=True)]
    assert sorted(each.app_id for each in row) == sorted(APPS[:4])


def test_a_host_ends_for_another_app_only_after_its_streak() -> None:
    turns = answered(Quotas(at_once=9, places=2, share=2, starts=2, hosts=2), calls=True)
    idle = {APPS[0]: 1, APPS[1]: 1}
    for number in range(3):
        turns.add(lane(number))
    row: list[Lane] = []
    for _ in range(STREAK + 2):
        offers = turns.take(to_a_function, idle)
        row += offers
        end(turns, begin(turns, offers, calls=True, idle=idle))
    assert row.count(lane(2)) == 2
    assert row.index(lane(2)) >= 2 * (STREAK - 1)


@pytest.mark.parametrize(("apps", "calls"), [(2, True), (20, True), (13, False), (100, False)])
def test_apps_that_hang_leave_room_to_one_that_does_not(apps: int, calls: bool) -> None:
    """However many; the first time that each hangs, and after they are known for it."""
    quotas = Quotas(at_once=400, places=4, share=2, starts=2, hosts=64)
    healthy = lane(0)
    turns = answered(quotas, healthy, calls=calls)
    hanging = [Lane(uuid5(UUID(int=1), str(number)), UPLOADED) for number in range(apps)]
    for _ in range(3):
        for each in hanging:
            turns.add(each)
        hung = fill(turns, calls=calls)
        assert hung
        turns.add(healthy)
        offers = turns.take(lambda _: calls)
        assert offers[healthy] >= 1
        end(turns, [turns.started(healthy, calls=calls, warm=False)])
        end(turns, hung, hung=True)


@pytest.mark.parametrize(("apps", "calls"), [(20, True), (13, False)])
def test_what_begins_to_hang_gives_its_places_up(apps: int, calls: bool) -> None:
    """Apps that answered well until now may fill all places; soon they are counted elsewhere."""
    quotas = Quotas(at_once=400, places=4, share=2, starts=2, hosts=64)
    hanging = [Lane(uuid5(UUID(int=1), str(number)), UPLOADED) for number in range(apps)]
    turns = answered(quotas, lane(0), *hanging, calls=calls)
    for each in hanging:
        turns.add(each)
    sent: list[DeliveryCall] = []
    while more := fill(turns, calls=calls):
        sent += more
        turns.add(lane(0))
        for call in more:
            turns.slowed(call)
        offers = turns.take(lambda _: calls, {APPS[0]: 1})
        assert offers.pop(lane(0)) >= 1
        turns.claimed(offers, offers)
    end(turns, sent, hung=True)
    for each in hanging:
        turns.add(each)
    half = (quotas.places if calls else quotas.at_once) // 2
    assert len(fill(turns, calls=calls)) == min(half, apps), "one of each, half at most"


def test_a_slow_app_that_answers_is_as_many_at_once_as_before() -> None:
    turns = answered(WIDE, calls=True)
    for number in range(6):
        turns.add(lane(number))
    for call in (sent := fill(turns, calls=True)):
        turns.slowed(call)
    end(turns, sent)
    for number in range(6):
        turns.add(lane(number))
    slow = {call.lane for call in sent}
    again = Counter(call.lane in slow for call in fill(turns, calls=True))
    assert again == {True: WIDE.places, False: WIDE.places}


@pytest.mark.parametrize("calls", [True, False])
def test_an_app_that_hangs_now_and_then_takes_no_place_of_good_ones(calls: bool) -> None:
    turns = answered(WIDE, calls=calls)
    for answers in (1, ANSWERS_IN_TIME - 1):
        hanging = turns.started(lane(1), calls=calls, warm=True)
        turns.slowed(hanging)
        end(turns, [hanging], hung=True)
        for _ in range(answers):
            end(turns, [turns.started(lane(1), calls=calls, warm=True)])
        call = turns.started(lane(1), calls=calls, warm=True)
        assert call.compartment is LaneHealth.SLOW
        turns.finished(call, hung=None)
    end(turns, [turns.started(lane(1), calls=calls, warm=True)])
    call = turns.started(lane(1), calls=calls, warm=True)
    assert call.compartment is LaneHealth.GOOD, "it answered in time for long enough"


def test_an_answer_to_an_earlier_call_does_not_make_a_slow_app_a_good_one() -> None:
    turns = answered(WIDE, calls=False)
    quick, slow = (turns.started(lane(1), calls=False, warm=False) for _ in range(2))
    turns.slowed(slow)
    end(turns, [quick])
    assert turns.started(lane(1), calls=False, warm=False).compartment is LaneHealth.SLOW


def test_what_was_not_sent_says_nothing_about_the_app() -> None:
    turns = FairScheduler[Lane](WIDE)
    end(turns, [turns.started(lane(0), calls=True, warm=False)], hung=None)
    turns.add(lane(0))
    assert len(fill(turns, calls=True)) == 1, "it is as new as before"


def test_functions_take_no_place_of_what_goes_to_addresses() -> None:
    quotas = Quotas(at_once=10, places=2, share=2, starts=2, hosts=9)
    turns = answered(quotas, lane(2), calls=False)
    for _ in range(2):
        turns.started(lane(0), calls=True, warm=False)
    turns.add(lane(1))
    turns.add(lane(2))
    assert turns.take(lambda each: each == lane(1)) == {lane(2): 10}


def test_a_closed_lane_waits_and_a_probed_one_sends_one_at_a_time() -> None:
    turns = answered(WIDE, calls=False)
    turns.add(lane(0))
    turns.add(lane(1))
    turns.update_breakers(closed=[lane(0)], probed=[lane(1)])
    offers = turns.take(to_a_remote)
    assert offers == {lane(1): 1}
    begin(turns, offers, calls=False)
    assert turns.take(to_a_remote) == {}
    turns.update_breakers(closed=[], probed=[lane(0)])
    assert turns.take(to_a_remote) == {lane(0): 1, lane(1): APP_WINDOW - 1}, "it is still due"


class TurnsMachine(RuleBasedStateMachine):
    """``waiting`` is what the database holds of each lane, ``sent`` what is in flight."""

    @initialize(
        at_once=st.integers(1, 80),
        places=st.integers(1, 6),
        data=st.data(),
        kinds=st.lists(st.booleans(), min_size=6, max_size=6),
    )
    def begin(self, at_once: int, places: int, data: st.DataObject, kinds: list[bool]) -> None:
        share, starts = data.draw(st.integers(1, places)), data.draw(st.integers(1, 3))
        ahead = data.draw(st.integers(0, 2 * places))
        self.quotas = Quotas(at_once, places, share, starts, 4 * places, ahead=ahead)
        self.turns = FairScheduler[Lane](self.quotas)
        self.kinds = dict(zip(APPS, kinds, strict=True))
        self.waiting: Counter[Lane] = Counter()
        self.sent: list[DeliveryCall] = []
        self.due: set[Lane] = set()

    @rule(each=st.sampled_from(LANES), count=st.integers(1, 60))
    def arrive(self, each: Lane, count: int) -> None:
        self.waiting[each] += count
        self.turns.add(each)
        self.due.add(each)

    @rule(data=st.data(), idle=st.dictionaries(st.sampled_from(APPS), st.integers(1, 3)))
    def take(self, data: st.DataObject, idle: dict[UUID, int]) -> None:
        offers = self.turns.take(lambda each: self.kinds[each.app_id], idle)
        assert set(offers) <= self.due
        assert all(size > 0 for size in offers.values())
        taken = {}
        for each, size in offers.items():
            # Another worker may have been faster.
            taken[each] = data.draw(st.integers(0, min(size, self.waiting[each])))
            self.waiting[each] -= taken[each]
            for _ in range(taken[each]):
                calls, warm = self.kinds[each.app_id], each.app_id in idle
                self.sent.append(self.turns.started(each, calls=calls, warm=warm))
        self.turns.claimed(offers, taken)
        self.due -= {each for each, size in offers.items() if taken[each] < size}

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def call(self, data: st.DataObject) -> None:
        self.turns.begun(data.draw(st.sampled_from(self.sent)))

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def slow(self, data: st.DataObject) -> None:
        self.turns.slowed(data.draw(st.sampled_from(self.sent)))

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), hung=st.sampled_from([None, False, False, True]))
    def end(self, data: st.DataObject, hung: bool | None) -> None:
        for _ in range(data.draw(st.integers(1, len(self.sent)))):
            call = self.sent.pop(data.draw(st.integers(0, len(self.sent) - 1)))
            self.turns.finished(call, hung=hung)

    @invariant()
    def no_bound_is_passed(self) -> None:
        if not hasattr(self, "sent"):
            return
        for calls in (True, False):
            sent = [call for call in self.sent if call.calls is calls]
            places = self.quotas.places if calls else self.quotas.at_once
            share = self.quotas.share if calls else APP_WINDOW
            quick = [call for call in sent if call.compartment in (LaneHealth.NEW, LaneHealth.GOOD)]
            hung = [call for call in sent if call.compartment is LaneHealth.HUNG]
            assert len(quick) <= places + self.quotas.ahead * calls
            assert sum(call.compartment is LaneHealth.NEW for call in quick) <= max(1, places // 2)
            assert len(hung) <= max(1, places // 2)
            by_app = Counter(call.lane.app_id for call in sent)
            assert max(by_app.values(), default=0) <= share
        assert sum(call.waits and call.cold for call in self.sent) <= self.quotas.starts

    def teardown(self) -> None:
        """With room enough, all that was ever said to be due is offered."""
        if not hasattr(self, "sent"):
            return
        end(self.turns, self.sent)
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
    hosts=st.integers(1, 8),
)
@settings(max_examples=20, deadline=None)
def test_no_lane_starves(
    lanes: list[Lane], functions: set[UUID], at_once: int, places: int, hosts: int
) -> None:
    """Each has more than can ever be sent; hosts of functions stay while there is room."""
    share, hosts = max(1, places // 2), max(hosts, 2 * places)
    turns = FairScheduler[Lane](Quotas(at_once, places, share, starts=2, hosts=hosts))
    for each in lanes:
        turns.add(each)
    hosts_of: list[UUID] = []
    waited = dict.fromkeys(lanes, 0)
    # Others ahead in the row go once each, and a warm app for a streak after its start.
    longest = 3 * len(lanes) * (STREAK + 2)
    for _ in range(2 * longest):
        idle = Counter(hosts_of)
        offers = turns.take(lambda each: each.app_id in functions, idle)
        assert offers, "nothing is in flight, and all of it is due"
        waited = {each: 0 if each in offers else waited[each] + 1 for each in lanes}
        assert max(waited.values()) <= longest
        kept, sent = turns.kept, []
        for each, size in offers.items():
            calls = each.app_id in functions
            for _ in range(size):
                warm = idle[each.app_id] > 0
                idle[each.app_id] -= 1
                sent.append(turns.started(each, calls=calls, warm=warm))
                # An idle host may have ended for one that was started in the same turn.
                if calls and warm and each.app_id in hosts_of:
                    hosts_of.remove(each.app_id)
                elif calls and len(hosts_of) == hosts:
                    hosts_of.remove(next((app for app in hosts_of if app not in kept), hosts_of[0]))
                if calls:
                    hosts_of.append(each.app_id)
        turns.claimed(offers, offers)
        end(turns, sent)


@pytest.mark.parametrize("lanes", [3, 12])
def test_without_functions_each_lane_has_its_turn_before_any_has_two(lanes: int) -> None:
    turns = FairScheduler[Lane](Quotas(at_once=1, places=1, share=1, starts=1, hosts=1))
    for each in LANES[:lanes]:
        turns.add(each)
    row: list[Lane] = []
    for _ in range(2 * lanes):
        offers = turns.take(to_a_remote)
        turns.claimed(offers, offers)
        row += offers
    assert row == LANES[:lanes] * 2
