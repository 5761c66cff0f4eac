"""End the rest of an app whose hosts kept dying, once it is registered again: it may be fixed."""

from uuid import UUID

from ferryman.functions.host_records import HostRecords
from ferryman.services import delivery as delivery_service
from ferryman.services.app_cache import AppCache
from ferryman.services.platform import Platform
from ferryman.store.app import AppRow


class RestingApps:
    """The apps that rest in this worker, each as it was registered when its rest began."""

    def __init__(self, platform: Platform, cache: AppCache, records: HostRecords) -> None:
        self._platform, self._cache, self._records = platform, cache, records
        self._apps: dict[UUID, AppRow | None] = {}

    @property
    def apps(self) -> dict[str, float]:
        """The ids of the resting apps, and the seconds until each may start a host again."""
        return self._records.resting

    async def end_of_changed(self) -> None:
        """End the rest of each app that was registered again since its rest began."""
        resting = {UUID(owner) for owner in self._records.resting}
        self._apps = {each: self._apps.get(each) or self._cache.apps.get(each) for each in resting}
        if not resting:
            return
        await delivery_service.refresh_apps(self._platform, self._cache, resting)
        for app_id, app in self._apps.items():
            if app is not None and self._cache.apps.get(app_id) is not app:
                self._records.forget(str(app_id))
