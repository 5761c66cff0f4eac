package io.ferryman;

import java.io.IOException;
import java.io.OutputStream;

/**
 * One file of app data: write bytes, any number, then close. Each thread needs a file of its own.
 *
 * <p>{@code close()} has the file registered, which announces it to the cloud app with exactly one
 * event. For one of more than 128 KiB it returns once the platform holds the whole file; smaller ones
 * follow in the background, and {@code completeExport()} waits for them: it is refused if one failed.
 * It cannot tell a block that ended from one that threw: leave a {@code
 * try}-with-resources block by an exception, and the file is registered as it is. Call {@link
 * #abandon} first if it must not be. A file whose {@code write} failed is never registered: it is
 * missing until you write another one under its label, and {@code close()} throws again.
 */
public abstract class AppData extends OutputStream {
    /** For the gateway. */
    protected AppData() {}

    /**
     * Registers the file; closing twice does nothing more.
     *
     * @throws IOException if the platform does not hold the file
     */
    @Override
    public abstract void close() throws IOException;

    /** Does without the file, on purpose: nothing is registered, and the export can complete. */
    public abstract void abandon();

    /**
     * Returns what the platform holds.
     *
     * @return the receipt, once the file is registered; null before {@code close()}, and for a file
     *     that failed or was abandoned
     */
    public abstract AppDataReceipt getReceipt();
}
