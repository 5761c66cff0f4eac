"""What a listener may say of the transfers that its app's part of a migration consists of."""

from collections.abc import Iterable
from dataclasses import dataclass

from ferryman.vocab import AccessScope


@dataclass(frozen=True, slots=True)
class TransferDefinition:
    """One of several transfers that a listener splits its app's part of a migration into.

    The listener is called once for each; ``gateway.transfer_name`` tells which it is. A transfer
    begins when those that it names in ``depends_on`` are settled. When one of these is
    ``blocking`` and failed, it is skipped. Without ``access_scopes`` those of the listener hold.
    Example::

        def get_transfer_definitions(self) -> list[TransferDefinition]:
            return [
                TransferDefinition("users"),
                TransferDefinition("notes", depends_on=["users"]),
                TransferDefinition("usage statistics", blocking=False),
            ]
    """

    name: str
    blocking: bool = True
    depends_on: Iterable[str] = ()
    access_scopes: Iterable[AccessScope | str] | None = None
