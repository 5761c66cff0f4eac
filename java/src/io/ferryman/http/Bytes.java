package io.ferryman.http;

import java.io.IOException;
import java.io.OutputStream;
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

    /** Writes the bytes from {@code at} on, up to the end of their piece; returns how many. */
    int write(OutputStream out, long at) throws IOException {
        int length = length(at);
        out.write(pieces.get((int) (at / pieceSize)), (int) (at % pieceSize), length);
        return length;
    }

    /** Copies all of them to {@code target}, from {@code start} on. */
    void copy(byte[] target, int start) {
        for (long at = 0; at < size; ) {
            int length = length(at);
            byte[] piece = pieces.get((int) (at / pieceSize));
            System.arraycopy(piece, (int) (at % pieceSize), target, start + (int) at, length);
            at += length;
        }
    }

    private int length(long at) {
        return (int) Math.min(pieceSize - at % pieceSize, size - at);
    }
}
