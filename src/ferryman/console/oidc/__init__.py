"""Sign-in by OpenID Connect: the code flow with PKCE against one provider (ADR 77)."""
