"""The pages, by what they are about."""

from typing import Any

from ferryman.console.pages.apps import APP_PAGES
from ferryman.console.pages.archive import ARCHIVE_PAGES
from ferryman.console.pages.downloads import DOWNLOADS
from ferryman.console.pages.jobs import JOB_PAGES
from ferryman.console.pages.links import LINK_PAGES
from ferryman.console.pages.messages import MESSAGE_PAGES
from ferryman.console.pages.migrations import MIGRATION_PAGES
from ferryman.console.pages.notices import NOTICE_PAGES
from ferryman.console.pages.overview import overview_page
from ferryman.console.pages.pause import PAUSE_PAGES
from ferryman.console.pages.plan import PLAN_PAGES
from ferryman.console.pages.platform import PLATFORM_PAGES
from ferryman.console.pages.report import REPORT_PAGES
from ferryman.console.pages.sessions import SESSION_PAGES
from ferryman.console.pages.transfer import TRANSFER_PAGES
from ferryman.console.pages.transfer_tabs import TRANSFER_TABS
from ferryman.console.pages.trial import TRIAL_PAGES
from ferryman.console.pages.verify import VERIFY_PAGES
from ferryman.console.pages.views import VIEW_PAGES

HANDLERS: list[Any] = [
    overview_page,
    *REPORT_PAGES,
    *TRANSFER_PAGES,
    *TRANSFER_TABS,
    *VERIFY_PAGES,
    *MIGRATION_PAGES,
    *PLAN_PAGES,
    *ARCHIVE_PAGES,
    *PAUSE_PAGES,
    *LINK_PAGES,
    *MESSAGE_PAGES,
    *JOB_PAGES,
    *APP_PAGES,
    *PLATFORM_PAGES,
    *SESSION_PAGES,
    *TRIAL_PAGES,
    *VIEW_PAGES,
    *NOTICE_PAGES,
    *DOWNLOADS,
]
"""All route handlers of pages."""
