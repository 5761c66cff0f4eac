package com.atlassian.migration.app.gateway;

/** Refuses the members of the original that Ferryman does not have. */
final class Unsupported {
    private Unsupported() {}

    static UnsupportedOperationException use(String member, String instead) {
        return new UnsupportedOperationException(
                "Ferryman does not support " + member + ". Use " + instead + ".");
    }
}
