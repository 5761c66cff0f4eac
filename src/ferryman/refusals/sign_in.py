"""Refused sign-ins to the console: what an identity provider answered, or did not (ADR 77)."""

from ferryman.errors import Invalid, NotAllowed, NotAuthenticated, OutsideError
from ferryman.refusals.row import Refusal, not_found

SESSION_NOT_FOUND = not_found("session", "Take the id from `ferryman session list`.")

STATE_INVALID = Refusal(
    "sign_in_state_invalid",
    Invalid,
    expected="the answer to a sign-in that this browser began within the last {minutes} minutes",
    found="{found}",
    fix="Begin again at the console. If that does not help, see that the browser takes cookies.",
)
PROVIDER_REFUSED = Refusal(
    "sign_in_refused",
    NotAllowed,
    expected="your identity provider's consent",
    found="{error!r:.200}",
    fix="Ask whoever administers the provider for access to Ferryman, and sign in again.",
)
CODE_REFUSED = Refusal(
    "sign_in_code_refused",
    NotAuthenticated,
    expected="a code that the identity provider has just issued, and takes once",
    found="its refusal {error!r:.200}",
    fix="Begin again at the console. If each try ends here, an admin must check "
    "FERRYMAN_PUBLIC_URL and the client id and secret of the settings.",
)
ID_TOKEN_INVALID = Refusal(
    "id_token_invalid",
    NotAuthenticated,
    expected="an id token that {issuer} signed for this client, this sign-in and this moment",
    found="{found}",
    fix="Begin again at the console. If each try ends here, an admin must compare the clocks "
    "of both machines and the provider's settings.",
)
CLAIM_MISSING = Refusal(
    "sign_in_claim_invalid",
    NotAuthenticated,
    expected="a claim {claim} of 1 to 255 printable characters in the id token",
    found="none",
    fix="Have the provider send it; OpenID Connect requires it.",
)
NO_ROLE_GRANTED = Refusal(
    "sign_in_no_role",
    NotAllowed,
    expected="a group in the claim {claim} that has a role here",
    found="{found:.300}",
    fix="Ask an admin to add you to such a group, or to give one of yours a role by "
    "FERRYMAN_OIDC_ROLES.",
)
PROVIDER_UNAVAILABLE = Refusal(
    "identity_provider_unavailable",
    OutsideError,
    expected="an answer from {host} within {seconds:g} s",
    found="{found:.200}",
    fix="Try again soon, or sign in by an access token. If it goes on, an admin must see whether "
    "the platform reaches the provider.",
)
PROVIDER_UNFIT = Refusal(
    "identity_provider_unfit",
    OutsideError,
    expected="{expected}",
    found="{found:.200}",
    fix="An admin must correct FERRYMAN_OIDC_ISSUER or the provider. Until then, sign in by an "
    "access token.",
)
LOGOUT_INVALID = Refusal(
    "logout_token_invalid",
    Invalid,
    expected="a logout token that {issuer} signed for this client a moment ago",
    found="{found}",
    fix="Send the form field `logout_token`, as OpenID Connect Back-Channel Logout 1.0 says.",
)
