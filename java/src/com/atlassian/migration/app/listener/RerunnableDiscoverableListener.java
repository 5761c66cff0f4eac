package com.atlassian.migration.app.listener;

/** A {@link DiscoverableListener} that has its own way to export again. */
public interface RerunnableDiscoverableListener extends DiscoverableListener {}
