package io.ferryman.transfer;

import io.ferryman.http.Bytes;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;

/** The bytes of one part while they are written, in pieces that grow with it. */
final class PartBody {
    final List<byte[]> pieces = new ArrayList<>();
    private final PartMemory memory;
    private long size;

    PartBody(PartMemory memory) {
        this.memory = memory;
    }

    long size() {
        return size;
    }

    /** Takes as many of the bytes as fit below {@code limit}; returns how many. */
    int add(byte[] from, int offset, int length, long limit) {
        int left = (int) Math.min(length, limit - size);
        int taken = 0;
        while (taken < left) {
            int start = (int) (size % PartMemory.PIECE);
            if (start == 0) {
                pieces.add(memory.piece());
            }
            int count = Math.min(left - taken, PartMemory.PIECE - start);
            byte[] last = pieces.get(pieces.size() - 1);
            System.arraycopy(from, offset + taken, last, start, count);
            taken += count;
            size += count;
        }
        return taken;
    }

    void digest(MessageDigest digest) {
        long left = size;
        for (byte[] piece : pieces) {
            digest.update(piece, 0, (int) Math.min(left, PartMemory.PIECE));
            left -= PartMemory.PIECE;
        }
    }

    String hex(String algorithm) {
        MessageDigest digest = Digests.of(algorithm);
        digest(digest);
        return Digests.hex(digest);
    }

    Bytes bytes() {
        return new Bytes(pieces, PartMemory.PIECE, size);
    }
}
