"""Reading mappings and containers: the same calls on the server surface and for Forge apps."""

from litestar.params import JSONBody

from ferryman.api.parameters import Caller, Id, LastEntity, Namespace, OwnPlatform, PageSize, Type
from ferryman.services import mapping
from ferryman.wire.mapping import ContainerPage, MappingPage


async def find_mappings(
    caller: Caller,
    platform: OwnPlatform,
    transfer_id: Id,
    namespace: Namespace,
    data: JSONBody[list[str]],
) -> dict[str, str]:
    """Cloud keys of server keys; keys without one are absent."""
    return await mapping.find(platform, caller, transfer_id, namespace, data)


async def mapping_page(
    caller: Caller,
    platform: OwnPlatform,
    transfer_id: Id,
    namespace: Namespace,
    last_entity: LastEntity = None,
    size: PageSize = None,
) -> MappingPage:
    """Pairs of a namespace, in the order of their server keys."""
    return await mapping.page(
        platform, caller, transfer_id, namespace, cursor=last_entity, size=size
    )


async def container_page(
    caller: Caller,
    platform: OwnPlatform,
    transfer_id: Id,
    container_type: Type,
    last_entity: LastEntity = None,
    size: PageSize = None,
) -> ContainerPage:
    """What the admin selected, by type."""
    return await mapping.containers(
        platform, caller, transfer_id, container_type, cursor=last_entity, size=size
    )
