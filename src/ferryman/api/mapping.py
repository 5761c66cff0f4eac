"""Read mappings and containers, with the same calls on the server, Forge and Connect surfaces."""

from litestar.params import JSONBody

from ferryman.api.parameters import Caller, Id, LastEntity, Namespace, OwnPlatform, PageSize, Type
from ferryman.services import mapping as mapping_service
from ferryman.wire.mapping import ContainerPage, MappingPage


async def find_mappings(
    caller: Caller,
    platform: OwnPlatform,
    transfer_id: Id,
    namespace: Namespace,
    data: JSONBody[list[str]],
) -> dict[str, str]:
    """Return the cloud keys of the given server keys; keys without a mapping are absent."""
    return await mapping_service.find(platform, caller, transfer_id, namespace, data)


async def mapping_page(
    caller: Caller,
    platform: OwnPlatform,
    transfer_id: Id,
    namespace: Namespace,
    last_entity: LastEntity = None,
    size: PageSize = None,
) -> MappingPage:
    """List the mappings of a namespace, ordered by server key."""
    return await mapping_service.page(
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
    """List the containers that the admin selected, by type."""
    return await mapping_service.containers(
        platform, caller, transfer_id, container_type, cursor=last_entity, size=size
    )
