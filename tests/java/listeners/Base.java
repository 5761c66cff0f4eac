package tests;

import com.atlassian.migration.app.AccessScope;
import com.atlassian.migration.app.listener.DiscoverableForgeListener;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Random;
import java.util.Set;
import java.util.UUID;

/** What the listeners of these tests have in common. */
abstract class Base implements DiscoverableForgeListener {
    static final Path FOLDER = Path.of(System.getProperty("test.folder", "."));

    @Override
    public UUID getForgeAppId() {
        return new UUID(1, 2);
    }

    @Override
    public String getCloudAppKey() {
        return "unused";
    }

    @Override
    public Set<AccessScope> getDataAccessScopes() {
        return Set.of();
    }

    /** Leaves a trace for the test to read. */
    static void mark(String word) {
        try {
            Files.writeString(
                    FOLDER.resolve("marks"),
                    word + "\n",
                    StandardOpenOption.CREATE,
                    StandardOpenOption.APPEND);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Bytes that are the same for the same seed. */
    static byte[] bytes(long seed, int count) {
        byte[] made = new byte[count];
        new Random(seed).nextBytes(made);
        return made;
    }
}
