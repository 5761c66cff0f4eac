package com.atlassian.migration.app;

/** The names of the environments that every Forge app has; an app can have others. */
public final class ForgeEnvironmentName {
    /** Where customers run the app. */
    public static final String PRODUCTION = "production";
    /** Where a release is tried. */
    public static final String STAGING = "staging";
    /** Where the app is developed; the default. */
    public static final String DEVELOPMENT = "development";

    private ForgeEnvironmentName() {}
}
