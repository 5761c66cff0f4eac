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

    /** Returns a copy of all bytes, which are few. */
    byte[] toArray() {
        byte[] all = new byte[(int) size];
        for (int at = 0; at < pieces.size(); at++) {
            int start = at * PartMemory.PIECE;
            int count = Math.min(PartMemory.PIECE, all.length - start);
            System.arraycopy(pieces.get(at), 0, all, start, count);
        }
        return all;
    }

    Bytes bytes() {
        return new Bytes(pieces, PartMemory.PIECE, size);
    }
}
