package com.atlassian.migration.app.listener;

/** A {@link DiscoverableListener} that splits its part into several transfers. */
public interface MultiTransferDiscoverableListener extends DiscoverableListener {}
