"""Refused settings of the network: proxies and trusted authorities."""

from ferryman.errors import ConfigError
from ferryman.refusals.row import Refusal

PROXY_INVALID = Refusal(
    "proxy_invalid",
    ConfigError,
    expected="http://[USER:PASSWORD@]HOST:PORT in {where}",
    found="{found}",
    fix="Correct the variable, with special characters of user and password escaped (%40 for @). "
    "SOCKS proxies are not supported.",
)
CA_BUNDLE_UNREADABLE = Refusal(
    "ca_bundle_unreadable",
    ConfigError,
    expected="a file of certificates in PEM in {variable}",
    found="{found}: {file}",
    fix="Name a file that this user can read, with the authorities to trust, or unset the "
    "variable.",
)
TOKEN_UNSENDABLE = Refusal(
    "token_unsendable",
    ConfigError,
    expected="a token of printable ASCII without spaces in {name}",
    found="{found}",
    fix="Set it again as it was printed; `$(cat FILE)` leaves the line break at the end away.",
)
