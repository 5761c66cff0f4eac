package io.ferryman.transfer;

/**
 * Decides the sizes, in bytes, of the parts of one file, as the Python SDK does.
 *
 * <p>The length of a stream is unknown when its first part is sent, and the number of parts is
 * limited. So parts grow: each twentieth of the allowed number is larger by one {@code first} than
 * the one before. If the largest file does not fit, {@code first} is doubled.
 */
final class PartPlan {
    private final long first;
    private final long smallest;
    private final long largest;
    private final long maxParts;

    PartPlan(long first, long smallest, long largest, long maxParts, long maxFile) {
        this.smallest = smallest;
        this.largest = Math.max(largest, 1);
        this.maxParts = maxParts;
        long step = Math.max(first, 1);
        while (room(step) < maxFile && step < this.largest) {
            step = Math.min(step * 2, this.largest);
        }
        this.first = step;
    }

    /** Returns the size of a part, from number 1; the last part may be shorter. */
    long size(long number) {
        return size(first, number);
    }

    private long size(long base, long number) {
        long grown = base * (1 + (number - 1) / group());
        return Math.min(Math.max(grown, smallest), largest);
    }

    private long room(long base) {
        long room = 0;
        for (long start = 1; start <= maxParts; start += group()) {
            room += size(base, start) * Math.min(group(), maxParts + 1 - start);
        }
        return room;
    }

    private long group() {
        return Math.max(maxParts / 20, 1);
    }
}
