package io.ferryman.transfer;

import io.ferryman.GatewayException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;

/** Keeps account of the files of a transfer that are neither registered nor abandoned. */
final class OpenFiles {
    private static final int NAMED = 10;

    private final Set<FileUpload> open = new LinkedHashSet<>();
    private final List<FileUpload> failed = new ArrayList<>();

    synchronized void begin(FileUpload file) {
        open.add(file);
    }

    /** Returns whether the file was open. */
    synchronized boolean fail(FileUpload file) {
        if (!open.remove(file)) {
            return false;
        }
        failed.add(file);
        notifyAll();
        return true;
    }

    /** Takes a file off the account; one that is registered replaces a failed one of its label. */
    synchronized boolean end(FileUpload file, boolean registered) {
        boolean was = open.remove(file) || failed.remove(file);
        if (registered && file.label != null) {
            for (FileUpload each : failed) {
                if (Objects.equals(each.label, file.label)) {
                    failed.remove(each);
                    break;
                }
            }
        }
        notifyAll();
        return was;
    }

    synchronized List<FileUpload> open() {
        return new ArrayList<>(open);
    }

    /** Waits until no file is open, for at most so long. */
    synchronized boolean awaitNone(long millis) throws InterruptedException {
        if (!open.isEmpty()) {
            wait(millis);
        }
        return open.isEmpty();
    }

    /** Waits until each file that was closed is registered, or failed. */
    synchronized void awaitHandedOver() {
        try {
            while (open.stream().anyMatch(FileUpload::isHandedOver)) {
                wait();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new GatewayException(0, null, "interrupted while files were sent");
        }
    }

    /** Throws {@code export_incomplete}, as the platform would, while a file is missing. */
    synchronized void check() {
        List<FileUpload> missing = new ArrayList<>(open);
        missing.addAll(failed);
        if (missing.isEmpty()) {
            return;
        }
        StringBuilder names = new StringBuilder();
        for (FileUpload each : missing.subList(0, Math.min(NAMED, missing.size()))) {
            names.append(names.length() == 0 ? "" : ", ").append(each);
        }
        if (missing.size() > NAMED) {
            names.append(" and ").append(missing.size() - NAMED).append(" more");
        }
        throw new GatewayException(
                409,
                "export_incomplete",
                "expected every file that this export began to be complete; found "
                        + missing.size() + " unfinished: " + names + ". Close each of them, and"
                        + " write again under its label what failed.");
    }
}
