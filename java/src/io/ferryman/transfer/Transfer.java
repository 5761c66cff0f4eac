package io.ferryman.transfer;

import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.PaginatedMapping;
import io.ferryman.AppData;
import io.ferryman.GatewayException;
import io.ferryman.http.Platform;
import java.util.Collection;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** One transfer as the server side sees it: its calls and its files. */
public final class Transfer implements Export {
    /** The refusals after which nobody waits for a word about a file. */
    private static final Set<String> OVER =
            Set.of("transfer_settled", "claim_superseded", "transfer_cancelled", "agent_stopped");

    /** Its calls. */
    public final ServerCalls calls;

    /** Its id. */
    public final String id;

    final OpenFiles files = new OpenFiles();
    final FileKeys keys = new FileKeys();
    final PartMemory memory;
    final Senders senders;
    final SmallFiles small;
    private final Platform platform;
    private volatile boolean exported;

    /**
     * Opens a transfer.
     *
     * @param platform where
     * @param id which
     * @param memory shared with other transfers
     * @param senders what sends parts and small files
     */
    public Transfer(Platform platform, String id, PartMemory memory, Senders senders) {
        this.platform = platform;
        this.calls = new ServerCalls(platform, id);
        this.id = id;
        this.memory = memory;
        this.senders = senders;
        this.small = new SmallFiles(calls, senders.room);
    }

    @Override
    public AppData create(String label) {
        FileUpload upload = new FileUpload(this, label);
        files.begin(upload);
        return new FileStream(upload);
    }

    @Override
    public void completeExport() {
        checkFinished();
        calls.completeExport();
        exported = true;
    }

    /**
     * Returns whether the export was completed here.
     *
     * @return whether it was
     */
    public boolean isExported() {
        return exported;
    }

    /** Waits for files that were closed, then throws {@code export_incomplete} if one is missing. */
    public void checkFinished() {
        files.awaitHandedOver();
        files.check();
    }

    /**
     * Waits until no file is open.
     *
     * @param idleSeconds gives up when the open files were quiet for so long
     * @throws InterruptedException if the thread is interrupted
     */
    public void awaitFiles(long idleSeconds) throws InterruptedException {
        if (!files.open().isEmpty()) {
            System.gc(); // finds those that nobody can close any more, so that none waits for them
        }
        while (!files.awaitNone(500)) {
            long quiet = Long.MAX_VALUE;
            for (FileUpload each : files.open()) {
                quiet = Math.min(quiet, each.quietSeconds());
            }
            if (quiet >= idleSeconds) {
                return;
            }
        }
    }

    /**
     * Waits for files that were closed, then fails those that are open.
     *
     * @param why for people
     */
    public void failOpen(String why) {
        files.awaitHandedOver();
        for (FileUpload each : files.open()) {
            each.fail(why, null);
        }
    }

    /**
     * Ends all waits; from now on each call throws {@code failure}.
     *
     * @param failure why
     */
    public void cut(GatewayException failure) {
        platform.cut(failure);
    }

    @Override
    public String id() {
        return id;
    }

    @Override
    public Map<String, String> mappings(String namespace, Collection<String> keys) {
        return calls.mappings(namespace, keys);
    }

    @Override
    public Optional<Map<String, Object>> feedback() {
        return calls.feedback();
    }

    @Override
    public PaginatedMapping mappingPages(String namespace, int pageSize) {
        return new MappingPages(calls, namespace, pageSize);
    }

    @Override
    public PaginatedContainers containerPages(ContainerType type, int pageSize) {
        return new ContainerPages(calls, type, pageSize);
    }

    boolean endsWithoutWord(Throwable cause) {
        if (cause instanceof GatewayException) {
            String code = ((GatewayException) cause).getCode();
            return code != null && OVER.contains(code);
        }
        return false;
    }
}
