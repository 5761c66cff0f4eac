"""Reading mappings and containers: the same calls on the server surface and for Forge apps."""

from ferryman.api.parameters import LastEntity, PageSize, Type
from ferryman.services import mapping
from ferryman.services.platform import Platform
from ferryman.store.app import App
from ferryman.wire.mapping import ContainerPage, MappingPage


async def find_mappings(
    caller: App, platform: Platform, transfer_id: str, namespace: str, data: list[str]
) -> dict[str, str]:
    """Cloud keys of server keys; keys without one are absent."""
    return await mapping.find(platform, caller, transfer_id, namespace, data)


async def mapping_page(
    caller: App,
    platform: Platform,
    transfer_id: str,
    namespace: str,
    last_entity: LastEntity = None,
    size: PageSize = None,
) -> MappingPage:
    """Pairs of a namespace, in the order of their server keys."""
    return await mapping.page(
        platform, caller, transfer_id, namespace, cursor=last_entity, size=size
    )


async def container_page(
    caller: App,
    platform: Platform,
    transfer_id: str,
    container_type: Type,
    last_entity: LastEntity = None,
    size: PageSize = None,
) -> ContainerPage:
    """What the admin selected, by type."""
    return await mapping.containers(
        platform, caller, transfer_id, container_type, cursor=last_entity, size=size
    )
