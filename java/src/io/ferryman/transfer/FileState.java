package io.ferryman.transfer;

import io.ferryman.AppDataReceipt;
import io.ferryman.GatewayException;

/** What is known of one file: registered, failed, or on its way. */
abstract class FileState {
    final String label;
    private RuntimeException failure;
    private volatile String failed;
    private AppDataReceipt receipt;
    private volatile boolean handedOver;
    private volatile long wroteAt = System.nanoTime();

    FileState(String label) {
        this.label = label;
    }

    /** Throws what made a part fail, or that the file was given up. */
    synchronized void check() {
        if (failure != null) {
            throw failure;
        }
    }

    synchronized boolean hasFailed() {
        return failure != null;
    }

    /** Keeps the first failure, which each later use of the file throws. */
    synchronized void noteFailure(RuntimeException first) {
        failure = failure == null ? first : failure;
        notifyAll();
    }

    /** Notes that nothing will be registered. */
    synchronized void noteEnd(String why, String code) {
        noteFailure(new GatewayException(0, code, "this file failed: " + why));
        failed = why;
        notifyAll();
    }

    synchronized void noteReceipt(AppDataReceipt known) {
        receipt = known;
        notifyAll();
    }

    /** Returns the receipt of a file that was closed, once it is registered; null if it failed. */
    synchronized AppDataReceipt awaitReceipt() {
        try {
            while (receipt == null && failed == null) {
                wait();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
        return receipt;
    }

    /** Notes that its writer closed it, and that it is registered in the background. */
    void handOver() {
        handedOver = true;
    }

    boolean isHandedOver() {
        return handedOver;
    }

    void noteWrite() {
        wroteAt = System.nanoTime();
    }

    /** Returns for how long nobody wrote; 0 for a file that is on its way by itself. */
    long quietSeconds() {
        return handedOver ? 0 : (System.nanoTime() - wroteAt) / 1_000_000_000L;
    }

    static GatewayException tooLarge(String expected) {
        return new GatewayException(
                0,
                "file_too_large",
                "expected a file of " + expected + ", found more. Export in several files; labels"
                        + " can carry their order.");
    }

    /** Takes no lock: the account of open files calls it, whose lock is taken after this one. */
    @Override
    public String toString() {
        String name = label == null ? "a file without a label" : "'" + label + "'";
        return name + " (" + (failed == null ? "still open" : failed) + ")";
    }
}
