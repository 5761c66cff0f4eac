"""End the rest of an app that is registered again: what made its hosts die may be fixed."""

from uuid import UUID

from ferryman.functions.host_records import HostRecords
from ferryman.services import delivery as delivery_service
from ferryman.services.app_cache import AppCache
from ferryman.services.platform import Platform
from ferryman.store.app import AppRow


class Rests:
    """Apps that rest in this worker, as they were when they began to."""

    def __init__(self, platform: Platform, cache: AppCache, records: HostRecords) -> None:
        self._platform, self._cache, self._records = platform, cache, records
        self._apps: dict[UUID, AppRow | None] = {}

    @property
    def now(self) -> dict[str, float]:
        """Return the ids of the apps that rest, and for how many seconds."""
        return self._records.resting

    async def end_some(self) -> None:
        """Read the apps that rest again, and end the rests of those that changed."""
        resting = {UUID(owner) for owner in self._records.resting}
        self._apps = {each: self._apps.get(each) or self._cache.apps.get(each) for each in resting}
        if not resting:
            return
        await delivery_service.refresh_apps(self._platform, self._cache, resting)
        for app_id, app in self._apps.items():
            if app is not None and self._cache.apps.get(app_id) is not app:
                self._records.forget(str(app_id))
