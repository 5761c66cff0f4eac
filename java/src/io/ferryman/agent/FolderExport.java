package io.ferryman.agent;

import com.atlassian.migration.app.ContainerType;
import com.atlassian.migration.app.ContainerV1;
import com.atlassian.migration.app.PaginatedContainers;
import com.atlassian.migration.app.PaginatedMapping;
import io.ferryman.AppData;
import io.ferryman.GatewayException;
import io.ferryman.transfer.Export;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * Writes an export into a folder, without any platform: {@code files/LABEL/NUMBER}, and {@code
 * plan.toml}, which {@code ferryman migrate --plan} takes. Mappings come from a CSV file.
 */
final class FolderExport implements Export {
    private static final String UNLABELLED = "unlabelled";

    private final Path folder;
    private final Map<String, Map<String, String>> mappings = new TreeMap<>();
    private final List<ContainerV1> containers;
    private final Map<String, String> labels = new LinkedHashMap<>();
    private final Set<FolderFile> open = new LinkedHashSet<>();
    private int files;

    /** Writes into a new folder; {@code csv} may be null. */
    FolderExport(Path folder, Path csv, List<ContainerV1> containers) throws IOException {
        if (Files.exists(folder)) {
            throw new IllegalArgumentException("expected a new folder; " + folder + " exists");
        }
        this.folder = folder;
        this.containers = containers;
        for (String line : csv == null ? List.<String>of() : Files.readAllLines(csv)) {
            String[] fields = line.split(",", 3);
            if (fields.length == 3 && !fields[0].equals("namespace")) {
                mappings.computeIfAbsent(fields[0], none -> new TreeMap<>())
                        .put(fields[1], fields[2].strip());
            }
        }
    }

    @Override
    public String id() {
        return "export";
    }

    @Override
    public synchronized AppData create(String label) {
        String name = label == null ? UNLABELLED : label;
        if (!name.matches("[\\p{Alnum}_][\\p{Alnum}_ -]*")) {
            name = "label-" + (labels.size() + 1);
            labels.put(name, label);
        }
        files++;
        Path path = folder.resolve("files").resolve(name).resolve(String.format("%06d", files));
        try {
            FolderFile file = new FolderFile(label, path, this::end);
            open.add(file);
            return file;
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }

    private synchronized void end(FolderFile file) {
        open.remove(file);
    }

    @Override
    public synchronized void completeExport() {
        if (!open.isEmpty()) {
            throw new GatewayException(
                    409,
                    "export_incomplete",
                    "expected every file to be closed; found " + open.size() + " open, the first"
                            + " with the label " + open.iterator().next().label);
        }
    }

    /** Writes the plan; returns the number of files. */
    synchronized int finish() throws IOException {
        completeExport();
        Files.createDirectories(folder.resolve("files"));
        StringBuilder plan = new StringBuilder("files = \"files\"\n\n[labels]\n");
        labels.forEach(
                (name, label) ->
                        plan.append(quoted(name + "/*")).append(" = ").append(quoted(label))
                                .append('\n'));
        Files.writeString(folder.resolve("plan.toml"), plan);
        return files;
    }

    private static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }

    @Override
    public Map<String, String> mappings(String namespace, Collection<String> keys) {
        Map<String, String> found = new LinkedHashMap<>(mappings.getOrDefault(namespace, Map.of()));
        found.keySet().retainAll(keys);
        return found;
    }

    @Override
    public PaginatedMapping mappingPages(String namespace, int pageSize) {
        Map<String, String> all = mappings.getOrDefault(namespace, Map.of());
        Iterator<List<String>> pages = pages(new ArrayList<>(all.keySet()), pageSize);
        return new PaginatedMapping() {
            private Map<String, String> page = Map.of();

            @Override
            public boolean next() {
                boolean more = pages.hasNext();
                page = more ? mappings(namespace, pages.next()) : page;
                return more;
            }

            @Override
            public Map<String, String> getMapping() {
                return page;
            }
        };
    }

    @Override
    public PaginatedContainers containerPages(ContainerType type, int pageSize) {
        List<ContainerV1> all = new ArrayList<>(containers);
        all.removeIf(each -> each.getType() != type);
        Iterator<List<ContainerV1>> pages = pages(all, pageSize);
        return new PaginatedContainers() {
            private List<ContainerV1> page = List.of();

            @Override
            public boolean next() {
                boolean more = pages.hasNext();
                page = more ? pages.next() : page;
                return more;
            }

            @Override
            public List<ContainerV1> getContainers() {
                return page;
            }
        };
    }

    private static <T> Iterator<List<T>> pages(List<T> all, int size) {
        List<List<T>> pages = new ArrayList<>();
        for (int start = 0; start < all.size(); start += size) {
            pages.add(all.subList(start, Math.min(start + size, all.size())));
        }
        return pages.iterator();
    }

    @Override
    public Optional<Map<String, Object>> feedback() {
        return Optional.empty();
    }
}
