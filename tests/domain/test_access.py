"""Who may call an operation, and what of the platform they see; each operation: tests/api."""

import pytest

from ferryman.domain.access import PLATFORM, RULES, WHOLE, Actor, Reach, check
from ferryman.domain.app_owner import FIXED, check_registration
from ferryman.errors import NotAllowed, NotFound
from ferryman.vocab import Role

ACME = Reach(customers=("acme",))
BOARDS = Reach(apps=("boards",))
NOTHING = Reach(customers=(), apps=())
APP = {"name": "Boards", "server_app_key": "s", "forge_app_id": "f", "source": None} | {
    "access_scopes": ("READ",)
}


@pytest.mark.parametrize(
    ("reach", "customer", "app", "seen"),
    [
        (WHOLE, "acme", "boards", True),
        (WHOLE, "acme", None, True),
        (ACME, "acme", "boards", True),
        (ACME, "acme", None, True),
        (ACME, "bolt", "boards", False),
        (BOARDS, "bolt", "boards", True),
        (BOARDS, "bolt", "notes", False),
        (BOARDS, "bolt", None, False),
        (Reach(("acme",), ("boards",)), "acme", "boards", True),
        (Reach(("acme",), ("boards",)), "acme", "notes", False),
        (Reach(("acme",), ("boards",)), "bolt", "boards", False),
        (NOTHING, "acme", "boards", False),
    ],
)
def test_what_a_caller_sees(reach: Reach, customer: str, app: str | None, seen: bool) -> None:
    assert reach.has(customer, app) is seen
    assert (reach.has_customer(customer) and reach.has_app(app)) is seen


def test_only_a_reach_without_limits_is_whole() -> None:
    assert [each.whole for each in (WHOLE, ACME, BOARDS, NOTHING)] == [True, False, False, False]


def test_the_part_of_one_customer_keeps_the_apps() -> None:
    assert BOARDS.of_customer("acme") == Reach(("acme",), ("boards",))


def test_an_operation_without_a_row_is_refused_to_everybody() -> None:
    with pytest.raises(NotAllowed, match="none"):
        check(PLATFORM, "make_tea")


@pytest.mark.parametrize(
    ("operation", "role", "reach", "code"),
    [
        ("get_storage", Role.ADMIN, WHOLE, None),
        ("get_storage", Role.VIEWER, WHOLE, None),
        ("get_storage", Role.VIEWER, BOARDS, None),
        ("get_storage", Role.VIEWER, ACME, "token_limited"),
        ("get_storage", Role.VIEWER, NOTHING, "token_limited"),
        ("get_storage", Role.METRICS, ACME, "role_insufficient"),
        ("list_migrations", Role.VIEWER, ACME, None),
        ("start_migration", Role.VIEWER, WHOLE, "role_insufficient"),
        ("retry_app", Role.OPERATOR, ACME, "token_limited"),
        ("retry_app", Role.APP_OWNER, BOARDS, None),
        ("get_metrics", Role.METRICS, WHOLE, None),
        ("get_metrics", Role.OPERATOR, WHOLE, "role_insufficient"),
    ],
)
def test_who_may_call_what(operation: str, role: Role, reach: Reach, code: str | None) -> None:
    """A role is refused before the limits of a token are."""
    actor = Actor(name="ann", role=role, reach=reach)
    if code is None:
        check(actor, operation)
        return
    with pytest.raises(NotAllowed) as refused:
        check(actor, operation)
    assert refused.value.code == code


def test_a_refusal_names_the_roles_and_the_customers() -> None:
    with pytest.raises(NotAllowed) as refused:
        check(Actor(name="ann", role=Role.VIEWER), "start_migration")
    assert "operator, admin;" in str(refused.value)
    with pytest.raises(NotAllowed) as refused:
        check(Actor(name="ann", role=Role.ADMIN, reach=Reach(("acme", "bolt"))), "get_storage")
    assert "a token for acme, bolt" in str(refused.value)


READ_ONLY = (
    *("list_", "get_", "find_", "explain_", "verify_", "diff_", "missing_", "stream_"),
    *("search_", "group_", "export_", "record_transfer", "recorded_", "transfer_manifest"),
)
AUDITED_READS = {
    *("get_message_body", "list_state", "list_tables", "list_rows", "list_objects"),
    "export_customer",
}
OF_ONES_OWN = {"save_view", "remove_view"}


@pytest.mark.parametrize("operation", RULES)
def test_what_changes_something_is_logged_and_not_for_viewers(operation: str) -> None:
    rule = RULES[operation]
    reads = operation.startswith(READ_ONLY) and operation not in AUDITED_READS
    assert rule.changes is not reads
    assert Role.ADMIN in rule.roles
    allowed = {Role.VIEWER} if reads or operation in OF_ONES_OWN else set()
    assert not rule.changes or not {Role.VIEWER, Role.METRICS} & set(rule.roles) - allowed


@pytest.mark.parametrize("operation", RULES)
def test_a_console_that_is_read_only_changes_nothing(operation: str) -> None:
    """What only leaves a row in the audit log is reading."""
    [role, *_] = RULES[operation].roles
    reads = operation.startswith((*READ_ONLY, "open_"))
    assert RULES[operation].reads is (reads and RULES[operation].changes)
    if reads:
        check(Actor(name="ann", role=role, read_only=True), operation)
    else:
        with pytest.raises(NotAllowed) as refused:
            check(Actor(name="ann", role=role, read_only=True), operation)
        assert refused.value.code == "console_read_only"


def test_whoever_sees_all_apps_registers_any() -> None:
    check_registration(ACME, "boards", None, APP)
    check_registration(WHOLE, "boards", APP, {**APP, "source": "/srv/boards"})


def test_an_owner_changes_an_app_of_theirs() -> None:
    check_registration(BOARDS, "boards", APP, {**APP, "name": "Better boards"})


@pytest.mark.parametrize("before", [None, APP])
def test_an_app_of_others_does_not_exist_for_an_owner(before: dict[str, object] | None) -> None:
    with pytest.raises(NotFound):
        check_registration(BOARDS, "notes", before, APP)


def test_an_owner_registers_no_new_app() -> None:
    with pytest.raises(NotAllowed, match="no such app"):
        check_registration(BOARDS, "boards", None, APP)


@pytest.mark.parametrize("field", ["server_app_key", "forge_app_id", "source", "access_scopes"])
def test_an_owner_does_not_change_what_an_app_gets_to_see(field: str) -> None:
    with pytest.raises(NotAllowed, match=f"another {field}"):
        check_registration(BOARDS, "boards", APP, {**APP, field: "other"})
    assert field in FIXED
