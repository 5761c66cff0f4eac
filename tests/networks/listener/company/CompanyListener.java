package company;

import com.atlassian.migration.app.AccessScope;
import com.atlassian.migration.app.PaginatedMapping;
import com.atlassian.migration.app.gateway.AppCloudForgeMigrationGateway;
import com.atlassian.migration.app.gateway.MigrationDetailsV1;
import com.atlassian.migration.app.listener.DiscoverableForgeListener;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;

/** A listener as a vendor has it: it knows the documented interfaces and nothing of Ferryman. */
public class CompanyListener implements DiscoverableForgeListener {
    private static final int MIB = 1 << 20;
    private static final Map<String, Integer> FILES =
            new TreeMap<>(Map.of("issues", 17 * MIB, "pages", 9 * MIB, "spaces", 4 * MIB));

    @Override
    public void onStartAppMigration(
            AppCloudForgeMigrationGateway gateway, MigrationDetailsV1 details) {
        StringBuilder digests = new StringBuilder();
        try {
            for (Map.Entry<String, Integer> file : FILES.entrySet()) {
                MessageDigest digest = MessageDigest.getInstance("SHA-256");
                Random random = new Random(file.getValue());
                byte[] piece = new byte[64 * 1024];
                try (OutputStream out = gateway.createAppData(file.getKey())) {
                    for (int left = file.getValue(); left > 0; left -= piece.length) {
                        random.nextBytes(piece);
                        digest.update(piece);
                        out.write(piece);
                    }
                }
                digests.append(line(file.getKey(), digest));
            }
            byte[] rows = mappings(gateway).getBytes(StandardCharsets.UTF_8);
            try (OutputStream out = gateway.createAppData("mappings")) {
                out.write(rows);
            }
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update(rows);
            digests.append(line("mappings", digest));
            Path folder = Path.of(System.getProperty("test.folder", "."));
            Files.writeString(folder.resolve("written"), digests);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
        gateway.completeExport();
    }

    /** Returns all issues that were migrated, one a line, in the order of their ids. */
    private static String mappings(AppCloudForgeMigrationGateway gateway) {
        Map<String, String> all = new TreeMap<>();
        PaginatedMapping page = gateway.getPaginatedMapping("jira:issue", 1_000);
        while (page.next()) {
            all.putAll(page.getMapping());
        }
        StringBuilder rows = new StringBuilder();
        all.forEach((server, cloud) -> rows.append(server).append(' ').append(cloud).append('\n'));
        return rows.toString();
    }

    private static String line(String label, MessageDigest digest) {
        StringBuilder hex = new StringBuilder(label).append(' ');
        for (byte each : digest.digest()) {
            hex.append(String.format("%02x", each));
        }
        return hex.append('\n').toString();
    }

    @Override
    public UUID getForgeAppId() {
        return UUID.fromString("0d3c7a58-5d0b-4a37-9a51-6b5f0a2f4f11");
    }

    @Override
    public String getCloudAppKey() {
        return "org.example.company.cloud";
    }

    @Override
    public String getServerAppKey() {
        return "org.example.company.server";
    }

    @Override
    public Set<AccessScope> getDataAccessScopes() {
        return Set.of();
    }
}
