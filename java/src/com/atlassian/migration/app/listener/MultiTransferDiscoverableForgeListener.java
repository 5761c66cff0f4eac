package com.atlassian.migration.app.listener;

/** A {@link DiscoverableForgeListener} that splits its part into several transfers. */
public interface MultiTransferDiscoverableForgeListener extends DiscoverableForgeListener {}
