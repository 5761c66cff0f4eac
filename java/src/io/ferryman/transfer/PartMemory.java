package io.ferryman.transfer;

import java.io.InterruptedIOException;
import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Bounds the memory of the parts being sent, of all streams that share it, and reuses it.
 *
 * <p>Only full parts count, never those being filled, so a writer that waits here always waits for
 * a part that is going out: streams that share it cannot deadlock.
 */
public final class PartMemory {
    /** The length of a piece; small enough that no collector treats it as a huge object. */
    static final int PIECE = 128 * 1024;

    private static final int MOST_PARTS = 8;
    private static final long LARGEST = 96L << 20;

    private final long limit;
    private final Deque<byte[]> free = new ArrayDeque<>();
    private long held;
    private int parts;

    /** Bounds it to a quarter of the heap, and to 96 MiB. */
    public PartMemory() {
        this(Math.min(LARGEST, Runtime.getRuntime().maxMemory() / 4));
    }

    PartMemory(long limit) {
        this.limit = limit;
    }

    synchronized byte[] piece() {
        return free.isEmpty() ? new byte[PIECE] : free.pop();
    }

    /** Waits until a part of {@code size} bytes fits; a single part always does. */
    synchronized void take(long size) throws InterruptedIOException {
        try {
            while (parts > 0 && (held + size > limit || parts == MOST_PARTS)) {
                wait();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while parts were being sent");
        }
        held += size;
        parts++;
    }

    /** Takes back the memory of a part that was taken, which nobody may read any more. */
    synchronized void release(PartBody body) {
        held -= body.size();
        parts--;
        free(body);
        notifyAll();
    }

    /** Takes back the memory of a part that was never sent. */
    synchronized void free(PartBody body) {
        long pooled = (long) free.size() * PIECE;
        for (byte[] piece : body.pieces) {
            if (pooled < limit) {
                free.push(piece);
                pooled += PIECE;
            }
        }
        body.pieces.clear();
    }
}
