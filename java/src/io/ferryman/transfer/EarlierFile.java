package io.ferryman.transfer;

import io.ferryman.AppDataReceipt;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;

/**
 * A file that an earlier claim registered and that its listener, called again, writes again.
 *
 * <p>Whether it is the same shows at its end only, so it is kept in a temporary file until then.
 */
final class EarlierFile implements AutoCloseable {
    final AppDataReceipt receipt;
    private final Path path;
    private final OutputStream out;
    private final MessageDigest digest = Digests.of("SHA-256");

    EarlierFile(AppDataReceipt receipt) throws IOException {
        this.receipt = receipt;
        this.path = Files.createTempFile("ferryman-", ".part");
        this.out = new BufferedOutputStream(Files.newOutputStream(path), PartMemory.PIECE);
    }

    void write(byte[] from, int offset, int length) throws IOException {
        digest.update(from, offset, length);
        out.write(from, offset, length);
    }

    /** Ends the writing; returns whether the file is the one that is registered. */
    boolean isSame() throws IOException {
        out.close();
        return Digests.hex(digest).equals(receipt.getSha256());
    }

    /** Hands all bytes over again. */
    void replay(Sink sink) throws IOException {
        byte[] buffer = new byte[PartMemory.PIECE];
        try (InputStream in = Files.newInputStream(path)) {
            for (int count = in.read(buffer); count >= 0; count = in.read(buffer)) {
                sink.write(buffer, 0, count);
            }
        }
    }

    @Override
    public void close() {
        try {
            out.close();
            Files.deleteIfExists(path);
        } catch (IOException left) {
            path.toFile().deleteOnExit();
        }
    }

    /** What takes bytes. */
    interface Sink {
        void write(byte[] from, int offset, int length) throws IOException;
    }
}
