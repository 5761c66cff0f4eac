package io.ferryman.transfer;

import com.atlassian.migration.app.PaginatedMapping;
import io.ferryman.json.JsonObject;
import java.util.Map;

final class MappingPages extends Pages implements PaginatedMapping {
    private static final int LARGEST = 1200;

    private Map<String, String> mapping = Map.of();

    MappingPages(ServerCalls calls, String namespace, int size) {
        super(calls, "/mappings/page", "namespace", namespace, size, LARGEST);
    }

    @Override
    int take(JsonObject page) {
        mapping = page.textsByName("items");
        return mapping.size();
    }

    @Override
    public Map<String, String> getMapping() {
        return mapping;
    }
}
