package com.atlassian.migration.app;

/** The kinds of data that a listener exports or reads; the admin consents to them. */
public enum AccessScope {
    /** What users wrote, in the app's data. */
    APP_DATA_UGC,
    /** Personal data, in the app's data. */
    APP_DATA_PII,
    /** Secrets and permissions, in the app's data. */
    APP_DATA_SECURITY,
    /** The rest of the app's data. */
    APP_DATA_OTHER,
    /** What users wrote, in the product's data. */
    PRODUCT_DATA_UGC,
    /** Personal data, in the product's data. */
    PRODUCT_DATA_PII,
    /** Secrets and permissions, in the product's data. */
    PRODUCT_DATA_SECURITY,
    /** The rest of the product's data. */
    PRODUCT_DATA_OTHER,
    /** Mappings of users and groups: the namespaces {@code identity:*}. */
    MIGRATION_TRACING_IDENTITY,
    /** Mappings of the products' entities, such as {@code jira:issue}. */
    MIGRATION_TRACING_PRODUCT
}
