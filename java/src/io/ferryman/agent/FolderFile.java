package io.ferryman.agent;

import io.ferryman.AppData;
import io.ferryman.AppDataReceipt;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;

/** A file of an export into a folder; it gets its name when it is closed. */
final class FolderFile extends AppData {
    final String label;
    private final Path path;
    private final Path draft;
    private final OutputStream out;
    private final Consumer<FolderFile> ended;
    private boolean closed;

    FolderFile(String label, Path path, Consumer<FolderFile> ended) throws IOException {
        this.label = label;
        this.path = path;
        this.ended = ended;
        Files.createDirectories(path.getParent());
        // Names that begin with a dot are not sent.
        this.draft = path.resolveSibling("." + path.getFileName() + ".part");
        this.out = new BufferedOutputStream(Files.newOutputStream(draft));
    }

    @Override
    public void write(int value) throws IOException {
        out.write(value);
    }

    @Override
    public void write(byte[] from, int offset, int length) throws IOException {
        out.write(from, offset, length);
    }

    @Override
    public void close() throws IOException {
        if (!closed) {
            closed = true;
            out.close();
            Files.move(draft, path);
            ended.accept(this);
        }
    }

    @Override
    public void abandon() {
        if (!closed) {
            closed = true;
            ended.accept(this);
        }
    }

    @Override
    public AppDataReceipt getReceipt() {
        return null; // nothing is registered
    }
}
