"""Customers: add them, and list those that the caller may see."""

from litestar import get, post
from litestar.params import JSONBody

from ferryman.api.parameters import Author, Cursor, Id, OwnLifecycle, OwnPlatform, PageSize
from ferryman.services import customer as customer_service
from ferryman.services import expunge
from ferryman.wire.customer import (
    CustomerExport,
    CustomerPage,
    CustomerRequest,
    CustomerView,
    ExpungeReceipt,
    StoredReceipt,
)


@post("/customers", status_code=200)
async def create_customer(
    platform: OwnPlatform, actor: Author, data: JSONBody[CustomerRequest]
) -> CustomerView:
    """Add a customer, who may then own migrations, sites and mappings."""
    return await customer_service.create(platform, data, actor)


@post("/customers/{customer:str}/export", status_code=200)
async def export_customer(platform: OwnPlatform, actor: Author, customer: Id) -> CustomerExport:
    """Record an export in the audit log, and return whether the customer's data can change."""
    return await customer_service.begin_export(platform, customer, actor)


@post("/customers/{customer:str}/expunge", status_code=200)
async def expunge_customer(
    platform: OwnPlatform, actor: Author, lifecycle: OwnLifecycle, customer: Id
) -> ExpungeReceipt:
    """Delete a customer with migrations, files, mappings and logs; return a signed receipt."""
    return await expunge.expunge(platform, lifecycle.keys, customer, actor)


@get("/customers/{customer:str}/receipt")
async def get_receipt(platform: OwnPlatform, customer: Id) -> StoredReceipt:
    """Return the signed receipt of a customer's last deletion."""
    receipt = await expunge.last_receipt(platform, customer)
    return StoredReceipt(customer=customer, receipt=receipt)


@get("/customers")
async def list_customers(
    platform: OwnPlatform, actor: Author, cursor: Cursor = None, size: PageSize = None
) -> CustomerPage:
    """List customers by key: all, or those for which the caller's token is valid."""
    return await customer_service.page(platform, actor, cursor=cursor, size=size)
