package io.ferryman.http;

import java.nio.ByteBuffer;
import java.util.List;

/** Bytes in pieces, to be sent without copying them. */
public final class Bytes {
    final List<byte[]> pieces;

    /** The number of bytes; the last piece may be longer than what is used of it. */
    public final long size;

    private final int pieceSize;

    /**
     * Takes pieces of equal length.
     *
     * @param pieces the pieces, which must not change until the bytes are sent
     * @param pieceSize the length of each
     * @param size the number of bytes in use
     */
    public Bytes(List<byte[]> pieces, int pieceSize, long size) {
        this.pieces = pieces;
        this.pieceSize = pieceSize;
        this.size = size;
    }

    /**
     * Takes bytes in one piece.
     *
     * @param whole the bytes, which must not change until they are sent
     * @return the same
     */
    public static Bytes of(byte[] whole) {
        return new Bytes(List.of(whole), Math.max(whole.length, 1), whole.length);
    }

    /** Returns the next bytes from {@code at} on, up to the end of their piece. */
    ByteBuffer slice(long at) {
        int start = (int) (at % pieceSize);
        int length = (int) Math.min(pieceSize - start, size - at);
        return ByteBuffer.wrap(pieces.get((int) (at / pieceSize)), start, length).slice();
    }

    /** Copies all of them to {@code target}, from {@code start} on. */
    void copy(byte[] target, int start) {
        for (long at = 0; at < size; ) {
            ByteBuffer piece = slice(at);
            int length = piece.remaining();
            piece.get(target, start + (int) at, length);
            at += length;
        }
    }
}
