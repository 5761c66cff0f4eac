package io.ferryman.transfer;

import io.ferryman.AppData;
import io.ferryman.AppDataReceipt;
import io.ferryman.GatewayException;
import io.ferryman.http.Log;
import java.io.IOException;
import java.lang.ref.Cleaner;
import java.security.MessageDigest;
import java.util.Objects;

/** Cuts what is written into parts, and registers the file at its end. */
final class FileStream extends AppData {
    // Until this much is written nothing is sent, so that many small files are cheap.
    private static final int HEAD = PartMemory.PIECE;
    private static final Cleaner CLEANER = Cleaner.create();

    private final FileUpload upload;
    private final Dropped dropped;
    private final byte[] single = new byte[1];
    private final MessageDigest digest = Digests.of("SHA-256");
    private PartBody part;
    private long partSize;
    private EarlierFile earlier;
    private boolean closed;
    private Throwable failure;

    FileStream(FileUpload upload) {
        this.upload = upload;
        this.part = new PartBody(upload.memory());
        // What it runs must not hold this stream, or the stream would never be dropped.
        this.dropped = new Dropped(upload);
        dropped.registration = CLEANER.register(this, dropped);
    }

    @Override
    public synchronized void write(int value) throws IOException {
        single[0] = (byte) value;
        write(single, 0, 1);
    }

    @Override
    public synchronized void write(byte[] from, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, from.length);
        if (closed) {
            throw new IOException("this file is closed: create another for more bytes");
        }
        try {
            throwAgain();
            upload.check();
            upload.noteWrite();
            take(from, offset, length);
        } catch (IOException | RuntimeException | Error thrown) {
            throw failed(thrown);
        }
    }

    private void take(byte[] from, int offset, int length) throws IOException {
        int done = 0;
        while (done < length) {
            if (earlier != null) {
                earlier.write(from, offset + done, length - done);
                return;
            }
            if (part.size() == HEAD && partSize == 0) {
                begin();
                continue;
            }
            long limit = partSize == 0 ? HEAD : partSize;
            done += part.add(from, offset + done, length - done, limit);
            if (partSize > 0 && part.size() == partSize) {
                send();
                partSize = upload.nextSize();
            }
        }
    }

    /** Begins the file at the platform, which may hold all of it since an earlier claim. */
    private void begin() throws IOException {
        AppDataReceipt known = upload.begin();
        if (known == null) {
            partSize = upload.nextSize();
        } else {
            earlier = new EarlierFile(known);
        }
        PartBody head = part;
        part = new PartBody(upload.memory());
        for (byte[] piece : head.pieces) {
            take(piece, 0, HEAD);
        }
        upload.memory().free(head);
    }

    private void send() throws IOException {
        PartBody full = part;
        full.digest(digest);
        part = new PartBody(upload.memory());
        upload.send(full);
    }

    @Override
    public synchronized void close() throws IOException {
        if (closed) {
            return;
        }
        closed = true;
        dropped.end();
        try {
            throwAgain();
            finish();
        } catch (IOException | RuntimeException | Error thrown) {
            throw failed(thrown);
        }
    }

    private void finish() throws IOException {
        upload.check();
        if (earlier != null) {
            try (EarlierFile file = earlier) {
                if (file.isSame()) {
                    upload.registered(file.receipt);
                    return;
                }
                earlier = null;
                upload.beginAnew();
                upload.begin();
                partSize = upload.nextSize();
                file.replay(this::take);
            }
        }
        if (partSize == 0) {
            byte[] only = part.toArray();
            upload.memory().free(part);
            digest.update(only);
            upload.sendOnlyLater(only, Digests.hex(digest));
            return;
        }
        if (part.size() > 0) {
            send();
        }
        upload.complete(Digests.hex(digest));
    }

    @Override
    public synchronized void abandon() {
        if (!closed) {
            closed = true;
            dropped.end();
            discard();
            upload.abandon();
        }
    }

    @Override
    public synchronized AppDataReceipt getReceipt() {
        return closed ? upload.awaitReceipt() : null;
    }

    private void throwAgain() throws IOException {
        if (failure != null) {
            throw new IOException("this file failed: " + describe(failure), failure);
        }
    }

    private IOException failed(Throwable thrown) {
        if (failure == null) {
            failure = thrown;
            dropped.end();
            discard();
            if (thrown instanceof GatewayException) {
                // Listeners swallow it, or it leaves them within one of theirs.
                Log.warn("app_data.not_registered label=%s %s", upload.label, thrown.getMessage());
            }
            upload.fail(describe(thrown), thrown);
        }
        if (thrown instanceof Error) {
            throw (Error) thrown;
        }
        if (thrown instanceof GatewayException && ((GatewayException) thrown).getStatus() == 429) {
            throw (GatewayException) thrown; // as listeners know it
        }
        return thrown instanceof IOException
                ? (IOException) thrown
                : new IOException(thrown.getMessage(), thrown);
    }

    static String describe(Throwable thrown) {
        if (thrown instanceof GatewayException) {
            GatewayException refused = (GatewayException) thrown;
            String status = refused.getStatus() == 0 ? "no answer" : "status " + refused.getStatus();
            return refused.getCode() == null ? status : refused.getCode();
        }
        return thrown.getClass().getName();
    }

    private void discard() {
        upload.memory().free(part);
        if (earlier != null) {
            earlier.close();
            earlier = null;
        }
    }

    /** Fails a file that nobody can close any more. */
    private static final class Dropped implements Runnable {
        private final FileUpload upload;
        private Cleaner.Cleanable registration;
        private volatile boolean ended;

        Dropped(FileUpload upload) {
            this.upload = upload;
        }

        void end() {
            ended = true;
            registration.clean();
        }

        @Override
        public void run() {
            if (!ended) {
                upload.failLater("dropped without close()");
            }
        }
    }
}
