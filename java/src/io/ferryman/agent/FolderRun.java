package io.ferryman.agent;

import com.atlassian.migration.app.ContainerV1;
import io.ferryman.http.Log;
import io.ferryman.json.JsonObject;
import io.ferryman.transfer.ContainerPages;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Calls a listener once, to write its export into a folder. */
final class FolderRun {
    private FolderRun() {}

    /** Returns the exit status: 1 if the listener threw. */
    static int run(Options options, LoadedListener listener) {
        try {
            Path csv = options.mappings == null ? null : Path.of(options.mappings);
            List<ContainerV1> containers = new ArrayList<>();
            options.containers.forEach(text -> containers.add(container(text)));
            FolderExport export = new FolderExport(Path.of(options.exportTo), csv, containers);
            if (!returns(listener, export)) {
                return 1;
            }
            Log.info("export.written folder=%s files=%d", options.exportTo, export.finish());
            return 0;
        } catch (IllegalArgumentException | IOException refused) {
            System.err.println("ferryman agent: " + refused.getMessage());
            return 2;
        }
    }

    private static boolean returns(LoadedListener listener, FolderExport export) {
        try {
            listener.call(new Claimed(transfer(listener)), export);
            export.completeExport();
            return true;
        } catch (Throwable thrown) {
            // Files and log are on this machine, for whoever started it.
            thrown.printStackTrace();
            return false;
        }
    }

    private static JsonObject transfer(LoadedListener listener) {
        Map<String, Object> details = new HashMap<>();
        details.put("migrationId", UUID.randomUUID().toString());
        details.put("migrationScopeId", UUID.randomUUID().toString());
        details.put("name", "Export into a folder");
        details.put("createdAt", System.currentTimeMillis());
        details.put("cloudUrl", "https://cloud.example");
        Map<String, Object> transfer = new HashMap<>();
        transfer.put("transferId", "export");
        transfer.put("kind", listener.isForge() ? "forge" : "connect");
        transfer.put("environment", "development");
        transfer.put("migrationDetails", details);
        return JsonObject.of(transfer);
    }

    private static ContainerV1 container(String text) {
        String[] fields = text.split(":", 3);
        Map<String, Object> container = new HashMap<>();
        container.put("type", fields[0]);
        container.put("key", fields.length > 1 ? fields[1] : null);
        container.put("name", fields.length > 2 ? fields[2] : null);
        return ContainerPages.container(JsonObject.of(container));
    }
}
